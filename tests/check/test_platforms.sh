# Other systems, as far as it goes here: the declarations for macOS, the BSDs and Windows by clang, which needs none of their
# headers for that; their parking code on this machine; systems that must be refused.
. tests/support/script.sh
for h in $HEADERS; do echo "#include \"$h\""; done > "$work/declarations.c"
target() { clang --target="$1" -std=c11 $STRICT -ffreestanding -fsyntax-only -I. "$work/declarations.c"; }
if command -v clang > /dev/null 2>&1; then
    for system in arm64-apple-macosx11 x86_64-apple-macosx10.15 x86_64-unknown-freebsd aarch64-unknown-freebsd x86_64-unknown-netbsd \
        x86_64-unknown-openbsd powerpc64-unknown-freebsd aarch64-linux-android x86_64-linux-android aarch64-linux-musl \
        sparcv9-sun-solaris wasm32-unknown-emscripten x86_64-w64-windows-gnu aarch64-w64-windows-gnu; do
        works "$system: declarations" target $system
    done
    for system in x86_64-unknown-none-elf i686-w64-windows-gnu wasm32-wasi; do
        refused "$system: refused with a sentence" "goKore 0.1.0 knows no parking, clock and thread calls" target $system
    done
    for system in x86_64-pc-windows-msvc aarch64-pc-windows-msvc; do # clang names its macros otherwise there: not supported yet
        refused "$system: refused with a sentence" "goKore needs lock-free atomics of 4 bytes and of pointers" target $system
    done
else
    skip "declarations of other systems" "no clang"
fi

# POSIX without Linux, strictly, with what else depends on the system; a futex is refused there.
{ echo '#define GOKORE_IMPLEMENTATION'; cat "$work/declarations.c"; } > "$work/implementation.c"
posix="-DGOKORE_PLATFORM_=GOKORE_PLATFORM_POSIX_"
works "POSIX implementation" cc_strict -O2 $posix -c -o "$work/implementation.o" "$work/implementation.c"
works "POSIX implementation, static" cc_strict -O2 $posix -DGOKORE_STATIC=1 -c -o "$work/implementation.o" "$work/implementation.c"
refused "POSIX: GOKORE_FUTEX=1 is refused" "GOKORE_FUTEX must be 0 here" cc_strict $posix -DGOKORE_FUTEX=1 -fsyntax-only "$work/declarations.c"
works "Linux without its futex" cc_strict -O2 -DGOKORE_FUTEX=0 -c -o "$work/implementation.o" "$work/implementation.c"

# The relative wait that macOS has, here by a stand-in.
cat > "$work/relative.h" << 'END'
#define _GNU_SOURCE 1
#include <pthread.h>
#include <time.h>
static inline int pthread_cond_timedwait_relative_np(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *left) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += left->tv_nsec;
    at.tv_sec += left->tv_sec + at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return pthread_cond_timedwait(c, m, &at);
}
END
apple="-D__APPLE__ $posix -include $work/relative.h"
works "macOS' wait, by a stand-in: test_parking" cc_run $apple -O2 tests/test_parking.c tests/support/test.c
finish
