/* What stands in for zlib beside zlib: what the one stores, the other reads; checksums and plain files are the same, and what is
 * gzipped is refused. Ends with "N passed, N failed". */
#include "gzip_ours.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { MOST = 1 << 18 };
static unsigned char bytes[MOST], stored[2 * MOST], got[2 * MOST];
static int passed, failed;

static void expect(bool good, const char *what, size_t n)
{
    passed += good;
    failed += !good;
    if (!good)
        printf("not so: %s, of %zu bytes\n", what, n);
}

static const size_t sizes[] = {1, 2, 255, 256, 5551, 5553, 65534, 65535, 65536, 131070, 131071, MOST};
#define EACH_SIZE(n) for (size_t i_ = 0, n = 0; i_ < sizeof sizes / sizeof *sizes && (n = sizes[i_], true); i_++)

static void stored_bytes_come_back(void)
{
    EACH_SIZE(n)
    {
        size_t size = ours_compressed(bytes, n, stored);
        uLongf back = sizeof got;
        bool read = uncompress(got, &back, stored, size) == Z_OK;
        expect(read && back == n && memcmp(got, bytes, n) == 0, "zlib reads what is stored", n);
        expect(size <= ours_bound(n), "compressBound() is enough", n);
    }
}

static void checksums_agree(void)
{
    EACH_SIZE(n)
    {
        expect(ours_crc32(0, bytes, n) == crc32(0, bytes, (uInt)n), "crc32", n);
        expect(ours_crc32(ours_crc32(0, bytes, n / 3), bytes + n / 3, n - n / 3) == crc32(0, bytes, (uInt)n),
               "crc32 in two parts", n);
    }
}

static void write_file(const char *path, size_t n, const char *mode)
{
    gzFile file = gzopen(path, mode);
    if (!file || gzwrite(file, bytes, (unsigned)n) != (int)n || gzclose(file) != Z_OK)
        expect(false, "zlib writes a file", n);
}

static void files_are_read(const char *path)
{
    EACH_SIZE(n)
    {
        int status = -1;
        write_file(path, n, "wbT"); /* as they are */
        size_t found = ours_read(path, 1000, got, sizeof got, &status);
        expect(status == Z_OK && found == n && memcmp(got, bytes, n) == 0, "a plain file is read", n);
        write_file(path, n, "wb");
        found = ours_read(path, 1000, got, sizeof got, &status);
        expect(status == Z_VERSION_ERROR && found == 0, "a gzipped file is refused", n);
    }
    int status = -1;
    write_file(path, 0, "wbT");
    expect(ours_read(path, 1000, got, sizeof got, &status) == 0 && status == Z_OK, "an empty file is read", 0);
    expect(ours_read("/", 1000, got, sizeof got, &status) == 0 && status == Z_ERRNO, "a folder is an error", 0);
}

int main(void)
{
    for (size_t i = 0; i < MOST; i++)
        bytes[i] = (unsigned char)(i * i >> 7 ^ i * 31 >> 3);
    char path[] = "/tmp/cotan-gzip-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0)
        return perror(path), 1;
    stored_bytes_come_back();
    checksums_agree();
    files_are_read(path);
    unlink(path);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
