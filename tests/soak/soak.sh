# Runs tests/soak/soak.c for SECONDS (600): three quarters of it as it is shipped, with the checkers on, and a quarter under
# ThreadSanitizer, where the compiler has it. SOAK_SEED repeats the schedule of signals and choices, as far as threads allow.
. tests/support/script.sh
seconds=${SECONDS:-600}
soak() { # NAME SECONDS FLAGS...
    name=$1 long=$2
    shift 2
    # shellcheck disable=SC2086
    if ! $CC -std=c11 $STRICT -I. "$@" -o "$work/soak" tests/soak/soak.c -pthread > "$work/output" 2>&1 ||
        ! echo 'int main(void) { return 0; }' | $CC -x c "$@" -w -o "$work/probe" - 2> /dev/null || ! "$work/probe" 2> /dev/null; then
        skip "$name" "it can't be built or run with $*: $(head -n 1 "$work/output")"
        return
    fi
    works "$name: $long s, every ledger balances" "$work/soak" "$long" ${SOAK_SEED:-}
    sed 's/^/    /' "$work/output"
}
soak "as it is" $(((seconds + 1) / 2)) -O2 -g
soak "checked" $(((seconds + 3) / 4)) -O2 -g -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1 -DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1
soak "ThreadSanitizer" $(((seconds + 3) / 4)) -O1 -g -fsanitize=thread -Wno-unknown-warning-option -Wno-tsan
finish
