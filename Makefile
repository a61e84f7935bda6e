# goKore for C: nothing but a C compiler and make is needed for `make run` and `make test`; `make help` lists the rest.
# Everything that is built goes below $(BUILD). Variables: CC, CFLAGS, BUILD, CAPTURE, ARGS, PREFIX, DESTDIR, V=1.
BUILD   ?= build
CFLAGS  ?= -O2 -g
CSTD    ?= -std=c11
CAPTURE ?= tests/data/loopback.pcap
PREFIX  ?= /usr/local
STRICT  := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wstrict-prototypes \
           -Wmissing-prototypes -Wcast-qual
COMPILE  = $(CC) $(CSTD) $(STRICT) -I. $(CPPFLAGS) $(CFLAGS) -pthread
LINK     = $(CC) $(CFLAGS) -pthread $(LDFLAGS)
LDLIBS   = -lm

# The variants that the tests are built and run in, one line each: what the implementation and the tests are compiled
# with. A test asks for what it needs by test_only_with("LOCKORDER=1"). TESTS_name limits a variant to some test files.
VARIANT_plain   =
VARIANT_checked = -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1 -DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1
VARIANT_deny    = -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1 -DGOKORE_ON_VIOLATION=GOKORE_DENY
VARIANT_abort   = -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1 -DGOKORE_ON_VIOLATION=GOKORE_ABORT
VARIANT_metrics = -DGOKORE_METRICS=1
VARIANT_metered = -DGOKORE_METRICS=1 -DGOKORE_LOCKORDER=1
TESTS_metrics   = policy_metrics channel channel_monitor sync sync_locks sync_metrics pool pool_metrics
TESTS_metered   = sync sync_metrics lockorder lockorder_edges
VARIANT_portable = -DGOKORE_FUTEX=0
VARIANT_posix   = -DGOKORE_PLATFORM_=GOKORE_PLATFORM_POSIX_ # what macOS and the BSDs get, on this machine
TESTS_deny      = atomic lockorder
TESTS_abort     = atomic lockorder
TESTS_portable  = parking atomic waiting sync sync_locks sync_faults channel channel_select pool pool_more
TESTS_posix     = parking atomic topology
# The configurations of `make check`: tests and examples, built again; passed over, and said, where the compiler or its runtime is
# missing. Each compiler meets each sanitizer, and so does each variant; FULL=1: all variants meet all.
FAST            = -O1 -g -fno-omit-frame-pointer
UNOPTIMISED     = $(foreach v,plain checked examples tools,TEST_CFLAGS_$v=-O0) # not the library: sanitizers would make their compilation slow
OTHERS          = $(if $(FULL),$(VARIANTS),plain)
# Tests that hold an implementation of their own take the longest to compile: not by all.
LINKED          = $(if $(FULL),$(TESTS),$(filter-out $(patsubst tests/test_%.c,%,$(shell grep -l 'define GOKORE_IMPLEMENTATION' tests/test_*.c)),$(TESTS)))
OTHER_SCRIPTS   = $(if $(FULL),$(SCRIPTS),$(patsubst %,tests/compile/test_%.sh,refused zero_cost) tests/examples/test_examples.sh)
SANITIZED       = SCRIPTS="tests/examples/test_examples.sh" TESTARGS="--timeout 180" $(UNOPTIMISED) VARIANTS="$(if $(FULL),plain checked,$1)"
CHECK_clang     = CC=clang CFLAGS="-O2 -g" TEST_CFLAGS_checked=-O0 VARIANTS="$(OTHERS)" SCRIPTS="$(OTHER_SCRIPTS)" TESTS="$(LINKED)"
CHECK_gcc-asan  = CC=gcc CFLAGS="$(FAST) -fsanitize=address,undefined -fno-sanitize-recover=all" $(call SANITIZED,checked) TESTS="$(sort lockorder_faults $(LINKED))"
CHECK_gcc-tsan  = CC=gcc CFLAGS="$(FAST) -fsanitize=thread -Wno-tsan" $(call SANITIZED,plain)
CHECK_clang-asan = CC=clang CFLAGS="$(FAST) -fsanitize=address,undefined -fno-sanitize-recover=all" $(call SANITIZED,plain)
CHECK_clang-tsan = CC=clang CFLAGS="$(FAST) -fsanitize=thread" $(call SANITIZED,checked) TESTS="$(sort lockorder_faults pool_torture $(LINKED))"
# The lock checker walks its stack, which MemorySanitizer takes for uninitialised: without it, and what always has it.
CHECK_clang-msan = CC=clang CFLAGS="$(FAST) -fsanitize=memory -fsanitize-memory-track-origins" $(call SANITIZED,plain) TEST_CFLAGS_plain= VARIANTS=plain SCRIPTS= \
                  TESTS="$(filter-out lockorder_faults,$(LINKED))"
