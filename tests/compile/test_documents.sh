# What the documents show is compiled: the EXAMPLE of each header's manual, and the C blocks of README.md. A C block
# that is followed by a text block is run, and must print it. What TESTING.md counts is counted.
. tests/support/script.sh

build_example() { # NAME FILE: links with the library unless the file holds it; a file without main is only compiled
    warnings="-Wall -Wextra -Werror -I. -pthread"
    if ! grep -q 'main *(' "$2"; then
        works "$1 compiles" $CC -std=c11 $warnings -c "$2" -o "$work/example.o"
    elif grep -q 'define *GOKORE_IMPLEMENTATION' "$2"; then
        works "$1 compiles and links" $CC -std=c11 $warnings $CFLAGS "$2" -o "$work/example" -lm
    else
        works "$1 compiles and links" $CC -std=c11 $warnings $CFLAGS "$2" tests/support/implementation.c -o "$work/example" -lm
    fi
}

for h in $HEADERS; do
    awk '/^#/ { exit } # the manual ends
         /^\/\/ +[A-Z][A-Z]/ { on = 0 }
         /^\/\/ EXAMPLE/ { on = 1; sub(/^\/\/ EXAMPLE */, ""); if ($0 != "") print; next }
         on { sub(/^\/\/ ?/, ""); print }' "$h" > "$work/example.c"
    echo "$h shows no example" > "$work/output"
    if grep -q '[;{]' "$work/example.c"; then build_example "EXAMPLE of $h" "$work/example.c"; else fail "EXAMPLE of $h" "$work/output"; fi
done

for file in tests/explore/explore_*.c; do
    family=$(basename "$file" .c)
    mutants=$(grep -c '^mutant ' "${file%.c}.mutants" 2> /dev/null)
    echo "${family#explore_}" "$(grep -c '^SCENARIO(' "$file")" "$mutants"
done | sed 's/ *$//' | sort > "$work/counted"
sed -n '/^| family /,/^$/s/^| \([a-z_]*\)[^|]*| *\([0-9]*\) *| *\([0-9]*\) *|.*/\1 \2 \3/p' TESTING.md | grep -v '^family' | sed 's/ *$//' | sort > "$work/written"
same "TESTING.md counts the explorer's scenarios and mutants" "$work/counted" "$work/written"

[ -f README.md ] || { skip "README.md" "there is none"; finish; }
awk -v dir="$work" '
    /^ *```c$/ { n++; file = dir "/readme-" n ".c"; next }
    /^ *```text$/ { if (after_c) file = dir "/readme-" n ".txt"; after_c = 0; next }
    /^ *```/ { if (file != "") { after_c = file ~ /c$/; close(file) } file = ""; next }
    file != "" { print > file; next }
    /^ *$/ || /^[A-Z][^.]*:$/ { next } # what may stand between the two
    { after_c = 0 }' README.md
set -- "$work"/readme-*.c
[ -f "$1" ] || { skip "README.md" "it shows no C"; finish; }
for file in "$@"; do
    name="README.md, block ${file##*-}"
    build_example "$name" "$file"
    wanted=${file%.c}.txt
    [ -f "$wanted" ] || continue
    "$work/example" > "$work/got" 2>&1
    same "$name prints what is shown" "$wanted" "$work/got"
done
finish
