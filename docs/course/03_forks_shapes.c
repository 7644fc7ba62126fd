/* Chapter 3: where a wire branches gradients add up, and every broadcast is such a branch. Writes 03_forks_shapes.svg. */
#include <cotan/cotan.h>

static ct_tensor *leaf(ct_tensor *t)
{
    return ct_set_requires_grad(t, true);
}

static void show(const char *what, const ct_tensor *t)
{
    char text[256];
    ct_format(t, text, sizeof text);
    printf("%-22s ", what);
    for (const char *c = text; *c; c++)
        printf(*c == '\n' ? "\n%*s" : "%c", *c == '\n' ? 23 : *c, "");
    printf("\n");
}

/* One value, used twice: f = x * x. Beside it the same product of two wires that happen to carry the same value. */
static void fork_of_a_scalar(void)
{
    ct_tensor *left = leaf(ct_scalar(CT_FLOAT64, 3)), *right = leaf(ct_scalar(CT_FLOAT64, 3));
    ct_backward(ct_mul(left, right));
    ct_tensor *x = leaf(ct_scalar(CT_FLOAT64, 3));
    ct_backward(ct_mul(x, x));
    printf("f = left * right at 3, 3: to left %g, to right %g\n", ct_item(ct_grad_of(left)),
           ct_item(ct_grad_of(right)));
    printf("f = x * x at 3:           to x %g\n\n", ct_item(ct_grad_of(x)));
}

/* Two backward runs: leaves accumulate, until they are cleared. */
static void accumulation(void)
{
    ct_tensor *x = leaf(ct_scalar(CT_FLOAT64, 3));
    for (int run = 1; run <= 2; run++) {
        ct_backward(ct_mul(x, x));
        printf("after run %d the leaf holds %g\n", run, ct_item(ct_grad_of(x)));
    }
    ct_zero_grad(x);
    ct_backward(ct_mul(x, x));
    printf("cleared, and run again: %g\n\n", ct_item(ct_grad_of(x)));
}

/* One bias for three samples: a branch into three rows. */
static void fork_by_broadcasting(void)
{
    ct_trace_begin();
    ct_tensor *x = ct_name(ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 4, 5, 6), CT_SHAPE(3, 2)), "x");
    ct_tensor *b = leaf(ct_from_values(CT_FLOAT64, CT_VALUES(10, 20), CT_SHAPE(2)));
    ct_tensor *y = ct_add(x, ct_name(b, "b")), *f = ct_name(ct_sum(ct_square(y)), "f");
    ct_retain_grad(y);
    ct_backward(f);
    ct_graph_write(f, "03_forks_shapes.svg");
    ct_trace_free(ct_trace_end());
    printf("f = sum of (x + b)^2, x [3,2], b [2]\n");
    show("x + b", y);
    show("gradient at x + b", ct_grad_of(y));
    show("gradient to b", ct_grad_of(b));
    printf("\n");
}

/* A matrix product: the shapes leave one way to put the factors together. */
static void gradient_of_a_product(void)
{
    ct_tensor *x = leaf(ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 4, 5, 6), CT_SHAPE(2, 3)));
    ct_tensor *w = leaf(ct_from_values(CT_FLOAT64, CT_VALUES(1, 0, -1, 2, 0, 1), CT_SHAPE(3, 2)));
    ct_tensor *y = ct_matmul(x, w);
    ct_tensor *g = ct_from_values(CT_FLOAT64, CT_VALUES(1, 0, 0, -1), CT_SHAPE(2, 2));
    ct_backward(y, .gradient = g);
    printf("y = x @ w, x [2,3], w [3,2]; g arrives at y [2,2]\n");
    show("to w: x^T @ g [3,2]", ct_grad_of(w));
    show("by hand", ct_matmul(ct_transpose(x, 0, 1), g));
    show("to x: g @ w^T [2,3]", ct_grad_of(x));
    show("by hand", ct_matmul(g, ct_transpose(w, 0, 1)));
}

int main(void)
{
    ct_scope_open();
    fork_of_a_scalar();
    accumulation();
    fork_by_broadcasting();
    gradient_of_a_product();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "03_forks_shapes: %s\n", ct_error_message()), 1;
    return 0;
}
