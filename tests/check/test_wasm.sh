# The headers and tests for WebAssembly with threads, with Emscripten, run by node. Installs nothing: `make cross` does, and runs
# this. What it shows is the platform POSIX on a libc of another kind, with 32-bit pointers; threads are node's workers, and the
# engine makes every atomic operation sequentially consistent.
. tests/support/script.sh
CC=emcc
NODE_PATH=${NODE_PATH:-/usr/share/nodejs} # where Debian's acorn lies, also for a node that is not Debian's
export NODE_PATH
for tool in emcc node; do
    command -v $tool > /dev/null 2>&1 || { skip "WebAssembly" "no $tool; make cross"; finish; }
done
node="node --no-experimental-fetch" # node's own fetch makes Emscripten 3.1.6 take it for a browser
$node -e 0 2> /dev/null || node=node
absent="-include tests/support/wasm/posix.h -DTEST_SYSTEM=\"WebAssembly\"" # for the tests, not for the headers
link="-O2 -pthread -sPROXY_TO_PTHREAD -sEXIT_RUNTIME=1 -sINITIAL_MEMORY=512MB -sNODERAWFS=1 -sABORTING_MALLOC=0"

printf '%s\n' '#include <pthread.h>' 'static void *run(void *p) { return p; }' \
    'int main(void) { pthread_t t; return pthread_create(&t, 0, run, 0) || pthread_join(t, 0); }' > "$work/probe.c"
$CC $link "$work/probe.c" -o "$work/probe.js" > "$work/output" 2>&1 &&
    timeout 120 $node "$work/probe.js" >> "$work/output" 2>&1 ||
    { skip "WebAssembly" "programs with threads don't build or run: $(tail -n 1 "$work/output")"; finish; }

# ---- the headers
{ echo '#define GOKORE_IMPLEMENTATION'; for h in $HEADERS; do echo "#include \"$h\""; done; } > "$work/implementation.c"
for h in $HEADERS; do
    echo "#include \"$h\"" > "$work/alone.c"
    works "$h declares alone" cc_strict -pthread -fsyntax-only "$work/alone.c"
    printf '#define GOKORE_IMPLEMENTATION\n#include "%s"\nint main(void) { return gokore_version()[0] == 0; }\n' "$h" > "$work/alone.c"
    works "$h implements alone and links" cc_strict -pthread -o "$work/alone.js" "$work/alone.c"
done
for flags in "-O2" "-O0" "-O3 -DNDEBUG" "-O2 -DGOKORE_STATIC=1" \
    "-O2 -DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1 -DGOKORE_ATOMIC_COUNT=1 -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1"; do
    works "implementation $flags" cc_strict -pthread $flags -c -o "$work/implementation.o" "$work/implementation.c"
done
refused "GOKORE_FUTEX=1 is refused" "GOKORE_FUTEX must be 0 here" cc_strict -pthread -DGOKORE_FUTEX=1 -fsyntax-only "$work/implementation.c"

# ---- the tests
compile() { # FILE [FLAG...]: strictly, into the variant's folder
    file=$1
    shift
    works "$variant: $file compiles" cc_strict $flags -O2 -pthread -DTEST_DATA_DIRECTORY="\"$top/tests/data\"" "$@" \
        -c -o "$work/$variant/$(basename "$file" .c).o" "$file"
}
run_tests() { # PROGRAM: each test in a process of its own, which the runner can't start here
    timeout 120 $node "$1" --list > "$work/names" 2> "$work/output" || { fail "$variant: $1 lists its tests" "$work/output"; return; }
    while read -r name; do
        timeout 300 $node "$1" --no-fork "$name" > "$work/log" 2>&1 < /dev/null
        case "$?: $(grep '^[0-9]* passed, ' "$work/log" | tail -n 1)" in
            "0: 1 passed, 0 failed") pass "$variant: $name" ;;
            "0: 0 passed, 0 failed") other=$((other + 1)) ;;
            # whatever threads do under which the program ends
            *": 0 passed, 0 failed, 1 skipped") skip "$variant: $name" "$(sed -n "s/^skip  $name: //p" "$work/log")" ;;
            *) fail "$variant: $name" "$work/log" ;;
        esac
    done < "$work/names"
}
other=0 # tests for other systems and variants
variant() { # NAME FLAGS TESTS...
    variant=$1 flags=$2
    shift 2
    mkdir "$work/$variant"
    compile tests/support/implementation.c && compile tests/support/test.c && compile tests/support/absent.c $absent || return
    emar rcs "$work/$variant/libgokore.a" "$work/$variant/implementation.o" # left out where a test holds its own
    for t in "$@"; do
        compile "tests/test_$t.c" $absent || continue
        works "$variant: test_$t links" $CC $link -o "$work/$variant/test_$t.js" "$work/$variant/test_$t.o" "$work/$variant/test.o" \
            "$work/$variant/absent.o" "$work/$variant/libgokore.a" || continue
        run_tests "$work/$variant/test_$t.js"
    done
}
variant plain "" parking atomic validation waiting sync sync_locks channel pool policy
variant checked "-DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1 -DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1" sync
echo "$other more are for other systems or builds with other options"
finish
