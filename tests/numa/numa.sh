# For make numa: boots a machine of four NUMA nodes under qemu and runs tests/numa/inside.c and the topology tests in it, as
# root, once with cgroups version 2 and once with version 1. Installs what it needs where that may be done; what it can't
# have is a skip with its reason. Emulated (TCG), which works everywhere; NUMA_ACCEL=kvm where that does too. NUMA_TIMEOUT is the
# most that one boot may take, in seconds.
. tests/support/script.sh
skip_all() {
    skip "a machine of four nodes" "$1"
    finish
}
case $($CC -dumpmachine) in x86_64*linux*) ;; *) skip_all "$CC builds no programs for x86-64 Linux" ;; esac

missing=
for tool in qemu-system-x86 busybox-static; do
    dpkg-query -W -f '${Status}' $tool 2> /dev/null | grep -q 'ok installed' || missing="$missing $tool"
done
if [ -n "$missing" ] && command -v apt-get > /dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
    echo "numa: apt-get install$missing"
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing > "$work/apt.log" 2>&1 ||
        { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; } >> "$work/apt.log" 2>&1
fi
command -v qemu-system-x86_64 > /dev/null 2>&1 || skip_all "no qemu-system-x86_64 here, and it can't be installed"
busybox=$(command -v busybox) || skip_all "no busybox here, and it can't be installed"

# The kernel is kept between runs; it is not installed.
kernel_directory=$BUILD/numa-kernel
kernel() { find "$kernel_directory/boot" /boot -name 'vmlinuz-*' 2> /dev/null | head -n 1; }
if [ -z "$(kernel)" ]; then
    package=$(apt-cache depends linux-image-cloud-amd64 2> /dev/null | sed -n 's/ *Depends: *\(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [ -n "$package" ] || skip_all "no kernel: apt-cache knows no linux-image-cloud-amd64"
    echo "numa: apt-get download $package"
    mkdir -p "$kernel_directory"
    (cd "$work" && apt-get download -q "$package" && dpkg -x "$package"_*.deb .) > "$work/kernel.log" 2>&1
    mv "$work/boot" "$kernel_directory" 2> /dev/null
fi
[ -n "$(kernel)" ] || skip_all "no kernel: $(tail -n 1 "$work/kernel.log")"

build() { # PROGRAM SOURCE
    # shellcheck disable=SC2086
    works "$1 builds" $CC -std=c11 $STRICT -O1 -g -static -I. -DTEST_DATA_DIRECTORY='"/data"' -o "$work/root/$1" "$2" \
        tests/support/test.c tests/support/implementation.c -pthread -lm
}
mkdir -p "$work/root/bin" "$work/root/data" "$work/root/proc" "$work/root/sys" "$work/root/dev"
build inside tests/numa/inside.c
build test_topology tests/test_topology.c
cp tests/data/*.json "$work/root/data"
cp "$busybox" "$work/root/bin/busybox"
cat > "$work/root/init" << 'INIT'
#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t devtmpfs dev /dev
version=v2
$bb grep -q gokore=v1 /proc/cmdline && version=v1
if [ $version = v2 ]; then
    $bb mount -t cgroup2 cgroup2 /sys/fs/cgroup
    ./inside --timeout 300 nodes. v2.
    ./test_topology --timeout 300
else
    $bb mount -t tmpfs cgroup /sys/fs/cgroup
    for controller in cpu memory; do
        $bb mkdir /sys/fs/cgroup/$controller
        $bb mount -t cgroup -o $controller cgroup /sys/fs/cgroup/$controller
    done
    ./inside --timeout 300 v1.
fi
echo "ended $version"
$bb poweroff -f
INIT
chmod +x "$work/root/init"
(cd "$work/root" && find . | "$busybox" cpio -o -H newc 2> /dev/null | gzip -1) > "$work/initramfs.gz"

boot() { # VERSION: into $work/console.VERSION
    nodes=
    for n in 0 1 2 3; do
        nodes="$nodes -object memory-backend-ram,id=m$n,size=256M"
        nodes="$nodes -numa node,nodeid=$n,cpus=$((2 * n))-$((2 * n + 1)),memdev=m$n"
    done
    for d in 0,dst=1,val=16 0,dst=2,val=22 0,dst=3,val=28 1,dst=2,val=28 1,dst=3,val=22 2,dst=3,val=16; do
        nodes="$nodes -numa dist,src=$d"
    done
    # shellcheck disable=SC2086
    timeout "${NUMA_TIMEOUT:-900}" qemu-system-x86_64 -machine q35 -accel "${NUMA_ACCEL:-tcg}" -cpu max \
        -smp 8,sockets=4,cores=2,threads=1 -m 1G $nodes -kernel "$(kernel)" -initrd "$work/initramfs.gz" \
        -append "console=ttyS0 panic=-1 quiet psi=1 gokore=$1" \
        -nographic -no-reboot -nodefaults -serial stdio < /dev/null > "$work/console.raw" 2>&1
    tr -d '\r' < "$work/console.raw" > "$work/console.$1"
}

for version in v2 v1; do
    start=$(date +%s)
    boot $version
    echo "cgroups $version: booted, tested and ended in $(($(date +%s) - start)) s"
    grep -E '^(ok|FAIL|note|skip) |^    ' "$work/console.$version"
    works "the machine with cgroups $version came to its end" grep -q "ended $version" "$work/console.$version"
    works "nothing failed with cgroups $version" sh -c "! grep -E '^FAIL|[1-9][0-9]* failed' '$work/console.$version'"
    works "tests passed with cgroups $version" grep -qE '^[1-9][0-9]* passed, 0 failed' "$work/console.$version"
done
finish
