/* The elementwise operations: the table in elementwise_rules.h made into records and functions, and the walk over strides.
 *
 * Invariant: a kernel only sees rows: n elements of the output, and for each input n elements in a row or one for all. */
#include "elementwise.h"
#include <string.h>

/* ---- the walk ---- */

enum {
    BLOCK = 2048, /* elements gathered at a time when an input's row is strided */
    TASK = 32768  /* elements worth a task */
};

typedef struct walk {
    ct_elementwise_kernel kernel;
    const double *p;
    int n_inputs, axes;
    int64_t size[CT_MAX_RANK];    /* of each axis, the last innermost */
    int64_t step[3][CT_MAX_RANK]; /* of each input along it, in elements; 0 where it is broadcast */
    int64_t rows, row, part;      /* rows of how many elements; parts of a row that one task takes */
    int64_t rows_a_task;
    bool streams;
    const char *in[3];
    int64_t in_size[3], out_size;
    char *out;
} walk;

/* Gathers what is strided, a block at a time. */
static void run_strided_row(const walk *w, int64_t n, char *out, const char *const *in)
{
    _Alignas(64) char gathered[3][BLOCK * 8];
    const void *from[3];
    bool fixed[3];
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t count = n - i < BLOCK ? n - i : BLOCK;
        for (int k = 0; k < w->n_inputs; k++) {
            int64_t step = w->step[k][w->axes - 1], size = w->in_size[k];
            ct_dtype same_size = size == 8 ? CT_INT64 : size == 4 ? CT_INT32 : size == 2 ? CT_FLOAT16 : CT_UINT8;
            from[k] = in[k] + i * step * size;
            fixed[k] = step == 0;
            if (step == 0 || step == 1)
                continue;
            ct__copy_strided(same_size, gathered[k], (const int64_t[]){1}, same_size, from[k], &step, &count, 1);
            from[k] = gathered[k];
        }
        w->kernel(count, out + i * w->out_size, from, fixed, w->p, w->streams);
    }
}

/* n elements, at the places given. */
static void run_row(const walk *w, int64_t n, char *out, const char *const *in)
{
    const void *from[3];
    bool fixed[3], strided = false;
    for (int k = 0; k < w->n_inputs; k++) {
        int64_t step = w->step[k][w->axes - 1];
        from[k] = in[k];
        fixed[k] = step == 0;
        strided |= step != 0 && step != 1;
    }
    if (strided)
        run_strided_row(w, n, out, in);
    else
        w->kernel(n, out, from, fixed, w->p, w->streams);
}

/* Rows first .. first + count - 1, each from element at on, n elements. */
static void run_rows(const walk *w, int64_t first, int64_t count, int64_t at, int64_t n)
{
    int64_t index[CT_MAX_RANK] = {0};
    int outer = w->axes - 1;
    const char *in[3];
    for (int k = 0; k < w->n_inputs; k++)
        in[k] = w->in[k] + at * w->step[k][outer] * w->in_size[k];
    int64_t left = first;
    for (int i = outer - 1; i >= 0; i--) {
        index[i] = left % w->size[i];
        left /= w->size[i];
        for (int k = 0; k < w->n_inputs; k++)
            in[k] += index[i] * w->step[k][i] * w->in_size[k];
    }
    char *out = w->out + (first * w->row + at) * w->out_size;
    for (int64_t r = 0; r < count; r++) {
        run_row(w, n, out, in);
        out += w->row * w->out_size;
        for (int i = outer - 1; i >= 0; i--) {
            bool carry = ++index[i] == w->size[i];
            for (int k = 0; k < w->n_inputs; k++)
                in[k] += (carry ? 1 - w->size[i] : 1) * w->step[k][i] * w->in_size[k];
            if (!carry)
                break;
            index[i] = 0;
        }
    }
}

