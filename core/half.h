/* The floats of 16 bits, which C does not have: IEEE 754's half (float16: 5 bits of exponent, 10 of fraction) and the upper half of a
 * float32 (bfloat16: 8 and 7).
 *
 * Invariant: what does not fit is rounded once, to the nearest, of two as near to the even one; from halfway between the largest and
 * what would follow it on to infinity. NaN becomes the quiet NaN of its sign. */
#ifndef CT_HALF_H
#define CT_HALF_H

#include <cotan/tensor.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float ct__float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float ct__widen_brain(uint16_t brain)
{
    return ct__float_of_bits((uint32_t)brain << 16);
}

static inline float ct__widen_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
    if (exponent == 0) /* subnormal, or 0 */
        return (sign ? -0x1p-24f : 0x1p-24f) * (float)fraction;
    return ct__float_of_bits(sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13);
}

/* As ct__narrow() does, in a few steps on the bits. */
static inline uint16_t ct__brain_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, nan = (bits >> 16 & 0x8000) | 0x7fc0;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

/* The bits of value in a float with so many bits of exponent and fraction. As an integer, magnitudes of a float follow each other in
 * order, so a fraction that is rounded up to the next power of two has gone over into the exponent by itself. */
static inline uint16_t ct__narrow_to(double value, int exponent_bits, int fraction_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1, exponent = 1 - bias; /* of subnormal ones */
    uint32_t sign = signbit(value) ? 0x8000 : 0, infinity = ((UINT32_C(1) << exponent_bits) - 1) << fraction_bits;
    if (isnan(value))
        return (uint16_t)(sign | infinity | UINT32_C(1) << (fraction_bits - 1));
    if (fabs(value) >= ldexp(1, bias + 1))
        return (uint16_t)(sign | infinity);
    if (fabs(value) >= ldexp(1, exponent))
        exponent = ilogb(value);
    uint32_t steps = (uint32_t)nearbyint(ldexp(fabs(value), fraction_bits - exponent));
    return (uint16_t)(sign | (((uint32_t)(exponent + bias - 1) << fraction_bits) + steps));
}

static inline uint16_t ct__narrow(double value, ct_dtype dtype)
{
    return dtype == CT_FLOAT16 ? ct__narrow_to(value, 5, 10) : ct__narrow_to(value, 8, 7);
}

#endif
