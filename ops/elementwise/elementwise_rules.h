/* The elementwise operations, a row each: what the kernel computes and what the gradient is.
 *
 * OP1(name, numbers, kernel, saves, grad, formula, range)
 * OP2(name, numbers, kernel, saves, grad_a, grad_b, formula, range_a, range_b)
 * OP3(name, kernel, saves, grad_a, grad_b, grad_c, formula, range_a, range_b, range_c)
 *   numbers  how many doubles follow the tensors as arguments: 0, 1 or 2
 *   kernel   a vector expression of the inputs, x (OP1) or a, b and c, and the numbers p0, p1; the V_ functions are in simd.h
 *   saves    what grad uses: sums of X or A, B, C (inputs) and Y (the output y), or NOTHING
 *   grad     an expression over operations of g (the cotangent), the saved inputs and y, and the numbers p[0], p[1]; it takes g
 *            once, since the operation that takes it last may write over it
 *   formula  the gradient in words
 *   range    of the sample inputs, as in ct_sample, "" for the usual one; away from kinks
 *
 * Parts of gradients are declared in elementwise.h, the others in <cotan/ops.h>. */
/* clang-format off */

/* INT1 and INT2 are OP1 and OP2 of operations that take integers too, by the kernels in integer_rules.h. */
#ifndef INT1
#define INT1 OP1
#define INT2 OP2
#endif

/* ---- powers, exponentials, logarithms ---- */

INT1(neg, 0, -x, NOTHING, ct_neg(g), "-g", "")
OP1(exp, 0, V_EXP(x), Y, ct_mul(g, y), "g y", "")
OP1(log, 0, V_LOG(x), X, ct_div(g, x), "g / x", "@0.2..3")
OP1(sqrt, 0, V_SQRT(x), Y, ct_div(ct_mul_scalar(g, 0.5), y), "g / (2 y)", "@0.2..3")
INT1(square, 0, x * x, X, ct_square_backward(g, x), "2 g x", "")
INT1(abs, 0, V_ABS(x), X, ct_mul(g, ct_sign(x)), "g sign(x)", "@0.1..2")
INT1(sign, 0, V_SELECT(x > 0, V_ONE, V_SELECT(x < 0, -V_ONE, V_ZERO)), NOTHING, ct_zeros_like(g), "0", "@0.1..2")
OP1(tanh, 0, V_TANH(x), X, ct_tanh_backward(g, x), "g (1 - y^2)", "")
OP1(sigmoid, 0, V_SIGMOID(x), X, ct_sigmoid_backward(g, x), "g y (1 - y)", "")
OP1(relu, 0, V_SELECT(x < 0, V_ZERO, x), Y, ct_relu_backward(g, y), "g where x > 0, else 0", "@0.1..2")
INT1(add_scalar, 1, x + p0, NOTHING, g, "g", "")
INT1(mul_scalar, 1, x *p0, NOTHING, ct_mul_scalar(g, p[0]), "g s", "")
OP1(pow_scalar, 1, V_POW(x, p0), X, ct_mul(g, ct_scaled_pow(x, p[0], p[0] - 1)), "g p x^(p-1)", "@0.2..3")
/* s x^t, a derivative of pow_scalar; 0 everywhere for s = 0. */
OP1(scaled_pow, 2, V_TIMES_POW(p0, x, p1), X, ct_mul(g, ct_scaled_pow(x, p[0] * p[1], p[1] - 1)), "g s t x^(t-1)", "@0.2..3")

OP1(rsqrt, 0, V_ONE / V_SQRT(x), Y, ct_mul(ct_mul(g, ct_mul_scalar(y, -0.5)), ct_square(y)), "-g y^3 / 2", "@0.2..3")
OP1(reciprocal, 0, V_ONE / x, Y, ct_neg(ct_mul(g, ct_square(y))), "-g y^2", "@0.2..3")
OP1(expm1, 0, V_EXPM1(x), X, ct_mul(g, ct_exp(x)), "g exp(x)", "")
OP1(log1p, 0, V_LOG1P(x), X, ct_div(g, ct_add_scalar(x, 1)), "g / (1 + x)", "@-0.8..3")
OP1(log2, 0, V_LOG2(x), X, ct_mul_scalar(ct_div(g, x), 1.4426950408889634), "g / (x log 2)", "@0.2..3")

OP1(exp2, 0, V_EXP2(x), Y, ct_mul_scalar(ct_mul(g, y), 0.6931471805599453), "g y log 2", "")
OP1(log10, 0, V_LOG10(x), X, ct_div(ct_mul_scalar(g, 0.4342944819032518), x), "g / (x log 10)", "@0.2..3")

