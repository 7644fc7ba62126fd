/* Random numbers by counting: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011).
 *
 * Invariant: the k-th number of a generator is a function of its seed and k alone, made of integer operations and of
 * the four basic ones and sqrt, which IEEE 754 rounds alike everywhere. So no log of libm here, and no contraction of a
 * product and a sum into one rounding. */
#include "core_internal.h"
#include <math.h>
#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#define BLOCK 16384 /* elements of one parallel task: fixed, so that the partition knows nothing of the threads */
#define CHUNK 256   /* words made at once */

static _Thread_local ct_random_state generator; /* counter: 64-bit words drawn so far */

/* ---- bits ---- */

void ct__philox(const uint32_t counter[4], uint64_t key, uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = UINT64_C(0xD2511F53) * c0, p1 = UINT64_C(0xCD9E8D57) * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9; /* the golden ratio */
        k1 += 0xBB67AE85; /* sqrt(3) - 1 */
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* Words 2 * pair and 2 * pair + 1. attempt counts the draws again of one number, where a law rejects some. */
static void word_pair(uint64_t seed, uint64_t pair, uint32_t attempt, uint64_t words[2])
{
    const uint32_t counter[4] = {(uint32_t)pair, (uint32_t)(pair >> 32), attempt, 0};
    uint32_t out[4];
    ct__philox(counter, seed, out);
    words[0] = out[0] | (uint64_t)out[1] << 32;
    words[1] = out[2] | (uint64_t)out[3] << 32;
}

static uint64_t word_at(uint64_t seed, uint64_t k, uint32_t attempt)
{
    uint64_t words[2];
    word_pair(seed, k / 2, attempt, words);
    return words[k % 2];
}

/* Words k ... k + n - 1. */
static void words_at(uint64_t seed, uint64_t k, int64_t n, uint64_t *words)
{
    int64_t i = 0;
    if (n > 0 && k % 2)
        words[i++] = word_at(seed, k, 0);
    for (; i + 1 < n; i += 2)
        word_pair(seed, (k + (uint64_t)i) / 2, 0, words + i);
    if (i < n)
        words[i] = word_at(seed, k + (uint64_t)i, 0);
}

void ct_seed(uint64_t seed)
{
    generator = (ct_random_state){.seed = seed};
}

ct_random_state ct_random_get(void)
{
    return generator;
}

void ct_random_set(ct_random_state state)
{
    generator = state;
}

uint64_t ct_random_u64(void)
{
    return word_at(generator.seed, generator.counter++, 0);
}

/* ---- laws: what a word becomes ---- */

/* 0 <= u < 1: the 53 high bits. */
static double unit(uint64_t word)
{
    return (double)(word >> 11) * 0x1p-53;
}

/* ln(x) for a normal x > 0. x = m 2^e, sqrt(1/2) < m < sqrt(2); ln m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...) with
 * s = (m - 1)/(m + 1), |s| < 0.172, where the terms after s^23 are below 2^-59 of the first. */
double ct__natural_log(double x)
{
    const double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45; /* e * ln2_high is exact */
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0x000FFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000);
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        exponent++;
    }
    double s = (m - 1) / (m + 1), z = s * s, sum = 0;
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / k) * z;
    return (double)exponent * ln2_high + ((double)exponent * ln2_low + 2 * s + 2 * s * sum);
}

/* Numerator and denominator, highest power first. */
typedef struct rational {
    double a[8], b[8];
} rational;

static double rational_at(const rational *f, double r)
{
    double a = f->a[0], b = f->b[0];
    for (int i = 1; i < 8; i++) {
        a = a * r + f->a[i];
        b = b * r + f->b[i];
    }
    return a / b;
}

/* The inverse of the normal distribution function to about 1e-16 (M. J. Wichura, Algorithm AS 241, PPND16, Applied
 * Statistics 37, 1988). */
