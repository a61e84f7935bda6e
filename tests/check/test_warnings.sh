# Nothing warns: every header and every C file of the project, gcc and clang, C11, C17 and C2x, C++17, all options. gcc warns of some
# things only when it optimises; clang knows all it warns of once it has read the file.
. tests/support/script.sh
{ echo '#define GOKORE_IMPLEMENTATION'; for h in $HEADERS; do echo "#include \"$h\""; done; } > "$work/implementation.c"
strict_cxx=$(echo "$STRICT" | sed 's/-Wstrict-prototypes//; s/-Wmissing-prototypes//')
on="-DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1 -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1"

for cc in gcc clang; do
    command -v $cc > /dev/null 2>&1 || { skip "$cc" "not installed"; continue; }
    if [ $cc = gcc ]; then translate="-c -o $work/out.o"; else translate=-fsyntax-only; fi
    for std in c11 c17 c2x gnu11; do
        for h in $HEADERS; do
            echo "#include \"$h\"" > "$work/alone.c"
            works "$cc $std $h" $cc -std=$std $STRICT -I. -fsyntax-only "$work/alone.c"
        done
        works "$cc $std implementation" $cc -std=$std $STRICT -I. $on -fsyntax-only "$work/implementation.c"
    done
    for flags in "-O1" "-O2" "-O3 $on -DGOKORE_ON_VIOLATION=GOKORE_ABORT" "-Os $on -DGOKORE_ON_VIOLATION=GOKORE_DENY" \
        "-O2 -DNDEBUG" "-O2 -DGOKORE_STATIC=1" "-O2 -DGOKORE_NUMA=0" "-O2 -DGOKORE_FUTEX=0"; do
        works "$cc implementation $flags" $cc -std=c11 $STRICT -I. $flags $translate "$work/implementation.c"
    done
    for file in tests/*.c tests/support/*.c examples/*.c examples/*/*.c bench/*.c; do
        [ "$file" != tests/support/absent.c ] || continue # for other systems: make windows and make cross compile it strictly
        [ ! -f "$file" ] || works "$cc $file" $cc -std=c11 $STRICT -O1 -I. $translate "$file"
    done
done
for cxx in g++ clang++; do
    command -v $cxx > /dev/null 2>&1 || { skip "$cxx" "not installed"; continue; }
    for std in c++17 c++20; do
        for h in $HEADERS; do
            echo "#include \"$h\"" > "$work/alone.cc"
            works "$cxx $std $h" $cxx -std=$std $strict_cxx -I. -fsyntax-only "$work/alone.cc"
        done
    done
done
finish