/* ---- trigonometric and hyperbolic functions ---- */

OP1(sin, 0, V_SIN(x), X, ct_mul(g, ct_cos(x)), "g cos(x)", "")
OP1(cos, 0, V_COS(x), X, ct_neg(ct_mul(g, ct_sin(x))), "-g sin(x)", "")
OP1(tan, 0, V_TAN(x), Y, ct_mul(g, ct_add_scalar(ct_square(y), 1)), "g (1 + y^2)", "@-1.2..1.2")
OP1(asin, 0, V_ASIN(x), X, ct_mul(g, ct_rsqrt(ct_one_minus_square(x))), "g / sqrt(1 - x^2)", "@-0.9..0.9")
OP1(acos, 0, V_ACOS(x), X, ct_neg(ct_mul(g, ct_rsqrt(ct_one_minus_square(x)))), "-g / sqrt(1 - x^2)", "@-0.9..0.9")
OP1(atan, 0, V_ATAN(x), X, ct_mul(g, ct_atan_slope(x)), "g / (1 + x^2)", "")
OP1(atan_slope, 0, V_ATAN_SLOPE(x), X + Y, ct_mul(g, ct_mul_scalar(ct_mul(ct_mul_or_zero(x, y), y), -2)), "-2 g x y^2", "")
OP1(sinh, 0, V_SINH(x), X, ct_mul(g, ct_cosh(x)), "g cosh(x)", "")
OP1(cosh, 0, V_COSH(x), X, ct_mul(g, ct_sinh(x)), "g sinh(x)", "")
OP1(erf, 0, V_ERF(x), X, ct_mul(g, ct_mul_scalar(ct_gaussian(x, 1), 1.1283791670955126)), "2 g exp(-x^2) / sqrt(pi)", "")
/* exp(-s x^2), s a power of two. */
OP1(gaussian, 1, V_GAUSSIAN(x, p0), X + Y, ct_mul(g, ct_mul_scalar(ct_mul_or_zero(x, y), -2 * p[0])), "-2 g s x y", "")
OP1(asinh, 0, V_ASINH(x), X, ct_div(g, ct_hypot(x, ct_scalar(ct_dtype_of(x), 1))), "g / sqrt(x^2 + 1)", "")
OP1(acosh, 0, V_ACOSH(x), X, ct_mul(ct_mul(g, ct_rsqrt(ct_add_scalar(x, -1))), ct_rsqrt(ct_add_scalar(x, 1))), "g / sqrt(x^2 - 1)", "@1.2..4")
OP1(atanh, 0, V_ATANH(x), X, ct_div(g, ct_one_minus_square(x)), "g / (1 - x^2)", "@-0.9..0.9")
OP1(erfc, 0, V_ERFC(x), X, ct_mul(g, ct_mul_scalar(ct_gaussian(x, 1), -1.1283791670955126)), "-2 g exp(-x^2) / sqrt(pi)", "")
OP1(erfinv, 0, V_ERFINV(x), Y, ct_mul(g, ct_mul_scalar(ct_exp(ct_square(y)), 0.886226925452758)), "g exp(y^2) sqrt(pi) / 2", "@-0.9..0.9")
OP1(deg2rad, 0, x * (T)0.017453292519943295, NOTHING, ct_deg2rad(g), "g pi / 180", "")
OP1(rad2deg, 0, x * (T)57.29577951308232, NOTHING, ct_rad2deg(g), "180 g / pi", "")

/* ---- special functions, an element at a time ---- */

