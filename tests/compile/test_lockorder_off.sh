# With GOKORE_LOCKORDER=0 a lock call has no instruction of the checker: its functions call none of the checker's, touch none of
# its variables, and are the same code as in a build in which the checker's calls have been taken out of the text.
. tests/support/script.sh
command -v objdump > /dev/null || { skip "no checker in the lock path" "there is no objdump"; finish; }

listing() { # OBJECT: the instructions of the lock calls and of what they call inside, without addresses
    objdump -dr --no-show-raw-insn "$1" | awk '
        /^Disassembly/ { on = 0 }
        /^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name)
            on = name ~ /^gokore_(mutex|rwlock|sync|semaphore|waiter|waitgroup)_/ && name !~ /(init|deinit|describe|report|observer|policy)/
            if (on) print name; next }
        on { sub(/^ *[0-9a-f]+:[ \t]*/, ""); gsub(/\.text[^ \t]*\+0x[0-9a-f]+/, "HERE"); gsub(/[0-9a-f]+ </, "<"); gsub(/0x[0-9a-f]+\(%rip\)/, "(%rip)")
             gsub(/R_[A-Z0-9_]+[ \t]+\.(rodata|data|bss)[^ \t]*/, "DATA"); print }'
}
copy=$work/without
mkdir -p "$copy"
cp gokore*.h "$copy"
# Every call of the checker in the paths of locks becomes what it is worth with GOKORE_LOCKORDER=0.
sed -e 's/gokore_lockorder_before_([^;]*))\{0,1\};/GOKORE_OK;/' -e 's/status == GOKORE_OK) status = GOKORE_OK;/status == GOKORE_OK) (void)0;/' \
    -e 's/gokore_lockorder_acquired_(who, mode);/(void)0;/' -e 's/gokore_wait_permits_(s, [a-z]*);/(void)0;/' \
    -e 's/gokore_wait_party_(w, 0);/(void)0;/' -e 's/!gokore_lockorder_released_(s)/false/' gokore_sync.h > "$copy/gokore_sync.h"
if cmp -s gokore_sync.h "$copy/gokore_sync.h"; then echo "nothing was taken out" > "$work/output"; fail "calls of the checker are found in the text" "$work/output"; fi
printf '#define GOKORE_IMPLEMENTATION\n#include "gokore_sync.h"\n' > "$work/lock.c"
for level in -O2 -Os; do
    # shellcheck disable=SC2086
    works "$level: with the checker's text" $CC -std=c11 $level -fno-asynchronous-unwind-tables -ffunction-sections -I. -c "$work/lock.c" -o "$work/with.o"
    # shellcheck disable=SC2086
    works "$level: without it" $CC -std=c11 $level -fno-asynchronous-unwind-tables -ffunction-sections -I"$copy" -c "$work/lock.c" -o "$work/without.o"
    listing "$work/with.o" > "$work/with.txt"
    listing "$work/without.o" > "$work/without.txt"
    works "$level: there is something to compare" grep -qx gokore_mutex_unlock_slow_ "$work/with.txt"
    if $CC --version | grep -q clang; then
        skip "$level: the lock calls are the same instructions" "clang keeps room on the stack of the slow path for what it has removed"
    else
        same "$level: the lock calls are the same instructions" "$work/with.txt" "$work/without.txt"
    fi
    works "$level: no call of the checker" sh -c '! grep -E "gokore_(lockorder_|lock_(warm|cool)|wait_(begin|end|party|permits)|trace_|chain_|held_)" "$0"' "$work/with.txt"
done
finish
