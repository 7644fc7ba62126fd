/* cotan explain --quiz: asks for one gradient after another in the order of the backward pass, and names what went wrong.
 *
 * Invariant: what is right is what the engine's trace has; an answer is wrong only beyond three significant digits. */
#include "explain.h"
#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PARTS = 8, MAX_ELEMENTS = 9, HINTS = 3 };

/* A tensor's gradient, and the contributions that it is the sum of. */
typedef struct question {
    const ct_trace_node *node;
    const ct_trace_step *parts[MAX_PARTS];
    int n_parts;
    const ct_snapshot *right;
} question;

typedef struct game {
    const session *s;
    const ct_trace_log *trace;
    int asked, right, n_questions;
    char repeat[512]; /* what went wrong, for the end */
    bool over;        /* no more answers */
} game;

/* ---- the questions ---- */

static bool small(const ct_snapshot *value)
{
    return value && value->numel >= 1 && value->numel <= MAX_ELEMENTS && value->shown == value->numel;
}

/* The tensors with a name, a leaf's or a piece of the text, whose last contribution is step i; false for others. */
static bool question_at(const ct_trace_log *trace, int64_t i, question *q)
{
    const ct_trace_step *last = ct_trace_step_at(trace, i);
    *q = (question){.node = ct_trace_node_at(trace, last->to), .right = last->now};
    if (last->action != CT_STEP_CONTRIBUTION || !q->node->name || !small(q->node->value) || !small(last->now))
        return false;
    for (int64_t k = 0; k < ct_trace_steps(trace); k++) {
        const ct_trace_step *step = ct_trace_step_at(trace, k);
        if (step->action != CT_STEP_CONTRIBUTION || step->to != last->to)
            continue;
        if (k > i || q->n_parts == MAX_PARTS || !small(step->contribution) || !step->incoming)
            return false;
        q->parts[q->n_parts++] = step;
    }
    return true;
}

static const ct_trace_node *user_of(const game *g, const question *q, int part)
{
    return ct_trace_node_at(g->trace, q->parts[part]->from);
}

static const char *user_name(const game *g, const question *q, int part)
{
    const ct_trace_node *user = user_of(g, q, part);
    return user->name ? user->name : user->op; /* part of an operation that is made of others */
}

/* ---- values ---- */

/* As a tensor of float64; NULL for what is not small. */
static ct_tensor *tensor_of(const ct_snapshot *value)
{
    return small(value) ? ct_from_values(CT_FLOAT64, value->values, value->numel, value->shape, value->rank) : NULL;
}

static const char *snapshot_text(char *buffer, const ct_snapshot *value)
{
    const ct_tensor *t = tensor_of(value);
    return t ? value_text(buffer, t) : strcpy(buffer, "...");
}

/* Three significant digits are enough. */
static bool agrees(const ct_tensor *answer, const ct_tensor *right)
{
    double a[MAX_ELEMENTS], r[MAX_ELEMENTS], largest = 0;
    int64_t n = ct_numel(right);
    if (ct_numel(answer) != n || n > MAX_ELEMENTS || (n > 1 && !same_shape(answer, right)) ||
        ct_to_values(answer, a, n) != CT_OK || ct_to_values(right, r, n) != CT_OK)
        return false;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(r[i]));
    for (int64_t i = 0; i < n; i++) {
        bool same = a[i] == r[i] || (isnan(a[i]) && isnan(r[i]));
        if (!same && !(fabs(a[i] - r[i]) <= 0.005 * fabs(r[i]) + 1e-9 * largest))
            return false;
    }
    return true;
}

/* A line of the quiz, under the question. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    printf("  ");
    write_wrapped(stdout, text, 2, screen_width());
}

/* ---- mistakes ---- */

typedef struct mistake_row {
    const char *operation;
    int input;
    const char *answer, *words;
} mistake_row;

static const mistake_row mistakes[] = {
#define MISTAKE(operation, input, answer, words) {operation, input, answer, words},
#include "mistakes.h"
#undef MISTAKE
};

