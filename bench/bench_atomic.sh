#!/bin/sh
# ns per atomic operation: builtin, ours, ours counted and checked, C11, ck_pr, std::atomic; fetch_add against gokore_counter.
# The parts of atomic.c are compiled with different options, which the Makefile's one object per bench program can't be.
name=atomic
. "$(dirname "$0")/parts.sh"
compile implementation "$here/../tests/support/implementation.c"
compile main "$here/atomic.c"
for part in 1 2 3 4 5 8; do compile "part$part" "$here/atomic.c" -DPART=$part; done
if echo '#include <ck_pr.h>' | $CC $CPPFLAGS -E - > /dev/null 2>&1; then
    strict=$STRICT STRICT= # not ours
    compile part6 "$here/atomic.c" -DPART=6
    STRICT=$strict
fi
if echo '#include <atomic>' | $CXX -E -x c++ - > /dev/null 2>&1; then
    $CXX -std=c++17 $CFLAGS -pthread -c -o "$out/part7.o" "$here/atomic.cc" || exit 1
    objects="$objects $out/part7.o"
fi
$CC $CFLAGS -pthread $LDFLAGS -o "$out/bench" $objects || exit 1
"$out/bench"
