# The options: numbers in their range only, documented, without any effect on types and signatures; what is exported.
. tests/support/script.sh
# Every option that has a numeric default, as the headers define them.
options=$(awk '/^# *ifndef GOKORE_[A-Z_0-9]*[A-Z0-9]$/ { name = $NF; next } $1 " " $2 == "#define " name && NF > 2 && $3 !~ /^["\\]/ && $2 !~ /\(|_H$/ { print name } { name = "" }
               /^# *ifdef NDEBUG/ { name = "GOKORE_CHECKS" }' $HEADERS | sort -u)
{ echo '#define GOKORE_IMPLEMENTATION'; for h in $HEADERS; do echo "#include \"$h\""; done; } > "$work/implementation.c"
for h in $HEADERS; do echo "#include \"$h\""; done > "$work/declarations.c"
checked="-DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1 -DGOKORE_ATOMIC_COUNT=1 -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1 -DGOKORE_METRICS=1 -DGOKORE_TRACE=1 -DGOKORE_QOS=GOKORE_QOS_GUARANTEED -DGOKORE_ON_VIOLATION=GOKORE_DENY"
bare="-DNDEBUG -DGOKORE_CHECKS=0 -DGOKORE_NUMA=0 -DGOKORE_QOS=GOKORE_QOS_BEST_EFFORT"

# ---- values
for o in $options; do
    for word in ON yes ''; do
        refused "-D$o=$word" "" $CC -std=c11 -I. -fsyntax-only "-D$o=$word" "$work/implementation.c"
    done
    refused "-D$o=-1" "$o" $CC -std=c11 -I. -fsyntax-only "-D$o=-1" "$work/implementation.c"
    if grep -q "\"$o must be 0 or 1\"" $HEADERS; then
        refused "-D$o=2" "$o must be 0 or 1" $CC -std=c11 -I. -fsyntax-only "-D$o=2" "$work/implementation.c"
    fi
    works "$o stands in a header's manual" grep -q "^//.*\<$o\>" $HEADERS
done
refused "C99 is refused" "goKore needs C11" $CC -std=c99 -I. -fsyntax-only "$work/declarations.c"

# ---- types and signatures
declarations() { # FLAGS...
    $CC -std=c11 -I. -E -P "$@" "$work/declarations.c" 2> /dev/null > "$work/preprocessed" &&
        awk -f tests/compile/declarations.awk "$work/preprocessed"
}
declarations > "$work/wanted"
awk -v types=1 -f tests/compile/declarations.awk "$work/preprocessed" | sort -u > "$work/types"
for set in "$checked" "$bare" -DGOKORE_STATIC=1; do
    declarations $set > "$work/got"
    same "declarations with $set" "$work/wanted" "$work/got"
done
for o in $options; do
    for value in 0 1 2 3 64; do # those out of range are refused
        declarations "-D$o=$value" > "$work/got" && same "declarations with -D$o=$value" "$work/wanted" "$work/got"
    done
done

# Sizes and alignments of every complete type, as programs print them.
{
    cat "$work/declarations.c"
    echo '#include <stdio.h>'
    echo '#ifdef __cplusplus'
    echo '#define _Alignof alignof'
    echo '#endif'
    echo 'int main(void) {'
    sed 's/.*/    printf("%s %zu %zu\\n", "&", sizeof(&), _Alignof(&));/' "$work/types"
    echo '    return 0; }'
} > "$work/layout.c"
cp "$work/layout.c" "$work/layout.cc"
layout() { # NAME COMMAND...
    name=$1
    shift
    if "$@" -I. -o "$work/layout" > "$work/output" 2>&1 && "$work/layout" > "$work/got"; then same "$name" "$work/sizes" "$work/got"; else fail "$name" "$work/output"; fi
}
$CC -std=c11 -I. "$work/layout.c" -o "$work/layout" && "$work/layout" > "$work/sizes"
for type in atomic_ptr report allocator writer mutex context task deque pool_desc channel_desc; do
    works "gokore_$type is among the types compared" grep -qE "^(struct )?gokore_$type " "$work/sizes"
done
layout "layout, checked" $CC -std=c11 $checked "$work/layout.c"
layout "layout, bare" $CC -std=c11 $bare "$work/layout.c"
layout "layout, -O3 -DGOKORE_STATIC=1" $CC -std=c11 -O3 -w -DGOKORE_STATIC=1 "$work/layout.c"
cxx=$(find_cxx)
if [ -n "$cxx" ]; then layout "layout, C++17" $cxx -std=c++17 "$work/layout.cc"; else skip "layout, C++17" "no C++ compiler"; fi
for other in gcc clang; do
    command -v $other > /dev/null 2>&1 && layout "layout, $other" $other -std=c11 "$work/layout.c"
done

# ---- exports, and what is compiled strictly, optimised
exports() { nm -g -P "$1" | awk '$2 != "U" && $2 != "w" { print $1 }'; }
has_nm=$(command -v nm)
[ -n "$has_nm" ] || skip "exports" "no nm"
for name in default checked bare; do
    case $name in default) set= ;; checked) set=$checked ;; bare) set=$bare ;; esac
    object=$work/$name.o static=$work/static.o
    works "$name implementation compiles strictly" cc_strict -O2 $set -c "$work/implementation.c" -o "$object" || continue
    works "$name static implementation compiles strictly" cc_strict -DGOKORE_STATIC=1 $set -c "$work/implementation.c" -o "$static" || continue
    [ -n "$has_nm" ] || continue
    exports "$object" > "$work/exported"
    works "$name implementation exports something" test -s "$work/exported"
    none "$name implementation exports only gokore_ names" grep -v '^gokore_' "$work/exported"
    none "$name static implementation exports nothing" exports "$static"
done

# ---- a shared library that hides all but what GOKORE_API decorates; sanitizers want their runtime in the program, so without
works "shared library links" $CC -std=c11 -O2 -I"$top" -fPIC -fvisibility=hidden '-DGOKORE_API=__attribute__((visibility("default")))' \
    -shared -o "$work/libgokore.so" "$work/implementation.c" -pthread
for side in one two; do $CC -std=c11 -w -I"$top" -fPIE -DSIDE=$side -c tests/compile/mixed.c -o "$work/$side.o"; done
works "shared library is used by inline code" $CC -std=c11 -w -I"$top" -o "$work/program" tests/compile/mixed.c "$work/one.o" "$work/two.o" \
    -L"$work" -lgokore -Wl,-rpath,"$work" -pthread
works "shared library runs" "$work/program"

# ---- files with different options in one program, and two static worlds beside it
mixed() { # NAME IMPLEMENTATION FLAGS_OF_ONE_USER FLAGS_OF_THE_OTHER
    works "$1: one" cc_strict $3 -DSIDE=one -c tests/compile/mixed.c -o "$work/one.o" &&
        works "$1: two" cc_strict -O2 $4 -DSIDE=two -c tests/compile/mixed.c -o "$work/two.o" &&
        works "$1: runs" cc_run tests/compile/mixed.c "$work/one.o" "$work/two.o" "$work/$2.o"
}
mixed "bare library, checked user" bare "$checked" ""
mixed "checked library, bare user" checked "$bare" "-DGOKORE_CHECKS=2"
mixed "default library, static users" default "-DGOKORE_STATIC=1 -DGOKORE_IMPLEMENTATION $checked" "-O0 -DGOKORE_STATIC=1 -DGOKORE_IMPLEMENTATION"
finish
