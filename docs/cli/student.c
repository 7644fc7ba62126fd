/* cotan explain --student: the same exercise with other numbers, which follow from a name.
 *
 * Invariant: signs and zeros stay, whole numbers stay whole, and the same name gives the same numbers on every machine. */
#include "explain.h"
#include <math.h>
#include <stdlib.h>

static uint64_t mix(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u; /* FNV-1a */
    return (hash ^ 0xff) * 1099511628211u;
}

/* A whole number of up to three more, or one of three digits between half and twice as much. */
static double other(double x, uint64_t choice)
{
    char text[32];
    if (x == 0 || !isfinite(x))
        return x;
    if (x == rint(x) && fabs(x) < 1000)
        return copysign(1 + (double)(choice % (uint64_t)(fabs(x) + 3)), x);
    snprintf(text, sizeof text, "%.3g", x * (0.5 + 0.1 * (double)(choice % 16)));
    return strtod(text, NULL);
}

void vary_numbers(session *s, const char *student)
{
    for (int i = 0; i < s->e.n_leaves; i++) {
        const binding *leaf = &s->e.names[i];
        uint64_t hash = mix(mix(14695981039346656037u, student), leaf->name);
        double *values = ct_dtype_of(leaf->value) == CT_FLOAT64 ? ct_data_mut(leaf->value) : NULL;
        for (int64_t k = 0; values && k < ct_numel(leaf->value); k++) {
            hash = mix(hash, "");
            values[k] = other(values[k], hash >> 24);
        }
    }
    snprintf(s->title, sizeof s->title, "%.300s   (%.60s)", s->e.text, student);
}
