/* The elementwise operations, a row each: what the kernel computes and what the gradient is.
 *
 * OP1(name, numbers, kernel, saves, grad, formula, range)
 * OP2(name, numbers, kernel, saves, grad_a, grad_b, formula, range_a, range_b)
 *   numbers  how many doubles follow the tensors as arguments: 0, 1 or 2
 *   kernel   a vector expression of the inputs, x (OP1) or a and b, and the numbers p0, p1; the V_ functions are in simd.h
 *   saves    what grad uses: sums of X or A, B (inputs) and Y (the output y), or NOTHING
 *   grad     an expression over operations of g (the cotangent), the saved inputs and y, and the numbers p[0], p[1]
 *   formula  the gradient in words
 *   range    of the sample inputs, as in ct_sample, "" for the usual one; away from kinks
 *
 * Parts of gradients are declared in elementwise.h, the others in <cotan/ops.h>. */
/* clang-format off */

/* ---- powers, exponentials, logarithms ---- */

OP1(neg, 0, -x, NOTHING, ct_neg(g), "-g", "")
OP1(exp, 0, V_EXP(x), Y, ct_mul(g, y), "g y", "")
OP1(log, 0, V_LOG(x), X, ct_div(g, x), "g / x", "@0.2..3")
OP1(sqrt, 0, V_SQRT(x), Y, ct_mul_scalar(ct_div(g, y), 0.5), "g / (2 y)", "@0.2..3")
OP1(square, 0, x * x, X, ct_mul_scalar(ct_mul(g, x), 2), "2 g x", "")
OP1(abs, 0, V_ABS(x), X, ct_mul(g, ct_sign(x)), "g sign(x)", "@0.1..2")
OP1(sign, 0, V_SELECT(x > 0, V_ONE, V_SELECT(x < 0, -V_ONE, V_ZERO)), NOTHING, ct_zeros_like(g), "0", "@0.1..2")
OP1(tanh, 0, V_TANH(x), Y, ct_tanh_backward(g, y), "g (1 - y^2)", "")
OP1(sigmoid, 0, 1 / (1 + V_EXP(-x)), Y, ct_sigmoid_backward(g, y), "g y (1 - y)", "")
OP1(relu, 0, V_SELECT(x < 0, V_ZERO, x), Y, ct_relu_backward(g, y), "g where x > 0, else 0", "@0.1..2")
OP1(add_scalar, 1, x + p0, NOTHING, g, "g", "")
OP1(mul_scalar, 1, x *p0, NOTHING, ct_mul_scalar(g, p[0]), "g s", "")
OP1(pow_scalar, 1, V_POW(x, p0), X, ct_mul(g, ct_mul_scalar(ct_pow_scalar(x, p[0] == 0 ? 0 : p[0] - 1), p[0])), "g p x^(p-1)", "@0.2..3")

OP1(rsqrt, 0, V_ONE / V_SQRT(x), Y, ct_mul_scalar(ct_mul(g, ct_mul(y, ct_square(y))), -0.5), "-g y^3 / 2", "@0.2..3")
OP1(reciprocal, 0, V_ONE / x, Y, ct_neg(ct_mul(g, ct_square(y))), "-g y^2", "@0.2..3")
OP1(expm1, 0, V_EXPM1(x), X, ct_mul(g, ct_exp(x)), "g exp(x)", "")
OP1(log1p, 0, V_LOG1P(x), X, ct_div(g, ct_add_scalar(x, 1)), "g / (1 + x)", "@-0.8..3")
OP1(log2, 0, V_LOG2(x), X, ct_mul_scalar(ct_div(g, x), 1.4426950408889634), "g / (x log 2)", "@0.2..3")

/* ---- trigonometric and hyperbolic functions ---- */

OP1(sin, 0, V_SIN(x), X, ct_mul(g, ct_cos(x)), "g cos(x)", "")
OP1(cos, 0, V_COS(x), X, ct_neg(ct_mul(g, ct_sin(x))), "-g sin(x)", "")
OP1(tan, 0, V_TAN(x), Y, ct_mul(g, ct_add_scalar(ct_square(y), 1)), "g (1 + y^2)", "@-1.2..1.2")
OP1(asin, 0, V_ASIN(x), X, ct_mul(g, ct_rsqrt(ct_one_minus_square(x))), "g / sqrt(1 - x^2)", "@-0.9..0.9")
OP1(acos, 0, V_ACOS(x), X, ct_neg(ct_mul(g, ct_rsqrt(ct_one_minus_square(x)))), "-g / sqrt(1 - x^2)", "@-0.9..0.9")
OP1(atan, 0, V_ATAN(x), X, ct_div(g, ct_add_scalar(ct_square(x), 1)), "g / (1 + x^2)", "")
OP1(sinh, 0, V_SINH(x), X, ct_mul(g, ct_cosh(x)), "g cosh(x)", "")
OP1(cosh, 0, V_COSH(x), X, ct_mul(g, ct_sinh(x)), "g sinh(x)", "")
OP1(erf, 0, V_ERF(x), X, ct_mul_scalar(ct_mul(g, ct_exp(ct_neg(ct_square(x)))), 1.1283791670955126), "2 g exp(-x^2) / sqrt(pi)", "")
OP1(one_minus_square, 0, (V_ONE - x) * (V_ONE + x), X, ct_mul_scalar(ct_mul(g, x), -2), "-2 g x", "")

