/* What the file formats share: opening, and reading what may be gzipped. */
#ifndef CT_FILE_INTERNAL_H
#define CT_FILE_INTERNAL_H

#include "core_internal.h"
#include "gzip.h"

/* The error "<what>: <path>: <the reason>: <the system's words>"; for lack of memory that one. */
ct_status ct__io_error(const char *what, const char *path, const char *reason);

/* Opens a regular file for reading; its size goes to *bytes. -1 with an error, for NULL too. What is no regular file is refused
 * and not waited for. */
int ct__file_open(const char *what, const char *path, uint64_t *bytes);

/* Writes all bytes, or t's elements in row-major order, as they are in memory. */
ct_status ct__write_bytes(const char *what, const char *path, FILE *stream, const void *data, size_t bytes);
ct_status ct__write_elements(const char *what, const char *path, FILE *stream, const ct_tensor *t);

/* The bytes that a file may become in memory: max_bytes, or, if that is CT_UNSET_INT, the usual number, which is times the file's
 * size or CT_USUAL_BYTES, whichever is more. Error (argument): negative. */
#define CT_USUAL_BYTES ((uint64_t)256 << 20)
ct_status ct__bytes_allowed(const char *what, int64_t max_bytes, uint64_t file_bytes, uint64_t times, uint64_t *most);

/* A file that is read from the beginning to the end, gzipped or not. */
typedef struct ct__stream {
    const char *what, *path; /* for messages */
    gzFile stream;
    uint64_t file_bytes; /* as it is on the disk */
    uint64_t most;       /* bytes that it may become in memory */
} ct__stream;

/* Usually 64 times itself: a gzip stream can stand for a thousand times. May be closed after an error, too. */
ct_status ct__stream_open(ct__stream *s, const char *what, const char *path, int64_t max_bytes);
void ct__stream_close(ct__stream *s);
/* Up to bytes bytes; *got is less only at the file's end. */
ct_status ct__stream_read(const ct__stream *s, char *data, uint64_t bytes, uint64_t *got);
/* An error (format) if bytes are more than the file may become. */
ct_status ct__stream_check(const ct__stream *s, uint64_t bytes);

/* What a tensor takes; 0 if one of the sizes is. False if what the others take is more than can be counted: no tensor may have that
 * shape (ct__check_shape()). */
bool ct__count_bytes(ct_dtype dtype, const int64_t *shape, int rank, int64_t *bytes);

/* The integer of n bytes, at most 8. */
uint64_t ct__integer_at(const void *bytes, int n, bool big_endian);

/* Numbers as a file has them. */
typedef enum ct__kind { CT__UNSIGNED, CT__SIGNED, CT__REAL, CT__HALF, CT__BRAIN, CT__TRUTH } ct__kind;
typedef struct ct__stored {
    int size; /* bytes; a truth is any byte */
    ct__kind kind;
    bool big_endian;
} ct__stored;

/* In place: n numbers of a file at the end of data become n elements of to bytes, the same or more. */
void ct__widen(void *data, int64_t n, const ct__stored *from, int to);

#endif
