/* Data sets of a text's characters: windows, and the same a character later.
 *
 * Invariant: a token is the number of its character in the vocabulary, which is in the order of code points and stays with the data set
 * as the names of its classes. */
#include "data_internal.h"
#include <cotan/file.h>

CT_OPTIONS_INIT(ct_text_options)

enum { POINTS = 0x110000, CHARACTER = 5 }; /* code points; bytes of a character in UTF-8, and a 0 */

/* ---- characters ---- */

/* The character that begins at p, of left bytes, in UTF-8 (RFC 3629); its bytes, or 0 if it is none, which a 0 is not either. */
static size_t decode(const char *p, size_t left, uint32_t *point)
{
    const unsigned char *b = (const unsigned char *)p;
    size_t n = b[0] < 0x80 ? 1 : b[0] >> 5 == 6 ? 2 : b[0] >> 4 == 14 ? 3 : b[0] >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    *point = n == 1 ? b[0] : b[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (b[i] >> 6 != 2)
            return 0;
        *point = *point << 6 | (b[i] & 0x3f);
    }
    const uint32_t least[] = {1, 0x80, 0x800, 0x10000};
    bool good = *point >= least[n - 1] && *point < POINTS && (*point < 0xd800 || *point > 0xdfff);
    return good ? n : 0;
}

static void encode(uint32_t point, char *text)
{
    size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; point >>= 6)
        text[i] = (char)(0x80 | (point & 0x3f));
    text[0] = (char)(n == 1 ? point : (0xf00u >> n & 0xff) | point);
    text[n] = 0;
}

/* Calls see with each character; false with an error where there is none, or when that returns false. */
static bool each_character(const char *text, size_t size, bool (*see)(uint32_t point, size_t at, void *user),
                           void *user)
{
    uint32_t point;
    for (size_t at = 0, n; at < size; at += n) {
        n = decode(text + at, size - at, &point);
        if (n == 0)
            ct_error_set(CT_ERROR_FORMAT, "dataset: the text is not UTF-8 at byte %zu", at);
        if (n == 0 || !see(point, at, user))
            return false;
    }
    return true;
}

static bool mark(uint32_t point, size_t at, void *user)
{
    (void)at;
    ((int32_t *)user)[point] = 1;
    return true;
}

/* Numbers what is marked, in order. */
static void number(int32_t *v)
{
    int32_t n = 0;
    for (int64_t point = 0; point < POINTS; point++)
        if (v[point])
            v[point] = ++n;
}

/* The names of a data set's classes, each a character. */
static bool take_names(int32_t *v, const ct_dataset *of)
{
    for (int64_t i = 0; i < ct_dataset_classes(of); i++) {
        const char *name = ct_dataset_class_name(of, i);
        uint32_t point;
        if (!name || !*name || decode(name, strlen(name), &point) != strlen(name)) {
            ct_error_set(CT_ERROR_ARGUMENT, "dataset: class %lld, \"%s\", is no character", (long long)i,
                         name ? name : "");
            return false;
        }
        v[point] = (int32_t)i + 1;
    }
    return true;
}

/* Of each code point, [POINTS], its number plus 1, or 0 if it is not in it; of a data set's classes, or of the text. The caller's until
 * ct_deallocate(); NULL with an error. */
static int32_t *vocabulary_of(const ct_dataset *of, const char *text, size_t size)
{
    int32_t *v = ct__nn_alloc("dataset", POINTS, sizeof *v);
    bool good = v && (of ? ct_object_check(of, "data set", "dataset") == CT_OK && take_names(v, of)
                         : each_character(text, size, mark, v));
    if (good && !of)
        number(v);
    if (good)
        return v;
    ct_deallocate(v);
    return NULL;
}

/* ---- tokens ---- */

typedef struct tokens {
    const int32_t *vocabulary;
    int64_t count;
    int32_t *token;
} tokens;

static bool put_token(uint32_t point, size_t at, void *user)
{
    tokens *t = user;
    char character[CHARACTER];
    encode(point, character);
    if (t->vocabulary[point] == 0)
        ct_error_set(CT_ERROR_ARGUMENT, "dataset: '%s' at byte %zu is not in the vocabulary", character, at);
    t->token[t->count++] = t->vocabulary[point] - 1;
    return t->vocabulary[point] != 0;
}

/* The text's, the caller's until ct_deallocate(); NULL with an error. */
static int32_t *tokens_of(const int32_t *vocabulary, const char *text, size_t size, int64_t *count)
{
    tokens t = {.vocabulary = vocabulary, .token = ct__nn_alloc("dataset", (int64_t)size, sizeof *t.token)};
    bool good = t.token && each_character(text, size, put_token, &t);
    *count = t.count;
    if (good)
        return t.token;
    ct_deallocate(t.token);
    return NULL;
}

ct_tensor *ct_text_tokens(const ct_dataset *dataset, const char *text)
{
    if (ct_object_check(dataset, "data set", "text_tokens") != CT_OK)
        return NULL;
    if (!text)
        ct_error_set(CT_ERROR_NULL, "text_tokens: the text is NULL");
    int32_t *v = ct_error_code() == CT_OK ? vocabulary_of(dataset, NULL, 0) : NULL;
    int64_t n = 0;
    int32_t *token = v ? tokens_of(v, text, strlen(text), &n) : NULL;
    ct_tensor *t = token ? ct_empty(CT_INT64, &n, 1) : NULL;
    int64_t *to = t ? ct_data_mut(t) : NULL;
    for (int64_t i = 0; to && i < n; i++)
        to[i] = token[i];
    ct_deallocate(token);
    ct_deallocate(v);
    return t;
}