static void run_task(void *context, int64_t task)
{
    const walk *w = context;
    if (w->part < w->row) { /* a row is more than a task: a part of a row */
        int64_t parts = (w->row + w->part - 1) / w->part, at = task % parts * w->part;
        run_rows(w, task / parts, 1, at, w->row - at < w->part ? w->row - at : w->part);
    } else {
        int64_t first = task * w->rows_a_task;
        run_rows(w, first, w->rows - first < w->rows_a_task ? w->rows - first : w->rows_a_task, 0, w->row);
    }
    if (w->streams)
        ct__streamed();
}

/* Axes of size 1 go; an axis that continues the one inside it for every input joins it. */
static void coalesce(walk *w, const ct_tensor *out, ct_tensor *const *inputs)
{
    for (int axis = 0; axis < out->rank; axis++) {
        int64_t size = out->shape[axis], step[3];
        if (size == 1)
            continue;
        bool joins = w->axes > 0;
        for (int k = 0; k < w->n_inputs; k++) {
            int own = axis - (out->rank - inputs[k]->rank);
            step[k] = own < 0 || inputs[k]->shape[own] == 1 ? 0 : inputs[k]->strides[own];
            joins = joins && w->step[k][w->axes - 1] == step[k] * size;
        }
        if (!joins)
            w->size[w->axes++] = 1;
        w->size[w->axes - 1] *= size;
        for (int k = 0; k < w->n_inputs; k++)
            w->step[k][w->axes - 1] = step[k];
    }
}

void ct__elementwise_walk(ct_tensor *out, ct_tensor *const *inputs, int n, ct_elementwise_kernel kernel,
                          const double *p)
{
    if (out->numel == 0)
        return;
    walk w;
    w.kernel = kernel;
    w.p = p;
    w.n_inputs = n;
    w.axes = 0;
    w.out = ct__ptr(out);
    w.out_size = ct__size_of((ct_dtype)out->dtype);
    w.streams = out->numel * w.out_size >= CT_STREAMED_BYTES;
    for (int k = 0; k < n; k++) {
        w.in[k] = ct__ptr(inputs[k]);
        w.streams = w.streams && w.in[k] != w.out;
        w.in_size[k] = ct__size_of((ct_dtype)inputs[k]->dtype);
    }
    coalesce(&w, out, inputs);
    w.row = w.size[w.axes - 1];
    w.rows = out->numel / w.row;
    w.part = TASK;
    w.rows_a_task = w.row < TASK ? (TASK + w.row - 1) / w.row : 1;
    int64_t tasks =
        w.part < w.row ? w.rows * ((w.row + w.part - 1) / w.part) : (w.rows + w.rows_a_task - 1) / w.rows_a_task;
    ct__parallel(tasks, run_task, &w);
}

/* ---- shape rules ---- */

ct_status ct__infer_broadcast(ct_call *call, ct_dtype dtype)
{
    const ct_tensor *first = call->inputs[0];
    int64_t shape[CT_MAX_RANK];
    int rank = first->rank;
    for (int i = 0; i < rank; i++)
        shape[i] = first->shape[i];
    for (int k = 1; k < call->n_inputs; k++)
        if (!ct__broadcast_shapes(shape, rank, call->inputs[k]->shape, call->inputs[k]->rank, shape, &rank))
            return ct_call_error(call, CT_ERROR_SHAPE, "shapes do not broadcast: %s", ct_call_shapes(call));
    return ct_call_output_shape(call, 0, dtype, shape, rank);
}

ct_status ct__elementwise_infer(ct_call *call)
{
    const ct_tensor *first = call->inputs[0];
    ct_dtype dtype = (ct_dtype)first->dtype;
    bool alike = true;
    for (int k = 1; k < call->n_inputs; k++)
        alike = alike && ct__same_shape(first, call->inputs[k]);
    if (CT_UNLIKELY(!alike))
        return ct__infer_broadcast(call, dtype);
    return ct__call_output_over(call) ? CT_OK : ct__call_output(call, 0, dtype, first->shape, first->rank);
}

/* ---- kernels of this CPU ---- */

const ct_elementwise_table *ct__elementwise_kernels;

