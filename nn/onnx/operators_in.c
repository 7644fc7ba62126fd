/* What each of ONNX's operators is here: a row each. Files beside this one have those on windows, on shapes, and recurrent ones. */
#include "model.h"
#include <math.h>

/* A number that an input has, or else an attribute, or usual. */
static double either_number(const ct__onnx_run *r, int i, const char *name, double usual)
{
    return r->in[i] ? ct_item(r->in[i]) : ct__onnx_number(r, name, usual);
}

static ct_tensor *like(ct_tensor *x, double value)
{
    return x ? ct_scalar(ct_dtype_of(x), value) : NULL;
}

/* ---- functions of numbers ---- */

static ct_tensor *same(ct_tensor *x)
{
    return x;
}

static ct_tensor *clip(ct__onnx_run *r)
{
    ct_tensor *x = r->in[0];
    if (r->in[1] || r->in[2])
        return ct_clamp_tensor(x, r->in[1], r->in[2]);
    return ct__onnx_has(r, "min") || ct__onnx_has(r, "max")
               ? ct_clamp(x, ct__onnx_number(r, "min", -INFINITY), ct__onnx_number(r, "max", INFINITY))
               : x;
}

static ct_tensor *leaky_relu(ct__onnx_run *r)
{
    return ct_leaky_relu(r->in[0], ct__onnx_number(r, "alpha", 0.01));
}

static ct_tensor *elu(ct__onnx_run *r)
{
    return ct_elu(r->in[0], ct__onnx_number(r, "alpha", 1));
}

static ct_tensor *celu(ct__onnx_run *r)
{
    return ct_celu(r->in[0], ct__onnx_number(r, "alpha", 1));
}

static ct_tensor *selu(ct__onnx_run *r)
{
    double alpha = ct__onnx_number(r, "alpha", 1.67326319217681884765625);
    return ct_mul_scalar(ct_elu(r->in[0], alpha), ct__onnx_number(r, "gamma", 1.05070102214813232421875));
}

static ct_tensor *softplus(ct_tensor *x)
{
    return ct_softplus(x, 1);
}

static ct_tensor *hard_sigmoid(ct__onnx_run *r)
{
    ct_tensor *x = ct_mul_scalar(r->in[0], ct__onnx_number(r, "alpha", 0.2));
    return ct_clamp(ct_add_scalar(x, ct__onnx_number(r, "beta", 0.5)), 0, 1);
}

static ct_tensor *thresholded_relu(ct__onnx_run *r)
{
    ct_tensor *x = r->in[0];
    return ct_where(ct_gt(x, like(x, ct__onnx_number(r, "alpha", 1))), x, like(x, 0));
}

static ct_tensor *shrink(ct__onnx_run *r)
{
    ct_tensor *x = r->in[0];
    double bias = ct__onnx_number(r, "bias", 0), lambda = ct__onnx_number(r, "lambd", 0.5);
    ct_tensor *low = ct_where(ct_lt(x, like(x, -lambda)), ct_add_scalar(x, bias), like(x, 0));
    return ct_where(ct_gt(x, like(x, lambda)), ct_add_scalar(x, -bias), low);
}

static ct_tensor *gelu(ct__onnx_run *r)
{
    return ct__onnx_is_word(r, "approximate", "tanh", false) ? ct_gelu_tanh(r->in[0]) : ct_gelu(r->in[0]);
}

static ct_tensor *prelu(ct_tensor *x, ct_tensor *slope)
{
    return ct_where(ct_lt(x, like(x, 0)), ct_mul(x, slope), x);
}

/* Integers are divided towards 0. */
static ct_tensor *divide(ct_tensor *a, ct_tensor *b)
{
    if (!a || ct_dtype_is_float(ct_dtype_of(a)))
        return ct_div(a, b);
    return ct_mul(ct_mul(ct_sign(a), ct_sign(b)), ct_floor_divide(ct_abs(a), ct_abs(b)));
}

/* The exponent may be of another type. */
static ct_tensor *power(ct_tensor *x, ct_tensor *exponent)
{
    return x && exponent ? ct_pow(x, ct_cast(exponent, ct_dtype_of(x))) : NULL;
}

