# The manifest readers under libFuzzer with sanitizers, from the tests' own files and tests/fuzz/corpus: FUZZ_SECONDS (60);
# FUZZ_CORPUS keeps what was found for the next run.
. tests/support/script.sh
if ! command -v clang > /dev/null 2>&1 || ! echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' > "$work/probe.c" ||
    ! clang -fsanitize=fuzzer "$work/probe.c" -o "$work/probe" > /dev/null 2>&1; then
    skip "readers" "clang with libFuzzer is not installed"
    finish
fi
works "the target builds" clang -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I. -o "$work/fuzz" tests/fuzz/fuzz_policy.c -pthread
corpus=${FUZZ_CORPUS:-$work/corpus}/policy
mkdir -p "$corpus" "$work/seeds"
for f in tests/data/policies/*.yaml deploy/policies/*.yaml deploy/k8s/*.yaml; do { printf 0; cat "$f"; } > "$work/seeds/$(basename "$f")"; done
for f in tests/data/policies/*.json; do { printf 1; cat "$f"; } > "$work/seeds/$(basename "$f")"; done
# the texts of the unit tests, as they stand in their source
grep -o '"[^"]*\\n"' tests/test_policy.c | sort -u | sed 's/^"//; s/"$//' | head -n 400 | while IFS= read -r line; do
    n=$((${n:-0} + 1))
    printf "0$(printf '%s' "$line" | sed 's/%/%%/g')" > "$work/seeds/unit-$n" 2> /dev/null
done
printf '%s\n' '"---"' '"..."' '"- "' '": "' '"? "' '"|"' '">"' '"|+"' '">-"' '"|2"' '"#"' '"&a"' '"*a"' '"!!str"' '"<<"' '"%YAML"' '"~"' '"null"' \
    '"true"' '"hierarchyRules"' '"qosClass"' '"retryPolicy"' '"numaAffinity"' '"500ms"' '"15%"' '"\\u00e9"' '"\\x85"' '"\xef\xbb\xbf"' '"\x0d\x0a"' > "$work/words"
works "no crash, no leak, nothing read differently" "$work/fuzz" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=60 -rss_limit_mb=1024 \
    -max_len=8192 -dict="$work/words" -artifact_prefix="$work/" -print_final_stats=1 "$corpus" "$work/seeds" tests/fuzz/corpus/policy
grep -E 'number_of_executed_units|^#.*DONE' "$work/output" | sed 's/^/    /'
finish
