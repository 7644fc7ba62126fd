/* Random numbers: counter-based (Philox4x32-10; Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1,
 * 2, 3", SC 2011). The k-th number of a generator depends on its seed and k alone: the same on every machine,
 * whatever the threads. */
#ifndef COTAN_RANDOM_H
#define COTAN_RANDOM_H

#include <cotan/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Seeds this thread's generator, which starts as ct_seed(0). */
CT_API void ct_seed(uint64_t seed);
/* Where this thread's generator stands, to be put back later: the same numbers follow. */
typedef struct ct_random_state {
    uint64_t seed, counter;
} ct_random_state;
CT_API ct_random_state ct_random_get(void);
CT_API void ct_random_set(ct_random_state state);

/* Uniform in [low, high), and normal: tensors of a float dtype, owned by the innermost scope, one number of the
 * generator for each element; NULL with an error (shape, dtype, memory, argument) that uses up none. low and high
 * are rounded to the dtype, and must differ then. */
CT_API ct_tensor *ct_rand(ct_dtype dtype, double low, double high, const int64_t *shape, int rank);
CT_API ct_tensor *ct_randn(ct_dtype dtype, double mean, double deviation, const int64_t *shape, int rank);
/* int64, uniform in [low, high), low < high. */
CT_API ct_tensor *ct_randint(int64_t low, int64_t high, const int64_t *shape, int rank);
/* A random order of 0..n-1: int64, shape [n]; each of the n! is as likely. */
CT_API ct_tensor *ct_randperm(int64_t n);
/* The next 64 random bits. */
CT_API uint64_t ct_random_u64(void);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_rand(dtype, low, high, ...) ct_at(CT_HERE, ct_rand(dtype, low, high, __VA_ARGS__))
#define ct_randn(dtype, mean, deviation, ...) ct_at(CT_HERE, ct_randn(dtype, mean, deviation, __VA_ARGS__))
#define ct_randint(low, high, ...) ct_at(CT_HERE, ct_randint(low, high, __VA_ARGS__))
#define ct_randperm(n) ct_at(CT_HERE, ct_randperm(n))
#endif

#ifdef __cplusplus
}
#endif
#endif
