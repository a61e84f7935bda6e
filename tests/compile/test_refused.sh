# Programs with a mistake that the compiler must refuse, each with the text that it must say: // expect: TEXT
# and the control that compiles: each line with // control: RIGHT is replaced by what is right there.
. tests/support/script.sh
for file in tests/compile/refused/*.c; do
    name=$(basename "$file" .c)
    refused "$name" "$(sed -n '1s,^// expect: ,,p' "$file")" $CC -std=c11 -Werror -I. -fsyntax-only "$file"
    sed 's,^.*// control: ,,' "$file" > "$work/control.c"
    works "$name has a control" grep -q '// control: ' "$file"
    works "$name, put right, compiles" $CC -std=c11 -Wall -Wextra -Werror -I. -fsyntax-only "$work/control.c"
done

# The two flags of gokore_atomic.h's manual make the message short.
for short in -ftrack-macro-expansion=0 -fmacro-backtrace-limit=1; do
    : > "$work/empty.c"
    $CC -Werror $short -fsyntax-only "$work/empty.c" > "$work/output" 2>&1 || continue # the other compiler's
    $CC -std=c11 $short -I. -fsyntax-only tests/compile/refused/atomic_load_plain_int.c > "$work/said" 2>&1
    works "$short: says what is wrong" grep -q "compatible with any" "$work/said"
    none "$short: hardly shows the header" sh -c 'grep gokore_atomic.h: "$1" | sed 1d' sh "$work/said"
done
finish
