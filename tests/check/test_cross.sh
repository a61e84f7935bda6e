# The tests of atomics, locks and channels on other processors, with Debian's cross compilers under qemu-user, and with
# musl. Installs nothing: `make cross` does, and runs this. Emulation shows ABI, widths, endianness and system calls; of
# weak memory it shows next to nothing.
. tests/support/script.sh
tests=
for t in parking atomic validation waiting sync channel; do [ ! -f "tests/test_$t.c" ] || tests="$tests $t"; done

build() { # compiles all, strictly: implementation, runner, tests
    for file in tests/support/implementation.c tests/support/test.c $(printf 'tests/test_%s.c ' $tests) $more; do
        works "$target: $file compiles" cc_strict $flags -O2 -g -pthread -DTEST_DATA_DIRECTORY="\"$top/tests/data\"" \
            -c -o "$work/$target/$(basename "$file" .c).o" "$file" || return 1
    done
}
run_test() { # NAME COMMAND...: shows the failed tests only
    title=$1
    shift
    if "$@" --timeout 300 > "$work/log" 2>&1; then
        pass "$title"
        grep '^skip' "$work/log" | sed "s/^skip/skip  $target:/"
    else
        { grep -v '^ok ' "$work/log"; echo "+ $*"; } > "$work/output"
        fail "$title" "$work/output"
    fi
}
# CROSS_TARGETS="aarch64 musl": only these.
on() { # TARGET COMPILER QEMU [FLAG...]: QEMU is empty where programs run natively
    target=$1 CC=$2 qemu=$3
    shift 3
    flags=$* more= extra=
    case " ${CROSS_TARGETS:-$target} " in *" $target "*) ;; *) return ;; esac
    for tool in $CC $qemu; do
        command -v "$tool" > /dev/null 2>&1 || { skip "$target" "no $tool; make cross"; return; }
    done
    mkdir "$work/$target"
    echo 'int main(void) { return 0; }' > "$work/probe.c"
    $CC -static -pthread "$work/probe.c" -o "$work/probe" > "$work/output" 2>&1 && $qemu "$work/probe" >> "$work/output" 2>&1 ||
        { skip "$target" "its programs don't build or run: $(head -n 1 "$work/output")"; return; }
    [ "$target" != musl ] || more=tests/check/musl_unwind.c extra=$work/musl/musl_unwind.o
    build || return
    # No operation is a call, which could take a lock. Except: gcc before 14 has no 1- and 2-byte operations for riscv64;
    # libatomic, linked by -pthread, has them as loops on the whole word. Those of 8 bytes are libatomic's where they may be;
    # ARM before v6 has the smaller ones in the kernel's helpers, without locks.
    allowed='^$' libraries=-lm locked=
    case $target in
    riscv64) allowed='^__atomic_[a-z_]*_[12]$' ;;
    powerpc) allowed='^__atomic_[a-z_]*_8$' ;;
    armel) allowed='^__atomic_[a-z_]*_8$|^__sync_([a-z_]*_[124]|synchronize)$' ;;
    esac
    case $flags in *-DGOKORE_LOCKED_64=1*) libraries="-lm -latomic" locked=yes ;; esac
    nm "$work/$target"/*.o | awk '$1 == "U" && $2 ~ /^(__atomic_|__sync_)/ { print $2 }' | grep -vE "$allowed" > "$work/calls"
    none "$target: atomic operations are instructions, not calls" sort -u "$work/calls"
    archive=$work/$target/libgokore.a # left out where a test holds an implementation of its own
    ar rcs "$archive" "$work/$target/implementation.o"
    for t in $tests; do
        program=$work/$target/program_$t
        works "$target: test_$t links" $CC -static -Wl,--eh-frame-hdr -pthread -o "$program" "$work/$target/test_$t.o" \
            "$work/$target/test.o" $extra "$archive" $libraries || continue
        nm "$program" | grep 'libat_lock' > "$work/calls"
        [ -n "$locked" ] || none "$target: test_$t has no atomics with locks" cat "$work/calls"
        run_test "$target: test_$t" ${qemu:+env TEST_EMULATED=1 $qemu} "$program"
    done
}

on aarch64 aarch64-linux-gnu-gcc qemu-aarch64-static
# ARM's C code has no unwind tables unless asked for, and reports then have no stacks.
on armhf arm-linux-gnueabihf-gcc qemu-arm-static -funwind-tables
on riscv64 riscv64-linux-gnu-gcc qemu-riscv64-static
on s390x s390x-linux-gnu-gcc qemu-s390x-static
on ppc64le powerpc64le-linux-gnu-gcc qemu-ppc64le-static
on mips64el mips64el-linux-gnuabi64-gcc qemu-mips64el-static
on sparc64 sparc64-linux-gnu-gcc qemu-sparc64-static
on powerpc powerpc-linux-gnu-gcc qemu-ppc-static -DGOKORE_LOCKED_64=1
on armel arm-linux-gnueabi-gcc qemu-arm-static -funwind-tables -DGOKORE_LOCKED_64=1
on i686 i686-linux-gnu-gcc qemu-i386-static
on musl musl-gcc ""

# Where 8-byte operations would be calls that lock, the header is refused, unless that is accepted.
printf '#include "gokore_atomic.h"\n' > "$work/declared.c"
for cc in "i686-linux-gnu-gcc -march=i486" arm-linux-gnueabi-gcc powerpc-linux-gnu-gcc "clang -m32 -march=i486 -ffreestanding" "clang --target=powerpc-linux-gnu -ffreestanding" \
    "clang --target=riscv32 -D__linux__ -ffreestanding"; do
    if $cc -std=c11 -fsyntax-only -x c /dev/null > /dev/null 2>&1; then
        refused "$cc is refused" "see GOKORE_LOCKED_64" $cc -std=c11 -fsyntax-only -I. "$work/declared.c"
        works "$cc, locks accepted" $cc -std=c11 -fsyntax-only -DGOKORE_LOCKED_64=1 -I. "$work/declared.c"
    else
        skip "$cc is refused" "it can't compile here"
    fi
done
finish
