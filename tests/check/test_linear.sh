# The readers' time is in proportion to the text. Needs valgrind and python3.
. tests/support/script.sh
python=$(command -v /usr/bin/python3 || command -v python3)
if [ -z "$python" ] || ! command -v valgrind > /dev/null 2>&1; then
    skip "instructions" "valgrind or python3 is not installed"
else
    works "instructions grow with the text, not with its square" "$python" tests/check/linear.py "$BUILD/tools/gokore" "$work/texts"
    tail -n 1 "$work/output"
fi
finish
