# usage: mutants.sh NAME OBJECTS...    environment, set by make: EXPLORE, LEAD, LINK (what builds a program), BUILD
#                                      WHICH=text: only mutants whose sentence contains it
# Builds tests/explore/explore_NAME.c against copies of the headers with one thing changed, as explore_NAME.mutants says, and
# wants each to fail. The program as it is must pass: `make explore` runs it too. Format of the list, one block per mutant:
#   mutant a sentence that says what is wrong
#   in gokore_sync.h gokore_mutex_release_     the file, and the function from whose first line on to look
#   - text                                     a part of one line there; exactly this is
#   + text                                     replaced by this (nothing, if the line is missing)
#   scenario mutex.three                       optional: only these scenarios are run
set -u
name=$1
shift
list=tests/explore/explore_$name.mutants
work=$BUILD/explore/mutants/$name
rm -rf "$work"
mkdir -p "$work"
passed=0 failed=0

result() { # pass|fail NAME TEXT
    [ -z "${TEST_RESULTS:-}" ] || printf '%s\tmutant %s: %s\t0\n' "$1" "$name" "$2" >> "$TEST_RESULTS"
    if [ "$1" = pass ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    printf '%-5s %s: %s: %s\n' "$(echo "$1" | sed 's/pass/ok/; s/fail/FAIL/')" "$name" "$2" "$3"
}

# change FILE < block: the changed file on stdout; status 1 if a text is not there
change() {
    awk -v file="$1" '
        BEGIN { while ((getline line < file) > 0) text[++n] = line }
        /^in / { at = 1; while (at <= n && !begins(text[at], $3)) at++ }
        /^- / { settle(); old = substr($0, 3); new = "" }
        /^\+ / { new = substr($0, 3) }
        END { settle(); if (bad || !changes) exit 1; for (i = 1; i <= n; i++) print text[i] }
        function begins(line, what) { # its definition
            sub(/^__attribute__\(\([a-z_, ]*\)\) /, "", line)
            return line !~ /^([ \t]|\/\/|#)/ && line !~ /;[ \t]*(\/\/.*)?$/ && index(line, what "(") && index(line, what "(") + length(what) == index(line, "(")
        }
        function settle(  i, where) { # within that function
            if (old == "") return
            for (i = at; i <= n && !(where = index(text[i], old)); i++) if (text[i] == "}" || (i == at && text[i] ~ /}$/)) i = n
            if (where == 0) i = n + 1
            if (i > n) { bad = 1; return }
            text[i] = substr(text[i], 1, where - 1) new substr(text[i], where + length(old))
            changes++
            old = ""
        }'
}

mutate() { # NUMBER: the block is in $work/NUMBER/block
    dir=$work/$1
    title=$(sed -n 's/^mutant //p' "$dir/block")
    file=$(sed -n 's/^in \([^ ]*\) .*/\1/p' "$dir/block" | head -n 1)
    scenario=$(sed -n 's/^scenario //p' "$dir/block")
    case $title in *"${WHICH:-}"*) ;; *) return ;; esac
    cp gokore*.h "$dir"
    if ! change "$file" < "$dir/block" > "$dir/$file"; then
        result fail "$title" "its text is not in $file any more"
        return
    fi
    shift
    # shellcheck disable=SC2086
    if ! { $EXPLORE -g0 -I"$dir" -I. -w -c -o "$dir/program.o" "tests/explore/explore_$name.c" && $LEAD "$dir/program.o" && $LINK -o "$dir/program" "$dir/program.o" "$@"; } > "$dir/log" 2>&1; then
        result fail "$title" "does not compile: $(head -n 1 "$dir/log")"
        return
    fi
    # shellcheck disable=SC2086
    TEST_RESULTS='' timeout 900 "$dir/program" --stop 1 --runs 5000 --most 15000 $scenario > "$dir/log" 2>&1
    why=$(sed -n '/^FAIL/{s/^FAIL *\([^ ]*\).*/\1/;N;s/\n */: /;p;}' "$dir/log" | head -n 1)
    if [ -n "$why" ]; then result pass "$title" "$why"; else result fail "$title" "not caught; $(tail -n 1 "$dir/log")"; fi
    rm -f "$dir"/*.h "$dir/program.o"
}

awk -v work="$work" '/^mutant / { file = work "/" ++n "/block"; system("mkdir -p " work "/" n) } /^#/ || /^$/ { next } file { print > file }' "$list"
for number in $(ls "$work" | sort -n); do mutate "$number" "$@"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