static void choose_kernels(void)
{
#ifndef CT_SMALL
    static const ct_elementwise_table *const tables[] = {
        &ct__elementwise_portable,
#if CT_X86_KERNELS
        &ct__elementwise_avx2,
        &ct__elementwise_avx512,
#endif
    };
    ct__elementwise_kernels = tables[ct__isa()];
#endif
}

static ct_elementwise_kernel kernel_of(const ct_elementwise_kernel *of_floats, const ct_elementwise_kernel *of_integers,
                                       ct_dtype dtype)
{
    if (CT_UNLIKELY(!ct__dtype_is_float(dtype)))
        return of_integers[dtype - CT_INT64];
    return of_floats[dtype == CT_FLOAT64];
}
#define KERNEL_OF(name, dtype) kernel_of(CT_FLOAT_KERNELS(name), ct__integer_kernels[CT_KERNEL_##name], dtype)

/* ---- records ---- */

#define NOTHING 0
#define X CT_SAVE_INPUT(0)
#define A CT_SAVE_INPUT(0)
#define B CT_SAVE_INPUT(1)
#define C CT_SAVE_INPUT(2)
#define Y CT_SAVE_OUTPUT(0)

/* What backward may use: g, the saved inputs, y, p. What the row does not save stays NULL. */
#define GIVEN(saves, name_a, name_b, name_c)                                    \
    ct_tensor *g = call->grad_outputs[0];                                       \
    ct_tensor *name_a = (saves)&A ? ct__node_saved_input(call->node, 0) : NULL; \
    ct_tensor *name_b = (saves)&B ? ct__node_saved_input(call->node, 1) : NULL; \
    ct_tensor *name_c = (saves)&C ? ct__node_saved_input(call->node, 2) : NULL; \
    ct_tensor *y = (saves)&Y ? ct_call_output(call, 0) : NULL;                  \
    const double *p = call->attributes;                                         \
    (void)g, (void)name_a, (void)name_b, (void)name_c, (void)y, (void)p;        \
    ct_status status = CT_OK

/* Whether gradient i of n is the last for which g is read, and no gradient before it is g itself. */
static CT_HOT bool is_last(const ct_call *call, int n, int i)
{
    for (int k = 0; k < n; k++)
        if (k < i ? call->grad_inputs[k] == call->grad_outputs[0] : k > i && call->needs[k])
            return false;
    return true;
}

/* What is computed last may lie over g, which each gradient takes once. */
#define GRADIENT(n, i, grad)                                                                 \
    if (status == CT_OK && call->needs[i]) {                                                 \
        call->thread->spent = is_last(call, n, i) && ct__call_may_spend(call, g) ? g : NULL; \
        status = ct__call_set_grad(call, i, grad);                                           \
        call->thread->spent = NULL;                                                          \
    }

#define RECORD(dtypes, rule, op_name, n, numbers, op_saves, formula, ...)                                             \
    static ct_status op_name##_forward(ct_call *call)                                                                 \
    {                                                                                                                 \
        ct__elementwise_run(call->outputs[0], call->inputs, n, KERNEL_OF(op_name, (ct_dtype)call->outputs[0]->dtype), \
                            call->attributes);                                                                        \
        return CT_OK;                                                                                                 \
    }                                                                                                                 \
    static const ct_sample op_name##_samples[] = {__VA_ARGS__, {.inputs = NULL}};                                     \
    const ct_op ct_op_##op_name = {.name = #op_name,                                                                  \
                                   .gradient = formula,                                                               \
                                   .min_inputs = n,                                                                   \
                                   .max_inputs = n,                                                                   \
                                   .saves = op_saves,                                                                 \
                                   .attributes_size = (numbers) * sizeof(double),                                     \
                                   .attribute_names = (numbers) ? "p:" #numbers "d" : NULL,                           \
                                   .takes = {dtypes},                                                                 \
                                   .infer = rule,                                                                     \
                                   .forward = op_name##_forward,                                                      \
                                   .backward = op_name##_backward,                                                    \
                                   .samples = op_name##_samples};                                                     \
    FUNCTION##n##_##numbers(op_name)

