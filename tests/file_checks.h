/* What the tests of file formats share: a directory, bytes in files, errors that name the file. */
#ifndef COTAN_TESTS_FILE_CHECKS_H
#define COTAN_TESTS_FILE_CHECKS_H

#include "error_checks.h"
#include <cotan/file.h>
#include <stdbool.h>

/* A fixture: a directory of its own for every test and a path in it, with nothing else open at its end than at its beginning,
 * and a scope around the test. */
extern char directory[64], path[128];
void open_directory(void);
void close_directory(void);
/* Entries of a directory but for "." and ".."; with remove, none is left. */
int entries(const char *name, bool remove);

/* A format error that names the file, too. */
void expect_format_error(const char *words);

typedef struct file_bytes {
    char data[4096];
    size_t size;
} file_bytes;

void append(file_bytes *b, const void *data, size_t size);
file_bytes read_bytes(const char *name);
void write_bytes(const char *name, const void *data, size_t size);
void write_gzip(const char *name, const void *data, size_t size);

#endif