/* ---- windows ---- */

typedef struct windows {
    int64_t count, length, stride;
    int32_t *all, *first; /* tokens; the first window's */
} windows;

static int64_t count_windows(void *self)
{
    return ((const windows *)self)->count;
}

static ct_tensor *window(const windows *w, int64_t from)
{
    ct_tensor *t = ct_empty(CT_INT64, &w->length, 1);
    int64_t *to = t ? ct_data_mut(t) : NULL;
    for (int64_t i = 0; to && i < w->length; i++)
        to[i] = w->first[from + i];
    return t;
}

static ct_status get_window(void *self, int64_t index, ct_tensor **sample)
{
    const windows *w = self;
    sample[0] = window(w, index * w->stride);
    sample[1] = window(w, index * w->stride + 1);
    return ct_error_code();
}

static void free_windows(void *self)
{
    windows *w = self;
    ct_deallocate(w->all);
    ct_deallocate(w);
}

static const ct_source text_source = {
    .name = "text", .tensors = 2, .count = count_windows, .get = get_window, .free = free_windows};

/* The windows of n tokens, which are taken over; NULL with an error. */
static windows *windows_of(int32_t *token, int64_t n, const ct_text_options *o)
{
    int64_t first = (int64_t)(o->from * (double)n), end = (int64_t)(o->to * (double)n),
            room = end - first - 1 - o->length;
    windows *w = room >= 0 ? ct__nn_alloc("dataset", 1, sizeof *w) : NULL;
    if (room < 0)
        ct_error_set(CT_ERROR_ARGUMENT, "dataset: no window of %lld characters, and one after it, in %lld",
                     (long long)o->length, (long long)(end - first));
    if (!w) {
        ct_deallocate(token);
        return NULL;
    }
    int64_t stride = o->stride == CT_UNSET_INT ? o->length : o->stride;
    *w = (windows){
        .count = room / stride + 1, .length = o->length, .stride = stride, .all = token, .first = token + first};
    return w;
}

static ct_status check_text(const ct_text_options *o)
{
    if (o->length < 1 || (o->stride < 1 && o->stride != CT_UNSET_INT))
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: length and stride of windows must be at least 1: %lld, %lld",
                            (long long)o->length, (long long)o->stride);
    if (!(o->from >= 0 && o->from < o->to && o->to <= 1))
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: a part of a text lies between 0 and 1: from %g to %g", o->from,
                            o->to);
    return CT_OK;
}

static ct_status name_characters(ct_dataset *d, const int32_t *vocabulary, int64_t n)
{
    char(*text)[CHARACTER] = ct__nn_alloc("dataset", n, sizeof *text);
    const char **names = ct__nn_alloc("dataset", n, sizeof *names);
    for (uint32_t point = 0; text && names && point < POINTS; point++)
        if (vocabulary[point]) {
            int32_t k = vocabulary[point] - 1;
            encode(point, text[k]);
            names[k] = text[k];
        }
    if (text && names)
        ct__dataset_name_classes(d, names, n);
    ct_deallocate(text);
    ct_deallocate(names);
    return ct_error_code();
}

static int64_t largest(const int32_t *vocabulary)
{
    int32_t n = 0;
    for (int64_t point = 0; point < POINTS; point++)
        n = vocabulary[point] > n ? vocabulary[point] : n;
    return n;
}

static ct_dataset *from_text(const char *text, size_t size, const ct_text_options *o)
{
    int64_t n = 0;
    int32_t *v = check_text(o) == CT_OK ? vocabulary_of(o->vocabulary, text, size) : NULL;
    int32_t *token = v ? tokens_of(v, text, size, &n) : NULL;
    windows *w = token ? windows_of(token, n, o) : NULL;
    ct_dataset *d = w ? ct_dataset_from_source(&text_source, w) : NULL;
    if (w && !d)
        free_windows(w);
    if (d)
        name_characters(d, v, largest(v));
    ct_deallocate(v);
    if (ct_error_code() == CT_OK)
        return d;
    ct_dataset_free(d);
    return NULL;
}

ct_dataset *ct_dataset_from_text(const char *text, const ct_text_options *options)
{
    CT_READ_OPTIONS(ct_text_options, o, options, "dataset");
    if (o && !text)
        ct_error_set(CT_ERROR_NULL, "dataset: the text is NULL");
    return o && ct_error_code() == CT_OK ? from_text(text, strlen(text), o) : NULL;
}

/* ---- files ---- */

ct_dataset *ct_dataset_from_text_file(const char *path, const ct_text_options *options)
{
    CT_READ_OPTIONS(ct_text_options, o, options, "dataset");
    size_t size = 0;
    char *text = o ? ct_file_read("dataset", path, o->max_bytes, &size) : NULL;
    ct_dataset *d = text ? from_text(text, size, o) : NULL;
    free(text);
    return d;
}
