# usage: weaken.sh DIRECTORY
# What `make weaken` found, in DIRECTORY/*.log and DIRECTORY/killed, against the first table of SURVIVORS.md: whatever survives in
# all families must have a row there, and each row must survive. A row is a function and `operation object order -> order`, the
# object being the last name in the operation's first argument. Also names the lines with an order that no scenario comes to.
set -eu
directory=$1
awk -v killed_file="$directory/killed" -v unexplored="$directory/unexplored.txt" '
    # The last name in the first argument of the operation in this line; "" where there is none
    function object(line, op, order,   name, suffix, at, rest) {
        name = op == "cas" ? "(cas|compare_exchange(_weak)?)" : op == "rmw" ? "(fetch_[a-z]+|add_fetch)" : op
        suffix = order == "seq_cst" ? "" : "_" order
        at = match(line, "gokore_atomic_" name suffix "\\(")
        if (!at || op == "fence") return ""
        rest = substr(line, at + RLENGTH)
        sub(/[,)].*/, "", rest)
        while (sub(/\[[^\]]*\]$/, "", rest)) {}
        match(rest, /[A-Za-z0-9_]*$/)
        return RLENGTH > 0 ? substr(rest, RSTART) " " : ""
    }
    function key(place, fn, op, from, to) { return fn ": " op " " object(text[place], op, from) from " -> " to }
    BEGIN { while ((getline line < killed_file) > 0) killed[line] = 1 }
    FILENAME ~ /\.h$/ { text[FILENAME ":" FNR] = $0; next }
    FILENAME ~ /\.md$/ {
        if ($0 ~ /^## /) tables++
        if (tables == 1 && $0 ~ /^\| `/) {
            n = split($0, cell, "`")
            for (i = 4; i < n && cell[i] ~ / -> /; i += 2) row[cell[2] ": " cell[i]] = 1
        }
        next
    }
    $1 == "here" { here[$2] = 1; next }
    $1 == "LIVES" || $1 == "ok" {
        order = $2 " " $3 " " $4 " " $5 " -> " $7
        if (!(order in seen)) all++
        seen[order] = 1
    }
    $1 == "LIVES" && !(order in killed) {
        k = key($2, $3, $4, $5, $7)
        if (!(order in counted)) alive++
        counted[order] = 1
        survives[k] = $2
    }
    /^fails as it is/ { print FILENAME ": " $0; bad++ }
    END {
        for (k in survives) if (!(k in row)) { print "FAIL  " k " survives (" survives[k] "), and is not in SURVIVORS.md"; bad++ }
        for (k in row) if (!(k in survives)) { print "FAIL  " k " is in SURVIVORS.md, and does not survive any more"; bad++ }
        for (place in text) {
            if (text[place] !~ /^[^\/]*(gokore_atomic_[a-z_]*(_acquire|_release|_acq_rel|load|store|cas|exchange|fetch_[a-z]+)\(|SEAM_FENCE_\()/) continue
            if (place in here || text[place] ~ /^#|^static inline|^ *\/\/|^GOKORE_|^[a-z].*\) *\{/) continue
            sub(/:/, ":\t", place)
            print place > unexplored
            lines++
        }
        printf "%d weaker orders: %d caught, %d survive; %d lines with an order are in no scenario: %s\n", all, all - alive, alive, lines, unexplored
        printf "%d failed\n", bad
        exit bad > 0
    }' gokore*.h tests/explore/SURVIVORS.md "$directory"/*.log
