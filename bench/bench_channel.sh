#!/bin/sh
# ns per item through a channel beside a mutex-and-two-conditions ring, ck_ring, GAsyncQueue and Go's channels, and for pingpong
# also beside a bare futex and a bare spin, in one run:
# every round runs each peer once, the medians are compared. A peer that is not installed is left out.
BUILD=${BUILD:-build}
CC=${CC:-cc}
CFLAGS=${CFLAGS:--O2 -g}
CSTD=${CSTD:--std=c11}
ROUNDS=${ROUNDS:-7}
SHAPES=${SHAPES:-one select spsc mpmc pingpong}
here=$(dirname "$0")
out=$BUILD/bench/channel
mkdir -p "$out" || exit 1

peers="gokore monitored ring futex spin"
have= libs=
if echo '#include <ck_ring.h>' | $CC $CPPFLAGS -E - > /dev/null 2>&1; then
    have=-DHAVE_CK=1
    peers="$peers ck"
fi
if pkg-config --exists glib-2.0 2> /dev/null; then
    have="$have -DHAVE_GLIB=1 $(pkg-config --cflags glib-2.0)"
    libs=$(pkg-config --libs glib-2.0)
    peers="$peers glib"
fi
$CC $CSTD $STRICT $CPPFLAGS $CFLAGS -pthread -c -o "$out/implementation.o" "$here/../tests/support/implementation.c" || exit 1
$CC $CSTD $CPPFLAGS $CFLAGS -pthread $have -o "$out/channel" "$here/channel.c" "$out/implementation.o" $LDFLAGS $libs -lm || exit 1
if command -v go > /dev/null 2>&1; then
    GOFLAGS=-mod=mod GO111MODULE=off go build -o "$out/channel_go" "$here/channel.go" && peers="$peers go"
fi

items() { # SHAPE: takes a peer some 50 to 300 ms
    case $1 in
    one | select) echo 4000000 ;;
    spsc | mpmc) echo 2000000 ;;
    *) echo 20000 ;;
    esac
}
once() { # PEER SHAPE
    case $1,$2 in
    futex,[!p]* | spin,[!p]*) ;; # a cell for one item and two threads
    ring,select | ck,select | glib,select) ;; # they have none
    go,*) "$out/channel_go" "$2" "$(items "$2")" ;;
    *) "$out/channel" "$1" "$2" "$(items "$2")" ;;
    esac
}

: > "$out/figures"
for round in $(seq "$ROUNDS"); do
    for shape in $SHAPES; do
        for peer in $peers; do
            ns=$(once "$peer" "$shape") || exit 1
            [ -z "$ns" ] || echo "$shape $peer $ns" >> "$out/figures"
        done
    done
done
echo "median ns per item (round trip for pingpong) of $ROUNDS rounds; ratio = this peer's time / gokore's, more than 1: gokore is faster"
sort -k1,1 -k2,2 -k3,3n "$out/figures" | awk -v shapes="$SHAPES" -v peers="$peers" '
    { key = $1 " " $2; n[key]++; at[key, n[key]] = $3 }
    END {
        shape_count = split(shapes, shape, " ")
        peer_count = split(peers, peer, " ")
        for (s = 1; s <= shape_count; s++) {
            own = shape[s] " gokore"
            base = at[own, int((n[own] + 1) / 2)]
            for (p = 1; p <= peer_count; p++) {
                key = shape[s] " " peer[p]
                if (!n[key]) continue
                m = at[key, int((n[key] + 1) / 2)]
                printf "%-9s %-10s %10.1f  best %10.1f  ratio %6.2f\n", shape[s], peer[p], m, at[key, 1], m / base
            }
        }
    }'
