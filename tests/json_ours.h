/* The library's own JSON, for a test that has jansson's names; see json_ours.c. Both put what they write into room bytes at to. */
#ifndef CT_JSON_OURS_H
#define CT_JSON_OURS_H

#include <stddef.h>

/* The text, read and written again; 0 bytes if it is refused. */
size_t ours_rewritten(const char *text, size_t length, size_t read_flags, size_t write_flags, char *to, size_t room);
/* A value by a format with every letter that is known; 0 bytes if name or number cannot be said. */
size_t ours_packed(const char *name, double number, char *to, size_t room);

#endif
