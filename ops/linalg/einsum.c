/* einsum: contractions in Einstein's notation, pair by pair through the matrix product.
 *
 * Invariant: between steps every operand has each of its labels once, and its axes are in the order of its labels. Labels
 * 0..51 are the letters; 52 + i is the i-th axis, counted from the last, of those that "..." stands for. */
#include "shape/shape_internal.h"
#include <string.h>

enum { ELLIPSIS = 52, LABELS = ELLIPSIS + CT_MAX_RANK, EQUATION = 240 };

typedef struct einsum_attributes {
    char equation[EQUATION];
} einsum_attributes;

typedef struct operand {
    ct_tensor *t;
    int labels[CT_MAX_RANK * 2], rank;
} operand;

typedef struct contraction {
    ct_call *call;
    operand operands[CT_MAX_INPUTS], result; /* result.t unused */
    int n;
    int64_t size[LABELS]; /* 0: not met yet, which no size of a met label is mistaken for: see met */
    bool met[LABELS];
    int uses[LABELS]; /* operands left that have the label */
} contraction;

static int label_of(char letter)
{
    return letter >= 'a' ? letter - 'a' : 26 + letter - 'A';
}

/* A label for messages: 'k', or "..." for the axes that stand behind the dots. */
typedef struct label_text {
    char text[4];
} label_text;

static label_text text_of(int label)
{
    if (label >= ELLIPSIS)
        return (label_text){"..."};
    return (label_text){{'\'', (char)(label < 26 ? 'a' + label : 'A' + label - 26), '\''}};
}

/* ---- reading the equation ---- */

static bool refuse(const contraction *c, const char *what)
{
    const einsum_attributes *a = ct_call_attributes(c->call);
    ct_call_error(c->call, CT_ERROR_ARGUMENT, "%s in \"%s\" of %s", what, a->equation, ct_call_shapes(c->call));
    return false;
}

static bool refuse_character(const contraction *c, char misplaced)
{
    char message[32];
    snprintf(message, sizeof message, "misplaced '%c'", misplaced);
    return refuse(c, message);
}

/* The labels of one term, up to a comma, an arrow or the end; ellipsis is how many axes "..." stands for. */
static bool read_term(const contraction *c, const char **text, operand *o, int ellipsis)
{
    bool dots = false;
    o->rank = 0;
    for (; **text && **text != ',' && **text != '-'; (*text)++) {
        if (ct__is_space(**text))
            continue;
        if (strncmp(*text, "...", 3) == 0 && !dots) {
            dots = true;
            *text += 2;
            for (int i = ellipsis; i > 0 && o->rank < CT_MAX_RANK * 2; i--)
                o->labels[o->rank++] = ELLIPSIS + i - 1;
        } else if (ct__is_letter(**text) && o->rank < CT_MAX_RANK * 2) {
            o->labels[o->rank++] = label_of(**text);
        } else {
            return refuse_character(c, **text);
        }
    }
    return true;
}

/* How many axes "..." stands for in a term: what its letters leave of the tensor's rank. */
static int ellipsis_axes(const char *text, int rank)
{
    bool dots = false;
    for (; *text && *text != ',' && *text != '-'; text++) {
        dots = dots || *text == '.';
        rank -= ct__is_letter(*text) != 0;
    }
    return dots && rank > 0 ? rank : 0;
}

static bool refuse_sizes(const contraction *c, int label, int64_t size, int64_t other)
{
    char message[96];
    snprintf(message, sizeof message, "label %s stands for sizes %lld and %lld", text_of(label).text, (long long)size,
             (long long)other);
    return refuse(c, message);
}

/* A label that stands twice in one operand takes a diagonal, of axes of one size: there a size of 1 does not broadcast. */
static bool check_diagonals(const contraction *c, const operand *o)
{
    for (int i = 0; i < o->rank; i++)
        for (int j = i + 1; j < o->rank; j++)
            if (o->labels[i] == o->labels[j] && ct_size(o->t, i) != ct_size(o->t, j))
                return refuse_sizes(c, o->labels[i], ct_size(o->t, i), ct_size(o->t, j));
    return true;
}

/* Notes the sizes of an operand's labels; a size of 1 broadcasts. */
static bool note_sizes(contraction *c, const operand *o)
{
    char message[96];
    if (o->rank != ct_rank(o->t)) {
        snprintf(message, sizeof message, "a term with %d label%s for a tensor of rank %d", o->rank,
                 o->rank == 1 ? "" : "s", ct_rank(o->t));
        return refuse(c, message);
    }
    for (int i = 0; i < o->rank; i++) {
        int label = o->labels[i];
        int64_t size = ct_size(o->t, i);
        if (!c->met[label] || c->size[label] == 1)
            c->size[label] = size;
        c->met[label] = true;
        if (size != c->size[label] && size != 1)
            return refuse_sizes(c, label, c->size[label], size);
    }
    return check_diagonals(c, o);
}

