/* What stands in for zlib, for a test that has zlib's names; see gzip_ours.c. */
#ifndef CT_GZIP_OURS_H
#define CT_GZIP_OURS_H

#include <stddef.h>

/* n bytes as zlib's format, into to, which has ours_bound(n) bytes: how many they are. */
size_t ours_bound(size_t n);
size_t ours_compressed(const unsigned char *from, size_t n, unsigned char *to);
/* The checksum of so many bytes behind those whose checksum is start. */
unsigned long ours_crc32(unsigned long start, const unsigned char *bytes, size_t n);
/* Up to room bytes of the file, read so many at a time: how many, and in *status zlib's code, 0 if all is well. */
size_t ours_read(const char *path, size_t at_a_time, unsigned char *to, size_t room, int *status);

#endif
