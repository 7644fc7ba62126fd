/* How each operation is said in ONNX (https://onnx.ai/onnx/operators), opset 20: a row each, in the language of rows.c. Of several rows
 * of one operation the first that fits a call counts. An operation that has an expression needs no row: it is written as what it
 * consists of, unless ONNX has the same. */
#include "onnx_internal.h"

enum { WINDOW = 3 }; /* most axes of a convolution or a pool */

/* The attribute's first room integers, 0 for those that it has not. */
static void read_integers(const ct__onnx_call *call, const char *name, int64_t *values, int room)
{
    memset(values, 0, (size_t)room * sizeof *values);
    ct_attribute_integers(&call->op, call->attributes, name, values, room);
}

static int64_t integer_of(const ct__onnx_call *call, const char *name)
{
    int64_t value;
    read_integers(call, name, &value, 1);
    return value;
}

static int axis_of(const ct__onnx_call *call, int64_t axis)
{
    return (int)(axis < 0 ? axis + call->ranks[0] : axis);
}

/* ---- types and axes ---- */

static void put_type(ct__message *node, const ct__onnx_call *call)
{
    ct__onnx_put_integer(node, "to", ct__onnx_type((ct_dtype)integer_of(call, "dtype")));
}

static void put_swap(ct__message *node, const ct__onnx_call *call)
{
    int64_t axes[CT_MAX_RANK];
    for (int i = 0; i < call->ranks[0]; i++)
        axes[i] = i;
    int first = axis_of(call, integer_of(call, "first")), second = axis_of(call, integer_of(call, "second"));
    axes[first] = second;
    axes[second] = first;
    ct__onnx_put_integers(node, "perm", axes, call->ranks[0]);
}

static void put_order(ct__message *node, const ct__onnx_call *call)
{
    int64_t axes[CT_MAX_RANK];
    read_integers(call, "shape", axes, CT_MAX_RANK);
    for (int i = 0; i < call->ranks[0]; i++)
        axes[i] = axis_of(call, axes[i]);
    ct__onnx_put_integers(node, "perm", axes, call->ranks[0]);
}

/* A layer norm goes over as many of the last axes as its weight has. */
static void put_last_axes(ct__message *node, const ct__onnx_call *call)
{
    ct__onnx_put_integer(node, "axis", -call->ranks[1]);
}

/* ---- windows ---- */

static void put_pads(ct__message *node, const int64_t *before, const int64_t *behind, int n)
{
    int64_t pads[2 * WINDOW];
    memcpy(pads, before, (size_t)n * sizeof *pads);
    memcpy(pads + n, behind, (size_t)n * sizeof *pads);
    ct__onnx_put_integers(node, "pads", pads, 2 * n);
}

/* The attribute as n integers, with usual for 0. */
static void read_axes(const ct__onnx_call *call, const char *name, const int64_t *usual, int64_t *values, int n)
{
    read_integers(call, name, values, WINDOW);
    for (int i = 0; i < n; i++)
        values[i] = values[i] ? values[i] : usual[i];
}

static const int64_t ones[WINDOW] = {1, 1, 1};

static void put_conv(ct__message *node, const ct__onnx_call *call)
{
    int n = call->ranks[0] - 2;
    int64_t stride[WINDOW], padding[WINDOW], dilation[WINDOW], groups = integer_of(call, "groups");
    read_axes(call, "stride", ones, stride, n);
    read_axes(call, "dilation", ones, dilation, n);
    read_integers(call, "padding", padding, WINDOW);
    ct__onnx_put_integers(node, "strides", stride, n);
    ct__onnx_put_integers(node, "dilations", dilation, n);
    put_pads(node, padding, padding, n);
    ct__onnx_put_integer(node, "group", groups ? groups : 1);
}

static void put_conv_transpose(ct__message *node, const ct__onnx_call *call)
{
    int64_t more[WINDOW];
    read_integers(call, "output_padding", more, WINDOW);
    put_conv(node, call);
    ct__onnx_put_integers(node, "output_padding", more, call->ranks[0] - 2);
}

