# What checking the order of locks costs, beside absl's debug mode, ThreadSanitizer and helgrind, in one run: the programs take
# turns, the medians of ROUNDS (5) are printed, with what each checker adds to its own base. Nothing is built that is missing.
set -u
CC=${CC:-cc}
CXX=${CXX:-c++}
BUILD=${BUILD:-build}
rounds=${ROUNDS:-5}
work=$BUILD/bench/lockorder
rm -rf "$work"
mkdir -p "$work"

build() { # NAME COMMAND...: a peer that can't be built is left out, and said
    name=$1
    shift
    if "$@" -o "$work/$name" -pthread 2> "$work/$name.log"; then names="$names $name"; else echo "left out: $name ($(head -n 1 "$work/$name.log"))"; fi
}
names=
build gokore-off "$CC" -std=c11 -O2 -DPEER_GOKORE -DGOKORE_LOCKORDER=0 bench/lockorder.c
build gokore "$CC" -std=c11 -O2 -DPEER_GOKORE -DGOKORE_LOCKORDER=1 bench/lockorder.c
build pthread "$CC" -std=c11 -O2 -D_GNU_SOURCE bench/lockorder.c
build absl "$CXX" -std=c++17 -O2 -x c++ -DPEER_ABSL bench/lockorder.c -x none -labsl_synchronization -labsl_symbolize -labsl_stacktrace \
    -labsl_malloc_internal -labsl_graphcycles_internal -labsl_time -labsl_time_zone -labsl_base -labsl_raw_logging_internal -labsl_spinlock_wait \
    -labsl_int128 -labsl_throw_delegate -labsl_debugging_internal -labsl_demangle_internal -labsl_strings -labsl_strings_internal
build tsan-off "$CC" -std=c11 -O2 -g -D_GNU_SOURCE -fsanitize=thread bench/lockorder.c
[ ! -x "$work/tsan-off" ] || { cp "$work/tsan-off" "$work/tsan"; names="$names tsan"; }
if command -v valgrind > /dev/null && [ -x "$work/pthread" ]; then names="$names helgrind-off helgrind"; else echo "left out: helgrind (no valgrind)"; fi

run() { # NAME: "pair threads window lock-bytes edge-bytes"
    case $1 in
    tsan-off) TSAN_OPTIONS=detect_deadlocks=0 "$work/tsan-off" ;;
    tsan) TSAN_OPTIONS=detect_deadlocks=1 "$work/tsan" ;;
    helgrind-off) valgrind -q --tool=helgrind --track-lockorders=no "$work/pthread" 131072 3000 ;;
    helgrind) valgrind -q --tool=helgrind --track-lockorders=yes "$work/pthread" 2000 3000 ;; # the whole window takes it minutes
    *) "$work/$1" ;;
    esac 2> /dev/null
}
i=0
while [ $i -lt "$rounds" ]; do
    for name in $names; do run "$name" >> "$work/$name.txt"; done
    i=$((i + 1))
done
median() { # FILE COLUMN
    sort -n -k "$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'
}
base() { # of a checker
    case $1 in gokore) echo gokore-off ;; tsan) echo tsan-off ;; helgrind) echo helgrind-off ;; absl) echo pthread ;; *) echo "$1" ;; esac
}
printf '%-14s %12s %12s %14s %14s %10s %10s\n' checker 'pair ns' 'added ns' 'threads/pair' 'window s' 'B/lock' 'B/edge'
for name in $names; do
    pair=$(median "$work/$name.txt" 1)
    of=$work/$(base "$name").txt
    [ -f "$of" ] || of=$work/$name.txt
    locks=$(median "$work/$name.txt" 4) edges=$(median "$work/$name.txt" 5)
    case $name in helgrind*) locks=- edges=- ;; esac # memory of valgrind's own
    awk -v n="$name" -v p="$pair" -v b="$(median "$of" 1)" -v t="$(median "$work/$name.txt" 2)" -v w="$(median "$work/$name.txt" 3)" \
        -v l="$locks" -v e="$edges" \
        'BEGIN { printf "%-14s %12.1f %12.1f %14.2f %14s %10s %10s\n", n, p, p - b, t / p, n == "helgrind" ? w " (2000)" : w, l, e }'
done
