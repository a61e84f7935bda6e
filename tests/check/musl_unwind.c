// Debian's musl-gcc links the libgcc of glibc, which asks glibc where the unwind tables are. The answer for a static musl
// program. A libgcc made for musl asks dl_iterate_phdr by itself.
#define _GNU_SOURCE
#include <link.h>
#include <stddef.h>

struct dl_find_object { // as in glibc's <dlfcn.h>
    unsigned long long flags;
    void *start, *end;
    struct link_map *map;
    void *tables;
    unsigned long long reserved[7];
};
int _dl_find_object(void *pc, struct dl_find_object *out);

struct search {
    ElfW(Addr) pc;
    struct dl_find_object *out;
};

static int look(struct dl_phdr_info *info, size_t size, void *user) {
    struct search *s = user;
    void *tables = NULL;
    int found = 0;
    (void)size;
    for (ElfW(Half) i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        char *at = (char *)NULL + info->dlpi_addr + p->p_vaddr;
        if (p->p_type == PT_GNU_EH_FRAME) tables = at;
        if (p->p_type != PT_LOAD || s->pc < (ElfW(Addr))at || s->pc >= (ElfW(Addr))at + p->p_memsz) continue;
        *s->out = (struct dl_find_object) { .start = at, .end = at + p->p_memsz };
        found = 1;
    }
    s->out->tables = tables;
    return found && tables;
}

int _dl_find_object(void *pc, struct dl_find_object *out) {
    struct search s = { (ElfW(Addr))pc, out };
    return dl_iterate_phdr(look, &s) ? 0 : -1;
}