/* The names that a row's expression may use, for one contribution; right is what it should have been. */
static void give_values(expression *e, const game *g, const question *q, int part, ct_tensor *right)
{
    static const char *const letters[] = {"a", "b"};
    const ct_trace_node *user = user_of(g, q, part);
    expression_give(e, "g", tensor_of(q->parts[part]->incoming));
    expression_give(e, "v", tensor_of(q->node->value));
    expression_give(e, "x", tensor_of(q->node->value));
    expression_give(e, "y", tensor_of(user->value));
    expression_give(e, "r", right);
    expression_give(e, "n", ct_scalar(CT_FLOAT64, (double)q->node->value->numel));
    for (int i = 0; i < user->n_inputs && i < 2; i++) {
        const ct_trace_node *input = ct_trace_node_at(g->trace, user->inputs[i]);
        expression_give(e, letters[i], input ? tensor_of(input->value) : NULL);
    }
}

/* What the row makes of one contribution, right being what that, or the whole, should be; NULL where it says nothing. */
static ct_tensor *mistaken(const game *g, const question *q, int part, ct_tensor *right, const mistake_row *row)
{
    const ct_trace_node *user = user_of(g, q, part);
    expression e = {.text = row->answer};
    if ((*row->operation != '*' && strcmp(row->operation, user->op) != 0) ||
        (row->input >= 0 && row->input != q->parts[part]->input))
        return NULL;
    give_values(&e, g, q, part, right);
    ct_tensor *value = expression_run(&e);
    expression_free(&e);
    return value;
}

/* Whether the answer comes from that row in one contribution, the others being right. */
static bool explains(const game *g, const question *q, int part, const mistake_row *row, const ct_tensor *answer)
{
    ct_tensor *right = tensor_of(q->right), *contribution = tensor_of(q->parts[part]->contribution);
    ct_tensor *wrong_part = mistaken(g, q, part, contribution, row);
    if (!wrong_part || q->n_parts == 1)
        return wrong_part && agrees(answer, wrong_part);
    if (!same_shape(wrong_part, right))
        return false;
    return agrees(answer, ct_add(ct_sub(right, contribution), wrong_part));
}

/* Says what is wrong with the answer, if it is one that a wrong rule gives. */
static bool name_mistake(const game *g, const question *q, const ct_tensor *answer)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        for (int part = 0; part < q->n_parts; part++) {
            if (!explains(g, q, part, &mistakes[i], answer))
                continue;
            say("Not so%s%s: %s.", q->n_parts > 1 ? ", through " : "", q->n_parts > 1 ? user_name(g, q, part) : "",
                mistakes[i].words);
            return true;
        }
    }
    return false;
}

/* Says so if the answer is the gradient through one use alone. */
static bool one_branch(const game *g, const question *q, const ct_tensor *answer)
{
    for (int part = 0; part < q->n_parts && q->n_parts > 1; part++) {
        if (!agrees(answer, tensor_of(q->parts[part]->contribution)))
            continue;
        say("Not so: that comes through %s alone%s. %s is used %d times, and the parts add up.", user_name(g, q, part),
            part == q->n_parts - 1 ? ", as if it replaced what was there" : "", q->node->name, q->n_parts);
        return true;
    }
    return false;
}

static void say_wrong(const game *g, const question *q, const ct_tensor *answer)
{
    char wanted[SHAPE_SIZE], got[SHAPE_SIZE];
    ct_tensor *right = tensor_of(q->right);
    if (one_branch(g, q, answer) || name_mistake(g, q, answer))
        return;
    if (agrees(answer, ct_neg(right)))
        say("Not so: the sign.");
    else if (ct_numel(right) + ct_numel(answer) > 2 && !same_shape(answer, right))
        say("Not so: the gradient has the shape of %s, %s; the answer has %s.", q->node->name,
            shape_text(wanted, right), shape_text(got, answer));
    else
        say("Not so. An empty line gives a hint.");
}

/* ---- hints, and what was right ---- */

