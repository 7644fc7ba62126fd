/* Initialisers: records by which the elements of a weight are drawn. */
#ifndef COTAN_INIT_H
#define COTAN_INIT_H

#include <cotan/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of an initialiser's elements. */
typedef enum ct_distribution {
    CT_CONSTANT,         /* value */
    CT_UNIFORM,          /* in -b..b */
    CT_NORMAL,           /* any */
    CT_TRUNCATED_NORMAL, /* as normal, but what is beyond 2 of its deviations is drawn again */
    CT_ORTHOGONAL,       /* value times a matrix with orthonormal rows, or columns if they are fewer */
    CT_DELTA_ORTHOGONAL, /* of a convolution: that at the middle of the kernel, 0 elsewhere */
    CT_UNDRAWN,          /* nothing is written */
} ct_distribution;

/* Elements are the constant value, or random around 0 with variance value / (in * fan_in + out * fan_out); with variance value if
 * in and out are both 0. That is the variance of what is drawn, after truncation too. A record of one's own is one more
 * initialiser: CT_INIT_NORMAL(0.02) is one of that deviation, CT_INIT_CONSTANT(0.1) one of that value, which live as long as the
 * block around. */
typedef struct ct_initializer {
    const char *name;
    ct_distribution distribution;
    double value;
    double in, out; /* weights of fan_in and fan_out */
} ct_initializer;

/* Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, eq. 16 (uniform):
 * variance 2 / (fan_in + fan_out). */
CT_API extern const ct_initializer ct_init_glorot_uniform, ct_init_glorot_normal;
/* He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, eq. 10: variance 2 / fan_in. */
CT_API extern const ct_initializer ct_init_he_uniform, ct_init_he_normal;
/* PyTorch's default of Linear and Conv2d: uniform in +-1 / sqrt(fan_in), variance 1 / (3 fan_in). */
CT_API extern const ct_initializer ct_init_torch;
/* Uniform in +-1 / sqrt(fan_in + fan_out): as in lectures. */
CT_API extern const ct_initializer ct_init_fans_uniform;
CT_API extern const ct_initializer ct_init_zeros, ct_init_ones;
/* LeCun, Bottou, Orr, Mueller, "Efficient backprop", 1998, section 4.6: variance 1 / fan_in. */
CT_API extern const ct_initializer ct_init_lecun_uniform, ct_init_lecun_normal;
/* Variance 1, whatever the fans: PyTorch's normal_, and the same truncated. */
CT_API extern const ct_initializer ct_init_normal, ct_init_truncated_normal;
/* Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014: of all
 * such matrices one is as likely as another. A shape [out, in, ...] is the matrix [out, the rest], as in PyTorch's orthogonal_. */
CT_API extern const ct_initializer ct_init_orthogonal;
/* Xiao et al., "Dynamical isometry and a mean field theory of CNNs", 2018, section 3: keeps norms through a convolution. No more
 * channels in than out. */
CT_API extern const ct_initializer ct_init_delta_orthogonal;
/* Elements are what was in the memory: for a weight that a file brings, as PyTorch's skip_init; memory that nothing has written to is not
 * taken from the system yet. */
CT_API extern const ct_initializer ct_init_empty;
/* One's own: a deviation, the same truncated, a bound, a constant. */
#define CT_INIT_NORMAL(std) \
    (&(const ct_initializer){.name = "normal", .distribution = CT_NORMAL, .value = (double)(std) * (double)(std)})
#define CT_INIT_TRUNCATED_NORMAL(std) \
    (&(const ct_initializer){         \
        .name = "truncated_normal", .distribution = CT_TRUNCATED_NORMAL, .value = (double)(std) * (double)(std)})
#define CT_INIT_UNIFORM(bound) \
    (&(const ct_initializer){  \
        .name = "uniform", .distribution = CT_UNIFORM, .value = (double)(bound) * (double)(bound) / 3})
#define CT_INIT_CONSTANT(x) (&(const ct_initializer){.name = "constant", .distribution = CT_CONSTANT, .value = (x)})

/* Fills t in place, drawing from the thread's generator. With fan_in and fan_out 0 they follow from the shape [out, in, ...]:
 * in and out times the elements of the remaining axes. Errors: NULL, shape (rank below 2 where fans are needed and not given, or for
 * an orthogonal one), argument, memory. */
CT_API ct_status ct_initialize_(ct_tensor *t, const ct_initializer *initializer, int64_t fan_in, int64_t fan_out);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_initialize_(t, ...) ct_at_status(CT_HERE, ct_initialize_(t, __VA_ARGS__))
#endif

#ifdef __cplusplus
}
#endif
#endif
