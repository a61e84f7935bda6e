# Race detectors understand the library: nothing to say of a program that shares data under every primitive, and loud on the
# same program with one datum under none. TSan as it is, and with mutexes that it is told of (then it finds their wrong order, too),
# helgrind with GOKORE_HELGRIND=1.
. tests/support/script.sh

program=$work/program
detector() { # NAME BUILD RUN [ORDERS]: commands. ORDERS: it knows of locks
    if ! eval "$2" > "$work/output" 2>&1; then
        skip "$1" "it can't be used here: $(head -n 1 "$work/output")"
        return
    fi
    works "$1 is silent on locks, conditions, channels and atomics" $3
    refused "$1 is loud where a lock is missing" "race.c" $3 1
    if [ -n "${4:-}" ]; then
        refused "$1 is loud where two locks are taken in both orders" "lock-order-inversion" $3 2
    else
        works "$1 knows nothing of the order of locks" $3 2
    fi
}
for cc in gcc clang; do
    command -v $cc > /dev/null 2>&1 || { skip "$cc -fsanitize=thread" "no $cc"; continue; }
    for annotated in 0 1; do
        detector "$cc -fsanitize=thread$([ $annotated = 0 ] || echo ' with annotated mutexes')" \
            '$cc -std=c11 -w -O1 -g -I. -DANNOTATED=$annotated -fsanitize=thread -pthread -o "$program" tests/check/race.c' \
            "$program" "$([ $annotated = 0 ] || echo orders)"
    done
done
if command -v valgrind > /dev/null 2>&1; then
    detector helgrind '$CC -std=c11 -O1 -g -I. -DGOKORE_HELGRIND=1 -pthread -o "$program" tests/check/race.c' \
        "valgrind --tool=helgrind --error-exitcode=9 $program"
else
    skip helgrind "no valgrind"
fi
finish
