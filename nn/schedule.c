/* Schedules of the learning rate: a row and a function of time each.
 *
 * Invariant: a factor depends on the record, the time and what was measured alone. */
#include "optimizer_internal.h"
#include <math.h>

static const double pi = 3.14159265358979323846;

/* ---- factors ---- */

static double constant(const ct_schedule *s, const ct_schedule_time *time)
{
    return s->length > 0 && time->t >= s->length ? 1 : s->p[0];
}

/* How much of the schedule has passed, up to 1. */
static double share(const ct_schedule_time *time)
{
    return fmin(time->t / time->length, 1);
}

static double linear(const ct_schedule *s, const ct_schedule_time *time)
{
    return s->p[0] + (s->p[1] - s->p[0]) * share(time);
}

static double warmup(const ct_schedule *s, const ct_schedule_time *time)
{
    return fmin((time->t + 1) / s->p[0], 1);
}

static double polynomial(const ct_schedule *s, const ct_schedule_time *time)
{
    return pow(1 - share(time), s->p[0]);
}

static double step(const ct_schedule *s, const ct_schedule_time *time)
{
    return pow(s->p[1], floor(time->t / s->p[0]));
}

static double exponential(const ct_schedule *s, const ct_schedule_time *time)
{
    return pow(s->p[0], time->t);
}

static double inverse(const ct_schedule *s, const ct_schedule_time *time)
{
    return 1 / (1 + s->p[0] * time->t);
}

static double inverse_sqrt(const ct_schedule *s, const ct_schedule_time *time)
{
    return s->p[0] / sqrt(time->t + 1);
}

/* From `from` to `to` as half a cosine, at a share of the way. */
static double half_cosine(double from, double to, double at)
{
    return to + (from - to) * (1 + cos(pi * at)) / 2;
}

static double cosine(const ct_schedule *s, const ct_schedule_time *time)
{
    return half_cosine(1, s->p[0], share(time));
}

/* Cycle n begins at t_0 (m^n - 1) / (m - 1). */
static double cosine_restarts(const ct_schedule *s, const ct_schedule_time *time)
{
    double t_0 = s->p[0], m = s->p[1];
    if (m == 1)
        return half_cosine(1, s->p[2], fmod(time->t, t_0) / t_0);
    double n = floor(log(time->t / t_0 * (m - 1) + 1) / log(m) + 1e-12);
    double begin = t_0 * (pow(m, n) - 1) / (m - 1);
    return half_cosine(1, s->p[2], (time->t - begin) / (t_0 * pow(m, n)));
}

/* PyTorch's steps: the highest rate at pct_start T - 1, the lowest at T - 1. */
static double one_cycle(const ct_schedule *s, const ct_schedule_time *time)
{
    double low = 1 / s->p[1], end = low / s->p[2], top = s->p[0] * time->length - 1, last = time->length - 1;
    if (time->t < top)
        return half_cosine(low, 1, time->t / top);
    return last > top ? half_cosine(1, end, fmin((time->t - top) / (last - top), 1)) : end;
}

/* ---- those that listen: memory is the level, the best or last measure, how many epochs were bad, whether there was any ---- */

enum { LEVEL, MEASURE, BAD, ANY };

static double level(const ct_schedule *s, const ct_schedule_time *time)
{
    (void)s;
    return time->memory[ANY] != 0 ? time->memory[LEVEL] : 1;
}

static void begin_listening(double *memory)
{
    if (memory[ANY] == 0) {
        memory[ANY] = memory[LEVEL] = 1;
        memory[MEASURE] = INFINITY;
    }
}

static void plateau(const ct_schedule *s, double measure, double *memory)
{
    begin_listening(memory);
    if (measure < memory[MEASURE] - fabs(memory[MEASURE]) * s->p[2] || isinf(memory[MEASURE])) {
        memory[MEASURE] = measure;
        memory[BAD] = 0;
    } else if (++memory[BAD] > s->p[1]) {
        memory[LEVEL] *= s->p[0];
        memory[BAD] = 0;
    }
}

static void newbob(const ct_schedule *s, double measure, double *memory)
{
    begin_listening(memory);
    if (measure > memory[MEASURE])
        memory[LEVEL] *= s->p[0];
    memory[MEASURE] = measure;
}

