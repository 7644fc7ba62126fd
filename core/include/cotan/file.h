/* Files: safetensors and GGUF (named tensors), NumPy's .npy and .npz, IDX (the MNIST family's arrays), CSV; a file's bytes; and writing a
 * file so that it is whole.
 *
 * Readers and writers refuse what is no regular file (a device, FIFO, socket, directory) without touching it. Numbers are read
 * and written with a point, whatever the program's locale. */
#ifndef COTAN_FILE_H
#define COTAN_FILE_H

#include <cotan/options.h>
#include <cotan/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading ---- */

/* All bytes of the file at path, gzipped or not, with a 0 behind them; *size of them (size may be NULL). max_bytes is the most that they
 * may take in memory; CT_UNSET_INT: 256 MiB, or 64 times the file if that is more. what begins messages (NULL: "file_read"). The
 * caller's until free(). NULL with an error: NULL, argument, io, memory, format (truncated or damaged gzip, more than max_bytes). */
CT_API char *ct_file_read(const char *what, const char *path, int64_t max_bytes, size_t *size);

/* ---- writing ---- */

/* Writes to stream, under the "C" locale; an error, its own or the stream's, leaves the old file as it was. */
typedef ct_status (*ct_file_writer)(FILE *stream, void *context);

/* Has write fill a new file, and puts that in the place of path: a crash leaves the old file or the new one, whole. A
 * symbolic link stays, and what it leads to is replaced; mode and owner stay too. The new file has the name
 * ".<name>.cotan-tmp" beside path until it is on the disk; one that a killed process left is taken away by the next call.
 * what begins messages (NULL: "file_write"). Errors: NULL, io, memory, and what write returns. */
CT_API ct_status ct_file_write(const char *what, const char *path, ct_file_writer write, void *context);

/* ---- safetensors ---- */

/* Named tensors, read from or to be written to a file. */
typedef struct ct_tensor_file ct_tensor_file;

/* Writes n tensors under their names as .safetensors (https://github.com/huggingface/safetensors, "Format"). Any
 * strides. Replaces path as ct_file_write() does. Errors: NULL, argument (two tensors of one name, a name that is not UTF-8 or is "__metadata__"),
 * io, memory. */
CT_API ct_status ct_safetensors_save(const char *path, const char *const *names, ct_tensor *const *tensors, int64_t n);

typedef struct CT_BY_NAME ct_safetensors_options {
    CT_OPTIONS_HEAD;
    int64_t
        max_bytes; /* that header and tensors may take in memory; CT_UNSET_INT: 256 MiB, or 48 times the file if that is more */
} ct_safetensors_options;
#define CT_DEFAULTS_ct_safetensors_options .max_bytes = CT_UNSET_INT,
CT_API void ct_safetensors_options_init(ct_safetensors_options *options, size_t size);

/* Reads a whole .safetensors file; its "__metadata__" is skipped. The result is the caller's until
 * ct_tensor_file_free(). NULL with an error: NULL, argument, io, memory, format (truncated, header not JSON, a name given
 * twice, offsets that overlap, leave gaps or leave the file, a dtype that cotan does not have, more than max_bytes). options may
 * be NULL. */
CT_API ct_tensor_file *ct_safetensors_load(const char *path, const ct_safetensors_options *options);
/* Tensors in the file; their indices are in the order of their bytes, which is that in which they were saved. */
CT_API int64_t ct_tensor_file_count(const ct_tensor_file *file);
/* Belongs to file; NULL outside 0..count-1. */
CT_API const char *ct_tensor_file_name(const ct_tensor_file *file, int64_t index);
/* The tensor of that name, or NULL (no error) if there is none; found by halving. Belongs to file. */
CT_API ct_tensor *ct_tensor_file_get(const ct_tensor_file *file, const char *name);
/* Gives the file's tensors up, too. NULL is fine. */
CT_API void ct_tensor_file_free(ct_tensor_file *file);

/* ---- GGUF ---- */

typedef struct CT_BY_NAME ct_gguf_options {
    CT_OPTIONS_HEAD;
    int64_t
        max_bytes; /* that the tensors may take in memory; CT_UNSET_INT: 256 MiB, or 8 times the file if that is more */
} ct_gguf_options;
#define CT_DEFAULTS_ct_gguf_options .max_bytes = CT_UNSET_INT,
CT_API void ct_gguf_options_init(ct_gguf_options *options, size_t size);

