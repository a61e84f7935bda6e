# The container and topology readers under libFuzzer with sanitizers, from the tests' own cases and tests/fuzz/corpus:
# FUZZ_SECONDS (30), both at the same time; FUZZ_CORPUS keeps what was found for the next run.
. tests/support/script.sh
if ! command -v clang > /dev/null 2>&1 || ! echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' > "$work/probe.c" ||
    ! clang -fsanitize=fuzzer "$work/probe.c" -o "$work/probe" > /dev/null 2>&1; then
    skip "readers" "clang with libFuzzer is not installed"
    finish
fi
works "the seeds' writer builds" clang -std=c11 -O1 -o "$work/seeds_topology" tests/fuzz/seeds_topology.c
printf '%s\n' '"@/proc/self/cgroup\x0a"' '"@/proc/self/mountinfo\x0a"' '"@/sys/fs/cgroup/cpu.max\x0a"' '"@/sys/fs/cgroup/memory.max\x0a"' \
    '"@GOKORE_REQ_CPU\x0a"' '"@GOKORE_MAX_WORKERS\x0a"' '"@KUBERNETES_SERVICE_HOST\x0a"' '"kubepods.slice"' '"burstable"' '"besteffort"' \
    '"/pod"' '".scope"' '"cri-containerd-"' '" (deleted)"' '"\\040"' '" - cgroup2 "' '" - cgroup "' '"0::/"' '"cpu,cpuacct"' '"max"' '"-1"' \
    '"9223372036854771712"' '"18446744073709551615"' '"avg10="' '"nr_periods "' '"hierarchical_memory_limit "' '"MemTotal: "' \
    '"@/sys/devices/system/node/node1/cpulist\x0a"' '"@/sys/devices/system/node/node1/cpumap\x0a"' '"/distance\x0a"' '"0-3:1/2"' '"65535"' \
    '"1023"' '"255"' '"ffffffff,00000000"' > "$work/words"
fuzz() { # TARGET; the status is its own
    "$work/fuzz_$1" -max_total_time="${FUZZ_SECONDS:-30}" -timeout=60 -rss_limit_mb=1024 -max_len=8192 -dict="$work/words" \
        -artifact_prefix="$work/" -print_final_stats=1 "${FUZZ_CORPUS:-$work/corpus}/$1" "$work/seeds/$1" "tests/fuzz/corpus/$1"
}
for target in container topology; do
    cases=container
    [ $target = container ] || cases=numa
    mkdir -p "${FUZZ_CORPUS:-$work/corpus}/$target" "$work/seeds/$target"
    works "$target: the seeds are written" "$work/seeds_topology" "tests/data/$cases.json" "$work/seeds/$target"
    works "$target: the target builds" clang -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I. \
        -o "$work/fuzz_$target" tests/fuzz/fuzz_$target.c -pthread
done
for target in container topology; do
    fuzz $target > "$work/$target.log" 2>&1 &
    echo $! > "$work/$target.pid"
done
ended() { # TARGET
    wait "$(cat "$work/$1.pid")"
    status=$?
    cat "$work/$1.log"
    return $status
}
for target in container topology; do
    works "$target: no crash, no leak, every promise kept" ended $target
    grep -E 'number_of_executed_units|^#.*DONE' "$work/output" | sed 's/^/    /'
done
finish
