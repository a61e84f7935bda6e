# The program gokore, and the files that come from it or that it can read: deploy/, the manual in gokore_policy.h.
. tests/support/script.sh
gokore=$BUILD/tools/gokore
good=tests/data/policies/good-every-field.yaml
bad=tests/data/policies/bad-many.yaml

exits() { # NAME STATUS COMMAND...: ends with this status; output in $work/out, messages in $work/err
    title=$1 want=$2
    shift 2
    "$@" > "$work/out" 2> "$work/err" < /dev/null
    got=$?
    if [ $got -eq "$want" ]; then
        pass "$title"
    else
        echo "+ $*: status $got, expected $want" >> "$work/err"
        fail "$title" "$work/err"
    fi
}
holds() { works "$1" grep -qF -- "$2" "$work/out"; }
empty() { works "$1" test ! -s "$2"; }

exits "help is no error" 0 "$gokore" --help
holds "help names the commands" "lint FILE..."
exits "version" 0 "$gokore" --version
exits "no command is bad usage" 2 "$gokore"
empty "bad usage says so on standard error only" "$work/out"
exits "an unknown command is bad usage" 2 "$gokore" frobnicate
exits "an unknown option is bad usage" 2 "$gokore" lint --frob
exits "a missing value is bad usage" 2 "$gokore" container --root
exits "too many arguments are bad usage" 2 "$gokore" crd x
exits "an unknown kind is bad usage" 2 "$gokore" crd --kind Lock
works "a full disk is trouble" sh -c "'$gokore' crd > /dev/full 2> '$work/err'; test \$? -eq 2"