/* clang-format off */
const ct_schedule ct_schedule_constant        = {.name = "constant",        .factor = constant,        .unit = CT_STEPS,  .p = {1}};
const ct_schedule ct_schedule_linear          = {.name = "linear",          .factor = linear,          .unit = CT_STEPS,  .p = {1, 0}, .needs_length = true};
const ct_schedule ct_schedule_warmup          = {.name = "warmup",          .factor = warmup,          .unit = CT_STEPS,  .p = {1}};
const ct_schedule ct_schedule_polynomial      = {.name = "polynomial",      .factor = polynomial,      .unit = CT_STEPS,  .p = {1}, .needs_length = true};
const ct_schedule ct_schedule_step            = {.name = "step",            .factor = step,            .unit = CT_EPOCHS, .p = {10, 0.1}};
const ct_schedule ct_schedule_exponential     = {.name = "exponential",     .factor = exponential,     .unit = CT_EPOCHS, .p = {0.95}};
const ct_schedule ct_schedule_inverse         = {.name = "inverse",         .factor = inverse,         .unit = CT_EPOCHS, .p = {1}};
const ct_schedule ct_schedule_inverse_sqrt    = {.name = "inverse_sqrt",    .factor = inverse_sqrt,    .unit = CT_STEPS,  .p = {1}};
const ct_schedule ct_schedule_cosine          = {.name = "cosine",          .factor = cosine,          .unit = CT_STEPS,  .needs_length = true};
const ct_schedule ct_schedule_cosine_restarts = {.name = "cosine_restarts", .factor = cosine_restarts, .unit = CT_EPOCHS, .p = {10, 1, 0}};
const ct_schedule ct_schedule_one_cycle       = {.name = "one_cycle",       .factor = one_cycle,       .unit = CT_STEPS,  .p = {0.3, 25, 1e4}, .needs_length = true};
const ct_schedule ct_schedule_plateau         = {.name = "plateau",         .factor = level, .measured = plateau, .unit = CT_EPOCHS, .p = {0.1, 10, 1e-4}};
const ct_schedule ct_schedule_newbob          = {.name = "newbob",          .factor = level, .measured = newbob,  .unit = CT_EPOCHS, .p = {0.5}};
/* clang-format on */

/* ---- a product of them ---- */

/* Of one record at a point of the training; 1 before it begins. */
static double factor_of(const ct_schedule *s, const ct__training_time *now, const double *memory)
{
    bool epochs = s->unit == CT_EPOCHS;
    double t = (double)(epochs ? now->epoch : now->step) - s->begin,
           whole = (double)(epochs ? now->epochs : now->steps);
    ct_schedule_time time = {.t = t, .length = s->length > 0 ? s->length : fmax(whole - s->begin, 0), .memory = memory};
    return t < 0 ? 1 : s->factor(s, &time);
}

double ct__schedule_product(const ct_schedule *list, int n, const double *memory, const ct__training_time *now)
{
    double product = 1;
    for (int i = 0; i < n; i++) {
        double factor = factor_of(&list[i], now, memory + i * CT_SCHEDULE_MEMORY);
        if (!(factor >= 0 && isfinite(factor))) {
            ct_error_set(CT_ERROR_ARGUMENT, "schedule %s: the factor is %g at step %lld, epoch %lld", list[i].name,
                         factor, (long long)now->step, (long long)now->epoch);
            return NAN;
        }
        product *= factor;
    }
    return product;
}

static ct_status check_schedule(const ct_schedule *s, const ct__training_time *now)
{
    const char *name = s->name ? s->name : "of no name";
    if (!s->factor)
        return ct_error_set(CT_ERROR_NULL, "schedule %s: it has no function", name);
    if (!(s->begin >= 0 && s->length >= 0))
        return ct_error_set(CT_ERROR_ARGUMENT, "schedule %s: begin %g, length %g", name, s->begin, s->length);
    bool known = s->length > 0 || (s->unit == CT_EPOCHS ? now->epochs : now->steps) > 0;
    if (s->needs_length && !known)
        return ct_error_set(CT_ERROR_ARGUMENT, "schedule %s: it needs a length, its own or the training's", name);
    return CT_OK;
}

int ct__schedule_list(const ct_schedule *schedule, const ct__training_time *whole, ct_schedule *list)
{
    int n = 0;
    for (const ct_schedule *s = schedule; s; s = s->times) {
        if (n == CT__SCHEDULES)
            ct_error_set(CT_ERROR_ARGUMENT, "schedule %s: more than %d schedules in a product", s->name ? s->name : "",
                         CT__SCHEDULES);
        if (n == CT__SCHEDULES || check_schedule(s, whole) != CT_OK)
            return -1;
        list[n] = *s;
        list[n++].times = NULL;
    }
    return n;
}

double ct_schedule_factor(const ct_schedule *schedule, int64_t step, int64_t steps, int64_t epoch, int64_t epochs)
{
    if (!schedule) {
        ct_error_set(CT_ERROR_NULL, "schedule_factor: the schedule is NULL");
        return NAN;
    }
    ct_schedule list[CT__SCHEDULES];
    double memory[CT__SCHEDULES * CT_SCHEDULE_MEMORY] = {0};
    ct__training_time now = {.step = step, .steps = steps, .epoch = epoch, .epochs = epochs};
    int n = ct__schedule_list(schedule, &now, list);
    return n < 0 ? NAN : ct__schedule_product(list, n, memory, &now);
}
