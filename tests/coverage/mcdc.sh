# MC/DC of each header by the tests: for every condition of a decision with && or ||, whether two runs showed that it alone
# changes what is decided. By clang's -fcoverage-mcdc and llvm-cov, added up by mcdc.py. MCDC_VARIANTS (the fewest that compile
# what the headers have for this system), MCDC_TESTS (all; then no floors). A header below its floor (floors.tsv) is a failure.
# Results: BUILD/coverage/mcdc.tsv (header, per cent, conditions shown, all, decisions, decisions that clang can't measure);
# mcdc_missed.txt has each decision with a condition that was not shown to matter, and those that can't be measured.
#
# What counts, by these rules and no hand-picked lines:
#   - Decisions with two conditions or more; one with a single condition is a branch and counts in coverage.sh.
#   - A decision counts once, whatever functions, programs and variants have it; a condition was shown to matter where one of them
#     showed it. What the compiler knows (`GOKORE_CHECKS >= 2 && …`) is no condition, unless it is one in another variant.
#   - GOKORE_CHECK_ and GOKORE_ASSERT are no decisions of the program: their lines do not count.
#   - clang can't measure a decision with a negated or compared one inside, `a && !(b && c)`: not counted, but listed.
#   - Programs that end by abort or _exit keep their counts (flush.c); those that a signal ends lose them. The explorer's runs are
#     of other builds and do not count.
. tests/support/script.sh
llvm=19 # whose -fprofile-update=atomic holds for MC/DC, too
for tool in clang-$llvm llvm-profdata-$llvm llvm-cov-$llvm python3; do
    if ! command -v $tool > /dev/null 2>&1; then
        skip "MC/DC" "no $tool here"
        finish
    fi
done
echo 'int main(void) { return 0; }' > "$work/probe.c"
if ! clang-$llvm -fprofile-instr-generate -o "$work/probe" "$work/probe.c" 2> /dev/null; then
    skip "MC/DC" "no profiling runtime of clang-$llvm here"
    finish
fi
variants=${MCDC_VARIANTS:-checked metrics portable posix}
rm -rf "$BUILD/coverage/mcdc" # built again, for the warnings
mkdir -p "$BUILD/coverage/mcdc/raw" "$BUILD/coverage/mcdc/shown"
out=$(cd "$BUILD/coverage" && pwd)
built=$out/mcdc
clang-$llvm -O1 -DWRITE_COUNTERS_=__llvm_profile_write_file -c -o "$built/flush.o" tests/coverage/flush.c
flags="-O0 -g1 -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc -fprofile-update=atomic -Wno-everything"
# a file per test, which its processes add to: %m
works "the tests are built and run" "${MAKE:-make}" -k --no-print-directory BUILD="$built" CC=clang-$llvm CFLAGS="$flags" \
    LDFLAGS="$built/flush.o -Wl,--wrap=abort,--wrap=_exit" VARIANTS="$variants" SCRIPTS=tests/tools/test_gokore.sh \
    RUNNER="env LLVM_PROFILE_FILE=$built/raw/\$\$(@F)-%m.profraw" TESTARGS="--timeout 900" \
    ${MCDC_TESTS:+TESTS="$MCDC_TESTS"} results
[ ! -e "$work/output" ] || mv "$work/output" "$built/log" # the warnings name what clang can't measure
none "all tests pass" grep -h '^fail' -r "$built/results"
works "what the programs left is added up" llvm-profdata-$llvm merge -o "$built/all.profdata" "$built/raw"
for variant in $variants tools; do
    for program in "$built/$variant"/*; do
        [ ! -x "$program" ] || printf -- '-object %s ' "$program"
    done > "$work/objects"
    [ -s "$work/objects" ] || continue
    # shellcheck disable=SC2046
    llvm-cov-$llvm show -instr-profile "$built/all.profdata" --show-mcdc --show-instantiations=false $(cat "$work/objects") \
        -sources "$top"/gokore_*.h > "$built/shown/$variant.txt" 2>> "$work/shown"
    # shellcheck disable=SC2046
    llvm-cov-$llvm export -instr-profile "$built/all.profdata" --skip-expansions $(cat "$work/objects") \
        > "$built/shown/$variant.json" 2>> "$work/shown"
done
floors=tests/coverage/floors.tsv
[ -z "${MCDC_TESTS:-}" ] || floors=/dev/null # a part says nothing about all
if python3 tests/coverage/mcdc.py $floors "$out" "$built/shown" "$built/log"; then
    pass "no header is below its floor of MC/DC"
else
    fail "no header is below its floor of MC/DC" "$work/shown"
fi
echo "what is missed: $out/mcdc_missed.txt ($(wc -l < "$out/mcdc_missed.txt") lines)"
finish
