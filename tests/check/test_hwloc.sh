# GOKORE_HWLOC=1 gives the same answers: on the tests' own trees, on this machine, and on hwloc's own, which Debian has as
# source only. HWLOC_TREES names a directory with hwloc's tests/hwloc/linux/*.tar.bz2.
. tests/support/script.sh
echo '#include <hwloc.h>' > "$work/probe.c"
if ! $CC -fsyntax-only "$work/probe.c" 2> /dev/null; then
    skip "the same answers by hwloc" "no hwloc.h here (Debian: libhwloc-dev)"
    finish
fi
# shellcheck disable=SC2086
works "the facts build without hwloc" $CC -std=c11 $STRICT -O1 -I. tests/numa/facts.c -o "$work/files" -pthread
# shellcheck disable=SC2086
works "the facts build with hwloc" $CC -std=c11 $STRICT -O1 -I. -DGOKORE_HWLOC=1 tests/numa/facts.c -o "$work/hwloc" -pthread -lhwloc
# shellcheck disable=SC2086
works "the tests build with hwloc" $CC -std=c11 $STRICT -O1 -g -I. -DGOKORE_HWLOC=1 -DTEST_DATA_DIRECTORY="\"$top/tests/data\"" \
    tests/test_topology.c tests/support/test.c tests/support/implementation.c -o "$work/test_topology" -pthread -lm -lhwloc
works "all topology tests pass with hwloc" "$work/test_topology"
grep 'trees told' "$work/output" 2> /dev/null || true

"$work/files" | sed 's/ | .*//' > "$work/files.here"
"$work/hwloc" | sed 's/ | .*//' > "$work/hwloc.here"
same "this machine is the same" "$work/files.here" "$work/hwloc.here"

trees=
for archive in "${HWLOC_TREES:-/nonexistent}"/*.tar.bz2; do
    [ -f "$archive" ] || continue
    name=$(basename "$archive" .tar.bz2)
    mkdir -p "$work/trees/$name"
    tar -xjf "$archive" -C "$work/trees/$name" 2> /dev/null
    for sys in "$work/trees/$name/sys" "$work/trees/$name"/*/sys; do
        [ ! -d "$sys" ] || trees="$trees ${sys%/sys}"
    done
done
if [ -z "$trees" ]; then
    skip "hwloc's own trees are the same" "HWLOC_TREES names no directory with hwloc's trees (apt-get source hwloc)"
    finish
fi
told=0 count=0
for tree in $trees; do
    count=$((count + 1))
    "$work/files" "$tree" > "$work/files.facts" 2>&1
    "$work/hwloc" "$tree" > "$work/hwloc.facts" 2>&1
    ! grep -q '| hwloc$' "$work/hwloc.facts" || told=$((told + 1))
    sed -i 's/ | .*//' "$work/files.facts" "$work/hwloc.facts"
    same "hwloc's tree $(basename "$tree")" "$work/files.facts" "$work/hwloc.facts"
done
echo "$told of $count trees told by hwloc, the others by their files"
works "hwloc told most trees" test $((told * 2)) -gt $count
finish