OP1(lgamma, 0, V_LGAMMA(x), X, ct_mul(g, ct_digamma(x)), "g digamma(x)", "@0.2..3")
OP1(digamma, 0, V_DIGAMMA(x), X, ct_mul(g, ct_hurwitz_zeta(x, 2)), "g polygamma(1, x)", "@0.2..3")
OP1(hurwitz_zeta, 1, V_ZETA(x, p0), X, ct_mul_scalar(ct_mul(g, ct_hurwitz_zeta(x, p[0] + 1)), -p[0]), "-g s zeta(s + 1, x)", "@0.2..3")
OP1(i0, 0, V_BESSEL_I(x, V_ZERO), X, ct_mul(g, ct_i1(x)), "g I_1(x)", "")
OP1(i1, 0, V_BESSEL_I(x, V_ONE), X, ct_mul(g, ct__bessel_i_slope(x, 1)), "g (I_0(x) + I_2(x)) / 2", "")
OP1(bessel_i, 1, V_BESSEL_I(x, p0), X, ct_mul(g, ct__bessel_i_slope(x, p[0])), "g (I_(v-1)(x) + I_(v+1)(x)) / 2", "@0.2..3")
OP1(bessel_j0, 0, V_BESSEL_J(x, V_ZERO), X, ct_neg(ct_mul(g, ct_bessel_j1(x))), "-g J_1(x)", "")
OP1(bessel_j1, 0, V_BESSEL_J(x, V_ONE), X, ct_mul(g, ct__bessel_j_slope(x, 1)), "g (J_0(x) - J_2(x)) / 2", "")
OP1(bessel_j, 1, V_BESSEL_J(x, p0), X, ct_mul(g, ct__bessel_j_slope(x, p[0])), "g (J_(v-1)(x) - J_(v+1)(x)) / 2, v rounded down", "@0.2..3")
OP1(bessel_y0, 0, V_BESSEL_Y(x, V_ZERO), X, ct_neg(ct_mul(g, ct_bessel_y1(x))), "-g Y_1(x)", "@0.2..3")
OP1(bessel_y1, 0, V_BESSEL_Y(x, V_ONE), X, ct_mul(g, ct__bessel_y_slope(x, 1)), "g (Y_0(x) - Y_2(x)) / 2", "@0.2..3")
OP1(bessel_y, 1, V_BESSEL_Y(x, p0), X, ct_mul(g, ct__bessel_y_slope(x, p[0])), "g (Y_(v-1)(x) - Y_(v+1)(x)) / 2, v rounded down", "@0.2..3")

/* ---- the square that asin and others have ---- */

OP1(one_minus_square, 0, (V_ONE - x) * (V_ONE + x), X, ct_mul_scalar(ct_mul(g, x), -2), "-2 g x", "")

/* ---- activations ---- */

OP1(log_sigmoid, 0, V_SELECT(x < 0, x, V_ZERO) - V_LOG1P(V_EXP(-V_ABS(x))), X, ct_mul(g, ct_sigmoid(ct_neg(x))), "g sigmoid(-x)", "")
OP1(softplus, 1, V_SELECT(p0 * x > 0, x, V_ZERO) + V_LOG1P(V_EXP(-V_ABS(p0 * x))) / p0, X, ct_mul(g, ct_sigmoid(ct_mul_scalar(x, p[0]))), "g sigmoid(beta x)", "")
OP1(leaky_relu, 1, V_SELECT(x > 0, x, p0 * x), X, ct_leaky_relu_backward(g, x, p[0]), "g where x > 0, else s g", "@0.1..2")
OP2(leaky_relu_backward, 1, V_SELECT(b > 0, a, p0 * a), B, ct_leaky_relu_backward(g, b, p[0]), ct_zeros_like(b), "g where b > 0, else s g; 0", "", "@0.1..2")
OP1(elu, 1, V_SELECT(x > 0, x, p0 * V_EXPM1(V_SELECT(x > 0, V_ZERO, x))), X, ct_mul(g, ct_elu_slope(x, p[0])), "g where x > 0, else g alpha exp(x)", "")
OP1(elu_slope, 1, V_SELECT(x > 0, V_ONE, p0 * V_EXP(x)), X, ct_mul(g, ct_elu_curve(x, p[0])), "0 where x > 0, else g alpha exp(x)", "@-2..-0.1")
OP1(elu_curve, 1, V_SELECT(x > 0, V_ZERO, p0 * V_EXP(x)), Y, ct_mul(g, y), "g y", "@-2..-0.1")
OP1(gelu, 0, V_GELU(x), X, ct_gelu_backward(g, x), "g (Phi(x) + x phi(x)), Phi and phi those of the normal distribution", "")
OP1(gelu_tanh, 0, V_GELU_TANH(x), X, ct_gelu_tanh_backward(g, x), "g (1 + t + x (1 - t^2) u') / 2, t = tanh(u), u = sqrt(2/pi) (x + 0.044715 x^3)", "")
OP1(silu, 0, V_SILU(x), X, ct_silu_backward(g, x), "g s (1 + x (1 - s)), s = sigmoid(x)", "")
OP1(softsign, 0, V_SELECT(V_ABS(x) == INFINITY, V_SELECT(x > 0, V_ONE, -V_ONE), x / (1 + V_ABS(x))), X, ct_mul(g, ct_square(ct_reciprocal(ct_add_scalar(ct_abs(x), 1)))), "g / (1 + |x|)^2", "@0.1..2")

