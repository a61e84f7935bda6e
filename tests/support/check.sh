# usage: check.sh NAME BUILD    environment: CC CFLAGS, and VARIANTS TESTS SCRIPTS TESTARGS where they differ from the Makefile
# Runs all tests in another configuration, below BUILD. Where a program of this configuration can't be built or run,
# that is a skip with its reason. Always ends with status 0: what failed stands in BUILD/results.
name=$1 build=$2
mkdir -p "$build/results"
results=$build/results/configuration.tsv
: > "$results"

skip() {
    printf 'skip\t%s\t0\t%s\n' "$name" "$1" >> "$results"
    echo "skip  $name: $1"
    exit 0
}
command -v "$CC" > /dev/null 2>&1 || skip "no $CC here"
cat > "$build/probe.c" << 'PROBE'
#include <pthread.h>
#include <stddef.h>
static void *run(void *p) { return p; }
int main(void) {
    pthread_t t;
    return pthread_create(&t, NULL, run, NULL) != 0 || pthread_join(t, NULL) != 0;
}
PROBE
# shellcheck disable=SC2086
$CC $CFLAGS -pthread "$build/probe.c" -o "$build/probe" 2> "$build/probe.log" ||
    skip "$CC can't build with '$CFLAGS': $(head -n 1 "$build/probe.log")"
runner=
if ! "$build/probe" 2> "$build/probe.log"; then
    # ThreadSanitizer of older compilers does not know the address layouts of newer kernels.
    runner="setarch -R"
    $runner "$build/probe" 2>> "$build/probe.log" || skip "its programs don't run: $(head -n 1 "$build/probe.log")"
fi

export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=allocator_may_return_null=1
export MSAN_OPTIONS=allocator_may_return_null=1
export TSAN_OPTIONS=allocator_may_return_null=1:second_deadlock_stack=1
set -- BUILD="$build" CC="$CC" CFLAGS="$CFLAGS" RUNNER="$runner"
[ -z "${VARIANTS+x}" ] || set -- "$@" VARIANTS="$VARIANTS"
[ -z "${TESTS+x}" ] || set -- "$@" TESTS="$TESTS"
[ -z "${SCRIPTS+x}" ] || set -- "$@" SCRIPTS="$SCRIPTS"
[ -z "${TESTARGS+x}" ] || set -- "$@" TESTARGS="$TESTARGS"
unset VARIANTS SCRIPTS TESTARGS
"${MAKE:-make}" --no-print-directory "$@" results || printf 'fail\t%s: does not build\t0\n' "$name" >> "$results"
exit 0
