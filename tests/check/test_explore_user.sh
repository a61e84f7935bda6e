# GOKORE_EXPLORE=1 for a program of one's own: tests/explore/explore.sh on a copy of it elsewhere, as it is, and with each bug that
# it holds: it is named, shown step by step, and the printed command repeats it.
. tests/support/script.sh
if ! command -v objcopy > /dev/null 2>&1 || ! echo 'int main(void) { return 0; }' | $CC -x c -fsanitize=thread -no-pie -c -o "$work/probe.o" - 2> /dev/null; then
    skip "a program of one's own" "no objcopy, or $CC has no -fsanitize=thread"
    finish
fi
mkdir -p "$work/theirs/explorer"
cp tests/explore/explore.h tests/explore/explore.sh "$work/theirs"
cp tests/explore/explorer/* "$work/theirs/explorer"
cp tests/explore/example/settings.c "$work/theirs"
user() { # FLAG [OPTION...]
    flag=$1
    shift
    (cd "$work/theirs" && GOKORE=$top BUILD=out CC=$CC sh ./explore.sh settings.c "$flag" -- --runs 2000 --most 5000 --seed 1 "$@")
}
found() { # BUG SCENARIO TEXT PLACE: what is found says TEXT, its trace shows PLACE, and can be repeated
    refused "BROKEN=$1 is found" "$3" user "-DBROKEN=$1"
    cp "$work/output" "$work/found"
    works "BROKEN=$1: the trace shows $4" grep -q "$4" "$work/found"
    again=$(sed -n 's/^ *again: //p' "$work/found" | head -n 1)
    # shellcheck disable=SC2086
    works "BROKEN=$1: the printed command names the scenario" test "$(echo $again | cut -d' ' -f2)" = "$2"
    (cd "$work/theirs" && eval "$again") > "$work/repeated" 2>&1
    sed -n '/^    .*[a-z]/p' "$work/found" > "$work/trace"
    sed -n '/^    .*[a-z]/p' "$work/repeated" > "$work/trace again"
    same "BROKEN=$1: and repeats it step by step" "$work/trace" "$work/trace again"
}
works "the program as it is passes" user -DBROKEN=0
found 1 settings.are_whole_for_everybody "data race" "settings.c:[0-9]* settings_get"
found 2 box.every_letter_arrives "deadlock" " T[0-9] wakes "
cat > "$work/theirs/own.c" << 'OWN'
#define GOKORE_IMPLEMENTATION
#include "gokore_sync.h"
#include "explore.h"
static _Atomic int n;
SCENARIO(own, atomic_of_another_kind, .bound = 1) { n++; }
OWN
own() { (cd "$work/theirs" && GOKORE=$top BUILD=out CC=$CC sh ./explore.sh own.c); }
refused "an atomic that the explorer can't see does not link, and is explained" "is an atomic operation that is not gokore_atomic's" own
finish
