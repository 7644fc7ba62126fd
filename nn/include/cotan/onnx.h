/* Networks as ONNX files (https://onnx.ai), for onnxruntime, Netron and all that read them, and from others.
 *
 * What is written is what a function did with tensors, operation by operation: opset 20, IR version 9. What is read is a layer. */
#ifndef COTAN_ONNX_H
#define COTAN_ONNX_H

#include <cotan/gradcheck.h>
#include <cotan/module.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CT_BY_NAME ct_onnx_options {
    CT_OPTIONS_HEAD;
    const char *const
        *names;         /* of the inputs, one for each; NULL, or an entry NULL: ct_name_of(), else "x0", "x1", ... */
    const char *output; /* the result's name; NULL: ct_name_of(), else "y" */
} ct_onnx_options;
#define CT_DEFAULTS_ct_onnx_options
CT_API void ct_onnx_options_init(ct_onnx_options *options, size_t size);

/* Calls fn(inputs, n, user) once, with modules in evaluation, and writes the operations that lead from the inputs to its result as an
 * ONNX model. Each operation is one of ONNX's, or several; one for which there is none is written as what its expression consists of.
 * All shapes are those of this call, and so is the way that fn took where it looks at numbers. What else fn uses, parameters first, is
 * in the file with its values. What has a name by ct_name() has it there. Replaces path as ct_file_write() does. Errors: NULL; argument (n outside
 * 0..CT_MAX_INPUTS, one tensor as two inputs, two names that are equal, an operation that ONNX has not, a result of fn that no operation
 * has made); state (fn draws random numbers, changes a tensor in place that it has used, or an observer calls); memory (more than 2 GiB
 * too, which an ONNX file cannot have); io; what fn fails with. options may be NULL. */
CT_API ct_status ct_onnx_write(ct_function fn, void *user, ct_tensor *const *inputs, int n, const char *path,
                               const ct_onnx_options *options);

/* Reads the model at path as a layer of that name in parent (name NULL: a number, as in ct_layer_new()): ct_forward() runs one that has
 * one input, and gives its first output. Its constants are in the module under their names: floats with an axis at least are parameters,
 * which train; statistics of batch norms and all others buffers. In training dropout drops, and batch norms take the batch's statistics.
 * Opsets from 7 on; types float32, float64, int64, int32, uint8 and bool. Errors: NULL, argument (the name is taken), memory, io, format
 * (no ONNX model, a damaged one, an operator or a type that is not known here). */
CT_API ct_module *ct_onnx_read(ct_module *parent, const char *name, const char *path);
/* Runs such a module: inputs and outputs in the model's order, of which the first n_outputs are wanted; outputs are owned by the innermost
 * scope, and NULL on failure. Errors: NULL, argument (not as many inputs as the model has, more outputs), state (another module), format (an
 * operator is given what is not known here), those of operations. */
CT_API ct_status ct_onnx_run(ct_module *module, ct_tensor *const *inputs, int n, ct_tensor **outputs, int n_outputs);
/* The name of input or output i, which belongs to module; NULL outside, and for another module (no error). */
CT_API const char *ct_onnx_input(const ct_module *module, int64_t i);
CT_API const char *ct_onnx_output(const ct_module *module, int64_t i);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_onnx_read(parent, name, path) ((ct_module *)ct_at_object(CT_HERE, ct_onnx_read(parent, name, path)))
#define ct_onnx_run(module, ...) ct_at_status(CT_HERE, ct_onnx_run(module, __VA_ARGS__))
#define ct_onnx_write(...) ct_at_status(CT_HERE, CT_WITH5(ct_onnx_write, ct_onnx_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
