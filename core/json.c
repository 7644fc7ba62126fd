/* JSON values, and writing them, in a build without jansson; see json.h. */
#include "json.h"

#ifndef COTAN_USE_JANSSON
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

static json_t *new_value(json_type type)
{
    json_t *value = ct_allocate(1, sizeof *value);
    if (value)
        *value = (json_t){.type = type, .refs = 1};
    return value;
}

json_t *json_object(void)
{
    return new_value(JSON_OBJECT);
}

json_t *json_array(void)
{
    return new_value(JSON_ARRAY);
}

json_t *json_null(void)
{
    return new_value(JSON_NULL);
}

json_t *json_boolean(int value)
{
    return new_value(value ? JSON_TRUE : JSON_FALSE);
}

json_t *json_integer(json_int_t number)
{
    json_t *value = new_value(JSON_INTEGER);
    if (value)
        value->integer = number;
    return value;
}

json_t *json_real(double number)
{
    json_t *value = isfinite(number) ? new_value(JSON_REAL) : NULL;
    if (value)
        value->real = number;
    return value;
}

/* Where the continuation's lowest and highest byte stand, after a first byte that has less room than others. */
static bool continues(unsigned char first, unsigned char second)
{
    unsigned char low = first == 0xe0   ? 0xa0
                        : first == 0xf0 ? 0x90
                                        : 0x80,
                  high = first == 0xed   ? 0x9f
                         : first == 0xf4 ? 0x8f
                                         : 0xbf;
    return second >= low && second <= high;
}

int ct__utf8_bytes(const char *text, size_t bytes)
{
    const unsigned char *c = (const unsigned char *)text;
    if (bytes == 0)
        return 0;
    size_t n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    if (n > bytes || (n > 1 && !continues(c[0], c[1])))
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    return (int)n;
}

static bool is_utf8(const char *text)
{
    size_t left = strlen(text);
    int n = 1;
    for (; left > 0 && (n = ct__utf8_bytes(text, left)) > 0; text += n)
        left -= (size_t)n;
    return left == 0;
}

static char *copy_of_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = ct_allocate(1, size);
    return copy ? memcpy(copy, text, size) : NULL;
}

json_t *json_string(const char *text)
{
    json_t *value = text && is_utf8(text) ? new_value(JSON_STRING) : NULL;
    if (value && !(value->text = copy_of_text(text))) {
        ct_deallocate(value);
        return NULL;
    }
    return value;
}

void json_decref(json_t *value)
{
    if (!value || --value->refs > 0)
        return;
    for (size_t i = 0; i < value->count; i++) {
        json_decref(value->values[i]);
        if (value->keys)
            ct_deallocate(value->keys[i]);
    }
    ct_deallocate(value->values);
    ct_deallocate(value->keys);
    ct_deallocate(value->places);
    ct_deallocate(value->text);
    ct_deallocate(value);
}

/* ---- arrays and objects ---- */

static size_t hash_of(const char *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash;
}

/* Where the index of key stands, or may be put. */
static uint32_t *place_of(const json_t *object, const char *key)
{
    size_t n = 2 * object->room, at = hash_of(key) % n;
    while (object->places[at] && strcmp(object->keys[object->places[at] - 1], key) != 0)
        at = (at + 1) % n;
    return &object->places[at];
}

/* Keys and places for so many. */
static bool make_places(json_t *object, size_t room)
{
    char **keys = room < UINT32_MAX / 2 ? ct_reallocate(object->keys, room * sizeof *keys) : NULL;
    object->keys = keys ? keys : object->keys;
    uint32_t *places = keys ? ct_allocate(2 * room, sizeof *places) : NULL;
    if (!places)
        return false;
    ct_deallocate(object->places);
    object->places = places;
    object->room = room;
    for (size_t i = 0; i < object->count; i++)
        *place_of(object, object->keys[i]) = (uint32_t)i + 1;
    return true;
}

static bool make_room(json_t *list)
{
    size_t room = list->room ? 2 * list->room : 4;
    if (list->count < list->room)
        return true;
    json_t **values = ct_reallocate(list->values, room * sizeof *values);
    list->values = values ? values : list->values;
    if (values && list->type == JSON_OBJECT)
        return make_places(list, room);
    list->room = values ? room : list->room;
    return values != NULL;
}

int json_array_append_new(json_t *array, json_t *value)
{
    if (!array || !value || !make_room(array)) {
        json_decref(value);
        return -1;
    }
    array->values[array->count++] = value;
    return 0;
}