exits "lint finds nothing in a good file" 0 "$gokore" lint "$good" deploy/policies/*.yaml
empty "and prints nothing" "$work/out"
exits "lint finds errors" 1 "$gokore" lint "$good" "$bad"
holds "each with file, line, column and code" "$bad:"
exits "lint of a missing file is trouble" 2 "$gokore" lint "$bad" "$work/none.yaml"
exits "lint without a file is bad usage" 2 "$gokore" lint
exits "lint in JSON" 1 "$gokore" lint --json "$bad"
cp "$work/out" "$work/lint.json"
works "which is JSON, one object a line" sh -c "while read -r l; do printf '%s' \"\$l\" > '$work/l.json'; '$gokore' json '$work/l.json' > '$work/l.out' || exit 1; printf '%s\n' \"\$l\" | cmp - '$work/l.out' || exit 1; done < '$work/lint.json'"
works "lint reads standard input" sh -c "'$gokore' lint - < '$good'"
mkdir "$work/directory"
cp deploy/policies/packet-pipeline.yaml "$work/directory/a.yaml"
cp deploy/policies/ai-packet-priority.yaml "$work/directory/b.yaml"
exits "lint takes a directory as one" 0 "$gokore" lint "$work/directory"
cp deploy/policies/packet-pipeline.yaml "$work/directory/c.yaml"
exits "and checks across its files" 1 "$gokore" lint "$work/directory"

exits "json" 0 "$gokore" json "$good"
exits "json of a bad file" 1 "$gokore" json tests/data/policies/bad-tab.yaml
empty "prints no half of it" "$work/out"
exits "json of a bad file in JSON" 1 "$gokore" json --json tests/data/policies/bad-tab.yaml
empty "prints no half of it either" "$work/out"
works "and its finding is an object" grep -qF '"line":4,"column":1,"severity":"error","code":"GOKORE-E-TAB"' "$work/err"
printf '{"a":1,"a":[]}' > "$work/twice.json"
exits "a key twice is JSON" 0 "$gokore" json "$work/twice.json"
holds "and both are written" '{"a":1,"a":[]}'
exits "json of a missing file" 2 "$gokore" json "$work/none"

exits "the definition of LockPolicy" 0 "$gokore" crd --kind LockPolicy
same "is the one in deploy" deploy/k8s/crd-lockpolicies.yaml "$work/out"
exits "the definition of ConcurrencyPolicy" 0 "$gokore" crd --kind ConcurrencyPolicy
same "is the one in deploy too" deploy/k8s/crd-concurrencypolicies.yaml "$work/out"
exits "both definitions" 0 "$gokore" crd
cp "$work/out" "$work/crd.yaml"
exits "both in JSON" 0 "$gokore" crd --json
works "are the same documents" sh -c "'$gokore' json '$work/crd.yaml' | cmp - '$work/out'"
exits "the manual's fields" 0 "$gokore" fields
sed -n '/^\/\/ MANIFEST/,/^\/\/   Durations are text/p' gokore_policy.h | sed '1d;$d;s/^\/\/   //' > "$work/manual"
same "are what gokore_policy.h says" "$work/manual" "$work/out"

for f in deploy/k8s/*.yaml; do exits "$f is in the strict subset" 0 "$gokore" json "$f"; done
sed -n '/^  lockpolicy.yaml: |/,/^---/p' deploy/k8s/deployment.yaml | sed '1d;$d;s/^    //' > "$work/mounted.yaml"
exits "the mounted policy of the example is good" 0 "$gokore" lint "$work/mounted.yaml"
exits "and says the same as deploy/policies" 0 sh -c "'$gokore' json '$work/mounted.yaml' > '$work/a'; '$gokore' json deploy/policies/ai-packet-priority.yaml > '$work/b'; cmp '$work/a' '$work/b'"

root=$work/root
mkdir -p "$root/proc/self" "$root/sys/fs/cgroup/app" "$root/sys/devices/system/node/node0" "$root/sys/devices/system/node/node1"
echo '0::/app' > "$root/proc/self/cgroup"
echo '30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw' > "$root/proc/self/mountinfo"
echo '250000 100000' > "$root/sys/fs/cgroup/app/cpu.max"
echo '536870912' > "$root/sys/fs/cgroup/app/memory.max"
echo 'cpu memory' > "$root/sys/fs/cgroup/app/cgroup.controllers"
for n in 0 1; do
    echo $n > "$root/sys/devices/system/node/node$n/cpulist"
    echo "Node $n MemTotal: 1024 kB" > "$root/sys/devices/system/node/node$n/meminfo"
done
echo '10 21' > "$root/sys/devices/system/node/node0/distance"
echo '21 10' > "$root/sys/devices/system/node/node1/distance"
exits "container of a fake root" 0 "$gokore" container --root "$root"
works "its quota" grep -qE '^quota_num +(5|250000|25)$' "$work/out"
works "its memory limit" grep -qE '^memory_limit +536870912$' "$work/out"
exits "container in JSON" 0 "$gokore" container --root "$root" --json
cp "$work/out" "$work/container.json"
exits "which is JSON" 0 "$gokore" json "$work/container.json"
same "of one object, as the reader would write it" "$work/container.json" "$work/out"
exits "topology of a fake root" 0 "$gokore" topology --root "$root"
holds "its distances" "distances 10,21"
exits "topology in JSON" 0 "$gokore" topology --root "$root" --json
holds "its nodes" '{"node":1,"memory":1048576,"cpus":[1],"distances":[21,10]}'

exits "rules as text" 0 "$gokore" rules deploy/policies/packet-pipeline.yaml
holds "one line each" "packet-pipeline/protocol: PacketParser > SessionManager > CryptoLayer > TrafficAnalyzer"
exits "rules for Graphviz" 0 "$gokore" rules deploy/policies/ai-packet-priority.yaml --dot
holds "one edge a pair" '"NetworkWriter" -> "AIDecision" [label="network-first"];'
cp "$work/out" "$work/rules.dot"
if command -v dot > /dev/null 2>&1; then
    works "Graphviz reads them" dot -Tsvg -o "$work/rules.svg" "$work/rules.dot"
else
    skip "Graphviz reads them" "dot is not installed"
fi
exits "rules in JSON" 0 "$gokore" rules deploy/policies/ai-packet-priority.yaml --json
holds "one object a line" '{"policy":"ai-packet-priority","rule":"combat-flow","order":["SkillQueue","TargetSelect","DamageCalc"]}'
exits "rules of a bad file" 1 "$gokore" rules "$bad"
exits "rules in two formats is bad usage" 2 "$gokore" rules "$good" --dot --json
finish