static ct_tensor *modulo(ct__onnx_run *r)
{
    return ct__onnx_integer(r, "fmod", 0) ? ct_fmod(r->in[0], r->in[1]) : ct_remainder(r->in[0], r->in[1]);
}

static ct_tensor *is_infinite(ct__onnx_run *r)
{
    bool negative = ct__onnx_integer(r, "detect_negative", 1), positive = ct__onnx_integer(r, "detect_positive", 1);
    return negative && positive ? ct_isinf(r->in[0])
           : positive           ? ct_isposinf(r->in[0])
           : negative           ? ct_isneginf(r->in[0])
                                : ct_ne(r->in[0], r->in[0]);
}

/* Of all inputs, one after the other. */
static ct_tensor *fold(ct__onnx_run *r, ct_tensor *(*join)(ct_tensor *a, ct_tensor *b))
{
    ct_tensor *y = r->in[0];
    for (int i = 1; i < r->node->n_inputs; i++)
        y = join(y, r->in[i]);
    return y;
}

static ct_tensor *sum_of_all(ct__onnx_run *r)
{
    return fold(r, (ct_add));
}

static ct_tensor *mean_of_all(ct__onnx_run *r)
{
    return ct_mul_scalar(fold(r, (ct_add)), 1 / (double)r->node->n_inputs);
}

static ct_tensor *largest_of_all(ct__onnx_run *r)
{
    return fold(r, (ct_maximum));
}

static ct_tensor *smallest_of_all(ct__onnx_run *r)
{
    return fold(r, (ct_minimum));
}

static ct_tensor *where(ct__onnx_run *r)
{
    return ct_where(r->in[0], r->in[1], r->in[2]);
}

static ct_tensor *cast(ct__onnx_run *r)
{
    ct_dtype dtype;
    if (!ct__onnx_dtype(ct__onnx_integer(r, "to", 0), &dtype))
        return ct__onnx_refuse(r, "to a type that is not known here");
    return ct_cast(r->in[0], dtype);
}

static ct_tensor *cast_like(ct_tensor *x, ct_tensor *other)
{
    return other ? ct_cast(x, ct_dtype_of(other)) : NULL;
}

/* ---- reductions ---- */

/* Sums of integers are int64 here, and of their own type there. */
static ct_tensor *like_input(const ct__onnx_run *r, ct_tensor *y)
{
    return y && r->in[0] ? ct_cast(y, ct_dtype_of(r->in[0])) : NULL;
}

static ct_tensor *reduce(ct__onnx_run *r)
{
    int64_t axes[CT_MAX_RANK];
    int n = ct__onnx_either(r, 1, "axes", axes, CT_MAX_RANK);
    if (ct_error_code() != CT_OK)
        return NULL;
    if (n <= 0 && ct__onnx_integer(r, "noop_with_empty_axes", 0))
        return r->in[0];
    CT_OPTIONS(ct_reduce_options, options, .axes = axes, .n_axes = n > 0 ? n : 0,
               .keepdim = ct__onnx_integer(r, "keepdims", 1));
    return like_input(r, r->node->operator->reduce(r->in[0], &options));
}

static ct_tensor *l1(ct_tensor *x, const ct_reduce_options *options)
{
    return ct_sum(ct_abs(x), options);
}

static ct_tensor *sum_of_squares(ct_tensor *x, const ct_reduce_options *options)
{
    return ct_sum(ct_square(x), options);
}

static ct_tensor *l2(ct_tensor *x, const ct_reduce_options *options)
{
    return ct_sqrt(sum_of_squares(x, options));
}

static ct_tensor *log_of_sum(ct_tensor *x, const ct_reduce_options *options)
{
    return ct_log(ct_sum(x, options));
}

/* Of nothing the result is the infinity that every number replaces. */
static ct_tensor *extreme(ct_tensor *x, const ct_reduce_options *options, double of_nothing,
                          ct_tensor *(*choose)(ct_tensor *x, const ct_reduce_options *options))
{
    ct_tensor *shaped = x && ct_numel(x) == 0 && ct_dtype_is_float(ct_dtype_of(x)) ? ct_sum(x, options) : NULL;
    return shaped ? ct_full(ct_dtype_of(x), of_nothing, ct_shape(shaped), ct_rank(shaped)) : choose(x, options);
}

