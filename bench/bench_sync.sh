#!/bin/sh
# Locks, contexts, conditions, semaphores beside pthread, nsync, Abseil and ck, in one run: ratios beside their targets.
# Arguments choose among the parts (see sync/main.c). Each library's calls are compiled in a file of their own.
BUILD=${BUILD:-build}
CC=${CC:-cc}
CXX=${CXX:-c++}
CFLAGS=${CFLAGS:--O2 -g}
CSTD=${CSTD:--std=c11}
here=$(dirname "$0")
out=$BUILD/bench/sync
mkdir -p "$out" || exit 1

compile() { # object, source, further flags
    o=$1 s=$2
    shift 2
    $CC $CSTD $STRICT $CPPFLAGS $CFLAGS -pthread "$@" -c -o "$out/$o.o" "$s" || exit 1
    objects="$objects $out/$o.o"
}
has() { echo "#include <$1>" | $CC $CPPFLAGS -E - > /dev/null 2>&1; }
objects= libraries=
compile implementation "$here/../tests/support/implementation.c"
for part in main gokore gokore_more gokore_static pthread; do compile "$part" "$here/sync/$part.c"; done
strict=$STRICT STRICT= # not ours
if has nsync.h; then
    compile nsync "$here/sync/nsync.c"
    libraries="$libraries -lnsync"
fi
has ck_spinlock.h && compile ck "$here/sync/ck.c"
STRICT=$strict
link=$CC
if pkg-config --exists absl_synchronization 2>/dev/null && $CXX --version > /dev/null 2>&1; then
    $CXX -std=c++17 -DNDEBUG $CFLAGS -pthread $(pkg-config --cflags absl_synchronization) -c -o "$out/absl.o" "$here/sync/absl.cc" || exit 1
    objects="$objects $out/absl.o" libraries="$libraries $(pkg-config --libs absl_synchronization)" link=$CXX
fi
$link $CFLAGS -pthread $LDFLAGS -o "$out/bench" $objects $libraries || exit 1
"$out/bench" "$@"
