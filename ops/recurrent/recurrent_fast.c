/* A recurrent layer on raw elements: one product with x for all steps, and for each step one product with h and one pass of the
 * cell; on the way back the same, and then one product for each gradient, over all steps at once.
 *
 * Invariant: what is kept of step t is row t of each buffer, whichever way the sequence is read. */
#include "recurrent_fast.h"
#include <cotan/ops.h>
#include <string.h>

static const ct_recurrent_cell *cell_of(ct_recurrent_kind kind, ct_dtype dtype)
{
    static const ct_recurrent_kernels *const tables[] = {
        ct__recurrent_portable,
#if CT_X86_KERNELS
        ct__recurrent_avx2,
        ct__recurrent_avx512,
#endif
    };
    return &tables[ct__isa()][dtype == CT_FLOAT64][kind];
}

enum { ROWS_OF_A_TASK = 4096 /* elements of one gate */ };

/* One pass under way. Addresses of the parts of step t are those of the whole and t times the step's bytes. */
typedef struct pass {
    ct_call *call;
    const ct_recurrent_layer *layer;
    const ct_recurrent_cell *cell;
    bool backwards;
    ct_dtype dtype;
    int64_t size, length, batch, features, hidden, columns; /* columns: of all gates */
    int first;                                              /* input of weight_x */
    const char *x, *h0, *c0, *weight_x, *weight_h;
    char *y, *kept, *cells;
    int64_t t; /* the step under way */
    const char *h_before, *c_before;
    char *from_x, *from_h; /* of this step, and on the way back their gradients */
    const char *grad_y;
    char *grad_h, *grad_c;
} pass;

static pass start(ct_call *call, const ct_recurrent_layer *layer, bool backwards)
{
    const ct_tensor *x = ct_call_input(call, 0);
    pass p = {.call = call, .layer = layer, .backwards = backwards, .first = layer->has_cell ? 3 : 2};
    if (!x)
        return p;
    p.dtype = ct_dtype_of(x);
    p.cell = cell_of(layer->kind, p.dtype);
    p.size = ct__size_of(p.dtype);
    p.length = ct_size(x, 0);
    p.batch = ct_size(x, 1);
    p.features = ct_size(x, 2);
    p.x = ct_call_input_data(call, 0);
    p.h0 = ct_call_input_data(call, 1);
    p.c0 = layer->has_cell ? ct_call_input_data(call, 2) : NULL;
    p.weight_x = ct_call_input_data(call, p.first);
    p.weight_h = ct_call_input_data(call, p.first + 1);
    if (p.weight_h)
        p.hidden = ct_size(ct_call_input(call, p.first + 1), 1);
    p.columns = layer->gates * p.hidden;
    return p;
}

/* Whether the elements of all inputs could be had. */
static bool has_inputs(const pass *p)
{
    return p->x && p->h0 && (p->c0 || !p->layer->has_cell) && p->weight_x && p->weight_h;
}

/* Bytes of n elements for each row of the batch. */
static int64_t bytes_of(const pass *p, int64_t n)
{
    return p->batch * n * p->size;
}

static ct_status multiply(const pass *p, int64_t m, int64_t n, int64_t k, const void *a, int64_t row_a, int64_t col_a,
                          const void *b, int64_t row_b, int64_t col_b, bool add, void *c)
{
    return ct__gemm(p->dtype, m, n, k, a, row_a, col_a, b, row_b, col_b, add, c, n, 1) == CT_OK
               ? CT_OK
               : ct__no_memory(p->call->op->name);
}

/* Moves on to the step that is number i of the sequence as it is read. */
static void go_to(pass *p, int64_t i)
{
    p->t = p->backwards ? p->length - 1 - i : i;
    int64_t before = p->backwards ? p->t + 1 : p->t - 1, bytes = bytes_of(p, p->hidden);
    p->h_before = i ? p->y + before * bytes : p->h0;
    p->c_before = i && p->cells ? p->cells + before * bytes : p->c0;
}

static void for_rows(pass *p, void (*task)(void *context, int64_t index))
{
    int64_t rows = 1 + ROWS_OF_A_TASK / (p->hidden + 1);
    ct__parallel((p->batch + rows - 1) / rows, task, p);
}

