# Reads assembly with functions ours_NAME and c11_NAME; prints each NAME whose two bodies differ, or that has no twin,
# and both bodies, and last "N compared". Labels are numbered anew in each function; directives and comments don't count.
function body_of(name,   text) { return name in body ? body[name] : "    (none)\n" }
/^(ours|c11)_[a-z0-9_]*:/ {
    name = $1
    sub(/:.*/, "", name)
    order[++count] = name
    body[name] = ""
    labels = 0
    split("", number)
    next
}
/^[ \t]*\.size/ { name = "" }
name == "" { next }
{
    sub(/^[ \t]+/, "")
    sub(/[ \t]*(##?|\/\/|@)[ \t].*$/, "") # comments; not an immediate: #-16
    gsub(/[ \t]+/, " ")
    if ($0 ~ /^(#|\/\/|@|;)/ || $0 == "" || ($0 ~ /^\./ && $0 !~ /:$/)) next
    rest = $0
    line = ""
    while (match(rest, /\.?L[A-Za-z_]*[0-9]+(_[0-9]+)?/)) {
        label = substr(rest, RSTART, RLENGTH)
        if (!(label in number)) number[label] = ++labels
        line = line substr(rest, 1, RSTART - 1) ".L" number[label]
        rest = substr(rest, RSTART + RLENGTH)
    }
    line = line rest
    if (line ~ /:$/ && line !~ /^\.L/) next
    body[name] = body[name] "    " line "\n"
}
END {
    for (i = 1; i <= count; i++) {
        ours = order[i]
        if (ours ~ /^c11_/) {
            twin = ours
            sub(/^c11_/, "ours_", twin)
            if (!(twin in body)) printf "%s\n  ours:\n    (none)\n", substr(ours, 5)
            continue
        }
        twin = ours
        sub(/^ours_/, "c11_", twin)
        compared++
        if (body_of(ours) != body_of(twin) || body[ours] == "")
            printf "%s\n  ours:\n%s  <stdatomic.h>:\n%s", substr(ours, 6), body_of(ours), body_of(twin)
    }
    print compared + 0 " compared"
}
