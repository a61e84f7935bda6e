// implementation.c - the one file of every test, example and bench program that holds the library
#define GOKORE_IMPLEMENTATION
#include "../../gokore.h"
