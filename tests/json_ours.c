/* The library's own JSON, as in a build without jansson, for test_json.c, which has jansson's. */
#undef COTAN_USE_JANSSON
#include "json_ours.h"
#include "../core/json.c"
#include "../core/json_read.c"
#include "json_ours.h"

size_t ours_rewritten(const char *text, size_t length, size_t read_flags, size_t write_flags, char *to, size_t room)
{
    json_error_t error;
    json_t *value = json_loadb(text, length, read_flags, &error);
    size_t used = json_dumpb(value, to, room, write_flags);
    json_decref(value);
    return used;
}

size_t ours_packed(const char *name, double number, char *to, size_t room)
{
    json_t *list = json_array();
    json_array_append_new(list, json_integer(-3));
    json_error_t error;
    json_t *value =
        json_pack_ex(&error, 0, "{s:i, ss* ss* ss sb sI sf, s:{s:O, s:[I, I]}, so}", "i", 7, "left out", NULL,
                     "left in", "here", "name", name, "yes", 1, "large", (json_int_t)1 << 60, "number", number, "inner",
                     "list", list, "two", (json_int_t)1, (json_int_t)2, "none", json_null());
    json_decref(list);
    size_t used = json_dumpb(value, to, room, JSON_COMPACT);
    json_decref(value);
    return used;
}
