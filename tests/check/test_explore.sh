# The scenarios of tests/explore, built by clang: another compiler's instrumentation, order of evaluation and inlining.
. tests/support/script.sh
if command -v clang > /dev/null 2>&1; then
    works "all scenarios pass when clang has built them" "${MAKE:-make}" --no-print-directory CC=clang BUILD="$work/build" EXPLORE_RUNS="--runs 1000 --most 4000" explored
    none "no scenario fails" grep -h ^fail "$work"/build/results/explore.*.tsv
else
    skip "all scenarios pass when clang has built them" "no clang here"
fi
finish
