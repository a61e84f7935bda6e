# The definitions for Kubernetes and the loader give the same verdicts over good and bad objects, without a cluster.
# Needs python3 with jsonschema and yaml (Debian: python3-jsonschema python3-yaml). The rules are in CEL, which an engine
# from npm evaluates, where there is one; without it only the forms that crd.py knows are.
. tests/support/script.sh
python=
for candidate in /usr/bin/python3 python3; do
    [ -z "$python" ] && $candidate -c 'import jsonschema, yaml' 2> /dev/null && python=$candidate
done
if [ -z "$python" ]; then
    skip "verdicts" "python3 with jsonschema and yaml is not installed"
    finish
fi
works "verdicts of the definitions and of the loader" "$python" tests/check/crd.py "$BUILD/tools/gokore" "$work/objects" "$work/judged.json"
tail -n 1 "$work/output"
engine=$BUILD/npm
[ -d "$engine/node_modules/@bufbuild/cel" ] || ! command -v npm > /dev/null 2>&1 ||
    npm install --prefix "$engine" --no-audit --no-fund --ignore-scripts --fetch-retries=0 @bufbuild/cel@0.6.1 > "$work/npm.log" 2>&1
if [ ! -d "$engine/node_modules/@bufbuild/cel" ]; then
    skip "the rules by an engine of CEL" "no npm here, or it can't have @bufbuild/cel"
else
    works "the rules by an engine of CEL" node tests/check/cel.mjs "$(cd "$engine" && pwd)" "$work/judged.json"
    tail -n 1 "$work/output"
fi
finish
