# C++17 includes every header and calls everything; the implementation stays C.
. tests/support/script.sh
cxx=$(find_cxx)
[ -n "$cxx" ] || { skip "C++17" "no C++ compiler that makes programs"; finish; }
strict=$(echo "$STRICT" | sed 's/-Wstrict-prototypes//; s/-Wmissing-prototypes//')
for h in $HEADERS; do
    printf '#include "%s"\n#include "%s"\nint main() { return gokore_version()[0] == 0; }\n' "$h" "$h" > "$work/one.cc"
    works "$h" $cxx -std=c++17 $strict -I. -fsyntax-only "$work/one.cc"
    works "$h, checked" $cxx -std=c++17 $strict -I. -fsyntax-only -DGOKORE_CHECKS=2 -DGOKORE_ATOMIC_CHECKS=1 "$work/one.cc"
done
works "implementation in C" cc_strict $CFLAGS -c tests/support/implementation.c -o "$work/implementation.o"
works "calls link" $cxx -std=c++17 $strict $CFLAGS tests/compile/cplusplus.cc "$work/implementation.o" -o "$work/program" -pthread
works "calls run" "$work/program"
refused "a plain int is no atomic" "no matching function" $cxx -std=c++17 -I. -fsyntax-only -DWRONG_TYPE tests/compile/cplusplus.cc
printf '#define GOKORE_IMPLEMENTATION\n#include "gokore_atomic.h"\n' > "$work/two.cc"
refused "an implementation in C++ says so" "the goKore implementation is C" $cxx -std=c++17 -I. -fsyntax-only "$work/two.cc"
finish