/* The rows of the batch that a task takes, from *first on; returns the one behind them. */
static int64_t rows_of(const pass *p, int64_t index, int64_t *first)
{
    int64_t rows = 1 + ROWS_OF_A_TASK / (p->hidden + 1);
    *first = index * rows;
    return *first + rows < p->batch ? *first + rows : p->batch;
}

/* Row `row` of n elements a row, or NULL of nothing. */
static void *row_of(const pass *p, const char *base, int64_t row, int64_t n)
{
    return base ? (char *)(uintptr_t)base + row * n * p->size : NULL;
}

/* ---- forward ---- */

static ct_status declare(ct_call *call, int i, ct_dtype dtype, int64_t length, int64_t batch, int64_t n)
{
    const int64_t shape[] = {length, batch, n};
    bool all = length >= 0;
    return ct_call_output_shape(call, i, dtype, all ? shape : shape + 1, all ? 3 : 2);
}

ct_status ct__recurrent_infer(ct_call *call, const ct_recurrent_layer *layer)
{
    const ct_tensor *x = ct_call_input(call, 0), *h = ct_call_input(call, 1);
    ct_dtype dtype = ct_dtype_of(x);
    int64_t length = ct_size(x, 0), batch = ct_size(x, 1), hidden = ct_size(h, 1), keeps;
    int i = 0;
    if (__builtin_mul_overflow(hidden, layer->keeps, &keeps))
        return ct_call_error(call, CT_ERROR_SHAPE, "too large: %s", ct_call_shapes(call));
    ct_status status = declare(call, i++, dtype, length, batch, hidden);
    if (status == CT_OK)
        status = declare(call, i++, dtype, -1, batch, hidden);
    if (status == CT_OK && layer->has_cell)
        status = declare(call, i++, dtype, -1, batch, hidden);
    if (status == CT_OK)
        status = declare(call, i++, dtype, length, batch, keeps);
    if (status == CT_OK && layer->has_cell)
        status = declare(call, i++, dtype, length, batch, hidden);
    return status;
}

static void step_task(void *context, int64_t index)
{
    const pass *p = context;
    int64_t h = p->hidden, keeps = p->layer->keeps * h, row, end = rows_of(p, index, &row);
    char *kept = p->kept + p->t * bytes_of(p, keeps), *y = p->y + p->t * bytes_of(p, h);
    char *cells = p->cells ? p->cells + p->t * bytes_of(p, h) : NULL;
    for (; row < end; row++)
        p->cell->step(&(ct_recurrent_step){.n = h,
                                           .from_x = row_of(p, p->from_x, row, p->columns),
                                           .from_h = row_of(p, p->from_h, row, p->columns),
                                           .h_before = row_of(p, p->h_before, row, h),
                                           .c_before = row_of(p, p->c_before, row, h),
                                           .kept = row_of(p, kept, row, keeps),
                                           .h_after = row_of(p, y, row, h),
                                           .c_after = row_of(p, cells, row, h)});
}

/* Fills rows with a bias, where there is one; tells whether. */
static bool put_bias(const pass *p, int input, int64_t rows, char *to)
{
    size_t bytes = (size_t)(p->columns * p->size);
    const char *bias = ct_call_input_data(p->call, input);
    for (int64_t row = 0; bias && row < rows; row++)
        memcpy(to + (size_t)row * bytes, bias, bytes);
    return bias;
}

/* from_x: room for all steps; weights: weight_h transposed, so that its rows can be read where they lie. */
static ct_status run_steps(pass *p, char *from_x, const char *weights)
{
    int64_t rows = p->length * p->batch;
    bool biased = put_bias(p, p->first + 2, rows, from_x);
    ct_status status =
        multiply(p, rows, p->columns, p->features, p->x, p->features, 1, p->weight_x, 1, p->features, biased, from_x);
    for (int64_t i = 0; status == CT_OK && i < p->length; i++) {
        go_to(p, i);
        p->from_x = from_x + p->t * bytes_of(p, p->columns);
        biased = put_bias(p, p->first + 3, p->batch, p->from_h);
        status = multiply(p, p->batch, p->columns, p->hidden, p->h_before, p->hidden, 1, weights, p->columns, 1, biased,
                          p->from_h);
        if (status == CT_OK)
            for_rows(p, step_task);
    }
    return status;
}

