/* The library's own JSON beside jansson's: what one takes, the other takes, and both write the same. Ends with "N passed, N failed". */
#include "json_ours.h"
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 23, CHANGES = 2000 };
static char ours[ROOM], theirs[ROOM];
static int passed, failed;
static bool all_same; /* in the check that is under way */

static void expect(const char *what, const char *text, size_t n_ours, size_t n_theirs)
{
    bool same = n_ours == n_theirs && memcmp(ours, theirs, n_ours) == 0;
    all_same &= same;
    if (!same)
        printf("%s of %.200s: ours %zu bytes: %.*s, jansson's %zu: %.*s\n", what, text, n_ours, (int)n_ours, ours,
               n_theirs, (int)n_theirs, theirs);
}

static size_t theirs_rewritten(const char *text, size_t length, size_t read_flags, size_t write_flags, char *to)
{
    json_error_t error;
    json_t *value = json_loadb(text, length, read_flags, &error);
    size_t used = value ? json_dumpb(value, to, ROOM, write_flags) : 0;
    json_decref(value);
    return used;
}

static void compare(const char *text, size_t length)
{
    static const size_t formats[] = {0, JSON_COMPACT, JSON_INDENT(1)};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t reading = i == 0 ? 0 : JSON_REJECT_DUPLICATES;
        size_t n = ours_rewritten(text, length, reading, formats[i], ours, ROOM);
        expect("reading", text, n, theirs_rewritten(text, length, reading, formats[i], theirs));
    }
}

static const char *const texts[] = {
    "{\"a\":[1,-2.5e+3,true,false,null,\"x\\u00e9\\ud83d\\ude00\\n\\/\"],\"b\":{}, \"c\" : [ ] }",
    "{\"w\":{\"dtype\":\"F32\",\"shape\":[3,4],\"data_offsets\":[0,48]},\"__metadata__\":{\"k\":\"v\"}}",
    "[0.1,1e5,1e-7,100,1e300,-0.0,-0,123456789012345678,1E+2,2.5e-308,5e-324]",
    "[\"\\u0001\\u001f\\u007f \\\" \\\\ \\b\\f\\n\\r\\t\"]",
    "[\"\xc3\xa9\",\"\xe2\x82\xac\",\"\xf0\x9f\x98\x80\"]",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"a2\":10}",
    "[1,]",
    "[,1]",
    "[\"\xff\"]",
    "[\"\xc0\x80\"]",
    "[\"\xed\xa0\x80\"]",
    "[\"\xf4\x90\x80\x80\"]",
    "[\"\\u0000\"]",
    "[99999999999999999999]",
    "[-9223372036854775808]",
    "[9223372036854775808]",
    "[1e999]",
    "[01]",
    "[+1]",
    "[.5]",
    "[1.]",
    "[1e]",
    "[-]",
    "{}x",
    "[",
    "{\"a\"",
    "{\"a\":}",
    "{a:1}",
    "[\"a",
    "nul",
    "[nul]",
    "[truex]",
    "[\"\\ud800\"]",
    "[\"\\udc00\"]",
    "[\"\\ud800\\u0041\"]",
    "[\"\\x\"]",
    "[\"\t\"]",
    "",
    " ",
    "1",
    "\"a\"",
    "null",
};

/* A text with one byte another, left out or put in, as the number says. */
static size_t changed(const char *text, size_t length, unsigned number, char *to)
{
    static const char bytes[] = "{}[]\",:\\0123456789+-.eEtfnu \n\x80\xc3\xe2\xf0\xff\x01";
    size_t at = number % length, how = number / length % 3;
    memcpy(to, text, at);
    to[at] = bytes[number / (3 * length) % (sizeof bytes - 1)];
    size_t rest = at + (how != 1), from = at + (how != 2);
    memcpy(to + rest, text + from, length - from);
    return rest + length - from;
}

/* A check is a text with all that can be made of it. */
static void check_begin(void)
{
    all_same = true;
}

static void check_end(void)
{
    passed += all_same;
    failed += !all_same;
}

static void compare_changed(const char *original)
{
    size_t length = strlen(original);
    check_begin();
    compare(original, length);
    for (unsigned k = 0; length > 0 && k < CHANGES; k++) {
        char text[256];
        compare(text, changed(original, length, k * 7919u, text));
    }
    check_end();
}

static void compare_deep(int depth)
{
    static char text[1 << 13];
    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    check_begin();
    compare(text, 2 * (size_t)depth);
    check_end();
}

static void compare_packed(const char *name, double number)
{
    json_t *list = json_array(), *none = json_null();
    json_array_append_new(list, json_integer(-3));
    json_t *value = json_pack("{s:i, ss* ss* ss sb sI sf, s:{s:O, s:[I, I]}, so}", "i", 7, "left out", NULL, "left in",
                              "here", "name", name, "yes", 1, "large", (json_int_t)1 << 60, "number", number, "inner",
                              "list", list, "two", (json_int_t)1, (json_int_t)2, "none", none);
    json_decref(list);
    size_t n = value ? json_dumpb(value, theirs, ROOM, JSON_COMPACT) : 0;
    json_decref(value);
    check_begin();
    expect("packing", name, ours_packed(name, number, ours, ROOM), n);
    check_end();
}

int main(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        compare_changed(texts[i]);
    compare_deep(2047);
    compare_deep(2048);
    compare_deep(2049);
    compare_packed("plain", 0.25);
    compare_packed("\xff", 1);
    compare_packed("infinite", INFINITY);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
