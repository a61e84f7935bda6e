# Sourced after script.sh: zero_cost NAME COMPILER... compiles pairs.c and compares the two functions of each pair.
pairs=562 # 9 integer types x 56, pointer and bool x 26, 4 fences, and the 2 that must be found to differ
zero_cost() {
    name=$1
    shift
    : > "$work/empty.c"
    if "$@" -fno-ipa-icf -E "$work/empty.c" > "$work/output" 2>&1; then set -- "$@" -fno-ipa-icf; fi # gcc: no body for two
    works "$name: compiles" "$@" -std=c11 -O2 -w -fno-asynchronous-unwind-tables -I. -S -o "$work/pairs.s" \
        tests/compile/zero_cost/pairs.c || return 0
    awk -f tests/compile/zero_cost/compare.awk "$work/pairs.s" > "$work/compared"
    works "$name: finds all pairs" grep -x "$pairs compared" "$work/compared"
    printf '%s\n' u32_wrong_value u32_wrong_order > "$work/wrong"
    grep '^[a-z0-9]*_wrong' "$work/compared" > "$work/found"
    same "$name: finds the two that differ" "$work/wrong" "$work/found"
    awk '/^[a-z]/ { on = !/_wrong_/ } /^[0-9]/ { on = 0 } on' "$work/compared" > "$work/costs"
    echo "$(grep -c '^[a-z]' "$work/costs") functions are not what <stdatomic.h> gives:" $(grep '^[a-z]' "$work/costs") > "$work/shown"
    title="$name: the same instructions as <stdatomic.h>"
    if [ -s "$work/costs" ]; then
        fail "$title" "$work/shown"
        cat "$work/costs" # fail shows the beginning only
    else
        pass "$title"
    fi
}