static ct_tensor *largest(ct_tensor *x, const ct_reduce_options *options)
{
    return extreme(x, options, -INFINITY, (ct_amax));
}

static ct_tensor *smallest(ct_tensor *x, const ct_reduce_options *options)
{
    return extreme(x, options, INFINITY, (ct_amin));
}

static ct_tensor *find_place(ct__onnx_run *r, ct_tensor *(*find)(ct_tensor *x, int axis))
{
    int axis = ct__onnx_axis(r, ct__onnx_integer(r, "axis", 0), ct_rank(r->in[0]));
    if (axis < 0)
        return NULL;
    bool last = ct__onnx_integer(r, "select_last_index", 0);
    ct_tensor *places = find(last ? ct_flip(r->in[0], (const int64_t[]){axis}, 1) : r->in[0], axis);
    if (last)
        places = ct_sub(ct_scalar(CT_INT64, (double)ct_size(r->in[0], axis) - 1), places);
    return ct__onnx_integer(r, "keepdims", 1) ? ct_unsqueeze(places, axis) : places;
}

static ct_tensor *arg_max(ct__onnx_run *r)
{
    return find_place(r, (ct_argmax));
}

static ct_tensor *arg_min(ct__onnx_run *r)
{
    return find_place(r, (ct_argmin));
}

static ct_tensor *cumulative_sum(ct__onnx_run *r)
{
    int64_t given;
    int axis = ct__onnx_input_integers(r, 1, &given, 1) == 1 ? ct__onnx_axis(r, given, ct_rank(r->in[0])) : -1;
    if (axis < 0)
        return NULL;
    bool reverse = ct__onnx_integer(r, "reverse", 0);
    ct_tensor *x = reverse ? ct_flip(r->in[0], (const int64_t[]){axis}, 1) : r->in[0];
    ct_tensor *y = like_input(r, ct_cumsum(x, axis));
    y = ct__onnx_integer(r, "exclusive", 0) ? ct_sub(y, x) : y;
    return reverse ? ct_flip(y, (const int64_t[]){axis}, 1) : y;
}

static ct_tensor *top_k(ct__onnx_run *r)
{
    int64_t k;
    if (ct__onnx_either(r, 1, "k", &k, 1) != 1)
        return ct_error_code() ? NULL : ct__onnx_refuse(r, "without a k");
    return ct_topk(r->in[0], k, (int)ct__onnx_integer(r, "axis", -1), ct__onnx_integer(r, "largest", 1), &r->out[1]);
}

/* Before opset 13 over all axes from the axis on, as if they were one. */
static ct_tensor *over_axis(ct__onnx_run *r, ct_tensor *(*along)(ct_tensor *x, int axis))
{
    ct_tensor *x = r->in[0];
    bool old = r->model->opset < 13;
    int axis = ct__onnx_axis(r, ct__onnx_integer(r, "axis", old ? 1 : -1), ct_rank(x));
    if (axis < 0)
        return NULL;
    if (!old)
        return along(x, axis);
    ct_tensor *flat = ct_flatten(x, axis, -1);
    return ct_reshape(along(flat, -1), ct_shape(x), ct_rank(x));
}

static ct_tensor *softmax(ct__onnx_run *r)
{
    return over_axis(r, (ct_softmax));
}

static ct_tensor *log_softmax(ct__onnx_run *r)
{
    return over_axis(r, (ct_log_softmax));
}

/* ---- products ---- */

static ct_tensor *gemm(ct__onnx_run *r)
{
    ct_tensor *a = ct__onnx_integer(r, "transA", 0) ? ct_transpose(r->in[0], 0, 1) : r->in[0];
    ct_tensor *b = ct__onnx_integer(r, "transB", 0) ? ct_transpose(r->in[1], 0, 1) : r->in[1];
    ct_tensor *y = ct__onnx_times(ct_matmul(a, b), ct__onnx_number(r, "alpha", 1));
    return r->in[2] ? ct_add(y, ct__onnx_times(r->in[2], ct__onnx_number(r, "beta", 1))) : y;
}

