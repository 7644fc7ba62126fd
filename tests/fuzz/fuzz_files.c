/* libFuzzer's target for what reads files: whatever the bytes, a reader returns tensors or an error, and leaks nothing.
 *
 * The first byte chooses the reader; the rest is the file. fuzz_files.sh compiles and runs it. */
#include <cotan/file.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "/tmp/cotan-fuzz-XXXXXX";

static void remove_file(void)
{
    unlink(path);
}

static void write_file(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    if (descriptor < 0) {
        descriptor = mkstemp(path);
        atexit(remove_file);
    }
    if (descriptor < 0 || ftruncate(descriptor, 0) != 0 || pwrite(descriptor, data, size, 0) != (ssize_t)size)
        abort();
}

/* Every tensor that was read can be used. */
static void look_at(const ct_tensor *t)
{
    char text[256];
    if (t && ct_numel(t) > 0 && ct_data(t))
        ct_format(t, text, sizeof text);
}

static void read_safetensors(void)
{
    ct_tensor_file *file = ct_safetensors_load(path);
    for (int64_t i = 0; i < ct_tensor_file_count(file); i++) {
        const ct_tensor *t = ct_tensor_file_get(file, ct_tensor_file_name(file, i));
        if (!t)
            abort();
        look_at(t);
    }
    ct_tensor_file_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    write_file(data + 1, size - 1);
    ct_scope_open();
    if (data[0] % 3 == 0)
        read_safetensors();
    else if (data[0] % 3 == 1)
        look_at(ct_idx_load(path, .max_bytes = 1 << 20));
    else
        look_at(ct_csv_load(path, .skip_lines = data[0] / 3 % 3, .max_bytes = 1 << 20));
    ct_error_clear();
    ct_scope_close();
    if (ct_memory_stats().live_tensors != 0)
        abort();
    return 0;
}
