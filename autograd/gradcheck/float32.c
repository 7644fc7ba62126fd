/* The float32 kernels against float64. Invariant: what counts as rounding is seen to vary as rounding does. */
#include "structure.h"
#include <float.h>
#include <math.h>

enum { ULPS = 32, SAFETY = 8 }; /* of the largest element; of the noise seen at a few points */

/* The check's subject in float32: inputs, cotangents, results and gradients. */
static ct_status inputs_at(const ct__check *check, double by, bool strided, ct_tensor **x)
{
    for (int i = 0; i < check->n; i++) {
        if (!ct__is_float(check->x[i]))
            continue;
        x[i] = ct__copy_as(check->x[i], CT_FLOAT32);
        if (!x[i])
            return ct_error_code();
        for (int64_t k = 0; k < x[i]->numel; k++)
            ((float *)(void *)ct__ptr(x[i]))[k] *= (float)(1 + by);
        x[i] = strided ? ct__in_layout(x[i], CT__SLICED) : x[i];
        if (!x[i])
            return ct_error_code();
    }
    return CT_OK;
}

/* Results at x as float64, and cotangents of their dtypes. */
static ct_status results_at(const ct__check *check, ct_tensor *const *x, ct_tensor **results, ct_tensor **cotangents)
{
    ct__check_seed(check);
    ct_no_grad_begin();
    int m = check->subject->run(check->subject, x, results);
    ct_no_grad_end();
    for (int i = 0; i < m; i++) {
        if (!check->cotangents[i] || !results[i])
            continue;
        cotangents[i] = ct__copy_as(check->cotangents[i], (ct_dtype)results[i]->dtype);
        results[i] = ct__copy_as(results[i], CT_FLOAT64);
        if (!cotangents[i] || !results[i])
            return ct_error_code();
    }
    return m < 0 ? ct_error_code() : CT_OK;
}

static ct_status run_at(ct__check *check, double by, bool strided, ct__room *r)
{
    ct_status status = inputs_at(check, by, strided, r->x);
    if (status == CT_OK)
        status = results_at(check, r->x, r->h, r->g);
    if (status == CT_OK)
        status = ct__vjp(check, r->x, r->wanted, r->g, r->grads);
    for (int i = 0; status == CT_OK && i < check->n; i++) {
        r->grads[i] = r->grads[i] ? ct__copy_as(r->grads[i], CT_FLOAT64) : NULL;
        status = ct_error_code();
    }
    return status;
}

static double furthest(const ct_tensor *a, const ct_tensor *b)
{
    double worst = 0;
    for (int64_t k = 0; k < a->numel; k++) {
        double off = fabs(ct__doubles(a)[k] - ct__doubles(b)[k]);
        worst = isnan(off) && !isnan(ct__doubles(b)[k]) ? INFINITY : fmax(worst, off);
    }
    return worst;
}

/* By how much what is computed at points a unit or two of float32 apart is not on a line. */
static double jump(const ct_tensor *below, const ct_tensor *middle, const ct_tensor *above)
{
    double worst = 0;
    for (int64_t k = 0; k < middle->numel; k++) {
        double second = fabs(ct__doubles(above)[k] - 2 * ct__doubles(middle)[k] + ct__doubles(below)[k]);
        worst = isfinite(second) ? fmax(worst, second) : worst;
    }
    return worst;
}

typedef struct runs {
    ct__room at[4]; /* below, at and above x; there again, with strides */
} runs;

static double allowed(const ct__check *check, const ct_tensor *const *three, double usual)
{
    double share = check->options->float32_tolerance, size = fmax(ct__largest(three[1]), usual);
    if (share > 0)
        return share * size;
    /* Samples are chosen so that rounding does little; inputs of the checker's own are not. */
    double ulps = check->subject->lenient ? 16 * ULPS : ULPS;
    return ulps * (FLT_EPSILON * size + FLT_MIN) + SAFETY * jump(three[0], three[1], three[2]);
}

static void judge(ct__check *check, int input, const char *what, const ct_tensor *const *three, const ct_tensor *is,
                  const ct_tensor *right, double usual)
{
    double worst = furthest(is, right), most = allowed(check, three, usual);
    if (!(worst <= most))
        ct__report_fault(check->report, "float32", input,
                         "the float32 %s is off by %.3g, where %.3g is the most that rounding explains", what, worst,
                         most);
}

/* What cancels is exact to the size of what it is made of. */
static double inputs_size(const ct__check *check)
{
    double size = 0;
    for (int i = 0; i < check->n; i++)
        size = fmax(size, ct__is_float(check->x[i]) ? ct__largest(check->x[i]) : 0);
    return size;
}

/* Of the run at x, which is 1, or the one with strides, 3. */
static ct_status judge_all(ct__check *check, const runs *r, int which)
{
    ct_tensor *results[CT_MAX_OUTPUTS] = {0};
    int m = check->m < CT_MAX_OUTPUTS ? check->m : CT_MAX_OUTPUTS;
    double usual = fmax(1e-2 * ct__largest_of(check->analytic, check->n), ct__largest_of(check->cotangents, check->m));
    ct__check_seed(check);
    ct_no_grad_begin();
    int run = check->subject->run(check->subject, check->x, results);
    ct_no_grad_end();
    if (run < 0)
        return ct_error_code();
    for (int i = 0; i < check->n; i++) {
        const ct_tensor *three[] = {r->at[0].grads[i], r->at[1].grads[i], r->at[2].grads[i]};
        if (check->wanted[i])
            judge(check, i, which == 1 ? "gradient" : "gradient of strided inputs", three, r->at[which].grads[i],
                  check->analytic[i], usual);
    }
    for (int i = 0; i < m; i++) {
        const ct_tensor *three[] = {r->at[0].h[i], r->at[1].h[i], r->at[2].h[i]},
                        *right = check->cotangents[i] ? ct__copy_as(results[i], CT_FLOAT64) : NULL;
        if (right && three[1]->numel == right->numel)
            judge(check, -1, which == 1 ? "result" : "result of strided inputs", three, r->at[which].h[i], right,
                  inputs_size(check));
    }
    return ct_error_code();
}

ct_status ct__check_float32(ct__check *check)
{
    static const double moves[] = {-0x1.8p-23, 0, 0x1.8p-23, 0};
    bool strided = check->subject->op && check->options->checks & CT_CHECK_LAYOUTS;
    if (!check->subject->op && !check->was_float32)
        return CT_OK;
    runs r;
    ct_status status = CT_OK;
    int opened = 0;
    for (; opened < (strided ? 4 : 3) && status == CT_OK; opened++) {
        status = ct__room_open(&r.at[opened], check);
        if (status == CT_OK)
            status = run_at(check, moves[opened], opened == 3, &r.at[opened]);
    }
    if (status == CT_OK)
        status = judge_all(check, &r, 1);
    if (status == CT_OK && strided)
        status = judge_all(check, &r, 3);
    check->report->structural -= opened - 1; /* runs of one check */
    while (opened-- > 0)
        status = ct__room_close(&r.at[opened], status);
    return status;
}
