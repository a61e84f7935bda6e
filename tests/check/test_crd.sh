# The definitions for Kubernetes and the loader give the same verdicts over good and bad objects, without a cluster.
# Needs python3 with jsonschema and yaml (Debian: python3-jsonschema python3-yaml).
. tests/support/script.sh
python=
for candidate in /usr/bin/python3 python3; do
    [ -z "$python" ] && $candidate -c 'import jsonschema, yaml' 2> /dev/null && python=$candidate
done
if [ -z "$python" ]; then
    skip "verdicts" "python3 with jsonschema and yaml is not installed"
    finish
fi
works "verdicts of the definitions and of the loader" "$python" tests/check/crd.py "$BUILD/tools/gokore" "$work/objects"
tail -n 1 "$work/output"
finish
