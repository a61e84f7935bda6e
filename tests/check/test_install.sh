# make install into an empty root, and a program that finds the library there by pkg-config alone.
. tests/support/script.sh
root=$work/root
make=${MAKE:-make}
works "make install" $make --no-print-directory install DESTDIR="$root" PREFIX=/usr
for h in $HEADERS; do same "installed $h" "$h" "$root/usr/include/$h"; done
pc=$root/usr/lib/pkgconfig/gokore.pc
works "gokore.pc has the version" grep -x "Version: $(sed -n 's/.*define GOKORE_VERSION  *"\(.*\)".*/\1/p' gokore_atomic.h)" "$pc"
cat > "$work/user.c" << 'USER'
#define GOKORE_IMPLEMENTATION
#include <gokore_atomic.h>
int main(void) { return gokore_version()[0] == 0; }
USER
if command -v pkg-config > /dev/null 2>&1; then
    flags=$(PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_LIBDIR="$root/usr/lib/pkgconfig" pkg-config --cflags --libs gokore)
    works "a program finds it by pkg-config" $CC "$work/user.c" $flags -o "$work/user"
    works "and runs" "$work/user"
else
    skip "a program finds it by pkg-config" "no pkg-config"
fi
works "make uninstall" $make --no-print-directory uninstall DESTDIR="$root" PREFIX=/usr
works "leaves nothing" test -z "$(find "$root" -type f)"
finish
