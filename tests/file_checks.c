/* What the tests of file formats share. */
#include "file_checks.h"
#include "core_internal.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* ---- a directory of its own for every test, with nothing else open at its end than at its beginning ---- */

char directory[64], path[128];
static int descriptors;

int entries(const char *name, bool remove)
{
    int n = 0;
    DIR *stream = opendir(name);
    ck_assert_ptr_nonnull(stream);
    for (struct dirent *entry; (entry = readdir(stream));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            n++;
            if (remove && unlinkat(dirfd(stream), entry->d_name, 0) != 0)
                unlinkat(dirfd(stream), entry->d_name, AT_REMOVEDIR);
        }
    closedir(stream);
    return n;
}

void open_directory(void)
{
    strcpy(directory, "/tmp/cotan-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    ct_error_clear();
    descriptors = entries("/proc/self/fd", false);
    ck_assert_int_eq(ct_scope_open(), CT_OK);
}

void close_directory(void)
{
    ck_assert_int_eq(ct_scope_close(), CT_OK);
    ck_assert_int_eq(entries("/proc/self/fd", false), descriptors);
    entries(directory, true);
    ck_assert_int_eq(rmdir(directory), 0);
}

void expect_format_error(const char *words)
{
    ck_assert_msg(strstr(ct_error_message(), path) != NULL, "\"%s\" does not name the file", ct_error_message());
    expect_failure(CT_ERROR_FORMAT, words);
}

/* ---- bytes ---- */

void append(file_bytes *b, const void *data, size_t size)
{
    ck_assert_uint_le(b->size + size, sizeof b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

file_bytes read_bytes(const char *name)
{
    file_bytes b = {.size = 0};
    FILE *stream = fopen(name, "rb");
    ck_assert_ptr_nonnull(stream);
    b.size = fread(b.data, 1, sizeof b.data, stream);
    fclose(stream);
    ck_assert_uint_lt(b.size, sizeof b.data);
    return b;
}

void write_bytes(const char *name, const void *data, size_t size)
{
    FILE *stream = fopen(name, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(data, 1, size, stream), size);
    ck_assert_int_eq(fclose(stream), 0);
}

void write_gzip(const char *name, const void *data, size_t size)
{
    gzFile stream = gzopen(name, "wb");
    ck_assert_ptr_nonnull(stream);
    if (size > 0)
        ck_assert_int_eq(gzwrite(stream, data, (unsigned)size), (int)size);
    ck_assert_int_eq(gzclose(stream), Z_OK);
}