/* The part of a formula that is for one input: "g b, g a" has two; of one that has another number, all of it. */
static void formula_for(const ct_trace_node *user, int input, char *text, size_t size)
{
    const char *whole = user->formula ? user->formula : "", *starts[CT_MAX_INPUTS + 1] = {whole};
    int n = 1, depth = 0;
    for (const char *c = whole; *c && n <= CT_MAX_INPUTS; c++) {
        depth += (*c == '(') - (*c == ')');
        if (depth == 0 && (strncmp(c, ", ", 2) == 0 || strncmp(c, "; ", 2) == 0))
            starts[n++] = c + 2;
    }
    bool one_each = n == user->n_inputs;
    const char *end = one_each && input + 1 < n ? starts[input + 1] - 2 : whole + strlen(whole);
    const char *start = one_each ? starts[input] : whole;
    snprintf(text, size, "%.*s", (int)(end - start), start);
}

static void hint_rule(const game *g, const question *q, int part)
{
    char formula[256], value[VALUE_SIZE];
    const ct_trace_node *user = user_of(g, q, part);
    formula_for(user, q->parts[part]->input, formula, sizeof formula);
    printf("  The rule of %s: %s\n    with g = %s", user->op, formula, snapshot_text(value, q->parts[part]->incoming));
    for (int i = 0; i < user->n_inputs && i < 2; i++) {
        const ct_trace_node *input = ct_trace_node_at(g->trace, user->inputs[i]);
        if (input)
            printf(", %s = %s", user->n_inputs == 1 ? "x" : i ? "b" : "a", snapshot_text(value, input->value));
    }
    printf(", y = %s\n", snapshot_text(value, user->value));
}

/* "0.1966 * -1 = -0.1966", or the contribution alone where it is no product of two numbers. */
static void write_product(const ct_trace_step *step)
{
    char g[VALUE_SIZE], local[VALUE_SIZE], part[VALUE_SIZE];
    snapshot_text(part, step->contribution);
    if (step->elementwise && small(step->incoming) && step->incoming->numel == step->contribution->numel)
        printf("%s * %s %s %s", snapshot_text(g, step->incoming), snapshot_text(local, step->local),
               step->contribution->numel == 1
                   ? product_sign(step->incoming->values[0], step->local->values[0], step->contribution->values[0])
                   : "=",
               part);
    else
        printf("%s", part);
}

static void write_answer(const game *g, const question *q)
{
    char value[VALUE_SIZE];
    for (int part = 0; part < q->n_parts; part++) {
        printf("  %s: ", user_name(g, q, part));
        write_product(q->parts[part]);
        printf("\n");
    }
    if (q->n_parts == 1)
        return;
    printf("  together: ");
    for (int part = 0; part < q->n_parts; part++)
        printf("%s%s", part ? " + " : "", snapshot_text(value, q->parts[part]->contribution));
    printf(" = %s\n", snapshot_text(value, q->right));
}

/* Where it goes; the rule with the numbers put in; the line itself. */
static void write_hint(const game *g, const question *q, int rung)
{
    if (rung == 0 && q->n_parts > 1)
        say("%s is used %d times. Each use gives a part of its gradient; the parts add up.", q->node->name, q->n_parts);
    for (int part = 0; part < q->n_parts && rung == 0; part++)
        say("%s goes into %s, which makes %s. Move %s a little: how much does %s move? Times the gradient that comes "
            "in.",
            q->node->name, user_of(g, q, part)->op, user_name(g, q, part), q->node->name, user_name(g, q, part));
    for (int part = 0; part < q->n_parts && rung == 1; part++)
        hint_rule(g, q, part);
    if (rung == 2)
        write_answer(g, q);
}

/* ---- the game ---- */

static void remember(game *g, const question *q)
{
    size_t used = strlen(g->repeat);
    const char *what = q->n_parts > 1 ? "adding up where a name is used more than once" : user_of(g, q, 0)->op;
    if (!strstr(g->repeat, what))
        snprintf(g->repeat + used, sizeof g->repeat - used, "%s%s", used ? ", " : "", what);
}

/* The next line, without its end; false when there is none. */
static bool read_line(char **line, size_t *room)
{
    fflush(stdout);
    ssize_t length = getline(line, room, stdin);
    if (length < 0)
        return false;
    (*line)[strcspn(*line, "\r\n")] = '\0';
    if (!isatty(STDIN_FILENO))
        printf("%s\n", *line); /* as a terminal shows it */
    return true;
}

