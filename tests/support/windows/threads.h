// threads.h - mingw-w64 has none; posix.h says so to the library, and here to the tests
#ifndef TEST_WINDOWS_THREADS_H
#define TEST_WINDOWS_THREADS_H
#include "posix.h"
typedef int mtx_t;
enum { thrd_success, mtx_plain };
int mtx_init(mtx_t *m, int type);
int mtx_trylock(mtx_t *m);
void mtx_destroy(mtx_t *m);
#endif
