/* What json_ours.c has for test_json.c. */
#ifndef COTAN_TESTS_JSON_OURS_H
#define COTAN_TESTS_JSON_OURS_H

#include <stddef.h>

/* The text, read and written again; 0 bytes if it is refused. */
size_t ours_rewritten(const char *text, size_t length, size_t read_flags, size_t write_flags, char *to, size_t room);
/* Both kinds of failing: 0 if the format could not be followed. */
size_t ours_packed(const char *name, double number, char *to, size_t room);

#endif