/* Reads the tensors of a .gguf file, versions 2 and 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): F32, F16, BF16, F64,
 * I32 and I64 as they are, Q8_0 as float32. Shapes are rows first, as everywhere here; the file has them the other way round. The keys
 * and values before them are skipped. The result is the caller's until ct_tensor_file_free(). NULL with an error: NULL, argument, io,
 * memory, format (truncated, another version or type, two tensors of one name, places outside the file, more than max_bytes). options
 * may be NULL. */
CT_API ct_tensor_file *ct_gguf_load(const char *path, const ct_gguf_options *options);

/* ---- NumPy ---- */

typedef struct CT_BY_NAME ct_npy_options {
    CT_OPTIONS_HEAD;
    int64_t max_bytes; /* as in ct_idx_options */
} ct_npy_options;
#define CT_DEFAULTS_ct_npy_options .max_bytes = CT_UNSET_INT,
CT_API void ct_npy_options_init(ct_npy_options *options, size_t size);

/* Reads an array from a .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), gzipped or not:
 * versions 1 to 3, rows or columns first, either byte order. int8, int16 and uint16
 * int32; uint32 and uint64 int64. Owned by the innermost scope. NULL with an error: NULL, argument, io, memory, format
 * (truncated, longer than its header says, header not as NumPy writes it, a type that cotan does not have or a number that
 * int64 does not hold, more than max_bytes). options may be NULL. */
CT_API ct_tensor *ct_npy_load(const char *path, const ct_npy_options *options);
/* Writes t as .npy, version 1, rows first, so that numpy.load() gives the same type, shape and numbers. Any strides. Replaces
 * path as ct_file_write() does. Errors: NULL, io, memory. */
CT_API ct_status ct_npy_save(const char *path, const ct_tensor *t);

/* Reads an archive of such arrays, .npz (numpy.savez, numpy.savez_compressed), as ct_npy_load() reads each; max_bytes is for all
 * together. The result is the caller's until ct_tensor_file_free(); ct_tensor_file_get(file, "x") is the array that NumPy
 * calls "x". NULL with an error: as ct_npy_load() has them, format too where the archive is damaged, encrypted, has another
 * file in it or two arrays of one name, state (cotan was built without libzip). options may be NULL. */
CT_API ct_tensor_file *ct_npz_load(const char *path, const ct_npy_options *options);

typedef struct CT_BY_NAME ct_npz_options {
    CT_OPTIONS_HEAD;
    bool compress; /* by deflate, as numpy.savez_compressed does */
} ct_npz_options;
#define CT_DEFAULTS_ct_npz_options
CT_API void ct_npz_options_init(ct_npz_options *options, size_t size);

/* Writes n tensors, at least one, under their names as .npz for numpy.load(). Any strides. The archive is made in memory, where
 * it takes twice the tensors' bytes at most. Replaces path as ct_file_write() does. Errors: NULL, argument (none, two of one
 * name, a name that is not UTF-8), io, memory, state (cotan was built without libzip). options may be NULL. */
CT_API ct_status ct_npz_save(const char *path, const char *const *names, ct_tensor *const *tensors, int64_t n,
                             const ct_npz_options *options);

/* ---- IDX and CSV ---- */

typedef struct CT_BY_NAME ct_idx_options {
    CT_OPTIONS_HEAD;
    int64_t
        max_bytes; /* that the numbers may take in memory; CT_UNSET_INT: 256 MiB, or 64 times the file if that is more */
} ct_idx_options;
#define CT_DEFAULTS_ct_idx_options .max_bytes = CT_UNSET_INT,
CT_API void ct_idx_options_init(ct_idx_options *options, size_t size);

/* Reads an IDX file (http://yann.lecun.com/exdb/mnist), gzipped or not, as uint8, int32 (also from 8 or 16 bits with
 * sign), float32 or float64, any rank up to 8. Owned by the innermost scope. NULL with an error: NULL, argument, io, memory,
 * format (truncated, longer than its header says, wrong magic, damaged gzip, more than max_bytes). options may be NULL. */
CT_API ct_tensor *ct_idx_load(const char *path, const ct_idx_options *options);

