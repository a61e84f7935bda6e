#!/bin/sh
# usage: explore.sh FILE.c... [-DNAME=VALUE | -IDIRECTORY]... [-- OPTIONS]    environment: CC, BUILD, GOKORE
# Builds a program of your own with -DGOKORE_EXPLORE=1 under the explorer, and runs it: build/explore-user/FILE OPTIONS. Scenarios
# are written as explore.h says; one FILE holds the implementation (GOKORE_IMPLEMENTATION). Works from any directory, for a copy
# of tests/explore too: GOKORE is then where the headers are. Needs gcc or clang, binutils, and Linux on x86-64 or aarch64.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
headers=${GOKORE:-$here/../..}
cc=${CC:-cc}
out=${BUILD:-build}/explore-user
files= flags=
while [ $# -gt 0 ]; do
    case $1 in
    --) shift; break ;;
    -*) flags="$flags $1" ;;
    *) files="$files $1" ;;
    esac
    shift
done
[ -n "$files" ] || { sed -n '2,5s/^# //p' "$0"; exit 2; }
mkdir -p "$out/objects"
objects=
for file in $files; do
    object=$out/objects/user_$(echo "$file" | tr '/ ' '__').o
    # shellcheck disable=SC2086
    "$cc" -std=c11 -O1 -fno-inline -g -fno-pie -fsanitize=thread -D_GNU_SOURCE -DGOKORE_EXPLORE=1 -I"$here" -I"$headers" $flags \
        -c -o "$object" "$file"
    objects="$objects $object"
    objcopy --redefine-sym memcpy=explore_memcpy --redefine-sym memmove=explore_memmove --redefine-sym memset=explore_memset "$object"
done
for part in "$here"/explorer/*.c; do # compiled once
    object=$out/objects/$(basename "$part" .c).o
    [ "$object" -nt "$part" ] || "$cc" -std=c11 -O3 -g -fno-pie -D_GNU_SOURCE -I"$headers" -c -o "$object" "$part"
    objects="$objects $object"
done
first=${files# }
program=$out/$(basename "${first%% *}" .c)
# shellcheck disable=SC2086
"$cc" -no-pie -pthread -o "$program" $objects || {
    echo "explore.sh: a missing __tsan_atomic... is an atomic operation that is not gokore_atomic's: the explorer can't see it" >&2
    exit 2
}
exec "$program" "$@"