/* ---- steps and bounds ---- */

OP1(floor, 0, V_FLOOR(x), NOTHING, ct_zeros_like(g), "0", "@0.1..0.9")
OP1(ceil, 0, V_CEIL(x), NOTHING, ct_zeros_like(g), "0", "@0.1..0.9")
OP1(round, 0, V_ROUND(x), NOTHING, ct_zeros_like(g), "0", "@0.6..1.4")
OP1(trunc, 0, V_TRUNC(x), NOTHING, ct_zeros_like(g), "0", "@0.1..0.9")
OP1(frac, 0, x - V_TRUNC(x), NOTHING, g, "g", "@0.1..0.9")
INT1(clamp, 2, V_CLAMP(x, p0, p1), X, ct_clamp_backward(g, x, p[0], p[1]), "g where low <= x <= high, else 0", "@0.6..1.4")
OP2(clamp_backward, 2, V_SELECT((b >= p0) & (b <= p1), a, V_ZERO), B, ct_clamp_backward(g, b, p[0], p[1]), ct_zeros_like(b), "g where low <= b <= high, else 0; 0", "", "@0.6..1.4")
/* hardtanh */
OP1(clamp_inside, 2, V_CLAMP(x, p0, p1), X, ct_clamp_inside_backward(g, x, p[0], p[1]), "g where low < x < high, else 0", "@0.6..1.4")
OP2(clamp_inside_backward, 2, V_SELECT((b > p0) & (b < p1), a, V_ZERO), B, ct_clamp_inside_backward(g, b, p[0], p[1]), ct_zeros_like(b), "g where low < b < high, else 0; 0", "", "@0.6..1.4")

/* ---- two and three inputs ---- */

INT2(add, 0, a + b, NOTHING, g, g, "g, g", "", "")
INT2(sub, 0, a - b, NOTHING, g, ct_neg(g), "g, -g", "", "")
INT2(mul, 0, a *b, A + B, ct_mul(g, b), ct_mul(g, a), "g b, g a", "", "")
OP2(div, 0, a / b, B + Y, ct_div(g, b), ct_neg(ct_div(ct_mul(g, y), b)), "g / b, -g y / b", "", "@0.2..3")
OP2(pow, 0, V_POW(a, b), A + B, ct_mul_or_zero(g, ct_pow_slope(a, b)), ct_mul_or_zero(g, ct_pow_log(a, b)), "g b a^(b-1), g y log(a)", "@0.2..3", "")
INT2(maximum, 0, V_SELECT((a > b) | (a != a), a, b), A + B, ct_mul(g, ct_greater_share(a, b)), ct_mul(g, ct_greater_share(b, a)), "g to the larger, half to each at a tie", "", "")
INT2(minimum, 0, V_SELECT((a < b) | (a != a), a, b), A + B, ct_mul(g, ct_greater_share(b, a)), ct_mul(g, ct_greater_share(a, b)), "g to the smaller, half to each at a tie", "", "")
OP2(atan2, 0, V_ATAN2(a, b), A + B, ct_mul(g, ct_atan2_slope(a, b)), ct_neg(ct_mul(g, ct_atan2_slope(b, a))), "g b / (a^2 + b^2), -g a / (a^2 + b^2)", "@0.2..3", "@0.2..3")

