/* File formats: safetensors (named tensors) and IDX (the MNIST family's arrays). */
#ifndef COTAN_FILE_H
#define COTAN_FILE_H

#include <cotan/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Named tensors, read from or to be written to a file. */
typedef struct ct_tensor_file ct_tensor_file;

/* Writes n tensors under their names as .safetensors (https://github.com/huggingface/safetensors, "Format"). Any
 * strides. Atomic: a new file is written and synced beside path, then renamed over it, so that a crash leaves the
 * old file whole. Errors: NULL, argument (two tensors of one name, a name that is not UTF-8 or is "__metadata__"),
 * io, memory. */
CT_API ct_status ct_safetensors_save(const char *path, const char *const *names, ct_tensor *const *tensors, int64_t n);

/* Reads a whole .safetensors file; its "__metadata__" is skipped. The result is the caller's until
 * ct_tensor_file_free(). NULL with an error: NULL, io, memory, format (truncated, header not JSON, a name given
 * twice, offsets that overlap, leave gaps or leave the file, a dtype that cotan does not have). */
CT_API ct_tensor_file *ct_safetensors_load(const char *path);
/* Tensors in the file; their indices are in the order of their bytes, which is that in which they were saved. */
CT_API int64_t ct_tensor_file_count(const ct_tensor_file *file);
/* Belongs to file; NULL outside 0..count-1. */
CT_API const char *ct_tensor_file_name(const ct_tensor_file *file, int64_t index);
/* The tensor of that name, or NULL (no error) if there is none. Belongs to file. */
CT_API ct_tensor *ct_tensor_file_get(const ct_tensor_file *file, const char *name);
/* Gives the file's tensors up, too. NULL is fine. */
CT_API void ct_tensor_file_free(ct_tensor_file *file);

/* Reads an IDX file (http://yann.lecun.com/exdb/mnist), gzipped or not, as uint8, int32 (also from 8 or 16 bits with
 * sign), float32 or float64, any rank up to 8. Owned by the innermost scope. NULL with an error: NULL, io, memory,
 * format (truncated, longer than its header says, wrong magic, damaged gzip). */
CT_API ct_tensor *ct_idx_load(const char *path);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_safetensors_save(path, ...) ct_at_status(CT_HERE, ct_safetensors_save(path, __VA_ARGS__))
#define ct_idx_load(path) ct_at(CT_HERE, ct_idx_load(path))
#endif

#ifdef __cplusplus
}
#endif
#endif
