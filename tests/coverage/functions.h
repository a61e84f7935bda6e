// functions.h - included before everything else where coverage is measured: what is inline elsewhere is a function here, so that its
// branches count once, not once per caller. Whoever called such a function is two calls farther away.
#define always_inline         noinline
#define GOKORE_CALLER_        __builtin_return_address(2)
#define TEST_INLINES          0