OP2(hypot, 0, V_HYPOT(a, b), A + B, ct_mul(g, ct_hypot_slope(a, b)), ct_mul(g, ct_hypot_slope(b, a)), "g a / y, g b / y; 0 where y is 0", "@0.2..3", "@0.2..3")
OP2(logaddexp, 0, V_LOGADDEXP(a, b), A + B, ct_mul(g, ct_sigmoid(ct_sub(a, b))), ct_mul(g, ct_sigmoid(ct_sub(b, a))), "g sigmoid(a - b), g sigmoid(b - a)", "", "")
OP2(xlogy, 0, V_XLOGY(a, b), A + B, ct_mul(g, ct__log_or_zero(a, b)), ct_mul(g, ct__ratio_or_zero(a, b)), "g log(b), g a / b", "", "@0.2..3")
OP2(xlog1py, 0, V_XLOG1PY(a, b), A + B, ct_mul(g, ct__log_or_zero(a, ct_add_scalar(b, 1))), ct_mul(g, ct__ratio_or_zero(a, ct_add_scalar(b, 1))), "g log(1 + b), g a / (1 + b)", "", "@-0.8..3")
INT2(remainder, 0, V_REMAINDER(a, b), A + B, g, ct_neg(ct_mul(g, ct_floor_divide(a, b))), "g, -g floor(a / b)", "@0.1..0.4", "@0.5..0.9")
INT2(fmod, 0, V_FMOD(a, b), A + B + Y, g, ct_neg(ct_mul(g, ct__multiples(a, b, y))), "g, -g trunc(a / b)", "@1.1..1.4", "@0.8..0.9")
INT2(floor_divide, 0, V_FLOOR_DIVIDE(a, b), NOTHING, ct_zeros_like(g), ct_zeros_like(g), "0, 0", "@0.1..0.4", "@0.5..0.9")
OP2(copysign, 0, V_COPYSIGN(a, b), A + B, ct_mul(g, ct_mul(ct_sign(a), ct_copysign(ct_ones_like(b), b))), ct_zeros_like(b), "g where a has b's sign, else -g; 0", "@0.1..2", "@0.1..2")
OP2(zeta, 0, V_ZETA_OF_S(a, b), A + B, ct_mul(g, ct_zeta_slope(a, b, 1)), ct_neg(ct_mul(g, ct_mul(a, ct_zeta(ct_add_scalar(a, 1), b)))), "-g sum of log(k + q) (k + q)^-s, -g s zeta(s + 1, q)", "@1.5..4", "@0.3..4")
OP2(igamma, 0, V_IGAMMA(a, b), A + B, ct_mul(g, ct__igamma_by_a(a, b)), ct_mul(g, ct_gamma_density(a, b)), "of series and continued fraction for a, g b^(a-1) exp(-b) / Gamma(a) for b", "@0.5..3", "@0.2..4")
OP2(igammac, 0, V_IGAMMAC(a, b), A + B, ct_neg(ct_mul(g, ct__igamma_by_a(a, b))), ct_neg(ct_mul(g, ct_gamma_density(a, b))), "those of igamma, with the other sign", "@0.5..3", "@0.2..4")
OP2(gamma_density, 0, V_GAMMA_DENSITY(a, b), A + B + Y, ct_mul_or_zero(ct_mul(g, y), ct_gamma_growth(a, ct_log(b), 1)), ct_mul(g, ct_mul(y, ct_add_scalar(ct_div(ct_add_scalar(a, -1), b), -1))), "g y (log(b) - digamma(a)), g y ((a - 1) / b - 1)", "@0.5..3", "@0.2..4")

OP3(lerp, V_LERP(a, b, c), A + B + C, ct_mul(g, ct_add_scalar(ct_neg(c), 1)), ct_mul(g, c), ct_mul(g, ct_sub(b, a)), "g (1 - weight), g weight, g (b - a)", "", "", "@0..1")

/* ---- parts of gradients ---- */

