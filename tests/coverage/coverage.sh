# Which branches of each header the tests reach, by gcc's --coverage and gcov, summed up by branches.py. COVERAGE_VARIANTS (all that
# change the headers' code), COVERAGE_TESTS (all; then no floors). A header below its floor (floors.tsv) is a failure. Results:
# BUILD/coverage/branches.tsv; missed.txt has each line with a branch that was not taken; MISSED.md says why such branches are left.
#
# What counts, by these rules and no hand-picked lines:
#   - The branches of gcc -O0, which are those of the source: conditions, their && and ||, cases. Nothing is inlined (functions.h), so a
#     branch counts once, whatever its callers; what a macro makes for each type of atomic counts once for all types.
#   - A line has the branches that the library's own object has; where variants differ, those of the variant with the most. All
#     programs and variants say together which were taken. Functions that nobody calls count too.
#   - GOKORE_CHECK_ and GOKORE_ASSERT are no decisions of the program: their lines do not count.
#   - What the preprocessor takes away on this system (Windows, macOS) is not there. What it leaves counts, even if only a broken
#     machine could take it.
#   - Programs that end by abort or _exit keep their counts (flush.c); those that a signal ends lose them. The explorer's runs are of
#     other builds and do not count.
. tests/support/script.sh
if ! command -v gcov > /dev/null 2>&1 || ! command -v python3 > /dev/null 2>&1; then
    skip "branches" "no gcov or python3 here"
    finish
fi
out=$BUILD/coverage
mkdir -p "$out/inline"
rm -rf "$out/results"
find "$out" -name '*.gcda' -exec rm -f {} +
flags="-O0 -g --coverage -fprofile-update=atomic -include tests/coverage/functions.h -w"
gcc -O1 -DWRITE_COUNTERS_=__gcov_dump -c -o "$out/flush.o" tests/coverage/flush.c
for checks in 0 1; do # only for their list of functions
    # shellcheck disable=SC2086
    gcc -std=c11 $flags -fkeep-inline-functions -DGOKORE_ATOMIC_CHECKS=$checks -I. -c -o "$out/inline/implementation.o" tests/support/implementation.c
    mkdir -p "$out/inline/$checks"
    mv "$out/inline/implementation.o" "$out/inline/implementation.gcno" "$out/inline/$checks"
done
works "the tests are built and run" "${MAKE:-make}" -k --no-print-directory BUILD="$out" CC=gcc CFLAGS="$flags" \
    LDFLAGS="$out/flush.o -Wl,--wrap=abort,--wrap=_exit" VARIANTS="${COVERAGE_VARIANTS:-plain checked deny abort metrics metered portable posix}" \
    SCRIPTS=tests/tools/test_gokore.sh ${COVERAGE_TESTS:+TESTS="$COVERAGE_TESTS"} TESTARGS="--timeout 900" results
none "all tests pass" grep -h '^fail' -r "$out/results"
{ find "$out/objects" -name '*.gcda'; find "$out/inline" -name '*.gcno'; } > "$work/counted"
floors=tests/coverage/floors.tsv
[ -z "${COVERAGE_TESTS:-}" ] || floors=/dev/null # a part says nothing about all
if xargs gcov --json-format --branch-probabilities --stdout < "$work/counted" 2> "$work/output" |
    python3 tests/coverage/branches.py $floors tests/coverage/MISSED.md "$out"; then
    pass "no header is below its floor"
else
    fail "no header is below its floor" "$work/output"
fi
echo "what is missed: $out/missed.txt ($(wc -l < "$out/missed.txt") lines)"
finish
