# Race detectors understand the library: nothing to say of a program that shares data under every primitive, and loud on the
# same program with one datum under none. TSan as it is, helgrind with GOKORE_HELGRIND=1.
. tests/support/script.sh

detector() { # NAME BUILD RUN: commands; $racy and $program are set
    for racy in 0 1; do
        program=$work/program_$racy
        if ! eval "$2" > "$work/output" 2>&1; then
            skip "$1" "it can't be used here: $(head -n 1 "$work/output")"
            return
        fi
    done
    program=$work/program_0
    works "$1 is silent on locks, conditions, channels and atomics" eval "$3"
    program=$work/program_1
    refused "$1 is loud where a lock is missing" "race.c" eval "$3"
}
for cc in gcc clang; do
    command -v $cc > /dev/null 2>&1 || { skip "$cc -fsanitize=thread" "no $cc"; continue; }
    detector "$cc -fsanitize=thread" '$cc -std=c11 -w -O1 -g -I. -DRACY=$racy -fsanitize=thread -pthread -o "$program" tests/check/race.c' '$program'
done
if command -v valgrind > /dev/null 2>&1; then
    detector helgrind '$CC -std=c11 -O1 -g -I. -DRACY=$racy -DGOKORE_HELGRIND=1 -pthread -o "$program" tests/check/race.c' \
        'valgrind --tool=helgrind --error-exitcode=9 $program'
else
    skip helgrind "no valgrind"
fi
finish