/* The function behind a record, by its number of tensors and of numbers. */
#define FUNCTION1_0(name)                            \
    ct_tensor *ct_##name(ct_tensor *x)               \
    {                                                \
        return ct_apply(&ct_op_##name, &x, 1, NULL); \
    }
#define FUNCTION1_1(name)                          \
    ct_tensor *ct_##name(ct_tensor *x, double p)   \
    {                                              \
        return ct_apply(&ct_op_##name, &x, 1, &p); \
    }
#define FUNCTION1_2(name)                                              \
    ct_tensor *ct_##name(ct_tensor *x, double p, double q)             \
    {                                                                  \
        return ct_apply(&ct_op_##name, &x, 1, (const double[]){p, q}); \
    }
#define FUNCTION2_0(name)                                               \
    ct_tensor *ct_##name(ct_tensor *a, ct_tensor *b)                    \
    {                                                                   \
        return ct_apply(&ct_op_##name, (ct_tensor *[]){a, b}, 2, NULL); \
    }
#define FUNCTION2_1(name)                                             \
    ct_tensor *ct_##name(ct_tensor *a, ct_tensor *b, double p)        \
    {                                                                 \
        return ct_apply(&ct_op_##name, (ct_tensor *[]){a, b}, 2, &p); \
    }
#define FUNCTION2_2(name)                                                                 \
    ct_tensor *ct_##name(ct_tensor *a, ct_tensor *b, double p, double q)                  \
    {                                                                                     \
        return ct_apply(&ct_op_##name, (ct_tensor *[]){a, b}, 2, (const double[]){p, q}); \
    }
#define FUNCTION3_0(name)                                                  \
    ct_tensor *ct_##name(ct_tensor *a, ct_tensor *b, ct_tensor *c)         \
    {                                                                      \
        return ct_apply(&ct_op_##name, (ct_tensor *[]){a, b, c}, 3, NULL); \
    }

#define SAMPLE(numbers, text)                                                       \
    {                                                                               \
        .inputs = text, .attributes = (numbers) ? (const double[]){0.5, 1.5} : NULL \
    }

#define RULE1(dtypes, rule, name, numbers, kernel, saves, grad, formula, range)          \
    static ct_status name##_backward(ct_call *call)                                      \
    {                                                                                    \
        GIVEN(saves, x, unused_b, unused_c);                                             \
        GRADIENT(1, 0, grad)                                                             \
        return status;                                                                   \
    }                                                                                    \
    RECORD(dtypes, rule, name, 1, numbers, saves, formula, SAMPLE(numbers, "3x4" range), \
           SAMPLE(numbers, "scalar" range), SAMPLE(numbers, "2x0x3" range))

#define RULE2(dtypes, rule, name, numbers, kernel, saves, grad_a, grad_b, formula, range_a, range_b)        \
    static ct_status name##_backward(ct_call *call)                                                         \
    {                                                                                                       \
        GIVEN(saves, a, b, unused_c);                                                                       \
        GRADIENT(2, 0, grad_a)                                                                              \
        GRADIENT(2, 1, grad_b)                                                                              \
        return status;                                                                                      \
    }                                                                                                       \
    RECORD(dtypes, rule, name, 2, numbers, saves, formula, SAMPLE(numbers, "3x4" range_a " 3x4" range_b),   \
           SAMPLE(numbers, "2x1x4" range_a " 3x1" range_b), SAMPLE(numbers, "scalar" range_a " 5" range_b), \
           SAMPLE(numbers, "scalar" range_a " scalar" range_b), SAMPLE(numbers, "2x0" range_a " 1" range_b))

#define OP3(name, kernel, saves, grad_a, grad_b, grad_c, formula, range_a, range_b, range_c) \
    static ct_status name##_backward(ct_call *call)                                          \
    {                                                                                        \
        GIVEN(saves, a, b, c);                                                               \
        GRADIENT(3, 0, grad_a)                                                               \
        GRADIENT(3, 1, grad_b)                                                               \
        GRADIENT(3, 2, grad_c)                                                               \
        return status;                                                                       \
    }                                                                                        \
    RECORD(0, ct__elementwise_infer, name, 3, 0, saves, formula,                             \
           SAMPLE(0, "3x4" range_a " 3x4" range_b " 3x4" range_c),                           \
           SAMPLE(0, "3x4" range_a " 4" range_b " scalar" range_c),                          \
           SAMPLE(0, "scalar" range_a " scalar" range_b " scalar" range_c),                  \
           SAMPLE(0, "2x0" range_a " 1" range_b " scalar" range_c))

#define OP1(...) RULE1(0, ct__elementwise_infer, __VA_ARGS__)
#define OP2(...) RULE2(0, ct__elementwise_infer, __VA_ARGS__)
#define INT1(...) RULE1(CT_FLOATS | CT_INTEGERS, ct__integer_infer, __VA_ARGS__)
#define INT2(...) RULE2(CT_FLOATS | CT_INTEGERS, ct__integer_infer, __VA_ARGS__)
#include "elementwise_rules.h"

/* ---- derivatives of slopes ---- */

/* s (1 - s) (2 + x (1 - 2 s)), and 1 - 2 s = -tanh(x / 2); past 1000 it is 0. */
ct_tensor *ct__silu_curve(ct_tensor *x)
{
    ct_tensor *near = ct_clamp(x, -1000, 1000);
    ct_tensor *bend = ct_mul(near, ct_tanh(ct_mul_scalar(near, 0.5)));
    return ct_sigmoid_backward(ct_add_scalar(ct_neg(bend), 2), near);
}

/* With v = 2 u: s (1 - s) (2 v' + x v'' - x v'^2 tanh(v / 2)), s = sigmoid(v); past 40 it is 0. */
ct_tensor *ct__gelu_tanh_curve(ct_tensor *x)
{
    const double c = 1.5957691216057308, cubic = 0.071354816272600249;
    ct_tensor *near = ct_clamp(x, -40, 40), *square = ct_square(near);
    ct_tensor *v = ct_mul(near, ct_add_scalar(ct_mul_scalar(square, cubic), c));
    ct_tensor *slope = ct_add_scalar(ct_mul_scalar(square, 3 * cubic), c);
    ct_tensor *straight = ct_add_scalar(ct_mul_scalar(square, 12 * cubic), 2 * c); /* 2 v' + x v'' */
    ct_tensor *bend = ct_mul(ct_mul(near, ct_square(slope)), ct_tanh(ct_mul_scalar(v, 0.5)));
    return ct_sigmoid_backward(ct_sub(straight, bend), v);
}

/* 2 p (3 q^2 - p^2), p = b / (a^2 + b^2), q = a / (a^2 + b^2). */
ct_tensor *ct__atan2_bend(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *p = ct_atan2_slope(a, b), *q = ct_atan2_slope(b, a);
    return ct_mul(ct_mul_scalar(p, 2), ct_sub(ct_mul_scalar(ct_square(q), 3), ct_square(p)));
}

/* a^(b-1) (1 + b log(a)) */
ct_tensor *ct__pow_slope_log(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *log = ct_add_scalar(ct_mul_or_zero(b, ct_log(a)), 1);
    return ct_mul_or_zero(ct_pow(a, ct_add_scalar(b, -1)), log);
}

/* a^(b-2) (2 b - 1 + b (b-1) log(a)), the derivative of b pow_slope(a, b - 1) */
ct_tensor *ct__pow_curve_log(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *less = ct_add_scalar(b, -1);
    return ct_add(ct_pow_slope(a, less), ct_mul_or_zero(b, ct__pow_slope_log(a, less)));
}

ct_tensor *ct__hypot_curve(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *slope = ct_hypot_slope(b, a);
    return ct_mul(ct_div(slope, ct__one_for_zero(ct_hypot(a, b))), slope);
}

ct_tensor *ct__hypot_twist(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *slope = ct_hypot_slope(a, b);
    return ct_mul(ct_div(slope, ct__one_for_zero(ct_hypot(a, b))), ct_hypot_slope(b, a));
}

/* The halves are added, so that the sum overflows no sooner than it must. */
ct_tensor *ct__bessel_i_slope(ct_tensor *x, double v)
{
    return ct_add(ct_mul_scalar(ct_bessel_i(x, v - 1), 0.5), ct_mul_scalar(ct_bessel_i(x, v + 1), 0.5));
}

ct_tensor *ct__bessel_j_slope(ct_tensor *x, double v)
{
    return ct_mul_scalar(ct_sub(ct_bessel_j(x, v - 1), ct_bessel_j(x, v + 1)), 0.5);
}

ct_tensor *ct__bessel_y_slope(ct_tensor *x, double v)
{
    return ct_mul_scalar(ct_sub(ct_bessel_y(x, v - 1), ct_bessel_y(x, v + 1)), 0.5);
}

ct_tensor *ct__multiples(ct_tensor *a, ct_tensor *b, ct_tensor *rest)
{
    return ct_round(ct_div(ct_sub(ct_detach(a), ct_detach(rest)), ct_detach(b)));
}

/* ---- what is a number where a formula would not be ---- */

ct_tensor *ct__one_for_zero(ct_tensor *t)
{
    ct_dtype dtype = ct_dtype_of(t);
    return ct_where(ct_eq(t, ct_scalar(dtype, 0)), ct_scalar(dtype, 1), t);
}

ct_tensor *ct__log_or_zero(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *zero = ct_scalar(ct_dtype_of(a), 0);
    ct_tensor *none = ct_logical_and(ct_eq(a, zero), ct_le(b, zero));
    return ct_log(ct_where(none, ct_scalar(ct_dtype_of(b), 1), b));
}

ct_tensor *ct__ratio_or_zero(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *none = ct_logical_and(ct_eq(a, ct_scalar(ct_dtype_of(a), 0)), ct_eq(b, ct_scalar(ct_dtype_of(b), 0)));
    return ct_div(a, ct_where(none, ct_scalar(ct_dtype_of(b), 1), b));
}

/* In double: a logarithm in float32 would have lost digits of a large x. */
ct_tensor *ct__igamma_by_a(ct_tensor *a, ct_tensor *x)
{
    ct_dtype dtype = ct_dtype_of(a);
    a = ct_cast(a, CT_FLOAT64);
    x = ct_cast(x, CT_FLOAT64);
    ct_tensor *slope = ct_mul_or_zero(ct_igamma_slope(a, ct_log(x), 1), x);
    return ct_cast(ct_mul_or_zero(slope, ct_gamma_density(a, x)), dtype);
}

/* ---- for the engine ---- */

void ct__add_in_place(ct_tensor *sum, const ct_tensor *t)
{
    ct_tensor *inputs[] = {sum, (ct_tensor *)t};
    ct__elementwise_run(sum, inputs, 2, KERNEL_OF(add, (ct_dtype)sum->dtype), NULL);
}

ct_status ct__add_to_part(ct_tensor *part, const ct_tensor *t)
{
    ct_dtype dtype = (ct_dtype)part->dtype;
    ct_tensor *sum = part->contiguous ? part : ct__tensor_new(dtype, part->shape, part->rank, "backward");
    if (!sum)
        return CT_ERROR_MEMORY;
    ct_tensor *inputs[] = {part, (ct_tensor *)t};
    ct__elementwise_run(sum, inputs, 2, KERNEL_OF(add, dtype), NULL);
    if (sum != part)
        ct__copy_strided(dtype, ct__ptr(part), part->strides, dtype, ct__ptr(sum), sum->strides, part->shape,
                         part->rank);
    return CT_OK;
}

__attribute__((constructor)) static void install(void)
{
    choose_kernels();
}
