/* Functions of functions: derivatives of a C function as a whole, as torch.autograd.functional has them.
 *
 * fn is given copies of the inputs' tensors that share their elements: it must use what it is given. What else it uses counts as
 * constant. Recording is on inside, whatever it is outside. Every input must be float32 or float64, and so must fn's result. */
#ifndef COTAN_FUNCTIONAL_H
#define COTAN_FUNCTIONAL_H

#include <cotan/gradcheck.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CT_BY_NAME ct_functional_options {
    CT_OPTIONS_HEAD;
    bool
        create_graph; /* results can be differentiated again, for the inputs that ask for a gradient, and for what else fn uses */
    bool strict;       /* an error (state) where the result does not depend on an input; otherwise that gives zeros */
    ct_tensor **value; /* gets fn's result, outside any graph unless create_graph; NULL: nobody wants it */
} ct_functional_options;
#define CT_DEFAULTS_ct_functional_options
CT_API void ct_functional_options_init(ct_functional_options *options, size_t size);

/* All results are owned by the innermost scope; on failure they are NULL. Errors of all: NULL; argument (n outside 1..CT_MAX_INPUTS);
 * dtype; state (.strict); memory; what fn itself fails with. options may be NULL. */

/* results[i] = dy/dx_i, of fn's result y and input i: y's shape, then x_i's. results has room for n. A backward for each element of y.
 * Error (shape): the two have more than CT_MAX_RANK axes together. */
CT_API ct_status ct_jacobian(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_tensor **results,
                             const ct_functional_options *options);
/* results[i * n + j] = d2y/(dx_i dx_j), of fn's result y, which has one element: x_i's shape, then x_j's. results has room for n * n.
 * A backward for each element of the inputs. Errors (shape): y has not one element; too many axes, as above. */
CT_API ct_status ct_hessian(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_tensor **results,
                            const ct_functional_options *options);
/* results[i] = sum over j of d2y/(dx_i dx_j) v_j, of x_i's shape, without the Hessian (Pearlmutter, "Fast exact multiplication by the
 * Hessian", 1994): two backwards. vectors[j] has shape and dtype of input j; NULL, or vectors NULL: 1, for an input of one element
 * only. Errors: shape and dtype of vectors; shape (y has not one element). */
CT_API ct_status ct_hvp(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_tensor *const *vectors,
                        ct_tensor **results, const ct_functional_options *options);
/* sum over j of dy/dx_j v_j, of y's shape: the derivative of fn in the direction of the vectors, which are as above, by two backwards: g(u)
 * = sum_i u_i dy_i/dx is linear in u, and its derivative for u, weighted with v, is what is asked for. NULL with an error. */
CT_API ct_tensor *ct_jvp(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_tensor *const *vectors,
                         const ct_functional_options *options);

/* ---- memory ---- */

/* fn(inputs, n, user), of which only the inputs are kept for backward: there fn is run again, with the random numbers that it drew,
 * and gives the same gradients (Chen, Xu, Zhang, Guestrin, "Training deep nets with sublinear memory cost", 2016): to the bit, but for
 * those of a tensor that is used elsewhere too, whose parts are summed in another order. Costs a forward more, and saves what fn's
 * operations save. Gradients reach the inputs and all that fn uses besides, leaves and results of other operations, as without it, to
 * any order. The result, of fn's result's shape, is owned by the innermost scope; NULL with an error. What fn uses besides inputs,
 * user itself first, must live until the graph goes. What fn changes, running statistics say, it changes twice. Integer inputs are
 * welcome. Errors: NULL; argument (inputs, leaves and results that fn uses are more than 47); memory; what fn fails with; in backward
 * also state (fn gives another shape or dtype than before or uses another result, or one of those that it uses was changed in place
 * since). */
CT_API ct_tensor *ct_checkpoint(ct_function fn, void *user, ct_tensor *const *inputs, int n);

/* fn(inputs, n, user), of whose operations' results in float32 those that backward needs are kept as bfloat16, and made float32 again when
 * it runs: half of the memory, and gradients to two or three digits. Values are fn's to the bit; what is kept in another type, leaves,
 * inputs and what else comes from outside, and the result, stay as they are. Two operations that save one result share its copy. The result
 * is owned by the innermost scope, and is fn's; NULL with an error. Equal elements, maxima say, may be more after rounding, and share the
 * gradient. Errors: NULL; memory; what fn fails with. */
CT_API ct_tensor *ct_halve_saved(ct_function fn, void *user, ct_tensor *const *inputs, int n);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_halve_saved(fn, user, ...) ct_at(CT_HERE, ct_halve_saved(fn, user, __VA_ARGS__))
#define ct_checkpoint(fn, user, ...) ct_at(CT_HERE, ct_checkpoint(fn, user, __VA_ARGS__))
#define ct_jacobian(...) ct_at_status(CT_HERE, CT_WITH5(ct_jacobian, ct_functional_options, __VA_ARGS__, ))
#define ct_hessian(...) ct_at_status(CT_HERE, CT_WITH5(ct_hessian, ct_functional_options, __VA_ARGS__, ))
#define ct_hvp(...) ct_at_status(CT_HERE, CT_WITH6(ct_hvp, ct_functional_options, __VA_ARGS__, ))
#define ct_jvp(...) ct_at(CT_HERE, CT_WITH5(ct_jvp, ct_functional_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
