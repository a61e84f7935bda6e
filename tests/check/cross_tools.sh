# For make cross, windows and coverage: installs the packages that are named, or what tests/check/test_cross.sh needs, where that may
# be done, and says what it does.
tools="gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-riscv64-linux-gnu gcc-s390x-linux-gnu gcc-i686-linux-gnu
    gcc-powerpc64le-linux-gnu gcc-mips64el-linux-gnuabi64 gcc-sparc64-linux-gnu gcc-powerpc-linux-gnu gcc-arm-linux-gnueabi
    libc6-dev-ppc64el-cross libc6-dev-mips64el-cross libc6-dev-sparc64-cross libc6-dev-powerpc-cross libc6-dev-armel-cross
    libc6-dev-arm64-cross libc6-dev-armhf-cross libc6-dev-riscv64-cross libc6-dev-s390x-cross libc6-dev-i386-cross
    qemu-user-static musl-tools"
[ $# -eq 0 ] || tools=$*
missing=
for tool in $tools; do
    dpkg-query -W -f '${Status}' "$tool" 2> /dev/null | grep -q 'ok installed' || missing="$missing $tool"
done
if [ -z "$missing" ]; then
    echo "all tools are installed"
elif ! command -v apt-get > /dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
    echo "not installed, and only root on Debian can do it here:$missing"
else
    echo "apt-get install$missing"
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing > /dev/null ||
        { apt-get update -q > /dev/null && apt-get install -y -q --no-install-recommends $missing > /dev/null; } ||
        echo "that failed; the targets without tools are skipped"
fi
exit 0
