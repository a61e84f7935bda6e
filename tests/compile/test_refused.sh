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
finish
