# What nobody waits for costs no system call: a program that uses every primitive ten thousand times makes the calls of one that
# does so ten times. Debian: strace.
. tests/support/script.sh

# How often each system call is made. Without the two by which the checker learns nodes once a lock was held for over a millisecond:
# other programs may do that to any round.
calls() { # FILE N
    strace -f -o "$work/trace" "$work/program" "$2" &&
        sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$work/trace" | grep -vxE 'getcpu|move_pages' | sort | uniq -c > "$1"
}
compare() { # NAME FLAGS...
    name=$1
    shift
    works "$name: compiles" cc_strict -O2 "$@" -o "$work/program" tests/check/uncontended.c -pthread -lm || return
    works "$name: ten rounds" calls "$work/few" 10
    works "$name: ten thousand rounds" calls "$work/many" 10000
    same "$name: ten thousand rounds make no more system calls than ten" "$work/few" "$work/many"
    works "$name: eleven rounds and a wait" calls "$work/wait" 11
    refused "$name: a wait is seen" futex diff "$work/few" "$work/wait"
}
if ! command -v strace > /dev/null 2>&1; then
    skip "system calls" "no strace"
elif ! strace -o "$work/trace" true 2> "$work/output"; then
    skip "system calls" "strace can't be used here: $(head -n 1 "$work/output")"
else
    compare plain
    compare checked -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1 -DGOKORE_CHECKS=2
    compare "own world" -DGOKORE_STATIC=1
fi
finish
