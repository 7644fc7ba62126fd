/* What the files of nn share. Like every user's program they see cotan's public headers only.
 *
 * Invariant: memory from ct_allocate() is checked, and its lack is reported through ct__nn_no_memory. */
#ifndef CT_NN_INTERNAL_H
#define CT_NN_INTERNAL_H

#define CT_NO_LOCATIONS
#include <cotan/allocator.h>
#include <cotan/train.h>
#include <stdlib.h>
#include <string.h>

#define CT_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The error "<what>: no memory". */
static inline ct_status ct__nn_no_memory(const char *what)
{
    return ct_error_set(CT_ERROR_MEMORY, "%s: no memory", what);
}

/* count zeroed elements of size bytes (at least one, so that NULL always means an error); NULL with an error. */
static inline void *ct__nn_alloc(const char *what, int64_t count, size_t size)
{
    void *block = ct_allocate(count > 0 ? (size_t)count : 1, size);
    if (!block)
        ct__nn_no_memory(what);
    return block;
}

/* "<before><name>", the caller's until ct_deallocate(); NULL with an error. */
static inline char *ct__nn_joined(const char *before, const char *name)
{
    size_t size = strlen(before) + strlen(name) + 1;
    char *text = (char *)ct__nn_alloc("names", (int64_t)size, 1);
    if (text)
        snprintf(text, size, "%s%s", before, name);
    return text;
}

/* Element i of floats. */
static inline double ct__nn_element(const void *data, ct_dtype dtype, int64_t i)
{
    return dtype == CT_FLOAT32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* Closes the scope that the caller opened, and returns the pending error's code, that of the closing included. */
static inline ct_status ct__nn_scope_close(void)
{
    ct_scope_close();
    return ct_error_code();
}

/* "[3,4]" into buffer; returns buffer. */
#define CT_NN_SHAPE_TEXT 176
char *ct__nn_shape_text(const ct_tensor *t, char *buffer);

/* The tensor that was given to the module under that name, also while another is exchanged for it; NULL: none. */
ct_tensor *ct__module_own(const ct_module *module, const char *name);
/* Whether the tensor at index is a buffer, and not tied to another. */
bool ct__module_is_buffer(const ct_module *module, int64_t index);
/* As ct_module_exchange(), of the buffers. */
ct_status ct__module_exchange_buffers(ct_module *module, ct_tensor **tensors, int64_t n);
/* Between begin and end all modules compute in evaluation on this thread. */
void ct__evaluation_begin(void);
void ct__evaluation_end(void);
/* Between begin and not begin the running statistics of the batch norms in module are plain means over the batches since. */
void ct__batch_norms_mean(ct_module *module, bool begin);
/* What it trains. */
ct_module *ct__optimizer_module(const ct_optimizer *optimizer);
/* Adds the bias [n] of a weight with these fans. */
void ct__add_bias(ct_module *module, const char *name, const ct_initializer *initializer, int64_t n, int64_t fan_in,
                  int64_t fan_out);

/* Goes to the beginning of the next epoch, unless they stand at the beginning of one. */
ct_status ct__batches_begin_next(ct_batches *batches);
/* Goes past n of this epoch's batches, or all that are left. */
void ct__batches_skip(ct_batches *batches, int64_t n);

/* ---- layers/recurrent.c ---- */
/* ct_rnn() and ct_gru() as ct_lstm() is called; c0 is not looked at. */
ct_tensor *ct__run_rnn(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                       const ct_recurrent_options *options);
ct_tensor *ct__run_gru(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                       const ct_recurrent_options *options);

#endif