/* An answer's value, or NULL after saying what is wrong with it. */
static ct_tensor *read_answer(const char *line)
{
    expression e = {.text = line};
    ct_tensor *value = expression_run(&e);
    const char *advice = strstr(e.mistake.message, ": give it"); /* a value behind the expression: not here */
    int length = (int)(advice ? advice - e.mistake.message : (ptrdiff_t)strlen(e.mistake.message));
    if (!value)
        say("That is no number: column %d: %.*s.", e.mistake.at + 1, length, e.mistake.message);
    expression_free(&e);
    return value;
}

/* Replies to a line; true when the question is done with. *missed is set by a hint or a wrong answer. */
static bool reply(const game *g, const question *q, const char *line, int *hints, bool *missed)
{
    if (strspn(line, " \t") == strlen(line)) {
        *missed = true;
        write_hint(g, q, (*hints)++);
        return *hints == HINTS;
    }
    const ct_tensor *answer = read_answer(line);
    bool right = answer && agrees(answer, tensor_of(q->right));
    if (right) {
        printf("  Right.\n");
        write_answer(g, q);
    } else if (answer) {
        *missed = true;
        say_wrong(g, q, answer);
    }
    return right;
}

static void ask(game *g, const question *q)
{
    char *line = NULL;
    size_t room = 0;
    int hints = 0;
    bool missed = false, done = false;
    const char *d = text_is_utf8() ? "∂" : "d";
    while (!done && !g->over) {
        printf("%d/%d  %s%s%s/%s%s%s = ? ", g->asked, g->n_questions, bold(stdout), d, g->s->name, d, q->node->name,
               plain(stdout));
        g->over = !read_line(&line, &room) || strcmp(line, "q") == 0;
        done = !g->over && reply(g, q, line, &hints, &missed);
    }
    g->right += done && !missed;
    if (missed)
        remember(g, q);
    free(line);
}

static void begin_game(const game *g)
{
    char value[VALUE_SIZE], text[2 * VALUE_SIZE];
    for (int64_t i = 0; i < ct_trace_nodes(g->trace); i++) {
        const ct_trace_node *node = ct_trace_node_at(g->trace, i);
        bool literal = node->kind == CT_TRACE_CONSTANT && node->name && !isalpha((unsigned char)*node->name);
        if (node->name && node->value && !literal)
            printf("  %s = %s\n", node->name, snapshot_text(value, node->value));
    }
    printf("\n");
    snprintf(text, sizeof text,
             "The gradient of %s with respect to itself is %s. Now backwards. Answer with a number (1/2, -.2, 2e-1; "
             "three digits "
             "will do) or a list; with an empty line for a hint; with q to end.",
             g->s->name, g->s->seed ? value_text(value, g->s->seed) : "1");
    write_wrapped(stdout, text, 0, screen_width());
    printf("\n");
}

static int end_game(const game *g)
{
    printf("\n%d of %d right at once", g->right, g->n_questions);
    if (g->over)
        printf(", and the answers ended early");
    printf(".\n");
    if (*g->repeat) {
        printf("To repeat: ");
        write_wrapped(stdout, g->repeat, 11, screen_width());
    }
    return g->right == g->n_questions ? FINE : DIFFERS;
}

int play_quiz(session *s, const ct_trace_log *trace)
{
    game g = {.s = s, .trace = trace};
    question q;
    for (int64_t i = 0; i < ct_trace_steps(trace); i++)
        g.n_questions += question_at(trace, i, &q);
    if (g.n_questions == 0)
        return complain("explain", "there is no gradient to ask for: of a name with at most %d elements", MAX_ELEMENTS);
    begin_game(&g);
    for (int64_t i = 0; i < ct_trace_steps(trace) && !g.over; i++) {
        if (question_at(trace, i, &q)) {
            g.asked++;
            ct_scope_open();
            ask(&g, &q);
            ct_scope_close();
        }
    }
    return end_game(&g);
}
