# Reads preprocessed headers (cc -E -P) and prints one line for each declaration of the library: types with their
# bodies, functions without, linkage and static assertions left out. What is left must not depend on any option.
# With -v types=1: the names of the complete struct and union types instead.
function flush_statement() {
    gsub(/[ \t]+/, " ", statement)
    sub(/^ /, "", statement)
    sub(/^(extern|static( inline)?) /, "", statement)
    gsub(/__attribute__ ?\(\((always_inline, )?unused\)\) /, "", statement)
    if (statement ~ /gokore_/ && statement !~ /^_Static_assert|^(extern )?"C"/) {
        if (!types) print statement
        else if (statement ~ /^(typedef )?(struct|union) [^(]*[{]/) {
            name = statement
            if (name ~ /^typedef/) sub(/^.*[}] ?/, "", name)
            else sub(/ ?[{].*$/, "", name)
            sub(/ ?;.*$/, "", name)
            print name
        }
    }
    statement = ""
}
{
    rest = $0 " "
    while (match(rest, /[{};]/)) {
        piece = substr(rest, 1, RSTART - 1)
        mark = substr(rest, RSTART, 1)
        rest = substr(rest, RSTART + 1)
        if (depth == 0 || keep) statement = statement piece
        if (mark == "{") {
            if (depth++ == 0) keep = statement ~ /^ *(typedef|struct|union|enum) /
            if (keep) statement = statement mark
        } else if (mark == "}") {
            depth--
            if (keep) statement = statement mark
            else if (depth == 0) flush_statement()
        } else if (depth == 0) {
            statement = statement mark
            flush_statement()
            keep = 0
        } else if (keep) statement = statement mark
    }
    if (depth == 0 || keep) statement = statement rest
}
