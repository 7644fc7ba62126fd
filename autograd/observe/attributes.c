/* The attributes of a call, and as text, by the names that its record gives them. Invariant: what is read lies within the attributes,
 * whatever a record says. */
#include "trace_internal.h"
#include <stdlib.h>
#include <string.h>

/* What one word of attribute_names says: "axes:8n" is a name, how many there are, and of which kind. */
typedef struct attribute {
    const char *name;
    int length;
    int64_t count;
    char kind; /* 'd' doubles, 'w' int32_t, 's' bytes of a text, 't' a ct_dtype as int64_t; 'n' and others int64_t */
    size_t at; /* of the first, in the struct */
} attribute;

static size_t size_of(char kind)
{
    return kind == 's' ? 1 : kind == 'w' ? sizeof(int32_t) : sizeof(int64_t);
}

/* Reads the word at names, which stands behind before; returns where the next begins, NULL behind the last. */
static const char *read_word(const char *names, const attribute *before, attribute *a)
{
    names += strspn(names, " ");
    if (!*names)
        return NULL;
    char *end = (char *)names + strcspn(names, ": ");
    *a = (attribute){.name = names, .length = (int)(end - names), .count = 1};
    if (*end == ':')
        a->count = strtol(end + 1, &end, 10);
    a->kind = *end && *end != ' ' ? *end++ : 'i';
    size_t size = size_of(a->kind), free_at = before->at + (size_t)before->count * size_of(before->kind);
    a->at = (free_at + size - 1) / size * size;
    return end;
}

static int64_t integer_at(const void *attributes, size_t at)
{
    int64_t value;
    memcpy(&value, (const char *)attributes + at, sizeof value);
    return value;
}

/* One of them in at most 64 bytes. */
static int put_one(char *text, const attribute *a, const char *place)
{
    double real;
    int32_t word;
    switch (a->kind) {
    case 'd':
        memcpy(&real, place, sizeof real);
        return ct__format(text, 64, "%.17g", real);
    case 'w':
        memcpy(&word, place, sizeof word);
        return snprintf(text, 64, "%d", word);
    case 't':
        return snprintf(text, 64, "%s", ct_dtype_name((ct_dtype)integer_at(place, 0)));
    default:
        return snprintf(text, 64, "%lld", (long long)integer_at(place, 0));
    }
}

/* How many there are to show: of a list, as many as the int64_t behind it says. */
static int64_t shown(const attribute *a, const ct_op *op, const void *attributes)
{
    size_t behind = a->at + (size_t)a->count * size_of(a->kind);
    if (behind > op->attributes_size)
        return 0;
    if (a->kind != 'n' || behind + sizeof(int64_t) > op->attributes_size)
        return a->count;
    int64_t count = integer_at(attributes, behind);
    return count < 0 ? 0 : count < a->count ? count : a->count;
}

/* The attribute of that name; NULL if there is none. */
static const attribute *find_attribute(const ct_op *op, const void *attributes, const char *name, attribute *a)
{
    *a = (attribute){.kind = 'i'};
    const char *names = op && attributes && name ? op->attribute_names : NULL;
    for (attribute before = *a; names && (names = read_word(names, &before, a)); before = *a)
        if ((size_t)a->length == strlen(name) && memcmp(a->name, name, (size_t)a->length) == 0)
            return a;
    return NULL;
}

int64_t ct_attribute_integers(const ct_op *op, const void *attributes, const char *name, int64_t *values, int64_t room)
{
    attribute a;
    if (!find_attribute(op, attributes, name, &a) || a.kind == 'd' || a.kind == 's')
        return -1;
    int64_t count = shown(&a, op, attributes);
    for (int64_t i = 0; values && i < count && i < room; i++) {
        const char *place = (const char *)attributes + a.at + (size_t)i * size_of(a.kind);
        int32_t word;
        memcpy(&word, place, sizeof word);
        values[i] = a.kind == 'w' ? word : integer_at(place, 0);
    }
    return count;
}

int64_t ct_attribute_numbers(const ct_op *op, const void *attributes, const char *name, double *values, int64_t room)
{
    attribute a;
    if (!find_attribute(op, attributes, name, &a) || a.kind != 'd')
        return -1;
    int64_t count = shown(&a, op, attributes);
    if (values && count > 0)
        memcpy(values, (const char *)attributes + a.at, (size_t)(count < room ? count : room) * sizeof *values);
    return count;
}

static size_t put(char *text, const attribute *a, const ct_op *op, const void *attributes)
{
    const char *first = (const char *)attributes + a->at;
    int64_t count = shown(a, op, attributes);
    if ((count == 0 && a->kind != 'n') || *a->name == '-')
        return 0;
    size_t used = (size_t)sprintf(text, "%.*s=", a->length, a->name);
    if (a->kind == 's')
        return used + (size_t)sprintf(text + used, "%.*s", (int)count, first);
    for (int64_t i = 0; i < count; i++) {
        text[used] = ',';
        used += i > 0;
        used += (size_t)put_one(text + used, a, first + (size_t)i * size_of(a->kind));
    }
    return used;
}

const char *ct__attributes_text(ct_arena *arena, const ct_op *op, const void *attributes)
{
    enum { ROOM = 2 * 1024, ONE = 1200 };
    char text[ROOM];
    size_t used = 0;
    attribute a = {.count = 0, .kind = 'i'};
    const char *names = attributes ? op->attribute_names : NULL;
    text[0] = '\0';
    for (attribute before = a; names && (names = read_word(names, &before, &a)); before = a) {
        if (a.length > 60 || a.count < 0 || a.count > CT_MAX_ATTRIBUTES || used + ONE > ROOM)
            break;
        size_t space = used > 0;
        size_t added = before.kind == 'n' ? 0 : put(text + used + space, &a, op, attributes); /* a list says how many */
        if (added)
            text[used] = space ? ' ' : text[used];
        used += added ? added + space : 0;
        text[used] = '\0';
    }
    return used ? ct__arena_text(arena, text) : NULL;
}
