/* The update loops for one float type: optimizer.c includes this once for each, with REAL, REAL_SQRT and NAME(x) defined.
 *
 * Invariant: each element is read and written once, and independently of the others. A state that a rule may do without is a
 * constant of its loop: GCC makes of the question in the loop a masked load from NULL, and such a load takes a hundred others. */

/* Everywhere g = gradient + decay p + l1 sign(p), and with maximize -gradient in place of gradient. */
static inline REAL NAME(penalised)(REAL signed_gradient, REAL p, REAL decay, REAL l1)
{
    return signed_gradient + decay * p + (p > 0 ? l1 : p < 0 ? -l1 : 0);
}

/* v = momentum v + fresh g;  p -= rate (nesterov ? fresh g + momentum v : momentum ? v : g). PyTorch's form has fresh 1 in the first
 * step and 1 - dampening then; the average 1 - momentum; that of steps lr, and a rate of 1. */
static REAL NAME(fresh)(const ct_update *u)
{
    const ct_optimizer_options *o = u->options;
    double of_sum = u->step == 1 ? 1 : 1 - o->dampening;
    return (REAL)(o->momentum_form == CT_MOMENTUM_AVERAGE ? 1 - o->momentum
                  : o->momentum_form == CT_MOMENTUM_STEP  ? o->lr
                                                          : of_sum);
}

CT_CLONES static void NAME(sgd)(const ct_update *u)
{
    const ct_optimizer_options *o = u->options;
    const REAL sign = o->maximize ? -1 : 1, lr = (REAL)o->lr, decay = (REAL)o->weight_decay, l1 = (REAL)o->l1;
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict v = u->states[0];
    if (o->momentum == 0) {
        for (int64_t i = 0; i < u->n; i++)
            p[i] -= lr * NAME(penalised)(sign * gradient[i], p[i], decay, l1);
        return;
    }
    const REAL momentum = (REAL)o->momentum, fresh = NAME(fresh)(u);
    const REAL rate = o->momentum_form == CT_MOMENTUM_STEP ? 1 : lr;
    const REAL own = o->nesterov ? fresh : 0, ahead = o->nesterov ? momentum : 1;
    for (int64_t i = 0; i < u->n; i++) {
        REAL g = NAME(penalised)(sign * gradient[i], p[i], decay, l1);
        v[i] = momentum * v[i] + fresh * g;
        p[i] -= rate * (own * g + ahead * v[i]);
    }
}

/* p *= shrink;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  amsgrad: w = max(w, v), otherwise w = v;
 * p -= lr / (1 - beta1^t) m / (sqrt(w) / sqrt(1 - beta2^t) + eps) */
CT_LOOP NAME(adam_loop)(const ct_update *u, double l2, double decoupled, const bool amsgrad)
{
    const ct_optimizer_options *o = u->options;
    const REAL sign = o->maximize ? -1 : 1, shrink = (REAL)(1 - o->lr * decoupled), decay = (REAL)l2, l1 = (REAL)o->l1,
               eps = (REAL)o->eps;
    const REAL beta1 = (REAL)o->beta1, rest1 = (REAL)(1 - o->beta1), beta2 = (REAL)o->beta2,
               rest2 = (REAL)(1 - o->beta2);
    const REAL rate = (REAL)(o->lr / (1 - pow(o->beta1, (double)u->step)));
    const REAL root = (REAL)(1 / sqrt(1 - pow(o->beta2, (double)u->step)));
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict m = u->states[0], *restrict v = u->states[1];
    REAL *restrict most = amsgrad ? u->states[2] : NULL;
    for (int64_t i = 0; i < u->n; i++) {
        REAL shrunk = p[i] * shrink, g = NAME(penalised)(sign * gradient[i], shrunk, decay, l1), w;
        m[i] = beta1 * m[i] + rest1 * g;
        w = v[i] = beta2 * v[i] + rest2 * (g * g);
        if (amsgrad)
            w = most[i] = most[i] > w ? most[i] : w;
        p[i] = shrunk - rate * m[i] / (REAL_SQRT(w) * root + eps);
    }
}

CT_CLONES static void NAME(adam_step)(const ct_update *u, double l2, double decoupled)
{
    if (u->options->amsgrad)
        NAME(adam_loop)(u, l2, decoupled, true);
    else
        NAME(adam_loop)(u, l2, decoupled, false);
}

