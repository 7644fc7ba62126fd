/* Reads tests/data/accuracy.gz and compares. Invariant: errors are in units in the last place of the true value, denormal ones
 * and values past the largest number included. */
#include "accuracy.h"
#include <cotan/cotan.h>
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* ---- the functions ---- */

#define WITH_NUMBERS(name, call)         \
    static ct_tensor *name(ct_tensor *x) \
    {                                    \
        return call;                     \
    }
WITH_NUMBERS(add_scalar, ct_add_scalar(x, 0.75))
WITH_NUMBERS(mul_scalar, ct_mul_scalar(x, 0.75))
WITH_NUMBERS(pow_0, ct_pow_scalar(x, 0))
WITH_NUMBERS(pow_1, ct_pow_scalar(x, 1))
WITH_NUMBERS(pow_2, ct_pow_scalar(x, 2))
WITH_NUMBERS(pow_3, ct_pow_scalar(x, 3))
WITH_NUMBERS(pow_half, ct_pow_scalar(x, 0.5))
WITH_NUMBERS(pow_minus_1, ct_pow_scalar(x, -1))
WITH_NUMBERS(pow_minus_3_halves, ct_pow_scalar(x, -1.5))
WITH_NUMBERS(softplus_2, ct_softplus(x, 2))
WITH_NUMBERS(softplus_minus_half, ct_softplus(x, -0.5))
WITH_NUMBERS(leaky_relu, ct_leaky_relu(x, 0.125))
WITH_NUMBERS(elu, ct_elu(x, 0.75))
WITH_NUMBERS(clamp, ct_clamp(x, -1, 2))
WITH_NUMBERS(polygamma_1, ct_polygamma(x, 1))
WITH_NUMBERS(hardtanh, ct_hardtanh(x, -1, 2))

#define LERP(name, weight)                                       \
    static ct_tensor *name(ct_tensor *a, ct_tensor *b)           \
    {                                                            \
        return ct_lerp(a, b, ct_scalar(ct_dtype_of(a), weight)); \
    }
LERP(lerp_quarter, 0.25)
LERP(lerp_three_quarters, 0.75)
LERP(lerp_1, 1)

static const struct {
    const char *name; /* as in the data */
    ct_tensor *(*of_one)(ct_tensor *);
    ct_tensor *(*of_two)(ct_tensor *, ct_tensor *);
} functions[] = {
#define ONE(f)           \
    {                    \
#f, ct_##f, NULL \
    }
#define TWO(f)           \
    {                    \
#f, NULL, ct_##f \
    }
    ONE(neg),
    ONE(exp),
    ONE(log),
    ONE(sqrt),
    ONE(square),
    ONE(abs),
    ONE(sign),
    ONE(tanh),
    ONE(sigmoid),
    ONE(relu),
    {"add_scalar", add_scalar, NULL},
    {"mul_scalar", mul_scalar, NULL},
    {"pow_scalar 0", pow_0, NULL},
    {"pow_scalar 1", pow_1, NULL},
    {"pow_scalar 2", pow_2, NULL},
    {"pow_scalar 3", pow_3, NULL},
    {"pow_scalar 0.5", pow_half, NULL},
    {"pow_scalar -1", pow_minus_1, NULL},
    {"pow_scalar -1.5", pow_minus_3_halves, NULL},
    ONE(rsqrt),
    ONE(reciprocal),
    ONE(expm1),
    ONE(log1p),
    ONE(log2),
    ONE(sin),
    ONE(cos),
    ONE(tan),
    ONE(asin),
    ONE(acos),
    ONE(atan),
    ONE(sinh),
    ONE(cosh),
    ONE(erf),
    ONE(log_sigmoid),
    {"softplus 2", softplus_2, NULL},
    {"softplus -0.5", softplus_minus_half, NULL},
    {"leaky_relu", leaky_relu, NULL},
    {"elu", elu, NULL},
    ONE(selu),
    ONE(gelu),
    ONE(gelu_tanh),
    ONE(silu),
    ONE(mish),
    ONE(softsign),
    ONE(floor),
    {"clamp", clamp, NULL},
    {"hardtanh", hardtanh, NULL},
    ONE(ceil),
    ONE(round),
    ONE(trunc),
    ONE(frac),
    ONE(exp2),
    ONE(log10),
    ONE(asinh),
    ONE(acosh),
    ONE(atanh),
    ONE(deg2rad),
    ONE(rad2deg),
    ONE(erfc),
    ONE(erfinv),
    ONE(sinc),
    ONE(lgamma),
    ONE(digamma),
    {"polygamma 1", polygamma_1, NULL},
    ONE(i0),
    ONE(i1),
    ONE(i0e),
    ONE(i1e),
    TWO(mul),
    TWO(div),
    TWO(pow),
    TWO(atan2),
    TWO(swish),
    TWO(maximum),
    TWO(minimum),
    {"lerp 0.25", NULL, lerp_quarter},
    {"lerp 0.75", NULL, lerp_three_quarters},
    {"lerp 1", NULL, lerp_1},
    TWO(hypot),
    TWO(logaddexp),
    TWO(xlogy),
    TWO(remainder),
    TWO(fmod),
    TWO(copysign),
};

