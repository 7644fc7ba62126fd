/* The texts of the source lines that a page shows. Invariant: a file that cannot be read, or is none, has no lines; that is no error. */
#include "picture_internal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct ct_source_line {
    const char *file;
    int line;
    char *text;
} ct_source_line;

static int by_line(const void *a, const void *b)
{
    const ct_source_line *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static ct_status collect(ct_sources *s, const ct_picture *p)
{
    for (int64_t k = 0; k < p->n_nodes; k++) {
        const ct_trace_node *node = ct__shown_node(p, k);
        const ct_source_line *last = s->n ? &s->lines[s->n - 1] : NULL;
        if (!node->file || (last && last->file == node->file && last->line == node->line))
            continue;
        if (ct__trace_grow((void **)&s->lines, s->n, &s->room, sizeof *s->lines) != CT_OK)
            return CT_ERROR_MEMORY;
        s->lines[s->n++] = (ct_source_line){.file = node->file, .line = node->line};
    }
    return CT_OK;
}

/* Those of one file, sorted by line. */
static ct_status read_file(ct_source_line *lines, int64_t n)
{
    struct stat info;
    errno = 0;
    FILE *file = stat(lines->file, &info) == 0 && S_ISREG(info.st_mode) ? fopen(lines->file, "re") : NULL;
    char *text = NULL;
    size_t room = 0;
    int64_t k = 0;
    for (int line = 1; file && k < n && getline(&text, &room, file) >= 0; line++)
        for (; k < n && lines[k].line <= line; k++)
            if (lines[k].line == line)
                lines[k].text = strndup(text + strspn(text, " \t"), strcspn(text + strspn(text, " \t"), "\r\n"));
    ct_status status = errno == ENOMEM ? ct__no_memory("graph_write") : CT_OK;
    free(text);
    if (file)
        fclose(file);
    return status;
}

ct_status ct__sources_read(ct_sources *s, const ct_picture *p)
{
    ct_status status = p->options->source ? collect(s, p) : CT_OK;
    if (status != CT_OK || s->n == 0)
        return status;
    qsort(s->lines, (size_t)s->n, sizeof *s->lines, by_line);
    for (int64_t begin = 0, end; status == CT_OK && begin < s->n; begin = end) {
        for (end = begin; end < s->n && strcmp(s->lines[end].file, s->lines[begin].file) == 0;)
            end++;
        status = read_file(s->lines + begin, end - begin);
    }
    return status;
}

const char *ct__source_line(const ct_sources *s, const char *file, int line)
{
    ct_source_line key = {.file = file, .line = line};
    const ct_source_line *found = s->n && file ? bsearch(&key, s->lines, (size_t)s->n, sizeof key, by_line) : NULL;
    return found ? found->text : NULL;
}

void ct__sources_free(ct_sources *s)
{
    for (int64_t k = 0; k < s->n; k++)
        free(s->lines[k].text);
    ct__free(s->lines, (size_t)s->room * sizeof *s->lines);
}