/* A window more at the end, where its size is rounded up, is padding there. */
static int64_t padding_behind(int64_t in, int64_t out, int64_t stride, int64_t reach, int64_t before)
{
    int64_t behind = (out - 1) * stride + reach - in - before;
    return behind > 0 ? behind : 0;
}

static void put_pool(ct__message *node, const ct__onnx_call *call)
{
    int n = (int)integer_of(call, "spatial");
    int64_t kernel[WINDOW], stride[WINDOW], before[WINDOW], behind[WINDOW], dilation[WINDOW];
    read_integers(call, "kernel", kernel, WINDOW);
    read_integers(call, "padding", before, WINDOW);
    read_axes(call, "stride", kernel, stride, n);
    read_axes(call, "dilation", ones, dilation, n);
    memcpy(behind, before, sizeof behind);
    for (int i = 0; i < n && integer_of(call, "ceil_mode"); i++)
        behind[i] = padding_behind(call->shape[call->ranks[0] - n + i], call->to[call->to_rank - n + i], stride[i],
                                   dilation[i] * (kernel[i] - 1) + 1, before[i]);
    ct__onnx_put_integers(node, "kernel_shape", kernel, n);
    ct__onnx_put_integers(node, "strides", stride, n);
    ct__onnx_put_integers(node, "dilations", dilation, n);
    put_pads(node, before, behind, n);
}

static void put_mean_pool(ct__message *node, const ct__onnx_call *call)
{
    put_pool(node, call);
    ct__onnx_put_integer(node, "count_include_pad", !integer_of(call, "exclude_pad"));
}

/* Windows that lie side by side. */
static void put_adaptive(ct__message *node, const ct__onnx_call *call)
{
    int n = (int)integer_of(call, "spatial");
    int64_t size[WINDOW];
    read_integers(call, "target", size, WINDOW);
    for (int i = 0; i < n; i++)
        size[i] = call->shape[call->ranks[0] - n + i] / size[i];
    ct__onnx_put_integers(node, "kernel_shape", size, n);
    ct__onnx_put_integers(node, "strides", size, n);
}

/* ---- which calls a row says ---- */

static bool has_batch(const ct__onnx_call *call)
{
    return call->ranks[0] == integer_of(call, "spatial") + 2;
}

/* What is averaged over has nothing of a window that was rounded up, and ONNX has no divisor of one's own. */
static bool is_plain_mean(const ct__onnx_call *call)
{
    return !integer_of(call, "divisor") && (!integer_of(call, "ceil_mode") || integer_of(call, "exclude_pad"));
}

static bool is_mean_of_batch(const ct__onnx_call *call)
{
    return is_plain_mean(call) && has_batch(call);
}

static bool lies_side_by_side(const ct__onnx_call *call)
{
    int n = (int)integer_of(call, "spatial");
    int64_t size[WINDOW];
    read_integers(call, "target", size, WINDOW);
    bool divides = true;
    for (int i = 0; i < n; i++)
        divides = divides && size[i] > 0 && call->shape[call->ranks[0] - n + i] % size[i] == 0;
    return divides;
}

static bool is_side_by_side_in_batch(const ct__onnx_call *call)
{
    return lies_side_by_side(call) && has_batch(call);
}

static bool is_evaluation(const ct__onnx_call *call)
{
    return integer_of(call, "evaluation") != 0;
}

static bool is_integer(const ct__onnx_call *call)
{
    return !ct_dtype_is_float(call->dtype);
}

static bool has_one_axis(const ct__onnx_call *call)
{
    return integer_of(call, "n_axes") == 1;
}

/* A step back to the first element, which no end of ONNX's can say but the lowest. */
static bool goes_back_to_0(const ct__onnx_call *call)
{
    return integer_of(call, "step") < 0 && integer_of(call, "end") == CT_END;
}

static bool is_flat(const ct__onnx_call *call)
{
    return call->ranks[0] == 2;
}

/* ---- the rows ---- */

#define ROW(op_, text_, ...)                  \
    {                                         \
        .op = op_, .text = text_, __VA_ARGS__ \
    }