# What examples, benches and tools are compiled with.
VARIANT_FOR_examples = -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1
VARIANT_FOR_bench    =
VARIANT_FOR_tools    =

HEADERS  := $(wildcard gokore*.h)
VERSION  = $(shell sed -n 's/^.define GOKORE_VERSION  *"\(.*\)".*/\1/p' gokore_atomic.h)
TESTS    := $(patsubst tests/test_%.c,%,$(wildcard tests/test_*.c))
SCRIPTS  := $(wildcard tests/compile/test_*.sh tests/examples/test_*.sh tests/tools/test_*.sh)
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard examples/*.c))
TOOLS    := $(patsubst %.c,$(BUILD)/%,$(wildcard tools/*.c))
BENCHES  := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/bench_*.c))
VARIANTS := $(sort $(patsubst VARIANT_%,%,$(filter-out VARIANT_FOR_%,$(filter VARIANT_%,$(.VARIABLES)))))
export CC CXX CFLAGS BUILD STRICT MAKE CAPTURE YAML_TEST_SUITE JSON_TEST_SUITE

ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell echo $$(($$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1))) # many tests sleep; unless -jN is given
endif
Q := $(if $(V),,@)

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all tools run test results check checks explore explore-user explored mutants weaken fuzz soak coverage instructions numa bench install uninstall examples help clean force
all: examples

# ---- objects: $(BUILD)/objects/SET/NAME.o, SET a variant, examples or bench; each set has its own implementation, in an
# archive, so that a program with an implementation of its own does not get a second one

O := $(BUILD)/objects
# $1 set, $2 source directory, $3 flags
define set
$O/$1/%.o: $2/%.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$(if $(V),,@echo "  cc  $$@";)$$(COMPILE) $3 $$(TEST_CFLAGS_$1) -MMD -MP -c -o $$@ $$<
$O/$1/implementation.o: tests/support/implementation.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$(if $(V),,@echo "  cc  $$@";)$$(COMPILE) $3 -MMD -MP -c -o $$@ $$<
$O/$1/libgokore.a: $O/$1/implementation.o
	$(Q)rm -f $$@; ar rcs $$@ $$<
endef
$(foreach v,$(VARIANTS),$(eval $(call set,$v,tests,$(VARIANT_$v))))
$(foreach d,examples bench tools,$(eval $(call set,$d,$d,$(VARIANT_FOR_$d))))
$O/%/support/test.o: CPPFLAGS += -DTEST_DATA_DIRECTORY='"$(abspath tests/data)"'
parts = $(patsubst %.c,$O/%.o,$(wildcard $1/*.c)) # the other files of an example
-include $(shell find $O -name '*.d' 2>/dev/null)
FLAGS = $(COMPILE) $(LINK) $(foreach v,$(VARIANTS) FOR_examples FOR_bench FOR_tools,$v:$(VARIANT_$v) $(TEST_CFLAGS_$v))
$(BUILD)/flags: force # changes when the flags do, so that everything is built again
	@mkdir -p $(BUILD)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@

# ---- programs: $(BUILD)/VARIANT/test_NAME, $(BUILD)/examples/NAME, $(BUILD)/bench/bench_NAME

# $1 program, $2 objects
define program
$1: $2
	@mkdir -p $$(@D)
	$(Q)$(LINK) -o $$@ $$^ $(LDLIBS)
endef
# $1 test, $2 variant; tests/test_packets_*.c are also linked with what lies in examples/packets
define test
$(call program,$(BUILD)/$2/test_$1,$O/$2/test_$1.o $O/$2/support/test.o \
	$(call parts,examples/$(firstword $(subst _, ,$1))) $O/$2/libgokore.a)
$(BUILD)/results/$2.$1.tsv: $(BUILD)/$2/test_$1 force
	@sh tests/support/run.sh $$@ $$< $(RUNNER) $$< $(TESTARGS)
RESULTS += $(BUILD)/results/$2.$1.tsv
endef
# $1 script, $2 its results
define script
$2: $1 $(EXAMPLES) $(TOOLS) force
	@sh tests/support/run.sh $$@ $1 $(RUNNER) sh $1
endef
result_of = $(BUILD)/$1/$(subst /,.,$(2:.sh=)).tsv

RESULTS := $(foreach s,$(SCRIPTS),$(call result_of,results,$s))
$(foreach s,$(SCRIPTS),$(eval $(call script,$s,$(call result_of,results,$s))))
$(foreach v,$(VARIANTS),$(foreach t,$(filter $(or $(TESTS_$v),%),$(TESTS)),$(eval $(call test,$t,$v))))
APART  := $(patsubst %,tests/check/test_%.sh,cross wasm windows) # targets of their own: make cross, make windows
LONG   := tests/check/test_warnings.sh # first, so that it does not run alone at the end
WIDER  := $(LONG) $(filter-out $(APART) $(LONG),$(wildcard tests/check/test_*.sh))
CHECKS := $(patsubst CHECK_%,check-%,$(sort $(filter CHECK_%,$(.VARIABLES)))) \
          $(foreach s,$(WIDER),$(call result_of,check/scripts/results,$s))
$(foreach s,$(WIDER),$(eval $(call script,$s,$(call result_of,check/scripts/results,$s))))
$(foreach p,$(EXAMPLES),$(eval $(call program,$p,$(p:$(BUILD)/%=$O/%).o $(call parts,$(p:$(BUILD)/%=%))))) # examples and tools hold their own
$(foreach p,$(TOOLS),$(eval $(call program,$p,$(p:$(BUILD)/%=$O/%).o)))
$(foreach p,$(BENCHES),$(eval $(call program,$p,$(p:$(BUILD)/%=$O/%).o $O/bench/libgokore.a)))

# ---- the explorer: $(BUILD)/explore/NAME. Addresses are the same in every run: no pie. What it explores is instrumented, and linked
# with the explorer in place of ThreadSanitizer.

E            := $(BUILD)/explore
SCENARIOS    := $(patsubst tests/explore/explore_%.c,%,$(wildcard tests/explore/explore_*.c))
EXPLORER      = $(CC) $(CSTD) $(STRICT) -O3 -g -fno-pie -D_GNU_SOURCE -I.
EXPLORE       = $(CC) $(CSTD) $(STRICT) -O1 -fno-inline -g -fno-pie -D_GNU_SOURCE -DGOKORE_STATIC=1 -fsanitize=thread -DGOKORE_EXPLORE=1 \
                -Itests/explore
# clang before 16 leaves what it makes of an initialiser to a runtime's memset
EXPLORE_LEAD  = objcopy $(foreach f,memcpy memmove memset,--redefine-sym $f=explore_$f)
EXPLORE_LINK  = $(CC) -no-pie -pthread
EXPLORER_OBJECTS := $(patsubst tests/explore/explorer/%.c,$E/explorer/%.o,$(wildcard tests/explore/explorer/*.c))
# --least: a million runs of each structure (what stands before the dot in a scenario's name), however fast each scenario is.
EXPLORE_RUNS ?= --runs 30000 --most 150000 --least 1000000
EXPLORE_RUNS_litmus ?= --runs 30000 --most 150000
EXPLORE_LESS  = $(if $(FULL),,EXPLORE_RUNS="--runs 5000 --most 25000 --least 1000000")
$E/explorer/%.o: tests/explore/explorer/%.c $(wildcard tests/explore/*.h tests/explore/explorer/*.h) gokore_atomic.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(EXPLORER) -c -o $@ $<
$E/%: tests/explore/explore_%.c $(EXPLORER_OBJECTS) $(wildcard tests/explore/*.h) $(HEADERS)
	$(if $(V),,@echo "  cc  $@";)$(EXPLORE) -I. -c -o $@.o $< && $(EXPLORE_LEAD) $@.o && $(EXPLORE_LINK) -o $@ $@.o $(EXPLORER_OBJECTS)
$(BUILD)/results/explore.%.tsv: $E/% force
	@sh tests/support/run.sh $@ $< $< $(or $(EXPLORE_RUNS_$*),$(EXPLORE_RUNS))
$(BUILD)/results/mutants.%.tsv: $E/% force
	@BUILD='$(BUILD)' EXPLORE='$(EXPLORE)' LEAD='$(EXPLORE_LEAD)' LINK='$(EXPLORE_LINK)' sh tests/support/run.sh $@ 'mutants of $*' sh tests/explore/mutants.sh $* $(EXPLORER_OBJECTS)
EXPLORED := $(SCENARIOS:%=$(BUILD)/results/explore.%.tsv)
# What one family catches the others need not. The same seed always: what survives is compared with a table.
WEAKENED := $(patsubst %,$(BUILD)/weaken/%.log,$(filter-out litmus,$(SCENARIOS)))
WEAKEN_RUNS ?= --runs 1500 --most 6000 --seed 1
$(BUILD)/weaken/killed: force
	@mkdir -p $(@D); : > $@
$(BUILD)/weaken/%.log: $E/% $(BUILD)/weaken/killed
	@$< --weaken $(BUILD)/weaken/killed $(WEAKEN_RUNS) > $@; echo "ok    $*: $$(tail -n 1 $@)"
MUTANTS  := $(patsubst tests/explore/explore_%.mutants,$(BUILD)/results/mutants.%.tsv,$(wildcard tests/explore/explore_*.mutants))

# ---- what people call

run: $(BUILD)/examples/packets ## runs the main job on CAPTURE: make run ARGS='--workers 2 --conversations'
	@$< $(ARGS) $(CAPTURE)

test: $(RESULTS) ## builds and runs all tests; the last line is the total
	@sh tests/support/sum.sh $^
results: $(RESULTS)

check: ## the wider set: warnings, standards, C++, clang, sanitizers, explorer, fuzzing, installation; FULL=1 leaves nothing out
	@rm -rf $(BUILD)/check/*/results
	@$(MAKE) --no-print-directory checks
	@echo 'left to targets of their own: make cross, windows, numa (they install much), fuzz, soak, weaken, coverage (they take long)'
	@$(if $(FULL),,echo 'left to FULL=1: all $(words $(VARIANTS)) variants, tests and scripts by clang, both variants by each sanitizer, all tests by MSan, more runs per scenario')
	@SOME=$(if $(FULL),,1) sh tests/support/sum.sh $(BUILD)/check/*/results/*.tsv
checks: $(CHECKS)
	+@$(MAKE) --no-print-directory BUILD=$(BUILD)/check/explore $(EXPLORE_LESS) explored mutants
check-%: force
	+@$(CHECK_$*) sh tests/support/check.sh $* $(BUILD)/check/$*

explored: $(EXPLORED)
mutants: $(MUTANTS)
explore: $(EXPLORED) $(MUTANTS) ## explores schedules and weak memory under the real headers, and wants each mutant of them caught
	@sh tests/support/sum.sh $^

explore-user: force ## builds and explores a program of your own: make explore-user FILE=my_scenario.c ARGS='--runs 10000'
	@CC='$(CC)' BUILD='$(BUILD)' sh tests/explore/explore.sh $(or $(FILE),tests/explore/example/settings.c) -- $(ARGS)

weaken: $(WEAKENED) ## weakens each memory order that the scenarios execute, one step at a time; what survives must be what SURVIVORS.md says
	@sh tests/explore/weaken.sh $(BUILD)/weaken

fuzz: force ## libFuzzer on every target from tests/fuzz/corpus, FUZZ_SECONDS (600) each; keeps what it finds in build/fuzz
	@for t in policy topology; do \
	    FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) FUZZ_CORPUS='$(abspath $(BUILD))/fuzz' sh tests/check/test_fuzz_$$t.sh || exit 1; done

soak: force ## everything at once for SECONDS (600): an exactly-once ledger, memory and fairness watched; also under TSan
	@CC='$(CC)' BUILD='$(BUILD)' SECONDS='$(or $(SECONDS),600)' sh tests/soak/soak.sh

coverage: force ## branches (gcov) and MC/DC (clang-19, installed where it may) of the tests, per header; what they miss: build/coverage/*missed.txt
	+@CC=gcc BUILD='$(BUILD)' sh tests/coverage/coverage.sh; branches=$$?; \
	sh tests/check/cross_tools.sh clang-19 llvm-19 libclang-rt-19-dev; \
	BUILD='$(BUILD)' sh tests/coverage/mcdc.sh && exit $$branches

instructions: force ## instructions per operation (callgrind) and barriers per target against tests/check/instructions.tsv
	@CC='$(CC)' BUILD='$(BUILD)' sh tests/check/test_instructions.sh

cross: force ## installs cross compilers, qemu and Emscripten where it may, and runs tests for aarch64, armhf, riscv64, s390x, ppc64le, mips64el, sparc64, powerpc, armel, i686, musl, wasm
	@sh tests/check/cross_tools.sh
	@sh tests/check/cross_tools.sh emscripten node-acorn
	@bad=0; for s in cross wasm; do sh tests/check/test_$$s.sh || bad=1; done; exit $$bad

numa: force ## boots a machine of four nodes under qemu, installing it where it may, and runs the topology tests inside
	@sh tests/numa/numa.sh

windows: force ## installs mingw-w64 and Wine where it may, and runs tests for 64-bit Windows
	@sh tests/check/cross_tools.sh gcc-mingw-w64-x86-64-win32 g++-mingw-w64-x86-64-win32 wine wine64
	@sh tests/check/test_windows.sh

examples: $(EXAMPLES) ## builds the examples

tools: $(TOOLS) ## builds build/tools/gokore: lint, crd, container, topology, rules

bench: $(BENCHES) $(EXAMPLES) ## builds and runs the benchmarks one after the other
	@for b in $(BENCHES); do echo "== $$b"; $$b || exit 1; done
	@for b in $(wildcard bench/bench_*.sh); do echo "== $$b"; sh $$b || exit 1; done

install: ## copies the headers and gokore.pc below $(DESTDIR)$(PREFIX)
	mkdir -p $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 $(HEADERS) $(DESTDIR)$(PREFIX)/include
	printf '%s\n' 'prefix=$(PREFIX)' 'includedir=$${prefix}/include' '' 'Name: goKore' 'Version: $(VERSION)' \
	    'Description: header-only C11 concurrency: atomics, cancellable locks and channels, task pool, lock checker' \
	    'Cflags: -I$${includedir} -pthread' 'Libs: -pthread' > $(DESTDIR)$(PREFIX)/lib/pkgconfig/gokore.pc

uninstall: ## removes what install copied
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/include/,$(HEADERS)) $(DESTDIR)$(PREFIX)/lib/pkgconfig/gokore.pc

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

clean: ## removes everything that was built
	rm -rf $(BUILD)