ct_status ct__recurrent_forward(ct_call *call, const ct_recurrent_layer *layer, bool backwards)
{
    pass p = start(call, layer, backwards);
    p.y = ct_call_output_data(call, 0);
    p.kept = ct_call_output_data(call, layer->has_cell ? 3 : 2);
    p.cells = layer->has_cell ? ct_call_output_data(call, 4) : NULL;
    int64_t all = p.length * bytes_of(&p, p.columns), one = bytes_of(&p, p.columns),
            weights = p.hidden * p.columns * p.size;
    char *room = has_inputs(&p) ? ct__alloc((size_t)(all + one + weights)) : NULL;
    if (!room)
        return ct__no_memory(call->op->name);
    p.from_h = room + all;
    ct__copy_strided(p.dtype, room + all + one, (const int64_t[]){p.columns, 1}, p.dtype, p.weight_h,
                     (const int64_t[]){1, p.hidden}, (const int64_t[]){p.hidden, p.columns}, 2);
    ct_status status = run_steps(&p, room, room + all + one);
    ct__free(room, (size_t)(all + one + weights));
    size_t bytes = (size_t)bytes_of(&p, p.hidden);
    if (status == CT_OK)
        memcpy(ct_call_output_data(call, 1), p.y + (size_t)p.t * bytes, bytes);
    if (status == CT_OK && p.cells)
        memcpy(ct_call_output_data(call, 2), p.cells + (size_t)p.t * bytes, bytes);
    return status;
}

/* ---- backward ---- */

static void back_task(void *context, int64_t index)
{
    const pass *p = context;
    int64_t h = p->hidden, keeps = p->layer->keeps * h, row, end = rows_of(p, index, &row);
    const char *kept = p->kept + p->t * bytes_of(p, keeps), *y = p->y + p->t * bytes_of(p, h);
    const char *grad_y = p->grad_y ? p->grad_y + p->t * bytes_of(p, h) : NULL;
    for (; row < end; row++)
        p->cell->back(&(ct_recurrent_back){.n = h,
                                           .kept = row_of(p, kept, row, keeps),
                                           .h_before = row_of(p, p->h_before, row, h),
                                           .h_after = row_of(p, y, row, h),
                                           .c_before = row_of(p, p->c_before, row, h),
                                           .grad_y = row_of(p, grad_y, row, h),
                                           .grad_h = row_of(p, p->grad_h, row, h),
                                           .grad_c = row_of(p, p->grad_c, row, h),
                                           .grad_from_x = row_of(p, p->from_x, row, p->columns),
                                           .grad_from_h = row_of(p, p->from_h, row, p->columns)});
}

/* Fills from_x and from_h with the gradients of the products of all steps, and leaves those of h0 and c0 in grad_h and grad_c. */
static ct_status run_back(pass *p, char *from_x, char *from_h)
{
    ct_status status = CT_OK;
    for (int64_t i = p->length - 1; status == CT_OK && i >= 0; i--) {
        go_to(p, i);
        int64_t at = p->t * bytes_of(p, p->columns);
        p->from_x = from_x + at;
        p->from_h = from_h + at;
        for_rows(p, back_task);
        status = multiply(p, p->batch, p->hidden, p->columns, p->from_h, p->columns, 1, p->weight_h, p->hidden, 1,
                          !p->layer->adds, p->grad_h);
    }
    return status;
}

/* weight_h's: the first step's with h0, the others' with y a step before. */
static ct_status grad_of_weight_h(const pass *p, const char *from_h, char *to)
{
    int64_t step = bytes_of(p, p->columns), first = p->backwards ? p->length - 1 : 0;
    ct_status status = multiply(p, p->columns, p->hidden, p->batch, from_h + first * step, 1, p->columns, p->h0,
                                p->hidden, 1, false, to);
    if (status != CT_OK || p->length == 1)
        return status;
    const char *others = from_h + (p->backwards ? 0 : step), *y = p->y + (p->backwards ? bytes_of(p, p->hidden) : 0);
    return multiply(p, p->columns, p->hidden, (p->length - 1) * p->batch, others, 1, p->columns, y, p->hidden, 1, true,
                    to);
}