/* clang-format off */
static const ct__onnx_row rows[] = {
    ROW("neg", "Neg($0)"),
    ROW("exp", "Exp($0)"),
    ROW("log", "Log($0)"),
    ROW("sqrt", "Sqrt($0)"),
    ROW("square", "Mul($0, $0)"),
    ROW("abs", "Abs($0)"),
    ROW("sign", "Sign($0)"),
    ROW("tanh", "Tanh($0)"),
    ROW("sigmoid", "Sigmoid($0)"),
    ROW("relu", "Relu($0)"),
    ROW("add_scalar", "Add($0, p)"),
    ROW("mul_scalar", "Mul($0, p)"),
    ROW("pow_scalar", "Pow($0, p)"),
    ROW("scaled_pow", "Mul(p, Pow($0, p.1))"),
    ROW("rsqrt", "Reciprocal(Sqrt($0))"),
    ROW("reciprocal", "Reciprocal($0)"),
    ROW("expm1", "Sub(Exp($0), 1)"),
    ROW("log1p", "Log(Add($0, 1))"),
    ROW("log2", "Mul(Log($0), 1.4426950408889634)"),
    ROW("exp2", "Exp(Mul($0, 0.6931471805599453))"),
    ROW("log10", "Mul(Log($0), 0.4342944819032518)"),
    ROW("sin", "Sin($0)"),
    ROW("cos", "Cos($0)"),
    ROW("tan", "Tan($0)"),
    ROW("asin", "Asin($0)"),
    ROW("acos", "Acos($0)"),
    ROW("atan", "Atan($0)"),
    ROW("sinh", "Sinh($0)"),
    ROW("cosh", "Cosh($0)"),
    ROW("asinh", "Asinh($0)"),
    ROW("acosh", "Acosh($0)"),
    ROW("atanh", "Atanh($0)"),
    ROW("erf", "Erf($0)"),
    ROW("erfc", "Sub(1, Erf($0))"),
    ROW("gaussian", "Exp(Neg(Mul(Mul($0, $0), p)))"),
    ROW("one_minus_square", "Sub(1, Mul($0, $0))"),
    ROW("deg2rad", "Mul($0, 0.017453292519943295)"),
    ROW("rad2deg", "Mul($0, 57.29577951308232)"),
    ROW("log_sigmoid", "Neg(Softplus(Neg($0)))"),
    ROW("softplus", "Div(Softplus(Mul($0, p)), p)"),
    ROW("leaky_relu", "LeakyRelu($0; alpha=p)"),
    ROW("elu", "Elu($0; alpha=p)"),
    ROW("gelu", "Gelu($0)"),
    ROW("gelu_tanh", "Gelu($0; approximate='tanh')"),
    ROW("silu", "Mul($0, Sigmoid($0))"),
    ROW("softsign", "Softsign($0)"),
    ROW("floor", "Floor($0)"),
    ROW("ceil", "Ceil($0)"),
    ROW("round", "Round($0)"),
    ROW("trunc", "Mul(Sign($0), Floor(Abs($0)))"),
    ROW("frac", "Sub($0, Mul(Sign($0), Floor(Abs($0))))"),
    ROW("clamp", "Clip($0, p, p.1)"),
    ROW("clamp_inside", "Clip($0, p, p.1)"),
    ROW("add", "Add($0, $1)"),
    ROW("sub", "Sub($0, $1)"),
    ROW("mul", "Mul($0, $1)"),
    ROW("mul_or_zero", "Where(Or(Equal($0, 0), Equal($1, 0)), 0, Mul($0, $1))"),
    ROW("div", "Div($0, $1)"),
    ROW("pow", "Pow($0, $1)"),
    ROW("maximum", "Max($0, $1)"),
    ROW("minimum", "Min($0, $1)"),
    ROW("hypot", "Sqrt(Add(Mul($0, $0), Mul($1, $1)))"),
    ROW("logaddexp", "Add(Max($0, $1), Log(Add(1, Exp(Neg(Abs(Sub($0, $1)))))))"),
    ROW("xlogy", "Where(Equal($0, 0), 0, Mul($0, Log($1)))"),
    ROW("xlog1py", "Where(Equal($0, 0), 0, Mul($0, Log(Add($1, 1))))"),
    ROW("remainder", "Mod($0, $1)", .fits = is_integer),
    ROW("remainder", "Sub($0, Mul($1, Floor(Div($0, $1))))"),
    ROW("fmod", "Mod($0, $1; fmod=1)"),
    ROW("floor_divide", "Div(Sub($0, Mod($0, $1)), $1)", .fits = is_integer),
    ROW("floor_divide", "Floor(Div($0, $1))"),
    ROW("lerp", "Add($0, Mul($2, Sub($1, $0)))"),
    ROW("eq", "Equal($0, $1)"),
    ROW("ne", "Not(Equal($0, $1))"),
    ROW("lt", "Less($0, $1)"),
    ROW("le", "LessOrEqual($0, $1)"),
    ROW("gt", "Greater($0, $1)"),
    ROW("ge", "GreaterOrEqual($0, $1)"),
    ROW("logical_and", "And(Cast($0; to=9), Cast($1; to=9))"),
    ROW("logical_or", "Or(Cast($0; to=9), Cast($1; to=9))"),
    ROW("bitwise_not", "BitwiseNot($0)"),
    ROW("bitwise_and", "BitwiseAnd($0, $1)"),
    ROW("bitwise_or", "BitwiseOr($0, $1)"),
    ROW("bitwise_xor", "BitwiseXor($0, $1)"),
    ROW("where", "Where(Cast($0; to=9), $1, $2)"),
    ROW("masked_fill", "Where(Cast($1; to=9), value, $0)"),
    ROW("matmul", "MatMul($0, $1)"),
    ROW("linear", "Gemm($0, $1, $2; transB=1)", .fits = is_flat),
    ROW("linear", "Add(MatMul($0, Transpose($1)), $2)"),
    ROW("linear", "MatMul($0, Transpose($1))"),
    ROW("reshape", "Reshape($0, @shape; allowzero=1)"),
    ROW("flatten", "Reshape($0, @shape; allowzero=1)"),
    ROW("unsqueeze", "Unsqueeze($0, [axis])"),
    ROW("squeeze", "Squeeze($0, [axis])"),
    ROW("transpose", "Transpose($0; @)", .put = put_swap),
    ROW("permute", "Transpose($0; @)", .put = put_order),
    ROW("expand", "Expand($0, @shape)"),
    ROW("slice", "Slice($0, [start], [-9223372036854775807], [axis], [step])", .fits = goes_back_to_0),
    ROW("slice", "Slice($0, [start], [end], [axis], [step])"),
    ROW("select", "Gather($0, index; axis=axis)"),
    ROW("clone", "Identity($0)"),
    ROW("cast", "Cast($0; @)", .put = put_type),
    ROW("concat", "Concat($*; axis=axis)"),
    ROW("gather", "GatherElements($0, $1; axis=axis)"),
    ROW("scatter", "ScatterElements($0, $1, $2; axis=axis)"),
    ROW("scatter_add", "ScatterElements($0, $1, $2; axis=axis reduction='add')"),
    ROW("scatter_prod", "ScatterElements($0, $1, $2; axis=axis reduction='mul')"),
    ROW("scatter_max", "ScatterElements($0, $1, $2; axis=axis reduction='max')"),
    ROW("index_select", "Gather($0, $1; axis=axis)"),
    ROW("embedding", "Gather($0, $1; axis=0)"),
    ROW("sum", "ReduceSum(Cast($0; to=7), [axes]; keepdims=keepdim)", .fits = is_integer),
    ROW("sum", "ReduceSum($0, [axes]; keepdims=keepdim)"),
    ROW("mean", "ReduceMean($0, [axes]; keepdims=keepdim)"),
    ROW("prod", "ReduceProd($0, [axes]; keepdims=keepdim)"),
    ROW("amax", "ReduceMax($0, [axes]; keepdims=keepdim)"),
    ROW("amin", "ReduceMin($0, [axes]; keepdims=keepdim)"),
    ROW("max", "ReduceMax($0, [axes]; keepdims=keepdim) | ArgMax($0; axis=axes keepdims=keepdim)"),
    ROW("min", "ReduceMin($0, [axes]; keepdims=keepdim) | ArgMin($0; axis=axes keepdims=keepdim)"),
    ROW("argmax", "ArgMax($0; axis=axes keepdims=keepdim)", .fits = has_one_axis),
    ROW("argmax", "Reshape(ArgMax(Reshape($0, [-1]); axis=0 keepdims=0), @shape)"),
    ROW("argmin", "ArgMin($0; axis=axes keepdims=keepdim)", .fits = has_one_axis),
    ROW("argmin", "Reshape(ArgMin(Reshape($0, [-1]); axis=0 keepdims=0), @shape)"),
    ROW("logsumexp", "ReduceLogSumExp($0, [axes]; keepdims=keepdim)"),
    ROW("cumsum", "CumSum($0, axis; reverse=reverse)"),
    ROW("topk", "TopK.0($0, [k]; axis=axis largest=descending) | TopK.1($0, [k]; axis=axis largest=descending)"),
    ROW("sort", "TopK.0($0, Gather(Shape($0), [axis]); axis=axis largest=descending) | "
                "TopK.1($0, Gather(Shape($0), [axis]); axis=axis largest=descending)"),
    ROW("det", "Det($0)"),
    ROW("softmax", "Softmax($0; axis=axis)"),
    ROW("log_softmax", "LogSoftmax($0; axis=axis)"),
    ROW("conv1d", "Conv($0, $1, $2?; @)", .put = put_conv),
    ROW("conv2d", "Conv($0, $1, $2?; @)", .put = put_conv),
    ROW("conv3d", "Conv($0, $1, $2?; @)", .put = put_conv),
    ROW("conv_transpose1d", "ConvTranspose($0, $1, $2?; @)", .put = put_conv_transpose),
    ROW("conv_transpose2d", "ConvTranspose($0, $1, $2?; @)", .put = put_conv_transpose),
    ROW("conv_transpose3d", "ConvTranspose($0, $1, $2?; @)", .put = put_conv_transpose),
#define POOLS(n) \
    ROW("max_pool" n, "MaxPool($0; @)", .put = put_pool, .fits = has_batch), \
    ROW("max_pool" n, "Squeeze(MaxPool(Unsqueeze($0, [0]); @), [0])", .put = put_pool), \
    ROW("avg_pool" n, "AveragePool($0; @)", .put = put_mean_pool, .fits = is_mean_of_batch), \
    ROW("avg_pool" n, "Squeeze(AveragePool(Unsqueeze($0, [0]); @), [0])", .put = put_mean_pool, .fits = is_plain_mean), \
    ROW("adaptive_max_pool" n, "MaxPool($0; @)", .put = put_adaptive, .fits = is_side_by_side_in_batch), \
    ROW("adaptive_max_pool" n, "Squeeze(MaxPool(Unsqueeze($0, [0]); @), [0])", .put = put_adaptive, .fits = lies_side_by_side), \
    ROW("adaptive_avg_pool" n, "AveragePool($0; @)", .put = put_adaptive, .fits = is_side_by_side_in_batch), \
    ROW("adaptive_avg_pool" n, "Squeeze(AveragePool(Unsqueeze($0, [0]); @), [0])", .put = put_adaptive, .fits = lies_side_by_side)
    POOLS("1d"),
    POOLS("2d"),
    POOLS("3d"),
    ROW("batch_norm", "BatchNormalization($0, $1, $2, $3, $4; epsilon=eps)", .fits = is_evaluation),
    ROW("layer_norm", "LayerNormalization($0, $1, $2?; @ epsilon=eps)", .put = put_last_axes),
    ROW("instance_norm", "InstanceNormalization($0, $1, $2; epsilon=eps)"),
};
/* clang-format on */

const ct__onnx_row *ct__onnx_row_of(const ct__onnx_call *call)
{
    for (size_t i = 0; i < CT_LENGTH(rows); i++)
        if (strcmp(rows[i].op, call->op.name) == 0 && (!rows[i].fits || rows[i].fits(call)) &&
            ct__onnx_inputs_are_there(rows[i].text, call))
            return &rows[i];
    return NULL;
}
