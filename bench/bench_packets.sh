#!/bin/sh
# The main job's packets per second with 1 and 2 workers, alternating, medians of ROUNDS runs; the speed-up is their ratio.
# It means something only where two CPUs are free.
BUILD=${BUILD:-build}
CAPTURE=${CAPTURE:-tests/data/loopback.pcap}
ROUNDS=${ROUNDS:-9}
REPEAT=${REPEAT:-40}

rate() { # packets per second with $1 workers
    "$BUILD/examples/packets" --json --workers "$1" --repeat "$REPEAT" "$CAPTURE" |
        sed -n 's/.*"packets_per_s":\([0-9]*\).*/\1/p'
}

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

scratch=$(mktemp -d "$BUILD/bench.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
rate 1 > /dev/null || exit 1
round=0
while [ "$round" -lt "$ROUNDS" ]; do
    for workers in 1 2; do
        rate "$workers" >> "$scratch/$workers" || exit 1
    done
    round=$((round + 1))
done
one=$(median < "$scratch/1")
two=$(median < "$scratch/2")
echo "packets/s, median of $ROUNDS alternating runs of $REPEAT replays"
printf '  1 worker   %10.0f\n  2 workers  %10.0f\n' "$one" "$two"
awk -v one="$one" -v two="$two" 'BEGIN { printf "  speed-up   %10.2f\n", two / one }'