/* ---- activations ---- */

OP1(log_sigmoid, 0, V_SELECT(x < 0, x, V_ZERO) - V_LOG1P(V_EXP(-V_ABS(x))), X, ct_mul(g, ct_sigmoid(ct_neg(x))), "g sigmoid(-x)", "")
OP1(softplus, 1, V_SELECT(x > 0, x, V_ZERO) + V_LOG1P(V_EXP(-V_ABS(p0 * x))) / p0, X, ct_mul(g, ct_sigmoid(ct_mul_scalar(x, p[0]))), "g sigmoid(beta x)", "")
OP1(leaky_relu, 1, V_SELECT(x > 0, x, p0 * x), X, ct_leaky_relu_backward(g, x, p[0]), "g where x > 0, else s g", "@0.1..2")
OP2(leaky_relu_backward, 1, V_SELECT(b > 0, a, p0 * a), B, ct_leaky_relu_backward(g, b, p[0]), ct_zeros_like(b), "g where b > 0, else s g; 0", "", "@0.1..2")
OP1(elu, 1, V_SELECT(x > 0, x, p0 * V_EXPM1(x)), X, ct_mul(g, ct_elu_slope(x, p[0])), "g where x > 0, else g alpha exp(x)", "")
OP1(elu_slope, 1, V_SELECT(x > 0, V_ONE, p0 * V_EXP(x)), X, ct_mul(g, ct_elu_curve(x, p[0])), "0 where x > 0, else g alpha exp(x)", "@-2..-0.1")
OP1(elu_curve, 1, V_SELECT(x > 0, V_ZERO, p0 * V_EXP(x)), Y, ct_mul(g, y), "g y", "@-2..-0.1")
OP1(gelu, 0, x * (V_ERF(x * V_SPLAT(0.70710678118654752)) + 1) / 2, X, ct_mul(g, ct_gelu_slope(x)), "g (Phi(x) + x phi(x)), Phi and phi those of the normal distribution", "")
OP1(gelu_slope, 0, (V_ERF(x * V_SPLAT(0.70710678118654752)) + 1) / 2 + x * V_EXP(x * x * V_SPLAT(-0.5)) * V_SPLAT(0.39894228040143268), X, ct_mul(g, ct_mul(ct_normal_density(x), ct_add_scalar(ct_neg(ct_square(x)), 2))), "g phi(x) (2 - x^2)", "")
OP1(normal_density, 0, V_EXP(x * x * V_SPLAT(-0.5)) * V_SPLAT(0.39894228040143268), X + Y, ct_neg(ct_mul(g, ct_mul(x, y))), "-g x y", "")
OP1(silu, 0, x / (1 + V_EXP(-x)), X, ct_mul(g, ct_silu_slope(x)), "g s (1 + x (1 - s)), s = sigmoid(x)", "")
OP1(silu_slope, 0, (1 + x * (1 - 1 / (1 + V_EXP(-x)))) / (1 + V_EXP(-x)), X, ct_mul(g, ct__silu_curve(x)), "g s (1 - s) (2 + x (1 - 2 s)), s = sigmoid(x)", "")
OP1(softsign, 0, x / (1 + V_ABS(x)), X, ct_div(g, ct_square(ct_add_scalar(ct_abs(x), 1))), "g / (1 + |x|)^2", "@0.1..2")

/* ---- steps and bounds ---- */

OP1(floor, 0, V_FLOOR(x), NOTHING, ct_zeros_like(g), "0", "@0.1..0.9")
OP1(clamp, 2, V_SELECT(x < p0, p0, V_SELECT(x > p1, p1, x)), X, ct_clamp_backward(g, x, p[0], p[1]), "g where low <= x <= high, else 0", "@0.6..1.4")
OP2(clamp_backward, 2, V_SELECT((b >= p0) & (b <= p1), a, V_ZERO), B, ct_clamp_backward(g, b, p[0], p[1]), ct_zeros_like(b), "g where low <= b <= high, else 0; 0", "", "@0.6..1.4")
OP1(hardtanh, 2, V_SELECT(x < p0, p0, V_SELECT(x > p1, p1, x)), X, ct_hardtanh_backward(g, x, p[0], p[1]), "g where low < x < high, else 0", "@0.6..1.4")
OP2(hardtanh_backward, 2, V_SELECT((b > p0) & (b < p1), a, V_ZERO), B, ct_hardtanh_backward(g, b, p[0], p[1]), ct_zeros_like(b), "g where low < b < high, else 0; 0", "", "@0.6..1.4")

