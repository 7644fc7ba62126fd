/* The elementwise operations, a row each: what the kernel computes and what the gradient is.
 *
 * OP1(name, kernel, saves, grad, formula, range)                 one input; OP1S: and one number, ct_name(x, s)
 * OP2(name, kernel, saves, grad_a, grad_b, formula, range_a, range_b)
 *   kernel   a vector expression of the inputs x (OP1) or a and b, and the number p0; the V_ functions are in simd.h
 *   saves    what grad uses: sums of X or A, B (inputs) and Y (the output y), or NOTHING
 *   grad     an expression over operations of g (the cotangent), the saved inputs and y, and p[0]
 *   formula  the gradient in words
 *   range    of the sample inputs, as in ct_sample, "" for the usual one
 *
 * Names that end in _backward or _share are parts of gradients; the others are declared in <cotan/ops.h>. */

OP1(neg, -x, NOTHING, ct_neg(g), "-g", "")
OP1(exp, V_EXP(x), Y, ct_mul(g, y), "g y", "")
OP1(log, V_LOG(x), X, ct_div(g, x), "g / x", "@0.2..3")
OP1(sqrt, V_SQRT(x), Y, ct_mul_scalar(ct_div(g, y), 0.5), "g / (2 y)", "@0.2..3")
OP1(square, x * x, X, ct_mul_scalar(ct_mul(g, x), 2), "2 g x", "")
OP1(abs, V_ABS(x), X, ct_mul(g, ct_sign(x)), "g sign(x)", "@0.1..2")
OP1(sign, V_SELECT(x > 0, V_ONE, V_SELECT(x < 0, -V_ONE, x)), NOTHING, ct_zeros_like(g), "0", "@0.1..2")
OP1(tanh, V_TANH(x), Y, ct_tanh_backward(g, y), "g (1 - y^2)", "")
OP1(sigmoid, 1 / (1 + V_EXP(-x)), Y, ct_sigmoid_backward(g, y), "g y (1 - y)", "")
OP1(relu, V_SELECT(x < 0, V_ZERO, x), Y, ct_relu_backward(g, y), "g where x > 0, else 0", "@0.1..2")
OP1S(add_scalar, x + p0, NOTHING, g, "g", "")
OP1S(mul_scalar, x *p0, NOTHING, ct_mul_scalar(g, p[0]), "g s", "")
OP1S(pow_scalar, V_POW(x, p0), X, ct_mul(g, ct_mul_scalar(ct_pow_scalar(x, p[0] == 0 ? 0 : p[0] - 1), p[0])), "g p x^(p-1)", "@0.2..3")

OP2(add, a + b, NOTHING, g, g, "g, g", "", "")
OP2(sub, a - b, NOTHING, g, ct_neg(g), "g, -g", "", "")
OP2(mul, a *b, A + B, ct_mul(g, b), ct_mul(g, a), "g b, g a", "", "")
OP2(div, a / b, B + Y, ct_div(g, b), ct_neg(ct_div(ct_mul(g, y), b)), "g / b, -g y / b", "", "@0.2..3")
OP2(pow, V_POW(a, b), A + B + Y, ct_mul(g, ct_pow_slope(a, b)), ct_mul(g, ct_mul(y, ct_log_or_zero(a))), "g b a^(b-1), g y log(a)", "@0.2..3", "")
OP2(maximum, V_SELECT((a > b) | (a != a), a, b), A + B, ct_mul(g, ct_greater_share(a, b)), ct_mul(g, ct_greater_share(b, a)), "g to the larger, half to each at a tie", "", "")
OP2(minimum, V_SELECT((a < b) | (a != a), a, b), A + B, ct_mul(g, ct_greater_share(b, a)), ct_mul(g, ct_greater_share(a, b)), "g to the smaller, half to each at a tie", "", "")

/* Parts of gradients. */
OP2(tanh_backward, a * (1 - b * b), A + B, ct_tanh_backward(g, b), ct_mul_scalar(ct_mul(ct_mul(g, a), b), -2), "g (1 - b^2), -2 g a b", "", "@-0.9..0.9")
OP2(sigmoid_backward, a *b * (1 - b), A + B, ct_sigmoid_backward(g, b), ct_mul(ct_mul(g, a), ct_add_scalar(ct_mul_scalar(b, -2), 1)), "g b (1 - b), g a (1 - 2 b)", "", "@0.1..0.9")
OP2(relu_backward, V_SELECT(b > 0, a, V_ZERO), B, ct_relu_backward(g, b), ct_zeros_like(b), "g where b > 0, 0", "", "@0.1..2")
OP2(greater_share, V_SELECT(a > b, V_ONE, V_SELECT(a < b, V_ZERO, V_ONE / 2)), NOTHING, ct_zeros_like(g), ct_zeros_like(g), "0, 0", "", "")
/* d(a^b)/da, which is 0 for b = 0 whatever a is. */
OP2(pow_slope, V_SELECT(b == 0, V_ZERO, b * V_POW(a, b - 1)), A + B, ct_mul(ct_mul(g, b), ct_pow_slope(a, ct_add_scalar(b, -1))), ct_mul(g, ct_add(ct_pow(a, ct_add_scalar(b, -1)), ct_mul(ct_pow_slope(a, b), ct_log_or_zero(a)))), "g b (b-1) a^(b-2), g a^(b-1) (1 + b log(a))", "@0.2..3", "")
/* log(a), but 0 at a = 0, where a^b log(a) goes to 0. */
OP1(log_or_zero, V_SELECT(x == 0, V_ZERO, V_LOG(x)), X, ct_div(g, x), "g / x", "@0.2..3")

#undef OP1
#undef OP1S
#undef OP2
