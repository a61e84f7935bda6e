# The headers and tests for 64-bit Windows, with mingw-w64, run under Wine where that works. Installs nothing: `make windows` does,
# and runs this. Wine shows that the calls are right; its scheduler and its WaitOnAddress are not Windows' own.
. tests/support/script.sh
CC=x86_64-w64-mingw32-gcc
command -v $CC > /dev/null 2>&1 || { skip "Windows" "no $CC; make windows"; finish; }
posix="-Itests/support/windows -include tests/support/windows/posix.h -DTEST_SYSTEM=\"Windows\"" # for the tests, not for the headers

# ---- the headers
{ echo '#define GOKORE_IMPLEMENTATION'; for h in $HEADERS; do echo "#include \"$h\""; done; } > "$work/implementation.c"
for h in $HEADERS; do
    echo "#include \"$h\"" > "$work/alone.c"
    works "$h declares alone" cc_strict -fsyntax-only "$work/alone.c"
    printf '#define GOKORE_IMPLEMENTATION\n#include "%s"\nint main(void) { return gokore_version()[0] == 0; }\n' "$h" > "$work/alone.c"
    works "$h implements alone and links" cc_strict -o "$work/alone.exe" "$work/alone.c" -pthread -lsynchronization
done
for flags in "-O2" "-O3 -DNDEBUG" "-O2 -DGOKORE_STATIC=1" "-O2 -DGOKORE_NUMA=0" \
    "-O2 -DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1 -DGOKORE_ATOMIC_COUNT=1 -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1"; do
    works "implementation $flags" cc_strict $flags -c -o "$work/implementation.o" "$work/implementation.c"
done
refused "GOKORE_FUTEX=0 is refused" "GOKORE_FUTEX must be 1 on Windows" cc_strict -DGOKORE_FUTEX=0 -fsyntax-only "$work/implementation.c"
cxx=x86_64-w64-mingw32-g++
if command -v $cxx > /dev/null 2>&1; then
    for h in $HEADERS; do
        echo "#include \"$h\"" > "$work/alone.cc"
        works "$h in C++17" $cxx -std=c++17 -Wall -Wextra -Werror -I. -fsyntax-only "$work/alone.cc"
    done
else
    skip "C++17" "no $cxx"
fi

# ---- the tests
mkdir -p "$BUILD/wine"
WINEPREFIX=$(cd "$BUILD/wine" && pwd) WINEDEBUG=-all
export WINEPREFIX WINEDEBUG
printf '#include <stdio.h>\nint main(void) { return puts("it works") < 0; }\n' > "$work/probe.c"
works "a program links" $CC -o "$work/probe.exe" "$work/probe.c" || finish
runs=
timeout 120 wine "$work/probe.exe" 2>&1 < /dev/null | grep -q 'it works' && runs=yes
[ "$runs" ] || skip "running" "no wine that runs programs here: compiled and linked only"

compile() { # FILE: strictly, into the variant's folder
    works "$variant: $1 compiles" cc_strict $posix $flags -O2 -g -DTEST_DATA_DIRECTORY="\"$top/tests/data\"" \
        -c -o "$work/$variant/$(basename "$1" .c).o" "$1"
}
run_test() { # NAME PROGRAM
    if wine "$2" --timeout 300 < /dev/null > "$work/log" 2>&1; then
        pass "$1"
        grep '^skip' "$work/log"
    else
        grep -v '^ok ' "$work/log" > "$work/output"
        fail "$1" "$work/output"
    fi
}
variant() { # NAME FLAGS TESTS...
    variant=$1 flags=$2
    shift 2
    mkdir "$work/$variant"
    compile tests/support/implementation.c && compile tests/support/test.c && compile tests/support/absent.c || return
    ar rcs "$work/$variant/libgokore.a" "$work/$variant/implementation.o" # left out where a test holds its own
    for t in "$@"; do
        program=$work/$variant/test_$t.exe
        compile "tests/test_$t.c" || continue
        # __executable_start is ELF's name; test_validation asks whether an address is code
        works "$variant: test_$t links" $CC -static -Wl,--defsym,__executable_start=__ImageBase -o "$program" \
            "$work/$variant/test_$t.o" "$work/$variant/test.o" "$work/$variant/absent.o" "$work/$variant/libgokore.a" -lpthread -lsynchronization -lm || continue
        [ -z "$runs" ] || run_test "$variant: test_$t" "$program"
    done
}
variant plain "" parking atomic validation waiting sync sync_locks channel pool policy
variant checked "-DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1 -DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1" atomic sync sync_locks lockorder

# The machine and the container: one node, nothing pinned or bound, as many workers as CPUs.
cat > "$work/machine.c" << 'END'
#define GOKORE_IMPLEMENTATION
#include "gokore_topology.h"
#define MUST(x) do { if (!(x)) return printf("%d: %s\n", __LINE__, #x), 1; } while (0)
int main(void) {
    gokore_container c;
    gokore_topology_desc nowhere = { .root = "no such directory" };
    gokore_topology *t;
    int node = -1;
    MUST(gokore_topology_create(&t, &nowhere) == GOKORE_OK);
    MUST(gokore_topology_node_count(t) == 1 && gokore_topology_allowed_nodes(t, &node, 1) == 1 && node == 0);
    MUST(gokore_topology_cpus(t, 0, NULL, 0) == GetActiveProcessorCount(ALL_PROCESSOR_GROUPS));
    MUST(strcmp(gokore_topology_source(t), "system") == 0);
    MUST(gokore_pin_thread_to_node(t, 0) == GOKORE_UNSUPPORTED && gokore_pin_thread_to_cpu(0) == GOKORE_UNSUPPORTED);
    gokore_topology_destroy(t);
    MUST(gokore_container_read(&c, NULL) == GOKORE_OK && c.cpus == GetActiveProcessorCount(ALL_PROCESSOR_GROUPS) && c.workers >= 1);
    MUST(gokore_topology_allowed_nodes(NULL, &node, 1) > 0);
    char *p = (char *)gokore_numa_alloc(100000, node);
    MUST(p != NULL && gokore_memory_bind(p, 4096, node) == GOKORE_UNSUPPORTED && gokore_numa_refusals() == 2);
    memset(p, 1, 100000);
    gokore_numa_free(p, 100000);
    return 0;
}
END
works "the machine: links" cc_strict -o "$work/machine.exe" "$work/machine.c" -pthread -lsynchronization &&
    [ "$runs" ] && works "the machine: one node, nothing pinned or bound" wine "$work/machine.exe"
[ -z "$runs" ] || wineserver -k > /dev/null 2>&1 # this prefix's own
finish
