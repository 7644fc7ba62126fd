/* JSON: jansson, or, in a build without it, those of its functions that are called here, in json.c and json_read.c.
 *
 * Invariant: these do and give what jansson's do, but for the words of errors. Their names in the library are ct__json_..., so that
 * a program may have jansson besides. */
#ifndef CT_JSON_H
#define CT_JSON_H

#ifdef COTAN_USE_JANSSON
#include <jansson.h>
#else
#include "core_internal.h"

#define json_array ct__json_array
#define json_array_append_new ct__json_array_append_new
#define json_array_get ct__json_array_get
#define json_array_size ct__json_array_size
#define json_boolean ct__json_boolean
#define json_decref ct__json_decref
#define json_dumpb ct__json_dumpb
#define json_dumpf ct__json_dumpf
#define json_equal ct__json_equal
#define json_integer ct__json_integer
#define json_integer_value ct__json_integer_value
#define json_loadb ct__json_loadb
#define json_loadf ct__json_loadf
#define json_null ct__json_null
#define json_number_value ct__json_number_value
#define json_object ct__json_object
#define json_object_get ct__json_object_get
#define json_object_set_new ct__json_object_set_new
#define json_object_size ct__json_object_size
#define json_object_update ct__json_object_update
#define json_pack ct__json_pack
#define json_pack_ex ct__json_pack_ex
#define json_real ct__json_real
#define json_string ct__json_string
#define json_string_value ct__json_string_value

typedef long long json_int_t;
typedef enum json_type {
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_INTEGER,
    JSON_REAL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL
} json_type;

/* A value. Of an array or object: what it holds, in the order in which it came. */
typedef struct json_t {
    json_type type;
    int64_t refs;
    json_int_t integer;
    double real;
    char *text; /* of a string, in UTF-8 */
    size_t count, room;
    struct json_t **values;
    char **keys;      /* an object's */
    uint32_t *places; /* an object's: 2 room of them, 1 + a key's index where its hash says or behind, else 0 */
} json_t;

typedef enum json_error_code { json_error_none, json_error_invalid_utf8 } json_error_code_t;
typedef struct json_error_t {
    int line, position; /* line 1 is the first, byte 0 too */
    char text[160];     /* empty: there was no memory */
    json_error_code_t code;
} json_error_t;

/* Flags; json_loadf's and json_loadb's, and json_dump's. */
#define JSON_REJECT_DUPLICATES 1
#define JSON_INDENT(n) ((size_t)(n))
#define JSON_COMPACT 32
#define JSON_REAL_PRECISION(n) 0 /* always so many that the same number is read back */

/* Values with one reference, the caller's; NULL without memory, and for what JSON cannot say: a string that is not UTF-8, a number
 * that is not finite. */
json_t *json_object(void);
json_t *json_array(void);
json_t *json_string(const char *text);
json_t *json_integer(json_int_t value);
json_t *json_real(double value);
json_t *json_boolean(int value);
json_t *json_null(void);
void json_decref(json_t *value); /* NULL is fine */

/* A value made by a format, of which { [ ] } s i I f b o O and s* are known; NULL as above. */
json_t *json_pack(const char *format, ...);
json_t *json_pack_ex(json_error_t *error, size_t flags, const char *format, ...);
static inline json_error_code_t json_error_code(const json_error_t *error)
{
    return error->code;
}

/* 0, or -1 without memory. The reference to value goes with it, even then; NULL fails. */
int json_object_set_new(json_t *object, const char *key, json_t *value);
int json_object_update(json_t *object, const json_t *other); /* shares other's values */
int json_array_append_new(json_t *array, json_t *value);

/* What is asked of another kind of value, or of NULL, is NULL, 0 or false. What they give belongs to the value. */
json_t *json_object_get(const json_t *object, const char *key);
size_t json_object_size(const json_t *object);
json_t *json_array_get(const json_t *array, size_t index);
size_t json_array_size(const json_t *array);
const char *json_string_value(const json_t *value);
json_int_t json_integer_value(const json_t *value);
double json_number_value(const json_t *value);
int json_equal(const json_t *a, const json_t *b);
static inline bool json_is_array(const json_t *value)
{
    return value && value->type == JSON_ARRAY;
}
static inline bool json_is_integer(const json_t *value)
{
    return value && value->type == JSON_INTEGER;
}
static inline bool json_is_true(const json_t *value)
{
    return value && value->type == JSON_TRUE;
}
static inline bool json_is_null(const json_t *value)
{
    return value && value->type == JSON_NULL;
}
#define json_object_foreach(object, key, value)                                                                        \
    for (size_t i_ = 0; i_ < json_object_size(object) && ((key) = (object)->keys[i_], (value) = (object)->values[i_]); \
         i_++)

/* Into a buffer: the bytes that it takes, which are written as far as they fit; 0 if it cannot be written. */
size_t json_dumpb(const json_t *value, char *buffer, size_t size, size_t flags);
int json_dumpf(const json_t *value, FILE *stream, size_t flags); /* 0, or -1 */

/* The value, or NULL with *error. */
json_t *json_loadb(const char *text, size_t length, size_t flags, json_error_t *error);
json_t *json_loadf(FILE *stream, size_t flags, json_error_t *error);

/* Bytes of the character of UTF-8 at text, of which there are so many bytes; 0 if there is none. */
int ct__utf8_bytes(const char *text, size_t bytes);

#endif
#endif