static ct_tensor *einsum(ct__onnx_run *r)
{
    ct__span text = ct__onnx_bytes(r, "equation", 4);
    char equation[256];
    if (ct__span_size(text) >= sizeof equation)
        return ct__onnx_refuse(r, "the equation is too long");
    snprintf(equation, sizeof equation, "%.*s", (int)ct__span_size(text), (const char *)text.at);
    return ct_einsum(equation, r->in, r->node->n_inputs);
}

/* ---- normalisation ---- */

static ct_tensor *batch_normalization(ct__onnx_run *r)
{
    CT_OPTIONS(ct_norm_options, options, .eps = ct__onnx_number(r, "epsilon", 1e-5), .running_mean = r->in[3],
               .running_var = r->in[4], .evaluation = !ct_module_training(r->module),
               .momentum = 1 - ct__onnx_number(r, "momentum", 0.9));
    if (!r->in[3] || !r->in[4])
        return ct__onnx_refuse(r, "without statistics");
    return ct_batch_norm(r->in[0], r->in[1], r->in[2], &options);
}

/* The mean and the reciprocal of the deviation that a layer norm divides by. */
static void put_statistics(ct__onnx_run *r, int first, double eps)
{
    int64_t axes[CT_MAX_RANK];
    int n = 0;
    for (int i = first; i < ct_rank(r->in[0]); i++)
        axes[n++] = i;
    CT_OPTIONS(ct_reduce_options, options, .axes = axes, .n_axes = n, .keepdim = true);
    r->out[1] = ct_mean(r->in[0], &options);
    r->out[2] = ct_rsqrt(ct_add_scalar(ct_mean(ct_square(ct_sub(r->in[0], r->out[1])), &options), eps));
}

static ct_tensor *layer_normalization(ct__onnx_run *r)
{
    int axis = ct__onnx_axis(r, ct__onnx_integer(r, "axis", -1), ct_rank(r->in[0]));
    CT_OPTIONS(ct_norm_options, options, .eps = ct__onnx_number(r, "epsilon", 1e-5), .axes = ct_rank(r->in[0]) - axis);
    if (axis < 0)
        return NULL;
    if (r->node->n_outputs > 1)
        put_statistics(r, axis, options.eps);
    return ct_layer_norm(r->in[0], r->in[1], r->in[2], &options);
}

static ct_tensor *instance_normalization(ct__onnx_run *r)
{
    CT_OPTIONS(ct_norm_options, options, .eps = ct__onnx_number(r, "epsilon", 1e-5));
    return ct_instance_norm(r->in[0], r->in[1], r->in[2], &options);
}

static ct_tensor *group_normalization(ct__onnx_run *r)
{
    CT_OPTIONS(ct_norm_options, options, .eps = ct__onnx_number(r, "epsilon", 1e-5));
    if (r->model->opset < 21)
        return ct__onnx_refuse(r, "before opset 21 it has other weights");
    return ct_group_norm(r->in[0], ct__onnx_integer(r, "num_groups", 0), r->in[1], r->in[2], &options);
}

static ct_tensor *local_response_norm(ct__onnx_run *r)
{
    CT_OPTIONS(ct_local_response_options, options, .alpha = ct__onnx_number(r, "alpha", 1e-4),
               .beta = ct__onnx_number(r, "beta", 0.75), .k = ct__onnx_number(r, "bias", 1));
    return ct_local_response_norm(r->in[0], ct__onnx_integer(r, "size", 0), &options);
}

static ct_tensor *run_dropout(ct__onnx_run *r)
{
    bool training = ct_module_training(r->module);
    if (r->node->n_outputs > 1 && r->in[0] && !training)
        r->out[1] = ct_ones(CT_BOOL, ct_shape(r->in[0]), ct_rank(r->in[0]));
    return ct_dropout(r->in[0], either_number(r, 1, "ratio", 0.5), training);
}

/* ---- tensors out of nothing ---- */

