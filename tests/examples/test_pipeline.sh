# The pipeline: counts what the shell counts, with and without a stall, and ends with a partial result when it is stopped.
. tests/support/script.sh
limit=$(command -v timeout) && limit="$limit 120"
pipeline=$BUILD/examples/pipeline
[ -f "$pipeline" ] || { skip "pipeline" "examples/pipeline.c is not there"; finish; }

mkdir -p "$work/tree/deep/er" "$work/tree/.hidden" "$work/tiny" "$work/none"
cp tests/*.c "$work/tree"
cp gokore_atomic.h gokore_policy.h gokore_pool.h "$work/tree/deep"
cp gokore_lockorder.h "$work/tree/deep/er"
echo "hidden hidden hidden" > "$work/tree/.hidden/text"
printf 'binary binary\0binary' > "$work/tree/binary"
: > "$work/tree/empty"
ln -s . "$work/tree/deep/loop"
awk 'BEGIN { for (i = 0; i < 30000; i++) printf "%s", i % 3 ? "abcdefghij" : "Lamp, lamp;" }' > "$work/tree/long" # words across blocks
echo "one One two" > "$work/tiny/text"

cat $(find "$work/tree" -type f ! -path '*/.*' ! -name binary) /dev/null | tr 'A-Z' 'a-z' | tr -cs 'a-z' '\n' | grep . > "$work/words"
{ sort "$work/words" | uniq -c | awk '{ print $1 "\t" $2 }' | LC_ALL=C sort -k1,1nr -k2,2 | head -n 500
  echo "$(wc -l < "$work/words" | tr -d ' ') words, $(sort -u "$work/words" | wc -l | tr -d ' ') different"; } > "$work/wanted"

$limit "$pipeline" --top 500 "$work/tree" > "$work/got" 2> "$work/err"
same "pipeline counts what the shell counts" "$work/wanted" "$work/got"
none "pipeline says nothing when all is well" cat "$work/err"
$limit "$pipeline" --top 500 --stall "$work/tree" > "$work/got" 2> "$work/err"
same "pipeline loses nothing over a stall" "$work/wanted" "$work/got"
works "pipeline tells which channel stands still" grep -q "'block_channel' stands still for .*: [1-4] of 4 items inside" "$work/err"
works "pipeline tells what it does about it" grep -q "a new one takes over" "$work/err"
$limit "$pipeline" --channels "$work/tiny" > "$work/got"
printf '2\tone\n1\ttwo\n3 words, 2 different\n' > "$work/wanted"
head -n 3 "$work/got" > "$work/begin"
same "pipeline of one small file" "$work/wanted" "$work/begin"
works "pipeline --channels shows each one" awk -F '\t' '$1 == "paths" || $1 == "blocks" || $1 == "tables" { n += $2 == 1 && $3 == 1 } END { exit n != 3 }' "$work/got"
$limit "$pipeline" "$work/none" > "$work/got"
echo "0 words, 0 different" > "$work/wanted"
same "pipeline of an empty directory" "$work/wanted" "$work/got"

partial() { # NAME STATUS WORDS: what a stopped run left in $work/got, and its status in $status
    { echo "status $status, expected $2, and '$3' in:"; cat "$work/got" "$work/err"; } > "$work/output"
    if [ $status -eq "$2" ] && grep -q "^partial result: $3" "$work/got"; then pass "$1"; else fail "$1" "$work/output"; fi
}
$limit "$pipeline" --stall --timeout 50 "$work/tiny" > "$work/got" 2> "$work/err" # its only block is in the hands of a counter that hangs
status=$?
partial "pipeline --timeout ends with a partial result" 124 "stopped by --timeout"
"$pipeline" --stall "$work/tiny" > "$work/got" 2> "$work/err" &
sleep 1
kill -INT $!
wait $!
status=$?
partial "pipeline ends with a partial result when it is interrupted" 130 "interrupted"

bad() { # NAME ARGUMENTS...: one line, status 2
    name=$1
    shift
    $limit "$pipeline" "$@" > "$work/out" 2> "$work/err"
    status=$?
    { echo "status $status, expected 2, and one line on stderr:"; cat "$work/err"; } > "$work/output"
    if [ $status -eq 2 ] && [ "$(wc -l < "$work/err")" -eq 1 ]; then pass "$name"; else fail "$name" "$work/output"; fi
}
bad "pipeline: a directory that is not there" "$work/no such directory"
bad "pipeline: a file" Makefile
bad "pipeline: an option it does not know" --bogus
bad "pipeline: no number" --top many
bad "pipeline: two directories" tests bench
finish
