/* What elementwise operations are on integers. An element is widened to int64_t, and the result is cut to the type of the tensor; so what
 * does not fit wraps. U(x) is x without a sign, whose sums and products wrap in C too.
 *
 * INTEGER1(name, numbers, f(x))      INTEGER2(name, f(a, b))     kernels of rows of elementwise_rules.h, INT1 and INT2 there;
 *                                    p0 and p1 are the numbers behind the tensor
 * BITS1(name, f(x), dtypes)          BITS2(name, f(a, b), dtypes)     operations that are of integers alone */
/* clang-format off */
INTEGER1(neg, 0, 0 - U(x))
INTEGER1(abs, 0, x < 0 ? 0 - U(x) : U(x))
INTEGER1(sign, 0, (x > 0) - (x < 0))
INTEGER1(square, 0, U(x) * U(x))
INTEGER1(add_scalar, 1, U(x) + U(p0))
INTEGER1(mul_scalar, 1, U(x) * U(p0))
INTEGER1(clamp, 2, at_most(x > p0 ? x : p0, p1))
INTEGER2(add, U(a) + U(b))
INTEGER2(sub, U(a) - U(b))
INTEGER2(mul, U(a) * U(b))
INTEGER2(maximum, a > b ? a : b)
INTEGER2(minimum, at_most(a, b))
INTEGER2(floor_divide, divide(a, b))
INTEGER2(remainder, U(a) - U(b) * U(divide(a, b)))
INTEGER2(fmod, rest(a, b))
BITS1(bitwise_not, ~x, CT_INTEGERS)
BITS2(bitwise_and, a & b, CT_INTEGERS | CT_ONLY(CT_BOOL))
BITS2(bitwise_or, a | b, CT_INTEGERS | CT_ONLY(CT_BOOL))
BITS2(bitwise_xor, a ^ b, CT_INTEGERS | CT_ONLY(CT_BOOL))
BITS2(bitwise_left_shift, is_place(b) ? U(a) << b : 0, CT_INTEGERS)
BITS2(bitwise_right_shift, a >> (is_place(b) ? b : 63), CT_INTEGERS)
BITS2(gcd, common(a, b), CT_INTEGERS)
BITS2(lcm, common(a, b) == 0 ? 0 : size_of(a) / common(a, b) * size_of(b), CT_INTEGERS)
/* clang-format on */
#undef INTEGER1
#undef INTEGER2
#undef BITS1
#undef BITS2
