# parts.sh - for benches whose parts are compiled each with options of its own: name=NAME; . "$(dirname "$0")/parts.sh"
# Gives the compilers and their flags, $here, $out (where the parts go), and compile, which adds to $objects.
BUILD=${BUILD:-build}
CC=${CC:-cc}
CXX=${CXX:-c++}
CFLAGS=${CFLAGS:--O2 -g}
CSTD=${CSTD:--std=c11}
here=$(dirname "$0")
out=$BUILD/bench/$name
mkdir -p "$out" || exit 1

compile() { # object, source, further flags
    o=$1 s=$2
    shift 2
    $CC $CSTD $STRICT $CPPFLAGS $CFLAGS -pthread "$@" -c -o "$out/$o.o" "$s" || exit 1
    objects="$objects $out/$o.o"
}
objects=