/* Adds a key that the object does not have. */
static int add(json_t *object, const char *key, json_t *value)
{
    char *copy = make_room(object) ? copy_of_text(key) : NULL;
    if (!copy) {
        json_decref(value);
        return -1;
    }
    *place_of(object, key) = (uint32_t)object->count + 1;
    object->keys[object->count] = copy;
    object->values[object->count++] = value;
    return 0;
}

int json_object_set_new(json_t *object, const char *key, json_t *value)
{
    if (!object || !value || !is_utf8(key)) {
        json_decref(value);
        return -1;
    }
    uint32_t at = object->room ? *place_of(object, key) : 0;
    if (at == 0)
        return add(object, key, value);
    json_decref(object->values[at - 1]);
    object->values[at - 1] = value;
    return 0;
}

int json_object_update(json_t *object, const json_t *other)
{
    for (size_t i = 0; i < json_object_size(other); i++) {
        other->values[i]->refs++;
        if (json_object_set_new(object, other->keys[i], other->values[i]) != 0)
            return -1;
    }
    return 0;
}

json_t *json_object_get(const json_t *object, const char *key)
{
    uint32_t at = json_object_size(object) ? *place_of(object, key) : 0;
    return at ? object->values[at - 1] : NULL;
}

size_t json_object_size(const json_t *object)
{
    return object && object->type == JSON_OBJECT ? object->count : 0;
}

json_t *json_array_get(const json_t *array, size_t index)
{
    return index < json_array_size(array) ? array->values[index] : NULL;
}

size_t json_array_size(const json_t *array)
{
    return json_is_array(array) ? array->count : 0;
}

const char *json_string_value(const json_t *value)
{
    return value ? value->text : NULL;
}

json_int_t json_integer_value(const json_t *value)
{
    return value ? value->integer : 0;
}

double json_number_value(const json_t *value)
{
    return json_is_integer(value) ? (double)value->integer : value ? value->real : 0;
}

int json_equal(const json_t *a, const json_t *b)
{
    if (!a || !b || a->type != b->type || a->count != b->count || a->integer != b->integer || a->real != b->real ||
        (a->text && strcmp(a->text, b->text) != 0))
        return 0;
    for (size_t i = 0; i < a->count; i++)
        if (!json_equal(a->values[i], a->keys ? json_object_get(b, a->keys[i]) : b->values[i]))
            return 0;
    return 1;
}

/* ---- by a format ---- */

typedef struct packing {
    const char *at;
    va_list arguments;
    json_error_t *error; /* may be NULL */
    bool failed;
} packing;

static char next_letter(packing *p)
{
    p->at += strspn(p->at, " ,:");
    return *p->at ? *p->at++ : '\0';
}

static json_t *pack_string(packing *p)
{
    const char *text = va_arg(p->arguments, const char *);
    if (p->error && text && !is_utf8(text))
        p->error->code = json_error_invalid_utf8;
    return json_string(text);
}

static json_t *pack_value(packing *p);

/* Up to the bracket that ends it. What has been handed over is taken even where something fails. */
static json_t *pack_list(packing *p, json_t *list, char end)
{
    for (p->at += strspn(p->at, " ,:"); *p->at && *p->at != end; p->at += strspn(p->at, " ,:")) {
        const char *key = NULL;
        if (end == '}') {
            next_letter(p);
            key = va_arg(p->arguments, const char *);
            if (p->error && !is_utf8(key))
                p->error->code = json_error_invalid_utf8;
        }
        json_t *value = pack_value(p);
        bool left_out = *p->at == '*' && p->at++ && !value;
        if (!left_out && (key ? json_object_set_new(list, key, value) : json_array_append_new(list, value)) != 0)
            p->failed = true;
    }
    p->at += *p->at != '\0';
    return list;
}

static json_t *pack_value(packing *p)
{
    json_t *value;
    switch (next_letter(p)) {
    case '{':
        return pack_list(p, json_object(), '}');
    case '[':
        return pack_list(p, json_array(), ']');
    case 's':
        return pack_string(p);
    case 'i':
        return json_integer(va_arg(p->arguments, int));
    case 'I':
        return json_integer(va_arg(p->arguments, json_int_t));
    case 'f':
        return json_real(va_arg(p->arguments, double));
    case 'b':
        return json_boolean(va_arg(p->arguments, int));
    case 'o':
        return va_arg(p->arguments, json_t *);
    case 'O':
        value = va_arg(p->arguments, json_t *);
        if (value)
            value->refs++;
        return value;
    default:
        return NULL;
    }
}

static json_t *pack(packing *p)
{
    json_t *value = pack_value(p);
    if (!p->failed)
        return value;
    json_decref(value);
    return NULL;
}

