/* What the tests of training share. */
#include "training_checks.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void close_good_scope(void)
{
    expect_no_error();
    ck_assert_int_eq(ct_scope_close(), CT_OK);
}

static void begin(void)
{
    ct_error_clear();
    ct_scope_open();
}

static void end(void)
{
    ct_scope_close();
    remove_scratch();
}

TCase *case_without_error(const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, begin, end);
    return t;
}

/* ---- files ---- */

static char folder[64];

const char *scratch(const char *name)
{
    static char paths[8][256];
    static int turn;
    if (!*folder) {
        strcpy(folder, "/tmp/cotan-training-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
    }
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void remove_scratch(void)
{
    DIR *files = *folder ? opendir(folder) : NULL;
    for (struct dirent *file; files && (file = readdir(files));)
        if (file->d_name[0] != '.' || strlen(file->d_name) > 2)
            unlink(scratch(file->d_name));
    if (files)
        closedir(files);
    if (*folder)
        rmdir(folder);
    *folder = 0;
}

char *read_scratch(const char *name, size_t *size)
{
    FILE *f = fopen(scratch(name), "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    char *bytes = calloc(*size + 1, 1);
    ck_assert(bytes && fread(bytes, 1, *size, f) == *size);
    fclose(f);
    return bytes;
}

/* ---- modules ---- */

static bool same_bits(const ct_tensor *a, const ct_tensor *b)
{
    size_t bytes = (size_t)ct_numel(a) * ct_dtype_size(ct_dtype_of(a));
    return ct_numel(a) == ct_numel(b) && ct_dtype_of(a) == ct_dtype_of(b) &&
           (bytes == 0 || memcmp(ct_data(a), ct_data(b), bytes) == 0);
}

bool same_tensors(const ct_module *a, const ct_module *b)
{
    bool same = ct_module_count(a) == ct_module_count(b);
    for (int64_t i = 0; same && i < ct_module_count(a); i++)
        same = strcmp(ct_module_name(a, i), ct_module_name(b, i)) == 0 &&
               same_bits(ct_module_tensor(a, i), ct_module_tensor(b, i));
    return same;
}
