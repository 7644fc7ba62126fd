/* zlib, or, in a build without it, as much of it as is called: files are read as they lie, and what is gzipped is refused; what goes
 * into a PNG image is stored, not compressed. nn sees this too: it includes nothing of ours. */
#ifndef CT_GZIP_H
#define CT_GZIP_H

#ifdef COTAN_USE_ZLIB
#include <zlib.h>
#else
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    Z_OK = 0,
    Z_STREAM_END = 1,
    Z_ERRNO = -1,
    Z_DATA_ERROR = -3,
    Z_MEM_ERROR = -4,
    Z_BUF_ERROR = -5,
    Z_VERSION_ERROR = -6
};

typedef struct gzip_file {
    int fd, status;
    int64_t read; /* bytes so far */
} * gzFile;

static inline gzFile gzdopen(int fd, const char *mode)
{
    gzFile file = calloc(1, sizeof *file);
    (void)mode;
    if (file)
        file->fd = fd;
    return file;
}

/* Fills the buffer unless the file ends: gzip's mark must not be cut in two. */
static inline int gzread(gzFile file, void *buffer, unsigned bytes)
{
    unsigned got = 0;
    ssize_t n = 1;
    while (got < bytes && n > 0) {
        n = read(file->fd, (char *)buffer + got, bytes - got);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            got += (unsigned)n;
    }
    if (file->read == 0 && got >= 2 && memcmp(buffer, "\x1f\x8b", 2) == 0)
        file->status = Z_VERSION_ERROR;
    else if (n < 0)
        file->status = Z_ERRNO;
    file->read += got;
    return file->status == Z_OK ? (int)got : -1;
}

static inline const char *gzerror(gzFile file, int *status)
{
    *status = file->status;
    return "";
}

static inline int gzclose_r(gzFile file)
{
    int status = close(file->fd) == 0 ? file->status : Z_ERRNO;
    free(file);
    return status;
}
#define gzclose gzclose_r

typedef unsigned long uLong, uLongf;
typedef unsigned uInt;

/* Blocks of at most 65535 bytes with 5 before each, between 2 bytes and 4. */
enum { GZIP_BLOCK = 65535 };

static inline uLong compressBound(uLong n)
{
    return n + 5 * (n / GZIP_BLOCK + 1) + 6;
}

static inline uint32_t gzip_adler(const unsigned char *bytes, uLong n)
{
    uint32_t a = 1, b = 0;
    for (uLong i = 0; i < n; i++) {
        a = (a + bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

/* RFC 1950 around the stored blocks of RFC 1951, for n > 0; to has compressBound() bytes. */
static inline int compress(unsigned char *to, uLongf *size, const unsigned char *from, uLong n)
{
    unsigned char *end = to;
    uint32_t sum = gzip_adler(from, n);
    *end++ = 0x78;
    *end++ = 0x01;
    for (uLong at = 0, some = 0; at < n; at += some) {
        some = n - at < GZIP_BLOCK ? n - at : GZIP_BLOCK;
        const unsigned char head[5] = {at + some == n, some & 255, some >> 8 & 255, ~some & 255, ~some >> 8 & 255};
        memcpy(end, head, 5);
        memcpy(end + 5, from + at, some);
        end += 5 + some;
    }
    for (int shift = 24; shift >= 0; shift -= 8)
        *end++ = sum >> shift & 255;
    *size = (uLongf)(end - to);
    return Z_OK;
}

static inline uLong crc32(uLong start, const unsigned char *bytes, uInt n)
{
    uint32_t crc = ~(uint32_t)start;
    for (uInt i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}
#endif
#endif
