// flush.c - the counters of programs that end by abort or _exit, which gcov would lose. Linked with --wrap=abort,--wrap=_exit.
void __gcov_dump(void);
_Noreturn void __real_abort(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap_abort(void);
_Noreturn void __wrap__exit(int status);

void __wrap_abort(void) {
    __gcov_dump();
    __real_abort();
}

void __wrap__exit(int status) {
    __gcov_dump();
    __real__exit(status);
}
