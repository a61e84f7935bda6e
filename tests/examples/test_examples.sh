# The example programs: each one that takes no arguments runs to its end, and the main job prints what another reader
# of the same capture counted. Built by make before this script runs.
. tests/support/script.sh
limit=$(command -v timeout) && limit="$limit 120"

for source in examples/*.c; do
    name=$(basename "$source" .c)
    [ "$name" = packets ] || [ ! -f "$source" ] || works "$name runs" $limit "$BUILD/examples/$name"
done

packets=$BUILD/examples/packets
[ -f "$packets" ] || { skip "packets" "examples/packets.c is not there"; finish; }
capture=tests/data/loopback.pcap
grep '^[a-z]' tests/data/loopback.conversations.tsv | grep -v '^protocol' | sort > "$work/wanted"
for workers in 1 2 8; do
    works "packets, $workers workers" $limit "$packets" --workers $workers $capture
    "$packets" --workers $workers --conversations $capture | awk -F '\t' 'NF == 6 && $1 != "protocol"' | sort > "$work/got"
    same "packets, $workers workers: conversations" "$work/wanted" "$work/got"
done
works "packets --json" sh -c '"$0" --json "$1" > "$2"' "$packets" $capture "$work/results.json"
works "packets --json begins and ends as JSON" awk 'NR == 1 { ok = /^[{]/ } { last = $0 } END { exit !(ok && last ~ /[}]$/) }' "$work/results.json"
$limit "$packets" --lock-order=wrong $capture > "$work/wrong" 2>&1
works "packets --lock-order=wrong shows a report" grep -E 'LOCK_(ORDER|INVERSION)' "$work/wrong"

bad() { # NAME ARGUMENTS...: one line, status 2
    name=$1
    shift
    $limit "$packets" "$@" > "$work/out" 2> "$work/err"
    status=$?
    { echo "status $status, expected 2, and one line on stderr:"; cat "$work/err"; } > "$work/output"
    if [ $status -eq 2 ] && [ "$(wc -l < "$work/err")" -eq 1 ]; then pass "$name"; else fail "$name" "$work/output"; fi
}
head -c 1000 $capture > "$work/cut.pcap"
bad "packets: a capture that is not there" "$work/no such file"
bad "packets: a capture that is none" Makefile
bad "packets: a capture cut short" "$work/cut.pcap"
bad "packets: a directory" tests
bad "packets: no capture"
bad "packets: an option it does not know" --bogus $capture
bad "packets: no workers" --workers 0 $capture
bad "packets: a timeout without a unit" --timeout 5 $capture
bad "packets: a policy that is not there" --policy "$work/no such file" $capture
printf 'apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: x}\nspec:\n  qosClass: guaranteed\n' > "$work/bad.yaml"
$limit "$packets" --policy "$work/bad.yaml" $capture > "$work/out" 2> "$work/err"
[ $? -eq 2 ] || echo "status is not 2" >> "$work/err"
works "packets: a policy with an error is told with line and column" grep -q "bad.yaml:5:13: error: qosClass" "$work/err"

partial() { # NAME STATUS WORDS: what a stopped replay left in $work/out, and its status in $status
    { echo "status $status, expected $2, and '$3' in:"; cat "$work/out" "$work/err"; } > "$work/output"
    if [ $status -eq "$2" ] && grep -q "^partial result: $3" "$work/out"; then pass "$1"; else fail "$1" "$work/output"; fi
}
$limit "$packets" --repeat 0 --timeout 200ms $capture > "$work/out" 2> "$work/err"
status=$?
partial "packets --timeout ends with a partial result" 124 "stopped by --timeout"
"$packets" --repeat 0 $capture > "$work/out" 2> "$work/err" &
sleep 1
kill -INT $!
wait $!
status=$?
partial "packets ends with a partial result when it is interrupted" 130 "interrupted"
finish
