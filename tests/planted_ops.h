/* Operations with a mistake planted into their backward, each beside its correct twin: what the gradient checker must catch, and
 * must not. Every one is an ordinary record; the mistake is chosen by an attribute. */
#ifndef COTAN_TESTS_PLANTED_OPS_H
#define COTAN_TESTS_PLANTED_OPS_H

#include <cotan/gradcheck.h>

typedef struct planted_op {
    const char *number; /* as in docs/gradcheck.md */
    const char *mistake;
    const ct_op *right, *wrong;
    int order; /* in which it shows; 0 counts as 1 */
} planted_op;

/* n gets their number. */
const planted_op *planted_ops(int *n);

/* Mistakes of kinds that are easily missed, that few inputs or calls meet, and in the second or third order. */
const planted_op *planted_kinds(int *n);
const planted_op *planted_rare(int *n);
const planted_op *planted_orders(int *n);
/* As they are made in operations of one's own. */
const planted_op *planted_custom(int *n);

/* y = op(inputs), of a planted operation; NULL with an error. Called as planted_apply(op, inputs, n), it notes the line. */
#define planted_apply(op, inputs, n) ct_apply(op, inputs, n, (op)->samples[0].attributes)

#endif