double ct__normal_quantile(double tail)
{
    static const rational centre = {
        {2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4, 4.5921953931549871457e+4,
         1.3731693765509461125e+4, 1.9715909503065514427e+3, 1.3314166789178437745e+2, 3.3871328727963666080e+0},
        {5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
         5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1.0},
    };
    static const rational middle = {
        {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e+0,
         3.64784832476320460504e+0, 5.76949722146069140550e+0, 4.63033784615654529590e+0, 1.42343711074968357734e+0},
        {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
         6.89767334985100004550e-1, 1.67638483018380384940e+0, 2.05319162663775882187e+0, 1.0},
    };
    static const rational far = {
        {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
         2.96560571828504891230e-1, 1.78482653991729133580e+0, 5.46378491116411436990e+0, 6.65790464350110377720e+0},
        {2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
         1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0},
    };
    double q = 0.5 - tail;
    if (q <= 0.425)
        return q * rational_at(&centre, 0.180625 - q * q);
    double r = sqrt(-ct__natural_log(tail));
    return r <= 5 ? rational_at(&middle, r - 1.6) : rational_at(&far, r - 5);
}

/* The high bit is the sign, the 52 below it the tail's probability, (2 i + 1) 2^-54: never 0, never 1/2, all exact. */
static double standard_normal(uint64_t word)
{
    double z = ct__normal_quantile((2 * (double)(word << 1 >> 12) + 1) * 0x1p-54);
    return word >> 63 ? -z : z;
}

/* The upper 64 bits of a b, the lower go to *low; not every machine has integers of 128. */
static uint64_t product_of(uint64_t a, uint64_t b, uint64_t *low)
{
    const uint64_t half = UINT32_MAX;
    uint64_t last = (a & half) * (b & half), left = (a >> 32) * (b & half) + (last >> 32),
             right = (a & half) * (b >> 32);
    uint64_t middle = (left & half) + right;
    *low = a * b;
    return (a >> 32) * (b >> 32) + (left >> 32) + (middle >> 32);
}

/* Number k of 0 ... range - 1, each as likely: word * range / 2^64, less the few words that would favour some (D.
 * Lemire, "Fast random integer generation in an interval", 2019). A word refused is drawn again at the same k, so
 * that no other number moves. */
static uint64_t bounded(uint64_t seed, uint64_t k, uint64_t word, uint64_t range)
{
    uint64_t low, high = product_of(word, range, &low);
    if (CT_UNLIKELY(low < range)) {
        uint64_t refused = -range % range;
        for (uint32_t attempt = 1; low < refused; attempt++)
            high = product_of(word_at(seed, k, attempt), range, &low);
    }
    return high;
}

/* ---- for laws that take several numbers ---- */

ct_random_state ct__random_take(int64_t n)
{
    ct_random_state from = generator;
    generator.counter += (uint64_t)n;
    return from;
}

double ct__draw_unit(ct_draws *d)
{
    return unit(word_at(d->seed, d->k, d->attempt++)) + 0x1p-54;
}

double ct__draw_normal(ct_draws *d)
{
    return standard_normal(word_at(d->seed, d->k, d->attempt++));
}

/* ---- filling tensors ---- */

typedef struct fill fill;
struct fill {
    void (*law)(const fill *f, uint64_t k, const uint64_t *words, int64_t n,
                void *out); /* words k ... become n elements */
    ct_random_state from;
    ct_tensor *out;
    double low, high;       /* uniform */
    double mean, deviation; /* normal */
    int64_t first;          /* integer: first ... first + range - 1 */
    uint64_t range;
};

static void store(ct_dtype dtype, void *out, int64_t i, double value)
{
    if (dtype == CT_FLOAT32)
        ((float *)out)[i] = (float)value;
    else
        ((double *)out)[i] = value;
}

static void uniform_law(const fill *f, uint64_t k, const uint64_t *words, int64_t n, void *out)
{
    (void)k;
    ct_dtype dtype = f->out->dtype;
    /* The sum may round up to high, which does not belong. */
    double last = dtype == CT_FLOAT32 ? (double)nextafterf((float)f->high, (float)f->low) : nextafter(f->high, f->low);
    for (int64_t i = 0; i < n; i++) {
        double value = f->low + (f->high - f->low) * unit(words[i]);
        store(dtype, out, i, value < last ? value : last);
    }
}

static void normal_law(const fill *f, uint64_t k, const uint64_t *words, int64_t n, void *out)
{
    (void)k;
    for (int64_t i = 0; i < n; i++)
        store(f->out->dtype, out, i, f->mean + f->deviation * standard_normal(words[i]));
}

static void integer_law(const fill *f, uint64_t k, const uint64_t *words, int64_t n, void *out)
{
    for (int64_t i = 0; i < n; i++)
        ((int64_t *)out)[i] =
            (int64_t)((uint64_t)f->first + bounded(f->from.seed, k + (uint64_t)i, words[i], f->range));
}

