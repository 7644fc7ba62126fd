/* Chapter 2: the circuit f = 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))), its gradients by hand and by the engine. Writes the circuit,
 * 02_graphs.svg, and the sigmoid, 02_sigmoid.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { NODES = 7, POINTS = 121 };

/* What stands at each wire of the circuit, in the order of the forward pass. */
static const char *const names[NODES] = {"a = w0 x0",  "b = w1 x1", "s = a + b + w2", "n = -s",
                                         "e = exp(n)", "d = 1 + e", "f = 1 / d"};

/* The forward pass, and the backward pass with a rule a line: each takes the gradient behind it times its own derivative. */
static void by_hand(double w0, double x0, double w1, double x1, double w2, double *value, double *grad)
{
    double a = w0 * x0, b = w1 * x1, s = a + b + w2;
    double n = -s, e = exp(n), d = 1 + e, f = 1 / d;

    double gf = 1;                                 /* f with respect to itself */
    double gd = gf * -1 / d / d;                   /* f = 1 / d */
    double ge = gd * 1;                            /* d = 1 + e */
    double gn = ge * e;                            /* e = exp(n), and exp(n) is its own derivative */
    double gs = gn * -1;                           /* n = -s */
    double ga = gs * 1, gb = gs * 1, gw2 = gs * 1; /* s = a + b + w2: a sum hands its gradient on */
    double gw0 = ga * x0, gx0 = ga * w0;           /* a = w0 x0: a product trades its factors */
    double gw1 = gb * x1, gx1 = gb * w1;           /* b = w1 x1 */

    const double values[NODES] = {a, b, s, n, e, d, f}, grads[NODES] = {ga, gb, gs, gn, ge, gd, gf};
    for (int i = 0; i < NODES; i++)
        value[i] = values[i], grad[i] = grads[i];
    printf("by hand:  gradient of f with respect to w = (%.4f, %.4f, %.4f), to x = (%.4f, %.4f)\n", gw0, gw1, gw2, gx0,
           gx1);
}

static ct_tensor *leaf(double value)
{
    return ct_set_requires_grad(ct_scalar(CT_FLOAT64, value), true);
}

static double grad_of(ct_tensor *t)
{
    return ct_item(ct_grad_of(t));
}

/* The same expression in cotan. Every intermediate result is asked to keep its gradient, which the engine would drop. The trace sees
 * all steps, for the picture. */
static void by_engine(double *value, double *grad)
{
    ct_trace_begin();
    ct_tensor *w0 = ct_name(leaf(2), "w0"), *x0 = ct_name(leaf(-1), "x0"), *w1 = ct_name(leaf(-3), "w1");
    ct_tensor *x1 = ct_name(leaf(-2), "x1"), *w2 = ct_name(leaf(-3), "w2");
    ct_tensor *a = ct_mul(w0, x0), *b = ct_mul(w1, x1), *s = ct_add(ct_add(a, b), w2);
    ct_tensor *n = ct_neg(s), *e = ct_exp(n), *d = ct_add_scalar(e, 1), *f = ct_reciprocal(d);
    ct_tensor *const wires[NODES] = {a, b, s, n, e, d, f};
    for (int i = 0; i < NODES; i++)
        ct_retain_grad(wires[i]);
    ct_backward(ct_name(f, "f"));
    ct_graph_write(f, "02_graphs.svg");
    ct_trace_free(ct_trace_end());
    for (int i = 0; i < NODES; i++)
        value[i] = ct_item(wires[i]), grad[i] = grad_of(wires[i]);
    printf("by cotan: gradient of f with respect to w = (%.4f, %.4f, %.4f), to x = (%.4f, %.4f)\n\n", grad_of(w0),
           grad_of(w1), grad_of(w2), grad_of(x0), grad_of(x1));
}

/* The whole circuit behind s is one function, the sigmoid: its curve, and f (1 - f), which the chain of four rules comes to. */
static ct_status draw(void)
{
    double s[POINTS], f[POINTS], slope[POINTS];
    for (int i = 0; i < POINTS; i++) {
        s[i] = -6 + 0.1 * i;
        ct_tensor *x = leaf(s[i]), *y = ct_sigmoid(x);
        ct_backward(y);
        f[i] = ct_item(y);
        slope[i] = grad_of(x);
    }
    const ct_series series[] = {{.label = "f, the sigmoid of s", .x = s, .y = f, .n = POINTS},
                                {.label = "its derivative, f (1 - f)", .x = s, .y = slope, .n = POINTS}};
    return ct_plot_svg("02_sigmoid.svg", series, 2, .title = "The sigmoid and its derivative", .x_label = "s");
}

int main(void)
{
    double value[2][NODES], grad[2][NODES];
    ct_scope_open();
    by_hand(2, -1, -3, -2, -3, value[0], grad[0]);
    by_engine(value[1], grad[1]);
    printf("%-15s   value  gradient  by cotan\n", "wire");
    for (int i = 0; i < NODES; i++)
        printf("%-15s %7.4f  %8.4f  %8.4f\n", names[i], value[0][i], grad[0][i], grad[1][i]);
    printf("\nf (1 - f) = %.4f\n", value[0][6] * (1 - value[0][6]));
    draw();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "02_graphs: %s\n", ct_error_message()), 1;
    return 0;
}