json_t *json_pack(const char *format, ...)
{
    packing p = {.at = format};
    va_start(p.arguments, format);
    json_t *value = pack(&p);
    va_end(p.arguments);
    return value;
}

json_t *json_pack_ex(json_error_t *error, size_t flags, const char *format, ...)
{
    packing p = {.at = format, .error = error};
    (void)flags;
    *error = (json_error_t){0};
    va_start(p.arguments, format);
    json_t *value = pack(&p);
    va_end(p.arguments);
    return value;
}

/* ---- writing ---- */

typedef struct sink {
    char *buffer; /* or, if NULL, */
    FILE *stream;
    size_t size, used;
    bool failed;
} sink;

static void put(sink *s, const char *bytes, size_t n)
{
    if (s->stream)
        s->failed = s->failed || fwrite(bytes, 1, n, s->stream) != n;
    else if (s->used < s->size)
        memcpy(s->buffer + s->used, bytes, n < s->size - s->used ? n : s->size - s->used);
    s->used += n;
}

static void put_text(sink *s, const char *text)
{
    put(s, text, strlen(text));
}

static void put_string(sink *s, const char *text)
{
    static const char letters[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
    put_text(s, "\"");
    for (; *text; text++) {
        const char *letter = strchr(letters, *text);
        char escape[8] = {'\\', letter ? escapes[letter - letters] : 'u'};
        if (letter || (unsigned char)*text >= ' ')
            put(s, letter ? escape : text, letter ? 2 : 1);
        else {
            ct__format(escape, sizeof escape, "\\u%04X", (unsigned)*text);
            put_text(s, escape);
        }
    }
    put_text(s, "\"");
}

/* With a point or an exponent, so that it stays a real; the exponent without + and without zeros before it. */
static void put_real(sink *s, double value)
{
    char text[40];
    ct__format(text, sizeof text, "%.17g", value);
    char *exponent = strchr(text, 'e');
    if (!exponent && !strchr(text, '.'))
        strcat(text, ".0");
    put(s, text, exponent ? (size_t)(exponent - text) : strlen(text));
    if (exponent) {
        put_text(s, exponent[1] == '-' ? "e-" : "e");
        put_text(s, exponent + 2 + strspn(exponent + 2, "0"));
    }
}

static void new_line(sink *s, size_t flags, size_t depth)
{
    size_t indent = flags & 31;
    if (indent == 0)
        return;
    put_text(s, "\n");
    for (size_t i = 0; i < depth * indent; i++)
        put_text(s, " ");
}

static void put_value(sink *s, const json_t *value, size_t flags, size_t depth);

static void put_list(sink *s, const json_t *list, size_t flags, size_t depth)
{
    bool object = list->type == JSON_OBJECT, plain = (flags & (31 | JSON_COMPACT)) == 0;
    put_text(s, object ? "{" : "[");
    for (size_t i = 0; i < list->count; i++) {
        put_text(s, i == 0 ? "" : plain ? ", " : ",");
        new_line(s, flags, depth + 1);
        if (object) {
            put_string(s, list->keys[i]);
            put_text(s, flags & JSON_COMPACT ? ":" : ": ");
        }
        put_value(s, list->values[i], flags, depth + 1);
    }
    if (list->count > 0)
        new_line(s, flags, depth);
    put_text(s, object ? "}" : "]");
}

static void put_value(sink *s, const json_t *value, size_t flags, size_t depth)
{
    static const char *const words[] = {[JSON_TRUE] = "true", [JSON_FALSE] = "false", [JSON_NULL] = "null"};
    char text[24];
    if (value->type == JSON_STRING)
        put_string(s, value->text);
    else if (value->type == JSON_REAL)
        put_real(s, value->real);
    else if (value->type == JSON_INTEGER) {
        ct__format(text, sizeof text, "%lld", value->integer);
        put_text(s, text);
    } else if (value->type == JSON_ARRAY || value->type == JSON_OBJECT)
        put_list(s, value, flags, depth);
    else
        put_text(s, words[value->type]);
}

size_t json_dumpb(const json_t *value, char *buffer, size_t size, size_t flags)
{
    sink s = {.buffer = buffer, .size = size};
    if (value)
        put_value(&s, value, flags, 0);
    return s.used;
}

int json_dumpf(const json_t *value, FILE *stream, size_t flags)
{
    sink s = {.stream = stream, .failed = !value};
    if (value)
        put_value(&s, value, flags, 0);
    return s.failed ? -1 : 0;
}
#endif