int accuracy_functions(void)
{
    return (int)(sizeof functions / sizeof *functions);
}

const char *accuracy_name(int function)
{
    return functions[function].name;
}

int accuracy_inputs(int function)
{
    return functions[function].of_two ? 2 : 1;
}

/* Their tails are powers of e whose exponents are rounded on the way. */
bool accuracy_steep(int function)
{
    static const char *const steep[] = {"gelu_tanh", "mish", "swish", "lgamma", "digamma", "logaddexp"};
    for (size_t i = 0; i < sizeof steep / sizeof *steep; i++)
        if (strcmp(functions[function].name, steep[i]) == 0)
            return true;
    return false;
}

/* ---- the data ---- */

/* For each point: the inputs, and the values of each function of so many inputs: f, f', f'', or f, fa, fb, faa, fab, fbb. */
typedef struct table {
    int64_t points;
    int functions, width;
    double *rows;
} table;

enum { VALUES = 6 };
static table tables[2];

/* The functions of n inputs, in the order of functions[]. */
static bool read_table(gzFile file, int n, table *t)
{
    char line[64];
    long long points;
    int inputs;
    if (!gzgets(file, line, sizeof line) || sscanf(line, "%d %lld %d", &inputs, &points, &t->functions) != 3 ||
        inputs != n)
        return false;
    int known = 0;
    for (int i = 0; i < accuracy_functions(); i++) {
        if (accuracy_inputs(i) != n)
            continue;
        known++;
        if (!gzgets(file, line, sizeof line) || strcspn(line, "\n") != strlen(functions[i].name) ||
            strncmp(line, functions[i].name, strlen(functions[i].name)) != 0)
            return false;
    }
    t->points = points;
    t->width = n + t->functions * (n == 1 ? 3 : VALUES);
    size_t bytes = (size_t)points * (size_t)t->width * sizeof(double);
    t->rows = malloc(bytes);
    return known == t->functions && t->rows && gzread(file, t->rows, (unsigned)bytes) == (int)bytes;
}

static bool read_tables(void)
{
    if (tables[1].rows)
        return true;
    gzFile file = gzopen(TEST_DATA "/accuracy.gz", "rb");
    bool read = file && read_table(file, 1, &tables[0]) && read_table(file, 2, &tables[1]);
    if (file)
        gzclose(file);
    return read;
}

/* ---- comparing ---- */

/* got and want are of the dtype, but that want may be more exact. */
static double error_in_ulp(double got, double want, ct_dtype dtype)
{
    int digits = dtype == CT_FLOAT32 ? 24 : 53, highest = dtype == CT_FLOAT32 ? 128 : 1024;
    if (isnan(got) || isnan(want))
        return isnan(got) && isnan(want) ? 0 : INFINITY;
    double limit = ldexp(1, highest - 1); /* of halves, in which infinity counts as the number past the largest */
    double a = fabs(got / 2) >= limit ? copysign(limit, got) : got / 2;
    double b = fabs(want / 2) >= limit ? copysign(limit, want) : want / 2;
    if (fabs(want) < 1) {
        a = got;
        b = want;
    }
    int exponent = b == 0 ? -2000 : ilogb(b), lowest = 3 - highest;
    return fabs(a - b) / ldexp(1, (exponent < lowest - 1 ? lowest - 1 : exponent) - digits + 1);
}

static bool in_dtype(double x, ct_dtype dtype)
{
    return dtype == CT_FLOAT64 || isnan(x) || (double)(float)x == x;
}

/* ---- measuring ---- */

typedef struct measurement {
    const double **rows; /* of the points that are of the dtype */
    int64_t points;
    int inputs, column; /* where the function's values begin */
    ct_dtype dtype;
    accuracy *orders;
} measurement;

/* Compares a tensor (NULL: zeros) with value number which; a derivative is of no interest where the function is NaN. */
static void compare(const measurement *m, const ct_tensor *t, int which)
{
    int order = m->inputs == 1 ? which : which == 0 ? 0 : which < 3 ? 1 : 2;
    accuracy *worst = &m->orders[order];
    for (int64_t i = 0; i < m->points; i++) {
        const double *row = m->rows[i], *want = row + m->column;
        bool outside = isnan(want[0]) && !isnan(row[0]) && !isnan(row[m->inputs - 1]);
        if (order > 0 && outside)
            continue;
        double error = error_in_ulp(t ? ct_get(t, &i, 1) : 0, want[which], m->dtype);
        if (error > worst->error) {
            worst->error = error;
            worst->at[0] = row[0];
            worst->at[1] = row[m->inputs - 1];
        }
    }
}

