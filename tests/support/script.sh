# script.sh - what every test script begins with: . tests/support/script.sh
# Checks are counted and, when they fail, shown with what the command printed. Run from the project's top, by make or
# by hand. Gives $CC, $CXX (empty where there is no C++ compiler), $STRICT, $HEADERS, $work (an empty directory).
set -u
CC=${CC:-cc}
BUILD=${BUILD:-build}
CFLAGS=${CFLAGS:-}
STRICT="${STRICT:--Wall -Wextra} -Werror"
HEADERS=$(echo gokore*.h)
suite=$(basename "$0" .sh)
suite=${suite#test_}
top=$(pwd)
work=$BUILD/scripts/$suite
rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)
passed=0 failed=0 skipped=0

find_cxx() {
    for candidate in ${CXX:-} c++ g++ clang++; do
        echo 'int main() { return 0; }' > "$work/probe.cc"
        # shellcheck disable=SC2086
        if command -v "$candidate" && $candidate -std=c++17 "$work/probe.cc" -o "$work/probe"; then break; fi
    done 2>/dev/null | tail -n 1
}

result() { # pass|fail|skip NAME [WHY]
    [ -z "${TEST_RESULTS:-}" ] || printf '%s\t%s.%s\t0\t%s\n' "$1" "$suite" "$2" "${3:-}" >> "$TEST_RESULTS"
}
pass() {
    passed=$((passed + 1))
    result pass "$1"
}
fail() { # NAME FILE: shows the file
    failed=$((failed + 1))
    result fail "$1"
    echo "FAIL  $suite: $1"
    head -n 15 "$2" | sed 's/^/    /'
    return 1
}
skip() { # NAME WHY
    skipped=$((skipped + 1))
    result skip "$1" "$2"
    echo "skip  $suite: $1: $2"
}
works() { # NAME COMMAND...: the command ends with status 0
    title=$1
    shift
    if "$@" > "$work/output" 2>&1; then pass "$title"; else echo "+ $*" >> "$work/output"; fail "$title" "$work/output"; fi
}
refused() { # NAME TEXT COMMAND...: the command fails and prints TEXT
    title=$1 text=$2
    shift 2
    if "$@" > "$work/output" 2>&1; then
        echo "accepted, expected '$text': $*" >> "$work/output"
        fail "$title" "$work/output"
    elif grep -qF -- "$text" "$work/output"; then
        pass "$title"
    else
        echo "failed, but without '$text': $*" >> "$work/output"
        fail "$title" "$work/output"
    fi
}
none() { # NAME COMMAND...: the command prints nothing, whatever its status
    title=$1
    shift
    "$@" > "$work/output" 2>&1
    if [ -s "$work/output" ]; then fail "$title" "$work/output"; else pass "$title"; fi
}
same() { # NAME WANTED GOT: two files are equal
    works "$1" diff "$2" "$3"
}
finish() {
    echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
    [ $failed -eq 0 ] && rm -rf "$work"
    [ $failed -eq 0 ]
    exit
}
# Compiles one file, strictly and with the project's top on the include path: cc_strict FLAGS... FILE
cc_strict() { $CC ${CSTD:--std=c11} $STRICT -I"$top" "$@"; }
# Compiles and links FILE with the flags of the build (sanitizers), and runs it: cc_run FLAGS... FILE
cc_run() { $CC ${CSTD:--std=c11} $STRICT -I"$top" $CFLAGS -o "$work/program" "$@" -pthread -lm && "$work/program"; }
