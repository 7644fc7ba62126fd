/* cotan explain: an expression, its value and its gradients, told, checked or asked for. */
#include "explain.h"
#include <stdlib.h>
#include <string.h>

enum { CHECK, SEED, DOT };
static const option options[] = {
    {"check", NULL, "measure every gradient with finite differences too, and compare"},
    {"seed", "NUMBERS",
     "the gradient of the result, of its shape, if it is not one number: '[1, 0]' asks for the gradients of its "
     "first element"},
    {"dot", "FILE", "write the graph in Graphviz's language"},
    {0}};

/* ---- running the expression ---- */

static const char *name_of_root(session *s)
{
    for (int i = 0; i < s->e.n_names; i++) {
        if (s->e.names[i].value == s->root)
            return s->e.names[i].name;
    }
    return "result";
}

/* Reads --seed into s->seed. */
static bool read_seed(session *s, const char *text)
{
    char wanted[SHAPE_SIZE], got[SHAPE_SIZE];
    expression e = {.text = text};
    s->seed = expression_run(&e);
    if (!s->seed) {
        expression_complain(&e, "explain: --seed");
        return false;
    }
    shape_text(wanted, s->root);
    shape_text(got, s->seed);
    if (strcmp(wanted, got) != 0)
        return complain("explain", "--seed has shape %s, the result %s", got, wanted), false;
    return true;
}

/* The leaves, the result, the seed; false after complaining. */
static bool begin(session *s)
{
    const arguments *given = s->given;
    char shape[SHAPE_SIZE];
    s->e.text = given->words[0];
    bool bound = true;
    for (int i = 1; i < given->n_words && bound; i++)
        bound = expression_bind(&s->e, given->words[i]);
    s->random = ct_random_get();
    s->root = bound ? expression_run(&s->e) : NULL;
    if (!s->root)
        return expression_complain(&s->e, "explain"), false;
    s->name = name_of_root(s);
    if (given->values[SEED])
        return read_seed(s, given->values[SEED]);
    if (ct_numel(s->root) == 1 || !ct_requires_grad(s->root))
        return true;
    complain("explain",
             "%s has shape %s, and a gradient is that of one number: take its sum(...), or say with --seed '[...]' how "
             "much each element counts",
             s->name, shape_text(shape, s->root));
    return false;
}

/* ---- the gradients of the leaves ---- */

static bool write_gradients(const session *s)
{
    static const char *const headings[] = {"", "value", "gradient"};
    table t = {.headings = headings, .columns = 3};
    char text[VALUE_SIZE];
    for (int i = 0; i < s->e.n_leaves; i++) {
        const binding *b = &s->e.names[i];
        table_add(&t, "%s", b->name);
        table_add(&t, "%s", value_text(text, b->value));
        table_add(&t, "%s", ct_grad_of(b->value) ? value_text(text, ct_grad_of(b->value)) : "none");
    }
    return table_write(&t, stdout);
}

static int write_story(session *s)
{
    char text[VALUE_SIZE];
    printf("%s = %s\n", s->name, value_text(text, s->root));
    if (!ct_requires_grad(s->root)) {
        printf("No gradients: give a name its value behind the expression, as x=1.\n");
        return FINE;
    }
    if (ct_backward(s->root, .gradient = s->seed) != CT_OK)
        return complain_of_error("explain");
    return write_gradients(s) ? FINE : complain("explain", "no memory");
}

static int write_dot(session *s)
{
    ct_tensor *leaves[MAX_NAMES];
    const char *names[MAX_NAMES], *path = s->given->values[DOT];
    for (int i = 0; i < s->e.n_leaves; i++) {
        leaves[i] = s->e.names[i].value;
        names[i] = s->e.names[i].name;
    }
    FILE *file = fopen(path, "w");
    ct_status status = file ? ct_graph_write_dot(s->root, leaves, s->e.n_leaves, names, file) : CT_OK;
    bool written = file && fclose(file) == 0 && status == CT_OK;
    if (status != CT_OK)
        return complain_of_error("explain");
    return written ? FINE : complain("explain", "%s cannot be written", path);
}

static int run(const arguments *given)
{
    session s = {.given = given};
    ct_scope_open();
    int status = WRONG_USE;
    if (begin(&s)) {
        if (given->values[CHECK])
            status = write_check(&s);
        else if (given->values[DOT])
            status = write_dot(&s);
        else
            status = write_story(&s);
    }
    expression_free(&s.e);
    ct_scope_close();
    return status;
}

const command explain_command = {
    .name = "explain",
    .usage = "'EXPRESSION' [NAME=VALUE]...",
    .min_words = 1,
    .max_words = MAX_NAMES,
    .summary = "how the result of an expression and its gradients come about",
    .about = "Calculates the expression, and the gradient of its result with respect to every name that is given a "
             "value behind it.\n"
             "An expression has numbers, vectors [1, 2], matrices [[1, 2], [3, 4]], names, + - * / ^, @ for the "
             "product of matrices, and "
             "every operation of cotan by its name: exp(x), sum(x, axis=0), softmax(x), layer_norm(x); cotan ops lists "
             "them. Several "
             "statements are separated by ; and all but the last are assignments: 'h = tanh(W @ x); sum(h)'. pi, inf "
             "and nan are numbers.",
    .options = options,
    .examples = "  cotan explain 'f = (a + b) * c' a=-2 b=5 c=-4\n"
                "  cotan explain 'f = 1/(1+exp(-(w0*x0 + w1*x1 + w2)))' w0=2 x0=-1 w1=-3 x1=-2 w2=-3\n"
                "  cotan explain 'loss = mean((W @ x - y)^2)' W='[[1,2],[3,4]]' x='[1,-1]' y='[0,1]' --check\n",
    .run = run,
};
