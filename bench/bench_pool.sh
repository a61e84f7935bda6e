#!/bin/sh
# The pool beside OpenMP, oneTBB, GLib's pool, libuv, a mutex and a condition, a bare semaphore and plain calls, built by each
# compiler: every round runs each of them once, part by part; the medians are compared, and printed beside their targets.
# Memory and growth are measured once.
#   COMPILERS="gcc clang" WORKERS="1 2" ROUNDS=5 MOST=10000000 sh bench/bench_pool.sh [PART...]
# Parts: fib nqueens tree quicksort matrix sum small inside outside wake idle life memory growth deque oversubscribed
name=pool
. "$(dirname "$0")/parts.sh"
COMPILERS=${COMPILERS:-gcc clang}
WORKERS=${WORKERS:-1 2}
ROUNDS=${ROUNDS:-5}
MOST=${MOST:-10000000}
PARTS=${*:-fib nqueens tree quicksort matrix sum small inside outside wake idle life memory growth deque oversubscribed}
cpus=$(getconf _NPROCESSORS_ONLN)
all=$out
strict=$STRICT

builds() { # FLAGS...: does the compiler find them?
    echo 'int main(void) { return 0; }' | $CC -x c - "$@" -o "$out/probe" 2> /dev/null
}
peer() { # NAME SOURCE REASON FLAGS...: compiled where its library is there
    peer=$1 source=$2 reason=$3
    shift 3
    STRICT=
    if echo "#include <$header>" | $CC $CPPFLAGS "$@" -E - > /dev/null 2>&1 && builds "$@" $library; then
        compile "$peer" "$here/pool/$source" "$@"
        libraries="$libraries $library" peers="$peers $peer"
    else
        echo "skip $peer with $CC: $reason"
    fi
    STRICT=$strict
}
build() { # COMPILER
    CC=$1 out=$all/$1 objects= libraries= peers="serial gokore intrusive mutex semaphore"
    case $1 in clang*) CXX=clang++ ;; gcc*) CXX=g++ ;; esac
    mkdir -p "$out" || exit 1
    compile implementation "$here/../tests/support/implementation.c"
    compile main "$here/pool/main.c" -O3 # its loops are to be bound by memory, not by the compiler
    for part in serial gokore deque mutex; do compile "$part" "$here/pool/$part.c"; done
    header=omp.h library=-fopenmp
    peer openmp openmp.c "no <omp.h> (libomp-dev for clang)" -fopenmp
    header=glib.h library=$(pkg-config --libs glib-2.0 2> /dev/null)
    peer glib glib.c "no glib-2.0 (libglib2.0-dev)" $(pkg-config --cflags glib-2.0 2> /dev/null)
    header=uv.h library=-luv
    peer libuv uv.c "no <uv.h> (libuv1-dev)"
    link=$CC
    if echo '#include <tbb/task_group.h>' | $CXX -x c++ -std=c++17 -E - > /dev/null 2>&1; then
        $CXX -std=c++17 -DNDEBUG $CFLAGS -pthread -c -o "$out/tbb.o" "$here/pool/tbb.cc" || exit 1
        objects="$objects $out/tbb.o" libraries="$libraries -ltbb" link=$CXX peers="$peers tbb"
    else
        echo "skip tbb with $CC: no <tbb/task_group.h> (libtbb-dev) or no $CXX"
    fi
    $link $CFLAGS -pthread $LDFLAGS -o "$out/bench" $objects $libraries -lm || exit 1
    echo "$peers" > "$out/peers"
}
measure() { # COMPILER PART: each peer once
    program=$all/$1/bench first=${WORKERS%% *}
    for peer in $(cat "$all/$1/peers"); do
        case $2,$peer in
        oversubscribed,serial) counts= ;;
        deque,gokore | growth,gokore | memory,* | *,serial | *,semaphore) counts=$first ;;
        deque,* | growth,*) counts= ;;
        oversubscribed,*) counts="$cpus $((2 * cpus))" ;;
        *) counts=$WORKERS ;;
        esac
        for count in $counts; do
            case $2 in
            oversubscribed) "$program" tree "$peer" "$count" | sed 's/^tree/oversubscribed/' ;;
            *) "$program" "$2" "$peer" "$count" "$MOST" ;;
            esac >> "$all/$1/figures" || exit 1
        done
    done
}

have=
for compiler in $COMPILERS; do
    if command -v "$compiler" > /dev/null 2>&1; then
        build "$compiler"
        have="$have $compiler"
        : > "$all/$compiler/figures"
    else
        echo "skip $compiler: not installed"
    fi
done
for round in $(seq "$ROUNDS"); do
    for part in $PARTS; do
        case $part,$round in memory,1 | growth,1) ;; memory,* | growth,*) continue ;; esac
        for compiler in $have; do measure "$compiler" "$part"; done
    done
done
for compiler in $have; do
    echo "== $compiler: medians of $ROUNDS alternating rounds; x = a peer's figure / gokore's, more than 1: gokore is better"
    sort -k1,1 -k2,2 -k3,3n -k4,4g "$all/$compiler/figures" | awk -v cpus="$cpus" -f "$here/pool/report.awk"
done
