# Each operation compiles to the instructions of its <stdatomic.h> twin. This compiler, this machine; make check has more.
. tests/support/script.sh
. tests/compile/zero_cost/compare.sh
zero_cost "$CC" $CC
finish