/* The gradients of y, summed, for the n inputs; NULL where y does not depend on one. */
static bool differentiate(ct_tensor *y, ct_tensor *const *x, int n, ct_tensor **gradients)
{
    for (int k = 0; k < n; k++)
        gradients[k] = NULL;
    if (!y || !ct_requires_grad(y))
        return true;
    ct_tensor *sum = ct_sum(y);
    return ct_grad(&sum, 1, x, n, gradients, .create_graph = true, .allow_unused = true) == CT_OK;
}

/* The points of the dtype, and the function's place in their rows. m->rows is to be freed. */
static bool open_measurement(measurement *m, int function, ct_dtype dtype)
{
    if (!read_tables())
        return false;
    int inputs = accuracy_inputs(function), before = 0;
    const table *t = &tables[inputs - 1];
    for (int i = 0; i < function; i++)
        before += accuracy_inputs(i) == inputs;
    *m = (measurement){.inputs = inputs, .column = inputs + before * (inputs == 1 ? 3 : VALUES), .dtype = dtype};
    m->rows = malloc((size_t)t->points * sizeof *m->rows);
    for (int64_t i = 0; m->rows && i < t->points; i++) {
        const double *row = t->rows + i * t->width;
        if (in_dtype(row[0], dtype) && in_dtype(row[inputs - 1], dtype))
            m->rows[m->points++] = row;
    }
    return m->rows;
}

static ct_tensor *call(int function, ct_tensor *const *x)
{
    return functions[function].of_two ? functions[function].of_two(x[0], x[1]) : functions[function].of_one(x[0]);
}

static bool measure_points(const measurement *m, int function)
{
    ct_tensor *x[2], *first[2], *second[2];
    for (int k = 0; k < m->inputs; k++) {
        x[k] = ct_zeros(CT_FLOAT64, CT_SHAPE(m->points));
        double *elements = ct_data_mut(x[k]);
        for (int64_t i = 0; elements && i < m->points; i++)
            elements[i] = m->rows[i][k];
        x[k] = ct_set_requires_grad(ct_cast(x[k], m->dtype), true);
    }
    ct_tensor *y = call(function, x);
    if (!y || !differentiate(y, x, m->inputs, first))
        return false;
    compare(m, y, 0);
    for (int k = 0; k < m->inputs; k++) {
        compare(m, first[k], 1 + k);
        if (!differentiate(first[k], x, m->inputs, second))
            return false;
        for (int l = k; l < m->inputs; l++)
            compare(m, second[l], m->inputs == 1 ? 2 : 3 + k + l);
    }
    return true;
}

bool accuracy_measure(int function, ct_dtype dtype, accuracy orders[3])
{
    measurement m;
    if (!open_measurement(&m, function, dtype))
        return false;
    memset(orders, 0, 3 * sizeof *orders);
    m.orders = orders;
    ct_scope_open();
    bool measured = measure_points(&m, function);
    ct_scope_close();
    free(m.rows);
    return measured;
}

int accuracy_exceptions(int function, ct_dtype dtype, int mask, double at[2])
{
    measurement m;
    int flags = 0;
    if (!open_measurement(&m, function, dtype))
        return mask;
    double largest = dtype == CT_FLOAT32 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
    for (int64_t i = 0; i < m.points && flags == 0; i++) {
        at[0] = m.rows[i][0];
        at[1] = m.rows[i][m.inputs - 1];
        if (!isfinite(at[0]) || !isfinite(at[1]) || !(fabs(m.rows[i][m.column]) <= largest))
            continue;
        ct_scope_open();
        ct_tensor *x[] = {ct_scalar(dtype, at[0]), ct_scalar(dtype, at[1])};
        feclearexcept(FE_ALL_EXCEPT);
        flags = call(function, x) ? fetestexcept(mask) : mask;
        ct_scope_close();
    }
    free(m.rows);
    return flags;
}

void accuracy_print(double error, char text[16])
{
    int digits = error < 10 ? 1 : 1 - (int)floor(log10(error));
    if (!isinf(error))
        error = ceil(error * pow(10, digits) * (1 - 1e-9)) / pow(10, digits);
    snprintf(text, 16, error < 10 ? "%.1f" : error < 1000 ? "%.0f" : "%.1e", error);
}
