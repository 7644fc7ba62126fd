/* Records of operations in a shared library, and what is said when they crash.
 *
 * Invariant: a symbol counts as a record only if it looks like one in every member, so that no stranger is called. */
#include "records.h"
#include <dlfcn.h>
#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- crashes in what was loaded ---- */

/* What a crash leaves behind: a line, and an exit status. */
static char crash_message[640];
static int crash_status;

static void crashed(int signal_number)
{
    (void)signal_number;
    ssize_t written = write(STDERR_FILENO, crash_message, strlen(crash_message));
    _exit(written < 0 ? WRONG_USE : crash_status);
}

void watch_crashes(const char *who, int status, const char *what, const char *did)
{
    snprintf(crash_message, sizeof crash_message, "cotan %.50s: '%.500s' %s\n", who, what, did);
    crash_status = status;
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], crashed);
}

/* ---- finding records in a shared library ---- */

/* Whether p lies in something that is loaded, or is NULL and may be. */
static bool loaded(const void *p, bool may_be_null)
{
    Dl_info info;
    return p ? dladdr(p, &info) != 0 : may_be_null;
}

static const void *code(ct_status (*function)(ct_call *))
{
    const void *p;
    memcpy(&p, &function, sizeof p);
    return p;
}

static bool looks_like_a_record(const ct_op *op)
{
    bool expression = op->expression != NULL;
    return loaded(op->name, false) && loaded(op->gradient, true) && loaded(op->source, true) &&
           loaded(op->samples, true) && op->max_inputs >= op->min_inputs && op->min_inputs >= 0 &&
           op->max_inputs <= CT_MAX_INPUTS && op->outputs >= 0 && op->outputs <= CT_MAX_OUTPUTS &&
           op->attributes_size <= CT_MAX_ATTRIBUTES && loaded(code(op->infer), expression) &&
           loaded(code(op->forward), true) && loaded(code(op->backward), true) &&
           loaded(*(void *const *)&op->expression, true);
}

static void add_record(const ct_op *op, records *found)
{
    for (int i = 0; i < found->n; i++) {
        if (found->ops[i] == op)
            return; /* a symbol of two names */
    }
    if (found->n < MAX_RECORDS && looks_like_a_record(op))
        found->ops[found->n++] = op;
}

/* A record, or an array of them; a sanitizer makes it larger. */
static void add_symbol(void *library, const char *name, size_t size, records *found)
{
    const ct_op *ops = dlsym(library, name);
    for (size_t i = 0; ops && i < size / sizeof *ops; i++)
        add_record(&ops[i], found);
}

/* Adds the records among the symbols of one section of the file. */
static void add_symbols(void *library, const char *bytes, size_t size, const Elf64_Shdr *symbols,
                        const Elf64_Shdr *names, records *found)
{
    if (symbols->sh_offset > size || symbols->sh_size > size - symbols->sh_offset || names->sh_offset > size ||
        names->sh_size > size - names->sh_offset)
        return;
    for (size_t at = 0; at + sizeof(Elf64_Sym) <= symbols->sh_size; at += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        memcpy(&symbol, bytes + symbols->sh_offset + at, sizeof symbol);
        const char *name = bytes + names->sh_offset + symbol.st_name;
        bool ends = symbol.st_name < names->sh_size && memchr(name, 0, names->sh_size - symbol.st_name);
        if (ends && ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT && symbol.st_shndx != SHN_UNDEF)
            add_symbol(library, name, symbol.st_size, found);
    }
}

/* Among the exported objects, from the file's table of dynamic symbols (elf(5)). */
static void find_records(void *library, const char *bytes, size_t size, records *found)
{
    Elf64_Ehdr head;
    if (size < sizeof head)
        return;
    memcpy(&head, bytes, sizeof head);
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_shentsize != sizeof(Elf64_Shdr) || head.e_shoff > size ||
        (size - head.e_shoff) / sizeof(Elf64_Shdr) < head.e_shnum)
        return;
    Elf64_Shdr *sections = malloc((head.e_shnum + 1) * sizeof *sections);
    for (int i = 0; sections && i < head.e_shnum; i++)
        memcpy(&sections[i], bytes + head.e_shoff + (size_t)i * sizeof *sections, sizeof *sections);
    for (int i = 0; sections && i < head.e_shnum; i++) {
        if (sections[i].sh_type == SHT_DYNSYM && sections[i].sh_link < head.e_shnum)
            add_symbols(library, bytes, size, &sections[i], &sections[sections[i].sh_link], found);
    }
    free(sections);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const ct_op *const *)a)->name, (*(const ct_op *const *)b)->name);
}

bool load_records(const char *who, const char *path, records *found)
{
    size_t size = 0;
    char *bytes = read_file(who, path, &size);
    if (!bytes)
        return false;
    watch_crashes(who, WRONG_USE, path, "is damaged: it crashes while it is loaded");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        complain(who, "%s", dlerror());
    else
        find_records(library, bytes, size, found);
    free(bytes);
    if (library && found->n == 0)
        complain(
            who,
            "%s exports no operation: a record is a constant ct_op that is not static (and not hidden by -fvisibility)",
            path);
    qsort(found->ops, (size_t)found->n, sizeof *found->ops, by_name);
    return found->n > 0;
}
