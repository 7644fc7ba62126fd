/* Networks as ONNX files (https://onnx.ai), for onnxruntime, Netron and all that read them.
 *
 * What is written is what a function did with tensors, operation by operation: opset 20, IR version 9. */
#ifndef COTAN_ONNX_H
#define COTAN_ONNX_H

#include <cotan/gradcheck.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CT_BY_NAME ct_onnx_options {
    CT_OPTIONS_HEAD;
    const char *const
        *names;         /* of the inputs, one for each; NULL, or an entry NULL: ct_name_of(), else "x0", "x1", ... */
    const char *output; /* the result's name; NULL: "y" */
} ct_onnx_options;
#define CT_DEFAULTS_ct_onnx_options
CT_API void ct_onnx_options_init(ct_onnx_options *options, size_t size);

/* Calls fn(inputs, n, user) once, with modules in evaluation, and writes the operations that lead from the inputs to its result as an
 * ONNX model. Each operation is one of ONNX's, or several; one for which there is none is written as what its expression consists of.
 * All shapes are those of this call, and so is the way that fn took where it looks at numbers. What else fn uses, parameters first, is
 * in the file with its values, under its ct_name(). Replaces path as ct_file_write() does. Errors: NULL; argument (n outside
 * 0..CT_MAX_INPUTS, one tensor as two inputs, two names that are equal, an operation that ONNX has not, a result of fn that no operation
 * has made); state (fn draws random numbers, changes a tensor in place that it has used, or an observer calls); memory (more than 2 GiB
 * too, which an ONNX file cannot have); io; what fn fails with. options may be NULL. */
CT_API ct_status ct_onnx_write(ct_function fn, void *user, ct_tensor *const *inputs, int n, const char *path,
                               const ct_onnx_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_onnx_write(...) ct_at_status(CT_HERE, CT_WITH5(ct_onnx_write, ct_onnx_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