typedef struct CT_BY_NAME ct_csv_options {
    CT_OPTIONS_HEAD;
    int64_t skip_lines;    /* before the first line of numbers, >= 0 */
    int64_t max_bytes;     /* as in ct_idx_options */
    const char *separator; /* of fields, one character: ";", "\t"; NULL: a comma */
} ct_csv_options;
#define CT_DEFAULTS_ct_csv_options .max_bytes = CT_UNSET_INT,
CT_API void ct_csv_options_init(ct_csv_options *options, size_t size);

/* Reads a CSV file (RFC 4180) of decimal numbers, gzipped or not, as float64 [lines, fields]. Lines end with \n, \r\n or \r;
 * a byte order mark, quotes, blanks around a number and blank lines at the end are taken. Owned by the innermost scope. NULL
 * with an error: NULL, argument, io, memory, format (names the line and the field; more than max_bytes). options may be
 * NULL. */
CT_API ct_tensor *ct_csv_load(const char *path, const ct_csv_options *options);

/* A CSV file that is read line by line, as text. */
typedef struct ct_csv ct_csv;
/* Goes to the first line behind skip_lines. The caller's until ct_csv_close(). NULL with an error: as ct_csv_load(). options may be NULL. */
CT_API ct_csv *ct_csv_open(const char *path, const ct_csv_options *options);
/* The fields of the next line, *n of them (n may be NULL), without the quotes and blanks around; they last until the next call. NULL
 * at the end, and with an error: memory, format (names the line: more or fewer fields than the first, a blank line between others,
 * a quote that is not closed, a byte 0, more than max_bytes at 8 bytes a field). */
CT_API const char *const *ct_csv_next(ct_csv *csv, int64_t *n);
CT_API int64_t ct_csv_line(const ct_csv *csv); /* at which these fields begin, from 1 */
CT_API void ct_csv_close(ct_csv *csv);         /* NULL is fine */
/* Whether text is a finite decimal number with a point, blanks around it or not, and that; no error if it is not. */
CT_API bool ct_csv_number(const char *text, double *value);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_safetensors_save(path, ...) ct_at_status(CT_HERE, ct_safetensors_save(path, __VA_ARGS__))
#define ct_file_read(what, path, max_bytes, size) \
    ((char *)ct_at_object(CT_HERE, ct_file_read(what, path, max_bytes, size)))
#define ct_file_write(...) ct_at_status(CT_HERE, ct_file_write(__VA_ARGS__))
#define ct_npy_load(...) ct_at(CT_HERE, CT_WITH1(ct_npy_load, ct_npy_options, __VA_ARGS__, ))
#define ct_npy_save(...) ct_at_status(CT_HERE, ct_npy_save(__VA_ARGS__))
#define ct_safetensors_load(...) \
    ((ct_tensor_file *)ct_at_object(CT_HERE, CT_WITH1(ct_safetensors_load, ct_safetensors_options, __VA_ARGS__, )))
#define ct_gguf_load(...) \
    ((ct_tensor_file *)ct_at_object(CT_HERE, CT_WITH1(ct_gguf_load, ct_gguf_options, __VA_ARGS__, )))
#define ct_npz_load(...) ((ct_tensor_file *)ct_at_object(CT_HERE, CT_WITH1(ct_npz_load, ct_npy_options, __VA_ARGS__, )))
#define ct_npz_save(path, names, tensors, ...) \
    ct_at_status(CT_HERE, CT_WITH4(ct_npz_save, ct_npz_options, path, names, tensors, __VA_ARGS__, ))
#define ct_idx_load(...) ct_at(CT_HERE, CT_WITH1(ct_idx_load, ct_idx_options, __VA_ARGS__, ))
#define ct_csv_load(...) ct_at(CT_HERE, CT_WITH1(ct_csv_load, ct_csv_options, __VA_ARGS__, ))
#define ct_csv_open(...) ((ct_csv *)ct_at_object(CT_HERE, CT_WITH1(ct_csv_open, ct_csv_options, __VA_ARGS__, )))
#define ct_csv_next(csv, n) ((const char *const *)ct_at_object(CT_HERE, (void *)ct_csv_next(csv, n)))
#endif

#ifdef __cplusplus
}
#endif
#endif