static ct_tensor *constant(ct__onnx_run *r)
{
    int64_t integers[CT_MAX_INPUTS];
    ct__span value = ct__onnx_bytes(r, "value", 5);
    if (ct__span_size(value))
        return ct__onnx_tensor(value);
    if (ct__onnx_has(r, "value_float"))
        return ct_scalar(CT_FLOAT32, ct__onnx_number(r, "value_float", 0));
    if (ct__onnx_has(r, "value_int"))
        return ct_scalar(CT_INT64, (double)ct__onnx_integer(r, "value_int", 0));
    int n = ct__onnx_integers(r, "value_ints", integers, CT_MAX_INPUTS);
    ct_tensor *t = n >= 0 ? ct_empty(CT_INT64, CT_SHAPE(n)) : ct__onnx_refuse(r, "of a kind that is not known here");
    if (t)
        memcpy(ct_data_mut(t), integers, (size_t)n * sizeof *integers);
    return t;
}

static ct_tensor *constant_of_shape(ct__onnx_run *r)
{
    int64_t shape[CT_MAX_RANK];
    int rank = ct__onnx_input_integers(r, 0, shape, CT_MAX_RANK);
    ct__span value = ct__onnx_bytes(r, "value", 5);
    ct_tensor *one = ct__span_size(value) ? ct__onnx_tensor(value) : ct_scalar(CT_FLOAT32, 0);
    return rank < 0 || !one ? NULL : ct_full(ct_dtype_of(one), ct_item(one), shape, rank);
}

static ct_tensor *range(ct__onnx_run *r)
{
    if (!r->in[0] || !r->in[1] || !r->in[2])
        return NULL;
    double start = ct_item(r->in[0]), end = ct_item(r->in[1]), step = ct_item(r->in[2]);
    double n = ceil((end - start) / step);
    if (!(n < 9e15))
        return ct__onnx_refuse(r, "a range without end");
    return ct_arange(ct_dtype_of(r->in[0]), start, step, n > 0 ? (int64_t)n : 0);
}

static ct_tensor *triangle(ct__onnx_run *r)
{
    int64_t k = 0;
    if (r->in[1] && ct__onnx_input_integers(r, 1, &k, 1) != 1)
        return NULL;
    return ct__onnx_integer(r, "upper", 1) ? ct_triu(r->in[0], k) : ct_tril(r->in[0], k);
}

/* ---- the rows ---- */

