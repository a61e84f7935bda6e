# Every header: alone, twice, in any order, declared before implemented, copied with the siblings it names; strictly.
. tests/support/script.sh
use='int main(void) { return gokore_version()[0] == 0 || gokore_now_ns() == 0; }'

includes() { for h in "$@"; do echo "#include \"$h\""; done; }
program() { # FILE HEADERS...: an implementation and a call
    file=$1
    shift
    { echo '#define GOKORE_IMPLEMENTATION'; includes "$@"; echo "$use"; } > "$file"
}

for h in $HEADERS; do
    includes "$h" > "$work/alone.c"
    works "$h declares alone" cc_strict -fsyntax-only "$work/alone.c"
    includes "$h" "$h" > "$work/twice.c"
    works "$h declares twice" cc_strict -fsyntax-only "$work/twice.c"
    program "$work/implemented.c" "$h" "$h"
    works "$h implements alone, included twice, and runs" cc_run -O0 "$work/implemented.c"
    { echo '#define _GNU_SOURCE'; includes "$h"; echo '#define GOKORE_IMPLEMENTATION'; includes "$h"; echo "$use"; } > "$work/later.c"
    works "$h declares, then implements, in one file" cc_run -O0 "$work/later.c"

    # the declaration half: nothing but three headers of the C standard (and, asked for by GOKORE_HELGRIND and GOKORE_EXPLORE, valgrind's and the explorer's)
    awk '/GOKORE_IMPLEMENTATION\) && !defined\(GOKORE_.*_IMPLEMENTED_/ { exit } /^ *# *include/' "$h" > "$work/included"
    none "$h names only three system headers" \
        grep -vE '^ *# *include *(<(stdbool|stddef|stdint)\.h>|"gokore_[a-z]*\.h"|GOKORE_CONFIG_FILE|<valgrind/helgrind\.h>|"explorer/seam\.h")' "$work/included"
    printf '#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n' > "$work/three.c"
    cc_strict -M "$work/three.c" | tr -s ' \\' '\n\n' | grep '\.h$' > "$work/allowed"
    for own in $HEADERS; do echo "$top/$own"; done >> "$work/allowed"
    cc_strict -M "$work/alone.c" | tr -s ' \\' '\n\n' | grep '\.h$' > "$work/reached"
    none "$h reaches only three system headers" grep -vxF -f "$work/allowed" "$work/reached"

    # copied into another project, with the siblings that its manual names under NEEDS (gokore.h: anywhere)
    rm -rf "$work/copy" && mkdir "$work/copy"
    awk '/^\/\/ NEEDS/ { on = 1; print; next } on && !/^\/\/   / { exit } on' "$h" > "$work/needs"
    grep -q . "$work/needs" || sed '/^#/q' "$h" > "$work/needs"
    cp "$h" $(grep -o 'gokore_[a-z]*\.h' "$work/needs" | sort -u) "$work/copy"
    program "$work/copy/main.c" "$h"
    works "$h works with the siblings that it names" $CC -std=c11 -fsyntax-only -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1 "$work/copy/main.c"
done

# all headers, every rotation and the reverse
order=$HEADERS
reversed=
for h in $HEADERS; do reversed="$h $reversed"; done
for i in $HEADERS reversed; do
    [ "$i" = reversed ] && order=$reversed
    program "$work/order.c" $order
    includes $order > "$work/declared.c"
    works "declares in order: $order" cc_strict -fsyntax-only "$work/declared.c"
    works "implements in order: $order" cc_strict -fsyntax-only "$work/order.c"
    order="${order#* } ${order%% *}"
done

{ echo '#include <stdio.h>'; echo '#define GOKORE_IMPLEMENTATION'; includes gokore_atomic.h; } > "$work/late.c"
refused "an implementation after a libc header says what to do" "before any libc header" cc_strict -fsyntax-only "$work/late.c"
finish
