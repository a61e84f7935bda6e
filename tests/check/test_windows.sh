# The headers and tests for 64-bit Windows, with mingw-w64, run under Wine where that works. Installs nothing: `make windows` does,
# and runs this. Wine shows that the calls are right; its scheduler and its WaitOnAddress are not Windows' own.
. tests/support/script.sh
CC=x86_64-w64-mingw32-gcc
command -v $CC > /dev/null 2>&1 || { skip "Windows" "no $CC; make windows"; finish; }
tests=
for t in parking atomic validation waiting sync channel pool; do [ ! -f "tests/test_$t.c" ] || tests="$tests $t"; done
posix="-Itests/support/windows -include tests/support/windows/posix.h" # for the tests, not for the headers

# ---- the headers
{ echo '#define GOKORE_IMPLEMENTATION'; for h in $HEADERS; do echo "#include \"$h\""; done; } > "$work/implementation.c"
for h in $HEADERS; do
    echo "#include \"$h\"" > "$work/alone.c"
    works "$h declares alone" cc_strict -fsyntax-only "$work/alone.c"
    printf '#define GOKORE_IMPLEMENTATION\n#include "%s"\nint main(void) { return gokore_version()[0] == 0; }\n' "$h" > "$work/alone.c"
    works "$h implements alone and links" cc_strict -o "$work/alone.exe" "$work/alone.c" -lsynchronization
done
for flags in "-O2" "-O3 -DNDEBUG" "-O2 -DGOKORE_STATIC=1" "-O2 -DGOKORE_NUMA=0" \
    "-O2 -DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1 -DGOKORE_ATOMIC_COUNT=1 -DGOKORE_LOCKORDER=1 -DGOKORE_POLICY=1"; do
    works "implementation $flags" cc_strict $flags -c -o "$work/implementation.o" "$work/implementation.c"
done
refused "GOKORE_FUTEX=0 is refused" "GOKORE_FUTEX must be 1 on Windows" cc_strict -DGOKORE_FUTEX=0 -fsyntax-only "$work/implementation.c"
cxx=x86_64-w64-mingw32-g++
if command -v $cxx > /dev/null 2>&1; then
    for h in $HEADERS; do
        echo "#include \"$h\"" > "$work/alone.cc"
        works "$h in C++17" $cxx -std=c++17 -Wall -Wextra -Werror -I. -fsyntax-only "$work/alone.cc"
    done
else
    skip "C++17" "no $cxx"
fi

# ---- the tests
for file in tests/support/implementation.c tests/support/test.c $(printf 'tests/test_%s.c ' $tests); do
    works "$file compiles" cc_strict $posix -O2 -g -c -o "$work/$(basename "$file" .c).o" "$file" || finish
done
ar rcs "$work/libgokore.a" "$work/implementation.o" # left out where a test holds an implementation of its own
for t in $tests; do
    # the name is ELF's; test_validation asks whether an address is code
    works "test_$t links" $CC -static -Wl,--defsym,__executable_start=__ImageBase -o "$work/test_$t.exe" "$work/test_$t.o" "$work/test.o" "$work/libgokore.a" -lpthread \
        -lsynchronization -lm
done
mkdir -p "$BUILD/wine"
WINEPREFIX=$(cd "$BUILD/wine" && pwd) WINEDEBUG=-all
export WINEPREFIX WINEDEBUG
printf '#include <stdio.h>\nint main(void) { return puts("it works") < 0; }\n' > "$work/probe.c"
$CC -o "$work/probe.exe" "$work/probe.c"
if ! timeout 120 wine "$work/probe.exe" 2>&1 < /dev/null | grep -q 'it works'; then
    skip "running" "no wine that runs programs here: compiled and linked only"
    finish
fi
for t in $tests; do
    if wine "$work/test_$t.exe" --timeout 300 < /dev/null > "$work/log" 2>&1; then
        pass "test_$t"
        grep '^skip' "$work/log"
    else
        grep -v '^ok ' "$work/log" > "$work/output"
        fail "test_$t" "$work/output"
    fi
done
wineserver -k > /dev/null 2>&1 # this prefix's own
finish
