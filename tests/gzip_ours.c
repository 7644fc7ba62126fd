/* What stands in for zlib, as in a build without it, for test_gzip.c, which has zlib's. */
#undef COTAN_USE_ZLIB
#include "gzip_ours.h"
#include "../core/portable/gzip.h"
#include <fcntl.h>

size_t ours_bound(size_t n)
{
    return compressBound(n);
}

size_t ours_compressed(const unsigned char *from, size_t n, unsigned char *to)
{
    uLongf size = 0;
    return compress(to, &size, from, n) == Z_OK ? size : 0;
}

unsigned long ours_crc32(unsigned long start, const unsigned char *bytes, size_t n)
{
    return crc32(start, bytes, (uInt)n);
}

size_t ours_read(const char *path, size_t at_a_time, unsigned char *to, size_t room, int *status)
{
    gzFile file = gzdopen(open(path, O_RDONLY), "rb");
    size_t used = 0;
    int n = 1;
    while (n > 0 && used + at_a_time <= room) {
        n = gzread(file, to + used, (unsigned)at_a_time);
        used += n > 0 ? (size_t)n : 0;
    }
    gzerror(file, status);
    gzclose(file);
    return used;
}
