/* The way from a page to the playground (docs/playground.md), which lets the expression be changed. */
#include "explain.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char name[] = "playground.html";

/* Whether it lies beside the picture. */
static bool lies_beside(const char *picture)
{
    char path[4096];
    const char *slash = strrchr(picture, '/');
    int folder = slash ? (int)(slash - picture) + 1 : 0;
    return snprintf(path, sizeof path, "%.*s%s", folder, picture, name) < (int)sizeof path && access(path, R_OK) == 0;
}

/* As an address has it: what is no letter and no digit by its bytes, %3D. */
static void put_part(FILE *stream, const char *key, const char *text)
{
    fputs(key, stream);
    for (; *text; text++) {
        bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *text) != NULL;
        fprintf(stream, plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
}

char *playground_address(const session *s, const char *picture)
{
    char *address = NULL;
    size_t size;
    FILE *stream = lies_beside(picture) ? open_memstream(&address, &size) : NULL;
    if (!stream)
        return NULL;
    fputs(name, stream);
    for (int i = 0; i < s->given->n_words; i++)
        put_part(stream, i ? "&v=" : "#e=", s->given->words[i]);
    fclose(stream);
    return address;
}