static void NAME(adam)(const ct_update *u)
{
    NAME(adam_step)(u, u->options->weight_decay, 0);
}

static void NAME(adamw)(const ct_update *u)
{
    NAME(adam_step)(u, 0, u->options->weight_decay);
}

/* v = beta2 v + (1 - beta2) g^2;  centered: a = beta2 a + (1 - beta2) g, w = v - a^2, otherwise w = v;
 * d = g / (sqrt(w) + eps);  b = momentum b + d;  p -= lr b */
CT_LOOP NAME(rmsprop_loop)(const ct_update *u, const bool centered, const bool moving)
{
    const ct_optimizer_options *o = u->options;
    const REAL lr = (REAL)o->lr, momentum = (REAL)o->momentum, decay = (REAL)o->weight_decay, l1 = (REAL)o->l1,
               eps = (REAL)o->eps;
    const REAL sign = o->maximize ? -1 : 1, beta2 = (REAL)o->beta2, rest2 = (REAL)(1 - o->beta2);
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict v = u->states[0];
    REAL *restrict a = centered ? u->states[1] : NULL, *restrict b = moving ? u->states[centered ? 2 : 1] : NULL;
    for (int64_t i = 0; i < u->n; i++) {
        REAL g = NAME(penalised)(sign * gradient[i], p[i], decay, l1), w = v[i] = beta2 * v[i] + rest2 * (g * g);
        if (centered) {
            a[i] = beta2 * a[i] + rest2 * g;
            w -= a[i] * a[i];
            w = w < 0 ? 0 : w; /* by rounding */
        }
        REAL step = g / (REAL_SQRT(w) + eps);
        if (moving)
            step = b[i] = momentum * b[i] + step;
        p[i] -= lr * step;
    }
}

CT_CLONES static void NAME(rmsprop)(const ct_update *u)
{
    bool moving = u->options->momentum != 0;
    if (u->options->centered && moving)
        NAME(rmsprop_loop)(u, true, true);
    else if (u->options->centered)
        NAME(rmsprop_loop)(u, true, false);
    else if (moving)
        NAME(rmsprop_loop)(u, false, true);
    else
        NAME(rmsprop_loop)(u, false, false);
}

/* v, at first the initial value, += g^2;  p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(v) + eps) */
CT_CLONES static void NAME(adagrad)(const ct_update *u)
{
    const ct_optimizer_options *o = u->options;
    const REAL sign = o->maximize ? -1 : 1, decay = (REAL)o->weight_decay, l1 = (REAL)o->l1, eps = (REAL)o->eps;
    const REAL begin = u->step == 1 ? (REAL)o->initial_accumulator_value : 0;
    const REAL lr = (REAL)(o->lr / (1 + (double)(u->step - 1) * o->lr_decay));
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict v = u->states[0];
    for (int64_t i = 0; i < u->n; i++) {
        REAL g = NAME(penalised)(sign * gradient[i], p[i], decay, l1);
        v[i] += begin + g * g;
        p[i] -= lr * g / (REAL_SQRT(v[i]) + eps);
    }
}

/* v = beta2 v + (1 - beta2) g^2;  d = g sqrt(a + eps) / sqrt(v + eps);  a = beta2 a + (1 - beta2) d^2;  p -= lr d */
CT_CLONES static void NAME(adadelta)(const ct_update *u)
{
    const ct_optimizer_options *o = u->options;
    const REAL sign = o->maximize ? -1 : 1, lr = (REAL)o->lr, decay = (REAL)o->weight_decay, l1 = (REAL)o->l1,
               eps = (REAL)o->eps;
    const REAL beta2 = (REAL)o->beta2, rest2 = (REAL)(1 - o->beta2);
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict v = u->states[0], *restrict a = u->states[1];
    for (int64_t i = 0; i < u->n; i++) {
        REAL g = NAME(penalised)(sign * gradient[i], p[i], decay, l1);
        v[i] = beta2 * v[i] + rest2 * (g * g);
        REAL d = REAL_SQRT(a[i] + eps) / REAL_SQRT(v[i] + eps) * g;
        a[i] = beta2 * a[i] + rest2 * (d * d);
        p[i] -= lr * d;
    }
}

