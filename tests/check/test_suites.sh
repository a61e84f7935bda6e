# Readers of YAML and JSON against public test suites, whose data is not part of this project: give their places, as in
#   make check YAML_TEST_SUITE=../yaml-test-suite JSON_TEST_SUITE=../JSONTestSuite
# YAML_TEST_SUITE: a checkout of the data branch of yaml-test-suite. JSON_TEST_SUITE: one of JSONTestSuite.
. tests/support/script.sh
python=$(command -v /usr/bin/python3 || command -v python3)
suite() { # KIND VARIABLE DIRECTORY
    if [ -z "$3" ]; then
        skip "$1" "$2 names no directory"
    elif [ -z "$python" ]; then
        skip "$1" "python3 is not installed"
    else
        works "$1" "$python" tests/check/suites.py "$BUILD/tools/gokore" "$1" "$3"
        tail -n 1 "$work/output"
    fi
}
suite yaml YAML_TEST_SUITE "${YAML_TEST_SUITE:-}"
suite json JSON_TEST_SUITE "${JSON_TEST_SUITE:-}"
finish
