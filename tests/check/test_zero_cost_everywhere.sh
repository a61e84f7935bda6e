# Each operation compiles to the instructions of its <stdatomic.h> twin: gcc and clang, x86-64, aarch64 and the others.
. tests/support/script.sh
. tests/compile/zero_cost/compare.sh
for cc in gcc clang aarch64-linux-gnu-gcc riscv64-linux-gnu-gcc s390x-linux-gnu-gcc arm-linux-gnueabihf-gcc i686-linux-gnu-gcc; do
    if command -v $cc > /dev/null 2>&1; then zero_cost $cc $cc; else skip $cc "not installed; see make cross"; fi
done
target="clang --target=aarch64-linux-gnu -ffreestanding" # clang's own headers do
echo '#include <stdatomic.h>' > "$work/probe.c"
if $target -S -o "$work/probe.s" "$work/probe.c" 2> "$work/output"; then
    zero_cost "clang, aarch64" $target
else
    skip "clang, aarch64" "no clang that compiles for it"
fi
finish