/* Without an arrow: the ellipsis, then the letters that stand once, in alphabetical order, capitals first. */
static void implicit_result(contraction *c, int ellipsis)
{
    int count[LABELS] = {0};
    for (int k = 0; k < c->n; k++)
        for (int i = 0; i < c->operands[k].rank; i++)
            count[c->operands[k].labels[i]]++;
    for (int i = ellipsis; i > 0; i--)
        c->result.labels[c->result.rank++] = ELLIPSIS + i - 1;
    for (int i = 0; i < ELLIPSIS; i++) {
        int label = (i + 26) % ELLIPSIS; /* 'A' is less than 'a' */
        if (count[label] == 1 && c->result.rank < CT_MAX_RANK)
            c->result.labels[c->result.rank++] = label;
    }
}

static bool check_result(const contraction *c)
{
    bool seen[LABELS] = {false};
    for (int i = 0; i < c->result.rank; i++) {
        int label = c->result.labels[i];
        if (!c->met[label] || seen[label]) {
            char message[64];
            snprintf(message, sizeof message, "label %s of the result %s", text_of(label).text,
                     seen[label] ? "stands there twice" : "is that of no operand");
            return refuse(c, message);
        }
        seen[label] = true;
    }
    return c->result.rank <= CT_MAX_RANK || refuse(c, "a result of too many axes");
}

/* The equation has more or fewer terms than there are operands. */
static bool refuse_count(const contraction *c)
{
    const char *text = ((const einsum_attributes *)ct_call_attributes(c->call))->equation;
    int terms = 1;
    char message[64];
    for (; *text && *text != '-'; text++)
        terms += *text == ',';
    snprintf(message, sizeof message, "%d term%s for %d operand%s", terms, terms == 1 ? "" : "s", c->n,
             c->n == 1 ? "" : "s");
    return refuse(c, message);
}

static bool read_equation(contraction *c)
{
    const char *text = ((const einsum_attributes *)ct_call_attributes(c->call))->equation;
    int most = 0;
    for (int k = 0; k < c->n; k++) {
        operand *o = &c->operands[k];
        o->t = ct_call_input(c->call, k);
        int ellipsis = ellipsis_axes(text, ct_rank(o->t));
        most = ellipsis > most ? ellipsis : most;
        if (!read_term(c, &text, o, ellipsis) || !note_sizes(c, o))
            return false;
        if (k + 1 < c->n && *text++ != ',')
            return refuse_count(c);
    }
    if (*text == ',')
        return refuse_count(c);
    if (*text == '\0') {
        implicit_result(c, most);
        return check_result(c);
    }
    if (strncmp(text, "->", 2) != 0)
        return refuse_character(c, *text);
    text += 2;
    if (!read_term(c, &text, &c->result, most))
        return false;
    return *text == '\0' ? check_result(c) : refuse_character(c, *text);
}

/* ---- contracting ---- */

static bool has(const operand *o, int label)
{
    for (int i = 0; i < o->rank; i++)
        if (o->labels[i] == label)
            return true;
    return false;
}

static void remove_axis(operand *o, int axis)
{
    memmove(o->labels + axis, o->labels + axis + 1, sizeof *o->labels * (size_t)(o->rank - axis - 1));
    o->rank--;
}

/* Each label once: of a label that stands twice, the diagonal. Sizes of 1 grow to the label's. */
static void take_diagonals(const contraction *c, operand *o)
{
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i < o->rank; i++)
        shape[i] = c->size[o->labels[i]];
    o->t = ct_expand(o->t, shape, o->rank);
    for (int i = 0; i < o->rank; i++) {
        for (int j = i + 1; j < o->rank; j++) {
            if (o->labels[j] != o->labels[i])
                continue;
            int label = o->labels[i];
            o->t = ct_diagonal(o->t, 0, i, j);
            remove_axis(o, j);
            remove_axis(o, i);
            o->labels[o->rank++] = label;
            i = -1; /* the axes have moved: look again */
            break;
        }
    }
}

