/* The update loops for one float type: optimizer.c includes this once for each, with REAL, REAL_SQRT and NAME(x) defined.
 *
 * Invariant: each element is read and written once, and independently of the others. */

/* g = gradient + decay p;  b = momentum b + g;  p -= lr (nesterov ? g + momentum b : momentum ? b : g) */
CT_CLONES static void NAME(sgd)(const ct_update *u)
{
    const REAL lr = (REAL)u->options->lr, momentum = (REAL)u->options->momentum, decay = (REAL)u->options->weight_decay;
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict b = u->states[0];
    if (momentum == 0) {
        for (int64_t i = 0; i < u->n; i++)
            p[i] -= lr * (gradient[i] + decay * p[i]);
        return;
    }
    const REAL own = u->options->nesterov ? 1 : 0, ahead = u->options->nesterov ? momentum : 1;
    for (int64_t i = 0; i < u->n; i++) {
        REAL g = gradient[i] + decay * p[i];
        b[i] = momentum * b[i] + g;
        p[i] -= lr * (own * g + ahead * b[i]);
    }
}

/* p *= shrink;  g = gradient + decay p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 * p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps) */
CT_CLONES static void NAME(adam_step)(const ct_update *u, double l2, double decoupled)
{
    const ct_optimizer_options *o = u->options;
    const REAL shrink = (REAL)(1 - o->lr * decoupled), decay = (REAL)l2, eps = (REAL)o->eps;
    const REAL beta1 = (REAL)o->beta1, rest1 = (REAL)(1 - o->beta1), beta2 = (REAL)o->beta2,
               rest2 = (REAL)(1 - o->beta2);
    const REAL rate = (REAL)(o->lr / (1 - pow(o->beta1, (double)u->step)));
    const REAL root = (REAL)(1 / sqrt(1 - pow(o->beta2, (double)u->step)));
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict m = u->states[0], *restrict v = u->states[1];
    for (int64_t i = 0; i < u->n; i++) {
        REAL shrunk = p[i] * shrink, g = gradient[i] + decay * shrunk;
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * (g * g);
        p[i] = shrunk - rate * m[i] / (REAL_SQRT(v[i]) * root + eps);
    }
}

static void NAME(adam)(const ct_update *u)
{
    NAME(adam_step)(u, u->options->weight_decay, 0);
}

static void NAME(adamw)(const ct_update *u)
{
    NAME(adam_step)(u, 0, u->options->weight_decay);
}

/* g = gradient + decay p;  v = beta2 v + (1 - beta2) g^2;  d = g / (sqrt(v) + eps);  b = momentum b + d;  p -= lr b */
CT_CLONES static void NAME(rmsprop)(const ct_update *u)
{
    const ct_optimizer_options *o = u->options;
    const REAL lr = (REAL)o->lr, momentum = (REAL)o->momentum, decay = (REAL)o->weight_decay, eps = (REAL)o->eps;
    const REAL beta2 = (REAL)o->beta2, rest2 = (REAL)(1 - o->beta2);
    const REAL *restrict gradient = u->gradient;
    REAL *restrict p = u->parameter, *restrict v = u->states[0], *restrict b = u->states[1];
    for (int64_t i = 0; i < u->n; i++) {
        REAL g = gradient[i] + decay * p[i];
        v[i] = beta2 * v[i] + rest2 * (g * g);
        REAL step = g / (REAL_SQRT(v[i]) + eps);
        if (b)
            step = b[i] = momentum * b[i] + step;
        p[i] -= lr * step;
    }
}