/* m = beta1 m + (1 - beta1) g;  s = max(beta2 s, |g| + eps);  p -= lr / (1 - beta1^t) m / s */
CT_CLONES static void NAME(adamax)(const ct_update *u)
{
    const ct_optimizer_options *o = u->options;
    const REAL sign = o->maximize ? -1 : 1, decay = (REAL)o->weight_decay, l1 = (REAL)o->l1, eps = (REAL)o->eps;
    const REAL beta1 = (REAL)o->beta1, rest1 = (REAL)(1 - o->beta1), beta2 = (REAL)o->beta2;
    const REAL rate = (REAL)(o->lr / (1 - pow(o->beta1, (double)u->step)));
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict m = u->states[0], *restrict s = u->states[1];
    for (int64_t i = 0; i < u->n; i++) {
        REAL g = NAME(penalised)(sign * gradient[i], p[i], decay, l1), size = (g < 0 ? -g : g) + eps;
        m[i] = beta1 * m[i] + rest1 * g;
        s[i] = beta2 * s[i] > size ? beta2 * s[i] : size;
        p[i] -= rate * m[i] / s[i];
    }
}

/* m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  d = sqrt(v) root + eps;  p -= (now g + next m) / d */
CT_CLONES static void NAME(nadam_step)(const ct_update *u, double now, double next)
{
    const ct_optimizer_options *o = u->options;
    const REAL sign = o->maximize ? -1 : 1, decay = (REAL)o->weight_decay, l1 = (REAL)o->l1, eps = (REAL)o->eps;
    const REAL beta1 = (REAL)o->beta1, rest1 = (REAL)(1 - o->beta1), beta2 = (REAL)o->beta2,
               rest2 = (REAL)(1 - o->beta2);
    const REAL root = (REAL)(1 / sqrt(1 - pow(o->beta2, (double)u->step))), of_g = (REAL)now, of_m = (REAL)next;
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict m = u->states[0], *restrict v = u->states[1];
    for (int64_t i = 0; i < u->n; i++) {
        REAL g = NAME(penalised)(sign * gradient[i], p[i], decay, l1);
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * (g * g);
        p[i] -= (of_g * g + of_m * m[i]) / (REAL_SQRT(v[i]) * root + eps);
    }
}

/* mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), whose product over the steps is the rule's number. */
static void NAME(nadam)(const ct_update *u)
{
    const ct_optimizer_options *o = u->options;
    double mu = o->beta1 * (1 - 0.5 * pow(0.96, (double)u->step * o->momentum_decay));
    double mu_next = o->beta1 * (1 - 0.5 * pow(0.96, (double)(u->step + 1) * o->momentum_decay));
    double product = *u->number = (u->step == 1 ? 1 : *u->number) * mu;
    NAME(nadam_step)(u, o->lr * (1 - mu) / (1 - product), o->lr * mu_next / (1 - product * mu_next));
}

/* m and v as Adam's;  p -= lr / (1 - beta1^t) m (length / (sqrt(v) + eps), or 1 where length is 0) */
CT_CLONES static void NAME(radam_step)(const ct_update *u, double length)
{
    const ct_optimizer_options *o = u->options;
    const REAL sign = o->maximize ? -1 : 1, decay = (REAL)o->weight_decay, l1 = (REAL)o->l1, eps = (REAL)o->eps,
               scale = (REAL)length;
    const REAL beta1 = (REAL)o->beta1, rest1 = (REAL)(1 - o->beta1), beta2 = (REAL)o->beta2,
               rest2 = (REAL)(1 - o->beta2);
    const REAL rate = (REAL)(o->lr / (1 - pow(o->beta1, (double)u->step)));
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict m = u->states[0], *restrict v = u->states[1];
    for (int64_t i = 0; i < u->n; i++) {
        REAL g = NAME(penalised)(sign * gradient[i], p[i], decay, l1);
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * (g * g);
        p[i] -= rate * m[i] * (scale > 0 ? scale / (REAL_SQRT(v[i]) + eps) : 1);
    }
}

/* The variance of the adaptive rate exists from rho_t > 5 on: r_t sqrt(1 - beta2^t) is the length then. */
static void NAME(radam)(const ct_update *u)
{
    double t = (double)u->step, beta2 = u->options->beta2, rest = 1 - pow(beta2, t);
    double most = 2 / (1 - beta2) - 1, rho = most - 2 * t * pow(beta2, t) / rest;
    double r2 = (rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho);
    NAME(radam_step)(u, rho > 5 ? sqrt(r2 * rest) : 0);
}
