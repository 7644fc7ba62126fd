/* Gradients around x. Invariant: the same state gives the same points. */
#include "around.h"
#include <math.h>
#include <string.h>

double ct__normal(ct_random_state *state)
{
    ct_random_set(*state);
    double u = ldexp((double)(ct_random_u64() >> 11) + 1, -53), v = ldexp((double)(ct_random_u64() >> 11), -53);
    *state = ct_random_get();
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

bool ct__nudge(ct__worker *w, ct_random_state *state, double by, ct_tensor **origin)
{
    for (int i = 0; i < w->check->n; i++) {
        ct_tensor *x = w->x[i];
        origin[i] = ct__is_float(x) ? ct__copy_as(x, CT_FLOAT64) : NULL;
        if (ct__is_float(x) && !origin[i])
            return false;
    }
    for (int i = 0; i < w->check->n; i++)
        for (int64_t k = 0; origin[i] && k < origin[i]->numel; k++) {
            double *x = &ct__doubles(w->x[i])[k];
            *x += by * ct__normal(state) * ct__small_unit(fabs(*x));
        }
    return true;
}

void ct__nudge_back(ct__worker *w, ct_tensor *const *origin)
{
    for (int i = 0; i < w->check->n; i++)
        if (origin[i])
            memcpy(ct__doubles(w->x[i]), ct__doubles(origin[i]), (size_t)origin[i]->numel * sizeof(double));
}

ct_status ct__gradients_around(ct__worker *w, ct_tensor **grads)
{
    const ct__check *check = w->check;
    ct_gradcheck_options value_only = *check->options; /* other threads write to the report too */
    value_only.checks = CT_CHECK_VALUE_ONLY;
    ct__check quiet = {.subject = check->subject, .options = &value_only, .report = check->report, .n = check->n};
    return ct__vjp(&quiet, w->x, check->wanted, w->cotangents, grads);
}
