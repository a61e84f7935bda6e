# Which branches of each header the tests reach, by gcc's --coverage and gcovr (Debian: gcovr). COVERAGE_VARIANTS (plain checked
# deny abort metrics portable). Results: BUILD/coverage/branches.txt, and missed.txt with the lines whose branches were not all taken.
. tests/support/script.sh
if ! command -v gcovr > /dev/null 2>&1; then
    skip "branches" "no gcovr here"
    finish
fi
out=$BUILD/coverage
mkdir -p "$out"
rm -rf "$out/results"
find "$out" -name '*.gcda' -exec rm -f {} +
works "the tests run" "${MAKE:-make}" --no-print-directory BUILD="$out" CC=gcc CFLAGS="-O1 -g --coverage -fprofile-update=atomic" \
    VARIANTS="${COVERAGE_VARIANTS:-plain checked deny abort metrics portable}" SCRIPTS=tests/tools/test_gokore.sh TESTARGS="--timeout 300" results
report() { gcovr --root . --object-directory "$out/objects" --filter 'gokore_[a-z]*\.h' --exclude-unreachable-branches "$@" "$out/objects"; }
report --branches --txt "$out/branches.txt" > "$work/output" 2>&1
report --json "$out/all.json" >> "$work/output" 2>&1
works "there are figures" grep -q gokore_sync.h "$out/branches.txt"
python3 - "$out/all.json" > "$out/missed.txt" 2>> "$work/output" << 'LINES' || true
import json, sys
for f in json.load(open(sys.argv[1]))["files"]:
    for line in f["lines"]:
        missed = sum(1 for b in line["branches"] if b["count"] == 0)
        if missed:
            print("%s:%d: %d of %d branches not taken" % (f["file"], line["line_number"], missed, len(line["branches"])))
LINES
grep -E '^gokore|^TOTAL|^File' "$out/branches.txt"
echo "what is missed: $out/missed.txt ($(wc -l < "$out/missed.txt") lines)"
finish