/* ---- two inputs ---- */

OP2(add, 0, a + b, NOTHING, g, g, "g, g", "", "")
OP2(sub, 0, a - b, NOTHING, g, ct_neg(g), "g, -g", "", "")
OP2(mul, 0, a *b, A + B, ct_mul(g, b), ct_mul(g, a), "g b, g a", "", "")
OP2(div, 0, a / b, B + Y, ct_div(g, b), ct_neg(ct_div(ct_mul(g, y), b)), "g / b, -g y / b", "", "@0.2..3")
OP2(pow, 0, V_POW(a, b), A + B + Y, ct_mul(g, ct_pow_slope(a, b)), ct_mul(g, ct_mul(y, ct_log_or_zero(a))), "g b a^(b-1), g y log(a)", "@0.2..3", "")
OP2(maximum, 0, V_SELECT((a > b) | (a != a), a, b), A + B, ct_mul(g, ct_greater_share(a, b)), ct_mul(g, ct_greater_share(b, a)), "g to the larger, half to each at a tie", "", "")
OP2(minimum, 0, V_SELECT((a < b) | (a != a), a, b), A + B, ct_mul(g, ct_greater_share(b, a)), ct_mul(g, ct_greater_share(a, b)), "g to the smaller, half to each at a tie", "", "")
OP2(atan2, 0, V_ATAN2(a, b), A + B, ct_div(ct_mul(g, b), ct_add(ct_square(a), ct_square(b))), ct_neg(ct_div(ct_mul(g, a), ct_add(ct_square(a), ct_square(b)))), "g b / (a^2 + b^2), -g a / (a^2 + b^2)", "@0.2..3", "@0.2..3")

/* ---- parts of gradients ---- */

OP2(tanh_backward, 0, a * (1 - b * b), A + B, ct_tanh_backward(g, b), ct_mul_scalar(ct_mul(ct_mul(g, a), b), -2), "g (1 - b^2), -2 g a b", "", "@-0.9..0.9")
OP2(sigmoid_backward, 0, a *b * (1 - b), A + B, ct_sigmoid_backward(g, b), ct_mul(ct_mul(g, a), ct_add_scalar(ct_mul_scalar(b, -2), 1)), "g b (1 - b), g a (1 - 2 b)", "", "@0.1..0.9")
OP2(relu_backward, 0, V_SELECT(b > 0, a, V_ZERO), B, ct_relu_backward(g, b), ct_zeros_like(b), "g where b > 0, 0", "", "@0.1..2")
OP2(greater_share, 0, V_SELECT(a > b, V_ONE, V_SELECT(a < b, V_ZERO, V_ONE / 2)), NOTHING, ct_zeros_like(g), ct_zeros_like(g), "0, 0", "", "")
/* d(a^b)/da, which is 0 for b = 0 whatever a is. */
OP2(pow_slope, 0, V_SELECT(b == 0, V_ZERO, b * V_POW(a, b - 1)), A + B, ct_mul(ct_mul(g, b), ct_pow_slope(a, ct_add_scalar(b, -1))), ct_mul(g, ct_add(ct_pow(a, ct_add_scalar(b, -1)), ct_mul(ct_pow_slope(a, b), ct_log_or_zero(a)))), "g b (b-1) a^(b-2), g a^(b-1) (1 + b log(a))", "@0.2..3", "")
/* log(a), but 0 at a = 0, where a^b log(a) goes to 0. */
OP1(log_or_zero, 0, V_SELECT(x == 0, V_ZERO, V_LOG(x)), X, ct_div(g, x), "g / x", "@0.2..3")

/* ---- losses ---- */

/* -b log(a) - (1 - b) log(1 - a), each logarithm at least -100. */
OP2(log_loss, 0, -b * V_AT_LEAST(V_LOG(a), -100) - (1 - b) * V_AT_LEAST(V_LOG1P(-a), -100), A + B, ct_mul(g, ct__log_loss_slope(a, b)), ct_mul(g, ct__log_odds_against(a)), "g (a - b) / max(a (1 - a), 1e-12), g (log(1 - a) - log(a))", "@0.05..0.95", "@0..1")

#undef OP1
#undef OP2
/* clang-format on */