/* The biases': sums over all rows, one for both where the products' gradients are the same. */
static ct_status grads_of_biases(const pass *p, ct_tensor *from_x, ct_tensor *from_h)
{
    ct_tensor *from[] = {from_x, from_h}, *sum = NULL;
    ct_status status = CT_OK;
    for (int i = 0; i < 2 && status == CT_OK; i++) {
        if (!ct_call_needs_grad(p->call, p->first + 2 + i))
            continue;
        if (!sum || !p->layer->adds)
            sum = ct_sum(from[i], CT_GIVEN(ct_reduce_options, CT_AXES(0)));
        status = ct_call_set_grad(p->call, p->first + 2 + i, sum);
    }
    return status;
}

/* Where the gradient of an input is to go, if it is needed; *status tells of a failure. */
static char *room_for(const pass *p, int input, ct_status *status)
{
    char *to = *status == CT_OK ? ct_call_grad_input_data(p->call, input) : NULL;
    if (*status == CT_OK && !to && ct_call_needs_grad(p->call, input))
        *status = ct_error_code();
    return to;
}

static ct_status set_gradients(const pass *p, ct_tensor *from_x, ct_tensor *from_h)
{
    const char *gx = ct__ptr(from_x), *gh = ct__ptr(from_h);
    int64_t rows = p->length * p->batch;
    ct_status status = CT_OK;
    char *x = room_for(p, 0, &status), *h0 = room_for(p, 1, &status);
    char *c0 = p->layer->has_cell ? room_for(p, 2, &status) : NULL;
    char *weight_x = room_for(p, p->first, &status), *weight_h = room_for(p, p->first + 1, &status);
    if (status == CT_OK && x)
        status = multiply(p, rows, p->features, p->columns, gx, p->columns, 1, p->weight_x, p->features, 1, false, x);
    if (status == CT_OK && weight_x)
        status = multiply(p, p->columns, p->features, rows, gx, 1, p->columns, p->x, p->features, 1, false, weight_x);
    if (status == CT_OK && weight_h)
        status = grad_of_weight_h(p, gh, weight_h);
    if (status == CT_OK && h0)
        memcpy(h0, p->grad_h, (size_t)bytes_of(p, p->hidden));
    if (status == CT_OK && c0)
        memcpy(c0, p->grad_c, (size_t)bytes_of(p, p->hidden));
    return status == CT_OK ? grads_of_biases(p, from_x, from_h) : status;
}

/* Room for the gradient of a state, that of the last one to begin with. */
static char *state_gradient(const pass *p, int output)
{
    ct_tensor *given = ct_call_grad_output(p->call, output);
    const int64_t shape[] = {p->batch, p->hidden};
    ct_tensor *own = given ? ct__own_copy(false, given) : ct_zeros(p->dtype, shape, 2);
    return own ? ct__ptr(own) : NULL;
}

ct_status ct__recurrent_backward(ct_call *call, const ct_recurrent_layer *layer, bool backwards)
{
    pass p = start(call, layer, backwards);
    ct_tensor *y = ct_call_output(call, 0), *kept = ct_call_output(call, layer->has_cell ? 3 : 2);
    ct_tensor *cells = layer->has_cell ? ct_call_output(call, 4) : NULL;
    if (!has_inputs(&p) || !y || !kept || (layer->has_cell && !cells))
        return ct_error_code();
    const int64_t shape[] = {p.length * p.batch, p.columns};
    ct_tensor *from_x = ct_empty(p.dtype, shape, 2), *from_h = layer->adds ? from_x : ct_empty(p.dtype, shape, 2);
    p.y = ct__ptr(y);
    p.kept = ct__ptr(kept);
    p.cells = cells ? ct__ptr(cells) : NULL;
    p.grad_y = ct_call_grad_output_data(call, 0);
    p.grad_h = state_gradient(&p, 1);
    p.grad_c = layer->has_cell ? state_gradient(&p, 2) : NULL;
    if (!from_x || !from_h || (!p.grad_y && ct_call_grad_output(call, 0)) || !p.grad_h ||
        (layer->has_cell && !p.grad_c))
        return ct_error_code();
    ct_status status = run_back(&p, ct__ptr(from_x), ct__ptr(from_h));
    return status == CT_OK ? set_gradients(&p, from_x, from_h) : status;
}