OP2(tanh_backward, 0, a * V_TANH_SLOPE(b), A + B, ct_tanh_backward(g, b), ct_mul_scalar(ct_mul(ct_tanh_backward(ct_mul(g, a), b), ct_tanh(b)), -2), "g (1 - t^2), -2 g a t (1 - t^2), t = tanh(b)", "", "")
OP2(sigmoid_backward, 0, a * V_SIGMOID_SLOPE(b), A + B, ct_sigmoid_backward(g, b), ct_neg(ct_mul_or_zero(ct_mul_or_zero(g, ct_sigmoid_backward(ct_tanh(ct_mul_scalar(b, 0.5)), b)), a)), "g s (1 - s), g a s (1 - s) (1 - 2 s), s = sigmoid(b)", "", "")
OP2(square_backward, 0, a * b * 2, A + B, ct_square_backward(g, b), ct_square_backward(g, a), "2 g b, 2 g a", "", "")
OP2(gelu_backward, 0, a * V_GELU_SLOPE(b), A + B, ct_gelu_backward(g, b), ct_mul(ct_mul(g, a), ct_mul_scalar(ct_mul_or_zero(ct_gaussian(b, 0.5), ct_add_scalar(ct_neg(ct_square(b)), 2)), 0.39894228040143268)), "g (Phi(b) + b phi(b)), g a phi(b) (2 - b^2)", "", "")
OP2(gelu_tanh_backward, 0, a * V_GELU_TANH_SLOPE(b), A + B, ct_gelu_tanh_backward(g, b), ct_mul(ct_mul(g, a), ct__gelu_tanh_curve(b)), "g (1 + t + b (1 - t^2) u') / 2, g a (1 - t^2) (2 u' + b u'' - 2 b u'^2 t) / 2, t = tanh(u), u = sqrt(2/pi) (b + 0.044715 b^3)", "", "")
OP2(silu_backward, 0, a * V_SILU_SLOPE(b), A + B, ct_silu_backward(g, b), ct_mul(ct_mul(g, a), ct__silu_curve(b)), "g s (1 + b (1 - s)), g a s (1 - s) (2 + b (1 - 2 s)), s = sigmoid(b)", "", "")
OP2(relu_backward, 0, V_SELECT(b <= 0, V_ZERO, a), B, ct_relu_backward(g, b), ct_zeros_like(b), "g where b > 0, 0", "", "@0.1..2")
OP2(greater_share, 0, V_SELECT(a < b, V_ZERO, V_SELECT(a == b, V_ONE / 2, V_ONE)), NOTHING, ct_zeros_like(g), ct_zeros_like(g), "0, 0", "", "")
/* a b, where 0 times infinity is 0: for factors of which one goes to 0 faster than the other grows. */
OP2(mul_or_zero, 0, V_MUL_OR_ZERO(a, b), A + B, ct_mul_or_zero(g, b), ct_mul_or_zero(g, a), "g b, g a", "", "")
/* a / hypot(a, b), 0 at the origin */
OP2(hypot_slope, 0, V_HYPOT_SLOPE(a, b), A + B, ct_mul(g, ct__hypot_curve(a, b)), ct_neg(ct_mul(g, ct__hypot_twist(a, b))), "g b^2 / hypot(a, b)^3, -g a b / hypot(a, b)^3", "@0.2..3", "@0.2..3")
/* b / (a^2 + b^2) */
OP2(atan2_slope, 0, V_ATAN2_SLOPE(a, b), A + B, ct_mul_scalar(ct_mul(g, ct_mul(ct_atan2_slope(a, b), ct_atan2_slope(b, a))), -2), ct_mul(g, ct_atan2_curve(a, b)), "-2 g a b / (a^2 + b^2)^2, g (a^2 - b^2) / (a^2 + b^2)^2", "@0.2..3", "@0.2..3")
/* (a^2 - b^2) / (a^2 + b^2)^2 */
OP2(atan2_curve, 0, V_ATAN2_CURVE(a, b), A + B, ct_mul(g, ct__atan2_bend(b, a)), ct_neg(ct_mul(g, ct__atan2_bend(a, b))), "2 g q (3 p^2 - q^2), -2 g p (3 q^2 - p^2), p = b / (a^2 + b^2), q = a / (a^2 + b^2)", "@0.2..3", "@0.2..3")
/* The first and second derivative of a^b by a, 0 for b = 0 (and 1) whatever a is; and the first by b. */
OP2(pow_slope, 0, V_POW_SLOPE(a, b), A + B, ct_mul_or_zero(g, ct_pow_curve(a, b)), ct_mul_or_zero(g, ct__pow_slope_log(a, b)), "g b (b-1) a^(b-2), g a^(b-1) (1 + b log(a))", "@0.2..3", "")
OP2(pow_curve, 0, V_POW_CURVE(a, b), A + B, ct_mul_or_zero(g, ct_mul_or_zero(b, ct_pow_curve(a, ct_add_scalar(b, -1)))), ct_mul_or_zero(g, ct__pow_curve_log(a, b)), "g b (b-1) (b-2) a^(b-3), g a^(b-2) (2 b - 1 + b (b-1) log(a))", "@0.2..3", "")
OP2(pow_log, 0, V_POW_LOG(a, b), A + B, ct_mul_or_zero(g, ct__pow_slope_log(a, b)), ct_mul_or_zero(g, ct_mul_or_zero(ct_pow_log(a, b), ct_log(a))), "g a^(b-1) (1 + b log(a)), g a^b log(a)^2", "@0.2..3", "")

/* ---- losses ---- */

/* -b log(a) - (1 - b) log(1 - a), each logarithm at least -100. */
OP2(log_loss, 0, -b * V_AT_LEAST(V_LOG(a), -100) - (1 - b) * V_AT_LEAST(V_LOG1P(-a), -100), A + B, ct_mul(g, ct__log_loss_slope(a, b)), ct_mul(g, ct__log_odds_against(a)), "g (a - b) / max(a (1 - a), 1e-12), g (log(1 - a) - log(a))", "@0.05..0.95", "@0..1")

#undef INT1
#undef INT2
#undef OP1
#undef OP2
#undef OP3
/* clang-format on */
