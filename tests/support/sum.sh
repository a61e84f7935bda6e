# usage: sum.sh RESULTS.tsv...
# Adds up what run.sh left, and prints what was skipped by reason, then the last line: "N passed, N failed". Status 1 when
# anything failed, also when a test exists that ran in no variant; not so with SOME=1, where not all variants are built.
awk -F '\t' -v some="${SOME:-}" '
    { n[$1]++ }
    $1 == "other" { other[$2] = 1 }
    $1 != "other" { ran[$2] = 1 }
    $1 == "skip" { if (!why[$4]++) reasons[++m] = $4 }
    $1 == "fail" { print "FAIL  " FILENAME ": " $2 }
    END {
        for (name in other)
            if (!some && !(name in ran)) {
                print "FAIL  " name ": runs in no variant: see VARIANT_ in the Makefile"
                n["fail"]++
            }
        if (n["skip"]) printf "%d skipped:\n", n["skip"]
        for (i = 1; i <= m; i++) printf "  %5d  %s\n", why[reasons[i]], reasons[i]
        printf "%d passed, %d failed\n", n["pass"], n["fail"]
        exit n["fail"] || !n["pass"]
    }' "$@" /dev/null