/* Sums out the labels that only this operand has left and the result does not want. */
static void sum_out(contraction *c, operand *o)
{
    int64_t axes[CT_MAX_RANK];
    int n = 0, kept = 0;
    for (int i = 0; i < o->rank; i++) {
        if (c->uses[o->labels[i]] == 1 && !has(&c->result, o->labels[i]))
            axes[n++] = i;
        else
            o->labels[kept++] = o->labels[i];
    }
    if (n)
        o->t = ct_sum(o->t, CT_GIVEN(ct_reduce_options, .axes = axes, .n_axes = n));
    o->rank = kept;
}

typedef struct group {
    int labels[CT_MAX_RANK], n;
    int64_t size; /* product of its sizes */
} group;

static void join_group(const contraction *c, group *g, int label)
{
    g->labels[g->n++] = label;
    g->size *= c->size[label];
}

/* The operand as [first, second, third], each group one axis. */
static ct_tensor *as_matrices(const operand *o, const group *first, const group *second, const group *third)
{
    int64_t axes[CT_MAX_RANK];
    int n = 0;
    const group *groups[] = {first, second, third};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < groups[k]->n; i++)
            for (int axis = 0; axis < o->rank; axis++)
                if (o->labels[axis] == groups[k]->labels[i])
                    axes[n++] = axis;
    return ct_reshape(ct_permute(o->t, axes, n), (const int64_t[]){first->size, second->size, third->size}, 3);
}

/* a and b into a: labels that both have are a batch if somebody still wants them, else they are summed over. */
static bool contract(contraction *c, operand *a, const operand *b)
{
    group batch = {.size = 1}, summed = {.size = 1}, free_a = {.size = 1}, free_b = {.size = 1};
    for (int i = 0; i < a->rank; i++) {
        int label = a->labels[i];
        bool wanted = c->uses[label] > 2 || has(&c->result, label);
        join_group(c, !has(b, label) ? &free_a : wanted ? &batch : &summed, label);
    }
    for (int i = 0; i < b->rank; i++)
        if (!has(a, b->labels[i]))
            join_group(c, &free_b, b->labels[i]);
    if (batch.n + free_a.n + free_b.n > CT_MAX_RANK)
        return refuse(c, "an intermediate result of too many axes");
    ct_tensor *product = ct_matmul(as_matrices(a, &batch, &free_a, &summed), as_matrices(b, &batch, &summed, &free_b));
    for (int i = 0; i < a->rank; i++)
        c->uses[a->labels[i]]--;
    for (int i = 0; i < b->rank; i++)
        c->uses[b->labels[i]]--;
    const group *kept[] = {&batch, &free_a, &free_b};
    int64_t shape[CT_MAX_RANK];
    a->rank = 0;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < kept[k]->n; i++) {
            shape[a->rank] = c->size[kept[k]->labels[i]];
            a->labels[a->rank++] = kept[k]->labels[i];
            c->uses[kept[k]->labels[i]]++;
        }
    a->t = ct_reshape(product, shape, a->rank);
    return a->t != NULL;
}

static ct_tensor *in_order(const operand *o, const operand *result)
{
    int64_t axes[CT_MAX_RANK];
    for (int i = 0; i < result->rank; i++)
        for (int axis = 0; axis < o->rank; axis++)
            if (o->labels[axis] == result->labels[i])
                axes[i] = axis;
    return ct_permute(o->t, axes, result->rank);
}

static ct_tensor *einsum_expression(ct_call *call)
{
    contraction c = {.call = call, .n = ct_call_inputs(call)};
    if (!read_equation(&c))
        return NULL;
    for (int k = 0; k < c.n; k++) {
        take_diagonals(&c, &c.operands[k]);
        for (int i = 0; i < c.operands[k].rank; i++)
            c.uses[c.operands[k].labels[i]]++;
    }
    operand *first = &c.operands[0];
    sum_out(&c, first);
    for (int k = 1; k < c.n && first->t; k++) {
        sum_out(&c, &c.operands[k]);
        if (!c.operands[k].t || !contract(&c, first, &c.operands[k]))
            return NULL;
        sum_out(&c, first);
    }
    return in_order(first, &c.result);
}

#define EQUATION_OF(text) \
    &(einsum_attributes)  \
    {                     \
        text              \
    }

