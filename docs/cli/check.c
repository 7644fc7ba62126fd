/* cotan check: the gradient checker on records of operations, those of a shared library or the library's own.
 *
 * Invariant: a symbol counts as a record only if it looks like one in every member, so that no stranger is called. */
#include "cli.h"
#include <dlfcn.h>
#include <elf.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JSON, VERBOSE };
static const option options[] = {
    {"json", NULL, "write the verdicts as JSON"},
    {"verbose", NULL, "print the whole report of every operation, not only of those that fail"},
    {0}};

#define MAX_RECORDS 256

typedef struct records {
    const ct_op *ops[MAX_RECORDS];
    int n;
} records;

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

/* From now on a crash says that what, in quotes, did that. */
static void watch(int status, const char *what, const char *did)
{
    snprintf(crash_message, sizeof crash_message, "cotan check: '%.500s' %s\n", what, did);
    crash_status = status;
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], crashed);
}

/* ---- finding records in a shared library ---- */

/* A file as it lies; NULL after complaining. For free(). */
static char *read_file(const arguments *given, const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long end = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (end >= 0 && (bytes = malloc((size_t)end + 1)) && fseek(file, 0, SEEK_SET) == 0)
        *size = fread(bytes, 1, (size_t)end, file);
    if (file)
        fclose(file);
    if (!bytes)
        complain(given->command, "%s cannot be read", path);
    return bytes;
}

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

/* The library stays loaded: the records are in it. */
static bool load(const arguments *given, const char *path, records *found)
{
    size_t size = 0;
    char *bytes = read_file(given, path, &size);
    if (!bytes)
        return false;
    watch(WRONG_USE, path, "is damaged: it crashes while it is loaded");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        complain(given->command, "%s", dlerror());
    else
        find_records(library, bytes, size, found);
    free(bytes);
    if (library && found->n == 0)
        complain(
            given->command,
            "%s exports no operation: a record is a constant ct_op that is not static (and not hidden by -fvisibility)",
            path);
    qsort(found->ops, (size_t)found->n, sizeof *found->ops, by_name);
    return found->n > 0;
}

/* One of the library's own. */
static bool look_up(const arguments *given, const char *name, records *found)
{
    const char *names[1024];
    int n;
    const ct_op *const *ops = ct_ops(&n);
    for (int i = 0; i < n && i < 1024; i++) {
        names[i] = ops[i]->name;
        if (strcmp(name, names[i]) == 0)
            found->ops[found->n++] = ops[i];
    }
    const char *like = nearest(name, (int)strlen(name), names, n);
    if (found->n == 0)
        complain(given->command, "there is no operation '%s'%s%s%s; a library's path has a / in it", name,
                 like ? "; the nearest is '" : "", like ? like : "", like ? "'" : "");
    return found->n > 0;
}

/* ---- checking ---- */

static bool without_gradient(const ct_op *op)
{
    return op->gradient && strncmp(op->gradient, "none", 4) == 0;
}

typedef struct outcome {
    const char *verdict; /* in a word */
    bool good;
    char why[512]; /* "" if all is well */
} outcome;

static void judge(const ct_op *op, ct_verdict verdict, const ct_gradcheck_report *report, outcome *o)
{
    bool none = verdict == CT_VACUOUS && without_gradient(op) && ct_error_code() == CT_OK;
    *o = (outcome){none ? "none" : ct_verdict_name(verdict), none || ct_verdict_good(verdict), ""};
    if (none)
        snprintf(o->why, sizeof o->why, "no gradient (%s)", op->gradient);
    else if (ct_error_code() != CT_OK)
        snprintf(o->why, sizeof o->why, "%s", ct_error_message());
    else if (!op->samples || !op->samples->inputs)
        snprintf(o->why, sizeof o->why, "the record has no samples: nothing was checked");
    else if (!o->good)
        snprintf(o->why, sizeof o->why, "%s%s%s", report->check ? report->check : "", *report->cause ? ": " : "",
                 report->cause);
    ct_error_clear();
}

static void add_json(json_t *all, const ct_op *op, const ct_gradcheck_report *report, const outcome *o)
{
    json_array_append_new(all, json_pack("{s:s, s:s, s:b, s:s, s:i, s:I, s:I, s:I, s:f}", "op", op->name, "verdict",
                                         o->verdict, "good", o->good, "why", o->why, "argument", report->argument,
                                         "elements", (json_int_t)report->elements, "bad", (json_int_t)report->bad,
                                         "evaluations", (json_int_t)report->evaluations, "seconds", report->seconds));
}

static void print_outcome(const arguments *given, int width, const ct_op *op, const ct_gradcheck_report *report,
                          const outcome *o)
{
    printf("%s%-7s%s  %-*s", o->good ? "" : bold(stdout), o->verdict, plain(stdout), width, op->name);
    if (report->elements)
        printf("  %6lld elements, %7lld evaluations", (long long)report->elements, (long long)report->evaluations);
    bool whole = given->values[VERBOSE] || (!o->good && report->elements);
    printf("%s%s\n", *o->why && !whole ? "  " : "", whole ? "" : o->why);
    if (whole) {
        ct_gradcheck_print(report, stdout);
        printf("\n");
    }
}

/* Whether all are good. */
static bool check_all(const arguments *given, const records *found, json_t *json)
{
    int good = 0, width = 0;
    for (int i = 0; i < found->n; i++)
        width = text_width(found->ops[i]->name) > width ? text_width(found->ops[i]->name) : width;
    for (int i = 0; i < found->n; i++) {
        ct_gradcheck_report report = {0};
        outcome o;
        fflush(stdout);
        watch(DIFFERS, found->ops[i]->name, "crashed while it was run on its samples");
        judge(found->ops[i], ct_gradcheck_op(found->ops[i], &report, .order = 2), &report, &o);
        good += o.good;
        if (json)
            add_json(json, found->ops[i], &report, &o);
        else
            print_outcome(given, width, found->ops[i], &report, &o);
        ct_gradcheck_report_free(&report);
    }
    if (!json)
        printf("%d of %d operation%s right\n", good, found->n, found->n == 1 ? "" : "s");
    return good == found->n;
}

static int run(const arguments *given)
{
    const char *word = given->words[0];
    records found = {0};
    if (!(strchr(word, '/') ? load(given, word, &found) : look_up(given, word, &found)))
        return WRONG_USE;
    json_t *json = given->values[JSON] ? json_array() : NULL;
    bool good = check_all(given, &found, json);
    if (json)
        printf(json_dumpf(json, stdout, JSON_INDENT(1)) == 0 ? "\n" : "");
    json_decref(json);
    return good ? FINE : DIFFERS;
}

const command check_command = {
    .name = "check",
    .usage = "LIBRARY.so|OPERATION",
    .min_words = 1,
    .max_words = 1,
    .summary = "gradient-check the operations of a shared library",
    .about = "Loads a shared library, finds the records of operations in it (every constant ct_op that is exported), "
             "and checks "
             "the gradient of each on the samples of its record, to the second order, with all structural checks. A "
             "word without "
             "a slash is one of cotan's own operations.\nThe exit status is 0 if all are right, 1 if one is not.",
    .options = options,
    .examples =
        "  cc -shared -fPIC -o my_ops.so my_ops.c $(pkg-config --cflags --libs cotan)\n  cotan check ./my_ops.so\n"
        "  cotan check softmax --verbose\n",
    .run = run,
};
