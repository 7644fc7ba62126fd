/* The page: page.html with its style, its script and the picture's data put in. Invariant: one file that asks for no other. */
#include "picture_internal.h"
#include <string.h>

static void put_escaped(FILE *stream, const char *text)
{
    for (; *text; text++)
        if (strchr("<>&\"", *text))
            fprintf(stream, "&#%d;", *text);
        else
            fputc(*text, stream);
}

/* The link to a page where what is shown can be changed. */
static void put_edit(FILE *stream, const char *address)
{
    if (!address)
        return;
    fputs("<a id=\"edit\" href=\"", stream);
    put_escaped(stream, address);
    fputs("\" title=\"Other values, another expression\">Change this</a>", stream);
}

ct_status ct__write_html(FILE *stream, void *picture)
{
    ct_picture *p = picture;
    char title[500];
    ct_status status = CT_OK;
    ct__clean(p->options->title ? p->options->title : p->labels[p->root], 100, title, sizeof title);
    for (const char *c = ct__page_html; status == CT_OK && *c;) {
        const char *mark = strstr(c, "{{");
        fwrite(c, 1, mark ? (size_t)(mark - c) : strlen(c), stream);
        if (!mark)
            break;
        if (strncmp(mark, "{{title}}", 9) == 0)
            put_escaped(stream, title);
        else if (strncmp(mark, "{{version}}", 11) == 0)
            put_escaped(stream, ct_version());
        else if (strncmp(mark, "{{style}}", 9) == 0)
            fputs(ct__page_css, stream);
        else if (strncmp(mark, "{{script}}", 10) == 0)
            fputs(ct__page_js, stream);
        else if (strncmp(mark, "{{edit}}", 8) == 0)
            put_edit(stream, p->options->edit);
        else if (strncmp(mark, "{{mistakes}}", 12) == 0)
            fputs(ct__mistakes_h, stream);
        else
            status = ct__write_page_data(stream, p);
        c = strstr(mark, "}}") + 2;
    }
    return status;
}