/* clang-format off */
static const ct__onnx_operator operators[] = {
#define ONE(name_, function) {.name = name_, .one = function}
#define TWO(name_, function) {.name = name_, .two = function}
#define REDUCTION(name_, function) {.name = name_, .run = reduce, .reduce = function}
#define RUN(name_, function) {.name = name_, .run = function}
    ONE("Abs", ct_abs), ONE("Acos", ct_acos), ONE("Acosh", ct_acosh), ONE("Asin", ct_asin), ONE("Asinh", ct_asinh),
    ONE("Atan", ct_atan), ONE("Atanh", ct_atanh), ONE("Ceil", ct_ceil), ONE("Cos", ct_cos), ONE("Cosh", ct_cosh),
    ONE("Det", ct_det), ONE("Erf", ct_erf), ONE("Exp", ct_exp), ONE("Floor", ct_floor), ONE("HardSwish", ct_hardswish),
    ONE("Identity", same), ONE("IsNaN", ct_isnan), ONE("Log", ct_log), ONE("Mish", ct_mish), ONE("Neg", ct_neg),
    ONE("Not", ct_logical_not), ONE("BitwiseNot", ct_bitwise_not), ONE("Reciprocal", ct_reciprocal),
    ONE("Relu", ct_relu), ONE("Round", ct_round), ONE("Sigmoid", ct_sigmoid), ONE("Sign", ct_sign), ONE("Sin", ct_sin),
    ONE("Sinh", ct_sinh), ONE("Softplus", softplus), ONE("Softsign", ct_softsign), ONE("Sqrt", ct_sqrt),
    ONE("Tan", ct_tan), ONE("Tanh", ct_tanh),
    TWO("Add", ct_add), TWO("And", ct_logical_and), TWO("BitwiseAnd", ct_bitwise_and),
    TWO("BitwiseOr", ct_bitwise_or), TWO("BitwiseXor", ct_bitwise_xor), TWO("CastLike", cast_like), TWO("Div", divide),
    TWO("Equal", ct_eq), TWO("Greater", ct_gt), TWO("GreaterOrEqual", ct_ge), TWO("Less", ct_lt),
    TWO("LessOrEqual", ct_le), TWO("MatMul", ct_matmul), TWO("Mul", ct_mul), TWO("Or", ct_logical_or),
    TWO("PRelu", prelu), TWO("Pow", power), TWO("Sub", ct_sub), TWO("Xor", ct_logical_xor),
    REDUCTION("ReduceL1", l1), REDUCTION("ReduceL2", l2), REDUCTION("ReduceLogSum", log_of_sum), REDUCTION("ReduceLogSumExp", ct_logsumexp),
    REDUCTION("ReduceMax", largest), REDUCTION("ReduceMean", ct_mean), REDUCTION("ReduceMin", smallest), REDUCTION("ReduceProd", ct_prod),
    REDUCTION("ReduceSum", ct_sum), REDUCTION("ReduceSumSquare", sum_of_squares),
    RUN("ArgMax", arg_max), RUN("ArgMin", arg_min), RUN("AveragePool", ct__onnx_average_pool),
    RUN("BatchNormalization", batch_normalization), RUN("Cast", cast), RUN("Celu", celu), RUN("Clip", clip),
    RUN("Concat", ct__onnx_concat), RUN("Constant", constant), RUN("ConstantOfShape", constant_of_shape),
    RUN("Conv", ct__onnx_conv), RUN("ConvTranspose", ct__onnx_conv_transpose), RUN("CumSum", cumulative_sum),
    RUN("Dropout", run_dropout), RUN("Einsum", einsum), RUN("Elu", elu), RUN("Expand", ct__onnx_expand),
    RUN("Flatten", ct__onnx_flatten), RUN("GRU", ct__onnx_gru), RUN("Gather", ct__onnx_gather),
    RUN("GatherElements", ct__onnx_gather_elements), RUN("Gelu", gelu), RUN("Gemm", gemm),
    RUN("GlobalAveragePool", ct__onnx_global_average_pool), RUN("GlobalMaxPool", ct__onnx_global_max_pool),
    RUN("GroupNormalization", group_normalization), RUN("HardSigmoid", hard_sigmoid),
    RUN("InstanceNormalization", instance_normalization), RUN("IsInf", is_infinite), RUN("LRN", local_response_norm),
    RUN("LSTM", ct__onnx_lstm), RUN("LayerNormalization", layer_normalization), RUN("LeakyRelu", leaky_relu),
    RUN("LogSoftmax", log_softmax), RUN("Max", largest_of_all), RUN("MaxPool", ct__onnx_max_pool),
    RUN("Mean", mean_of_all), RUN("Min", smallest_of_all), RUN("Mod", modulo), RUN("Pad", ct__onnx_pad),
    RUN("RNN", ct__onnx_rnn), RUN("Range", range), RUN("Reshape", ct__onnx_reshape),
    RUN("ScatterElements", ct__onnx_scatter_elements), RUN("Selu", selu), RUN("Shape", ct__onnx_shape),
    RUN("Shrink", shrink), RUN("Size", ct__onnx_size), RUN("Slice", ct__onnx_slice), RUN("Softmax", softmax),
    RUN("Split", ct__onnx_split), RUN("Squeeze", ct__onnx_squeeze), RUN("Sum", sum_of_all),
    RUN("ThresholdedRelu", thresholded_relu), RUN("Tile", ct__onnx_tile), RUN("TopK", top_k),
    RUN("Transpose", ct__onnx_transpose), RUN("Trilu", triangle), RUN("Unsqueeze", ct__onnx_unsqueeze),
    RUN("Where", where),
};
/* clang-format on */

const ct__onnx_operator *ct__onnx_operator_of(ct__span name)
{
    for (size_t i = 0; i < CT_LENGTH(operators); i++)
        if (ct__is_text(name, operators[i].name))
            return &operators[i];
    return NULL;
}
