# The dining philosophers: they hang for certain, it is explained, and all have eaten at the end. Built by make before this runs.
. tests/support/script.sh
limit=$(command -v timeout) && limit="$limit 60"
deadlock=$BUILD/examples/deadlock
[ -x "$deadlock" ] || { skip "deadlock" "examples/deadlock.c is not built"; finish; }

for count in 2 3 5 20; do
    $limit "$deadlock" --philosophers $count --meals 2 > "$work/out" 2> "$work/err"
    status=$?
    { echo "status $status, expected 0:"; tail -n 5 "$work/out"; cat "$work/err"; } > "$work/output"
    if [ $status -eq 0 ]; then pass "deadlock, $count philosophers: the program goes on"; else fail "deadlock, $count philosophers: the program goes on" "$work/output"; fi
    works "deadlock, $count philosophers: all have eaten" grep -q "^$count philosophers ate $((2 * count)) meals; deadlocks: [1-9]" "$work/out"
    works "deadlock, $count philosophers: warned before" grep -q "a warning: lock order inversion: 'fork " "$work/out"
    works "deadlock, $count philosophers: explained" grep -q "A DEADLOCK: deadlock of $count threads: thread " "$work/out"
done
works "deadlock: what was held and what was wanted" grep -q "holding 'fork 3', 'fork 4' was wanted by thread [0-9]" "$work/out"
works "deadlock --graph dot marks the cycle" sh -c '"$0" --graph dot | grep "n4 -> n0 .*color=red"' "$deadlock"
works "deadlock --graph mermaid marks the cycle" sh -c '"$0" --graph mermaid | grep "n4 -.->|[0-9]*| n0"' "$deadlock"
works "deadlock --graph json marks the cycle" sh -c '"$0" --graph json | grep "\"from\":4,\"to\":0,\"weight\":[0-9]*,\"cycle\":true"' "$deadlock"

for bad in "--philosophers 1" "--philosophers 65" "--meals 0" "--graph png" "--meals" "--bogus 1"; do
    # shellcheck disable=SC2086
    $limit "$deadlock" $bad > "$work/out" 2> "$work/err"
    status=$?
    { echo "status $status, expected 2, and one line on stderr:"; cat "$work/err"; } > "$work/output"
    if [ $status -eq 2 ] && [ "$(wc -l < "$work/err")" -eq 1 ]; then pass "deadlock $bad"; else fail "deadlock $bad" "$work/output"; fi
done
finish
