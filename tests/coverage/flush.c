// flush.c - the counters of programs that end by abort or _exit, which would be lost. Linked with --wrap=abort,--wrap=_exit, and
// compiled with -DWRITE_COUNTERS_=… : __gcov_dump of gcc's runtime, __llvm_profile_write_file of clang's.
int WRITE_COUNTERS_(void); // gcc's returns nothing, which nobody looks at
_Noreturn void __real_abort(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap_abort(void);
_Noreturn void __wrap__exit(int status);

void __wrap_abort(void) {
    WRITE_COUNTERS_();
    __real_abort();
}

void __wrap__exit(int status) {
    WRITE_COUNTERS_();
    __real__exit(status);
}