const ct_op ct_op_einsum = {
    .name = "einsum",
    .takes = {CT_COMPUTED},
    .gradient = "for each operand: einsum of g and the other operands",
    .min_inputs = 1,
    .max_inputs = CT_MAX_INPUTS,
    .attributes_size = sizeof(einsum_attributes),
    .attribute_names = "equation:240s",
    .expression = einsum_expression,
    .samples = (const ct_sample[]){{"5x3 2x3x4 5x4", EQUATION_OF("bi,oij,bj->bo")},
                                   {"2x2x3x4 2x2x5x4", EQUATION_OF("bhid,bhjd->bhij")},
                                   {"4x4", EQUATION_OF("ii")},
                                   {"3x3", EQUATION_OF("ii->i")},
                                   {"3x4", EQUATION_OF("ba")},
                                   {"2x3x4 2x4x5", EQUATION_OF("...ij,...jk")},
                                   {"3 4", EQUATION_OF("i,j->ij")},
                                   {"3x0 0x4", EQUATION_OF("ij,jk->ik")},
                                   {0}},
    .source = "NumPy's einsum, with PyTorch's rules for letters and ...",
};

ct_tensor *ct_einsum(const char *equation, ct_tensor *const *operands, int n)
{
    einsum_attributes a = {.equation = ""};
    if (!equation || strlen(equation) >= EQUATION) {
        ct__error(equation ? CT_ERROR_ARGUMENT : CT_ERROR_NULL, "einsum: the equation is %s",
                  equation ? "longer than 239 characters" : "NULL");
        return NULL;
    }
    strcpy(a.equation, equation);
    return ct_apply(&ct_op_einsum, operands, n, &a);
}

/* ---- dot, outer, bilinear ---- */

static bool are_vectors(ct_call *call, bool same_size)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    if (ct_rank(a) == 1 && ct_rank(b) == 1 && (!same_size || ct_numel(a) == ct_numel(b)))
        return true;
    ct_call_error(call, CT_ERROR_SHAPE, "takes two vectors%s: %s", same_size ? " of one size" : "",
                  ct_call_shapes(call));
    return false;
}

static ct_tensor *dot_expression(ct_call *call)
{
    return are_vectors(call, true) ? ct_matmul(ct_call_input(call, 0), ct_call_input(call, 1)) : NULL;
}

static ct_tensor *outer_expression(ct_call *call)
{
    return are_vectors(call, false) ? ct_mul(ct_unsqueeze(ct_call_input(call, 0), 1), ct_call_input(call, 1)) : NULL;
}

static ct_tensor *bilinear_expression(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1), *w = ct_call_input(call, 2);
    ct_tensor *bias = ct_call_input(call, 3);
    if (ct_rank(w) != 3 || ct_rank(a) < 1 || ct_rank(a) != ct_rank(b) || ct_size(a, -1) != ct_size(w, 1) ||
        ct_size(b, -1) != ct_size(w, 2) || (bias && (ct_rank(bias) != 1 || ct_size(bias, 0) != ct_size(w, 0)))) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes a [..., I], b [..., J], w [O, I, J], bias [O]: %s",
                      ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *y = ct_einsum("...i,oij,...j->...o", (ct_tensor *[]){a, w, b}, 3);
    return bias ? ct_add(y, bias) : y;
}

const ct_op ct_op_dot = {
    .name = "dot",
    .gradient = "g b, g a",
    .min_inputs = 2,
    .max_inputs = 2,
    .expression = dot_expression,
    .samples = (const ct_sample[]){{"5 5", NULL}, {"0 0", NULL}, {0}},
};

const ct_op ct_op_outer = {
    .name = "outer",
    .gradient = "g b, g^T a",
    .min_inputs = 2,
    .max_inputs = 2,
    .expression = outer_expression,
    .samples = (const ct_sample[]){{"3 4", NULL}, {"0 2", NULL}, {0}},
};

const ct_op ct_op_bilinear = {
    .name = "bilinear",
    .gradient = "sum over o, j of g w b; over o, i of g w a; over the batch of g a b; sum of g",
    .min_inputs = 3,
    .max_inputs = 4,
    .expression = bilinear_expression,
    .samples = (const ct_sample[]){{"5x3 5x4 2x3x4 2", NULL}, {"2x3x2 2x3x3 2x2x3", NULL}, {0}},
};

ct_tensor *ct_dot(ct_tensor *a, ct_tensor *b)
{
    return ct_apply(&ct_op_dot, (ct_tensor *[]){a, b}, 2, NULL);
}

ct_tensor *ct_outer(ct_tensor *a, ct_tensor *b)
{
    return ct_apply(&ct_op_outer, (ct_tensor *[]){a, b}, 2, NULL);
}

ct_tensor *ct_bilinear(ct_tensor *a, ct_tensor *b, ct_tensor *weight, ct_tensor *bias)
{
    return ct_apply(&ct_op_bilinear, (ct_tensor *[]){a, b, weight, bias}, 4, NULL);
}
