#!/bin/sh
# Locks, contexts, conditions, semaphores beside pthread, nsync, Abseil and ck, in one run: ratios beside their targets.
# Arguments choose among the parts (see sync/main.c). Each library's calls are compiled in a file of their own.
name=sync
. "$(dirname "$0")/parts.sh"
has() { echo "#include <$1>" | $CC $CPPFLAGS -E - > /dev/null 2>&1; }
libraries=
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