static void fill_block(void *context, int64_t block)
{
    const fill *f = context;
    size_t size = ct_dtype_size(f->out->dtype);
    int64_t end = f->out->numel < (block + 1) * BLOCK ? f->out->numel : (block + 1) * BLOCK;
    for (int64_t i = block * BLOCK; i < end; i += CHUNK) {
        uint64_t words[CHUNK], k = f->from.counter + (uint64_t)i;
        int64_t n = end - i < CHUNK ? end - i : CHUNK;
        words_at(f->from.seed, k, n, words);
        f->law(f, k, words, n, ct__ptr(f->out) + (size_t)i * size);
    }
}

/* A new tensor filled by f's law; what fails draws nothing. */
static ct_tensor *filled(fill f, ct_dtype dtype, const int64_t *shape, int rank, const char *what)
{
    if (ct__check_shape(dtype, shape, rank, what) != CT_OK)
        return NULL;
    f.out = ct__tensor_new(dtype, shape, rank, what);
    if (!f.out)
        return NULL;
    f.from = ct__random_take(f.out->numel);
    ct__parallel((f.out->numel + BLOCK - 1) / BLOCK, fill_block, &f);
    return f.out;
}

static bool check_float(ct_dtype dtype, const char *what)
{
    return ct_dtype_is_float(dtype) ||
           (ct__error(CT_ERROR_DTYPE, "%s: needs float32 or float64, not %s", what, ct_dtype_name(dtype)), false);
}

/* What a number of a float dtype becomes in it. Not inlined: from two such conversions side by side, GCC 12 makes a
 * vector one that it then takes for the identity. */
__attribute__((noinline)) static double rounded(ct_dtype dtype, double value)
{
    return dtype == CT_FLOAT32 ? (double)(float)value : value;
}

ct_tensor *ct_rand(ct_dtype dtype, double low, double high, const int64_t *shape, int rank)
{
    if (!check_float(dtype, "rand"))
        return NULL;
    fill f = {.law = uniform_law, .low = rounded(dtype, low), .high = rounded(dtype, high)};
    if (!(f.low < f.high) || !isfinite(f.high - f.low)) {
        ct__error(CT_ERROR_ARGUMENT, "rand: no range [low, high) from %g to %g in %s", low, high, ct_dtype_name(dtype));
        return NULL;
    }
    return filled(f, dtype, shape, rank, "rand");
}

ct_tensor *ct_randn(ct_dtype dtype, double mean, double deviation, const int64_t *shape, int rank)
{
    if (!check_float(dtype, "randn"))
        return NULL;
    if (!isfinite(rounded(dtype, mean)) || !isfinite(rounded(dtype, deviation)) || deviation < 0) {
        ct__error(CT_ERROR_ARGUMENT,
                  "randn: mean %g, deviation %g: both must be finite in %s, the deviation not negative", mean,
                  deviation, ct_dtype_name(dtype));
        return NULL;
    }
    fill f = {.law = normal_law, .mean = mean, .deviation = deviation};
    return filled(f, dtype, shape, rank, "randn");
}

ct_tensor *ct_randint(int64_t low, int64_t high, const int64_t *shape, int rank)
{
    if (low >= high) {
        ct__error(CT_ERROR_ARGUMENT, "randint: no integer in [%lld, %lld)", (long long)low, (long long)high);
        return NULL;
    }
    fill f = {.law = integer_law, .first = low, .range = (uint64_t)high - (uint64_t)low};
    return filled(f, CT_INT64, shape, rank, "randint");
}

/* Fisher and Yates's shuffle, from the end (R. Durstenfeld, Algorithm 235, 1964). */
ct_tensor *ct_randperm(int64_t n)
{
    if (ct__check_shape(CT_INT64, &n, 1, "randperm") != CT_OK)
        return NULL;
    ct_tensor *order = ct__tensor_new(CT_INT64, &n, 1, "randperm");
    if (!order)
        return NULL;
    int64_t *p = (int64_t *)ct__ptr(order);
    for (int64_t i = 0; i < n; i++)
        p[i] = i;
    for (int64_t left = n; left > 1; left--) {
        uint64_t k = generator.counter++;
        uint64_t chosen = bounded(generator.seed, k, word_at(generator.seed, k, 0), (uint64_t)left);
        int64_t last = p[left - 1];
        p[left - 1] = p[chosen];
        p[chosen] = last;
    }
    return order;
}
