# What an operation costs that meets nobody, against tests/check/instructions.tsv: instructions (callgrind, the slope of two numbers
# of rounds) and, for each target whose compiler is here, instructions that synchronise, in the operation's own
# function and in those of the deque. More than
# the table says is a failure. The table is of gcc 12; another compiler only prints. UPDATE=1 writes the table anew.
. tests/support/script.sh
table=tests/check/instructions.tsv
: > "$work/got"

count() { # ROUNDS: operation and instructions, sorted
    env -i valgrind --tool=callgrind --callgrind-out-file="$work/callgrind.$1" "$work/operations" "$1" > "$work/output" 2>&1 &&
        callgrind_annotate --inclusive=yes --threshold=100 --auto=no --tree=none "$work/callgrind.$1" 2> /dev/null |
        sed -n 's/^ *\([0-9,]*\) .*:op_\([a-z_]*\).*/\2 \1/p' |
        tr -d , | sort -k1,1 -k2,2nr | sort -u -k1,1
}
instructions() {
    works "the operations compile" gcc -std=c11 -O2 -g -I. -o "$work/operations" tests/check/operations.c -pthread || return
    count 1000 > "$work/few" && count 3000 > "$work/many"
    join "$work/few" "$work/many" | awk '{ printf "%s\tinstructions\t%.1f\n", $1, ($3 - $2) / 2000 }' >> "$work/got"
    works "every operation is counted" test "$(grep -c instructions "$work/got")" -eq "$(grep -c '^OPERATION' tests/check/operations.c)"
}
barriers() { # TARGET COMPILER OBJDUMP PATTERN
    if ! command -v "$2" > /dev/null 2>&1; then
        skip "$1" "no $2; make cross"
        return
    fi
    works "$1: the operations compile" "$2" -std=c11 -O2 -I. -DGOKORE_STATIC=1 -c -o "$work/operations.o" tests/check/operations.c || return
    "$3" -d --no-show-raw-insn "$work/operations.o" | awk -v target="$1" -v pattern="$4" '
        /^[0-9a-f]+ <[^.].*>:$/ { name = $2; gsub(/[<>:]/, "", name); sub(/[.].*/, "", name); hot = name ~ /^(op_.*|gokore_deque_(push|pop|steal))$/ }
        hot && $0 ~ pattern { n[name]++ }
        END { for (i in n) printf "%s\t%s\t%d\n", i, target, n[i] }' >> "$work/got"
}
if command -v valgrind > /dev/null 2>&1 && command -v gcc > /dev/null 2>&1; then instructions; else skip instructions "no valgrind or gcc"; fi
barriers x86-64 x86_64-linux-gnu-gcc objdump '\t(lock|mfence|xchg +[^%]|xchg +%[a-z0-9]+,.*[(])'
barriers aarch64 aarch64-linux-gnu-gcc aarch64-linux-gnu-objdump '\t(dmb|ldar|stlr|lda?xr|stl?xr|bl[\t ].*__aarch64_)'
barriers riscv64 riscv64-linux-gnu-gcc riscv64-linux-gnu-objdump '\t(fence|lr\\.|sc\\.|amo)'
barriers armhf arm-linux-gnueabihf-gcc arm-linux-gnueabihf-objdump '\t(dmb|ldrex|strex)'
barriers s390x s390x-linux-gnu-gcc s390x-linux-gnu-objdump '\t(csg?[\t ]|csy[\t ]|la[anox]+g?[\t ]|bcr[\t ]+1[45]|bnor[\t ]+%r0)'
barriers ppc64le powerpc64le-linux-gnu-gcc powerpc64le-linux-gnu-objdump '\t(sync|lwsync|hwsync|isync|l[wd]arx|st[wd]cx)'
sort -o "$work/got" "$work/got"
[ -z "${UPDATE:-}" ] || cp "$work/got" $table
compiler=$(gcc -dumpversion 2> /dev/null)
if [ "${compiler%%.*}" != 12 ]; then
    cat "$work/got"
    skip "the table" "it is of gcc 12, here is gcc ${compiler:-missing}"
    finish
fi
awk -F '\t' 'NR == FNR { want[$1 " " $2] = $3; next }
    !(($1 " " $2) in want) { print $1 ", " $2 ": " $3 ", and the table has none"; next }
    $3 > want[$1 " " $2] { print $1 ", " $2 ": " $3 ", the table says " want[$1 " " $2] }' $table "$work/got" > "$work/more"
none "no operation costs more than the table says" cat "$work/more"
awk -F '\t' 'NR == FNR { want[$1 " " $2] = $3; next } $3 < want[$1 " " $2] { print "note  " $1 ", " $2 ": " $3 ", less than " want[$1 " " $2] }' \
    $table "$work/got"
finish
