# usage: run.sh RESULTS.tsv LABEL COMMAND...
# Runs a test program or script, shows one line, its skips and notes, and everything when it failed. The lines it
# writes to $TEST_RESULTS ("pass|fail|skip|other TAB name TAB seconds [TAB why]") are for sum.sh. Always ends with status 0.
results=$1 label=$2
shift 2
log=${results%.tsv}.log
mkdir -p "$(dirname "$results")"
: > "$results"
start=$(date +%s)
TEST_RESULTS=$results "$@" > "$log" 2>&1
status=$?
if [ $status -ne 0 ] && ! grep -q '^fail' "$results"; then
    printf 'fail\t%s\t0\n' "$label" >> "$results"
    echo "$label: exit status $status" >> "$log"
fi
line=$(awk -F '\t' -v s=$(($(date +%s) - start)) '
    { n[$1]++ }
    END {
        printf "%4d passed", n["pass"]
        if (n["fail"]) printf ", %d failed", n["fail"]
        if (n["skip"]) printf ", %d skipped", n["skip"]
        if (s) printf "  %d s", s
    }' "$results")
if grep -q '^fail' "$results"; then
    printf 'FAIL  %-40s %s\n%s\n' "$label" "$line" "$(cat "$log")"
else
    more=$(grep -E '^(skip|note) ' "$log")
    printf 'ok    %-40s %s\n%s' "$label" "$line" "${more:+$more
}"
fi
exit 0
