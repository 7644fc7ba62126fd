/* cotan explain: an expression, its value and its gradients, told, checked or asked for. */
#include "explain.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TO, REGION, AROUND, SEED, STEP, OPS, CHECK, QUIZ, WHY, SHAPE, JSON, HTML, SVG, DOT, FRAMES, HANDOUT, STUDENT };
static const option options[] = {
    {"to", "NAME", "tell only what is on the way from the result to this name"},
    {"region", "NAME", "of a large graph, which is told and drawn folded, open this region: encoder.0"},
    {"around", "NAME", "draw only what is near this name"},
    {"seed", "NUMBERS",
     "the gradient of the result, of its shape, if it is not one number: '[1, 0]' asks for the gradients of its "
     "first element"},
    {"step", "RULE|N",
     "go on as a training step does: an optimiser changes the names, 'sgd lr=0.1', and the result is calculated again; "
     "a number instead: with --svg or --html the picture after so many steps of the backward"},
    {"ops", "LIBRARY.so", "take the operations that this library exports, too"},
    {"check", NULL, "measure every gradient with finite differences too, and compare"},
    {"quiz", NULL, "ask for one gradient after another, and say what is wrong with an answer"},
    {"why", "NAME", "why the gradient of this name is zero, tiny, huge or not a number"},
    {"shape", "NAME", "where each size of this name's shape comes from"},
    {"json", NULL, "write every value and every step as JSON (docs/trace.md)"},
    {"html", "FILE", "write a page to step through, in one file for a browser"},
    {"svg", "FILE", "draw the graph, values above the wires and gradients below"},
    {"dot", "FILE", "write the graph in Graphviz's language"},
    {"frames", "FOLDER", "draw the graph after each step of the backward, for slides: FOLDER/step_001.svg and so on"},
    {"handout", "FILE.svg", "draw the graph with blanks for the gradients, and beside it FILE.solution.svg with them"},
    {"student", "NAME",
     "change the numbers in a way that follows from this name, so that everybody has a handout of their own"},
    {0}};

/* Whether a recorded graph stands in place of an expression. */
static bool is_recorded(const arguments *given)
{
    const char *dot = strrchr(given->words[0], '.');
    return dot && strcmp(dot, ".json") == 0;
}

/* ---- running the expression ---- */

/* As the expression calls it, or "result". */
static const char *name_root(session *s)
{
    for (int i = 0; i < s->e.n_names; i++) {
        if (s->e.names[i].value == s->root)
            return s->e.names[i].name;
    }
    ct_name(s->root, "result");
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

/* The leaves; false after complaining. */
static bool bind_names(session *s)
{
    const arguments *given = s->given;
    s->e.text = given->words[0];
    s->e.more = &s->own;
    if (given->values[OPS] && !load_records("explain", given->values[OPS], &s->own))
        return false;
    for (int i = 1; i < given->n_words; i++) {
        if (!expression_bind(&s->e, given->words[i]))
            return expression_complain(&s->e, "explain"), false;
    }
    if (given->values[STUDENT] && !*given->values[STUDENT])
        return complain("explain", "--student: the name is empty"), false;
    if (given->values[STUDENT])
        vary_numbers(s, given->values[STUDENT]);
    return true;
}

/* The leaves, the result, the seed; false after complaining. */
static bool begin(session *s)
{
    char shape[SHAPE_SIZE];
    if (!bind_names(s))
        return false;
    s->random = ct_random_get();
    if (ct_trace_begin() != CT_OK)
        return complain_of_error("explain"), false;
    s->root = expression_run(&s->e);
    if (!s->root)
        return expression_complain(&s->e, "explain"), false;
    s->name = name_root(s);
    if (s->given->values[SEED])
        return read_seed(s, s->given->values[SEED]);
    if (ct_numel(s->root) == 1 || !ct_requires_grad(s->root))
        return true;
    complain("explain",
             "%s has shape %s, and a gradient is that of one number: take its sum(...), or say with --seed '[...]' how "
             "much each element counts",
             s->name, shape_text(shape, s->root));
    return false;
}

/* ---- what becomes of it ---- */

/* The newest tensor of that name; -1 after complaining. */
static int64_t find(const session *s, const ct_trace_log *trace, const char *name)
{
    int64_t id = ct_trace_find(trace, name), n = 0;
    if (id >= 0)
        return id;
    const char *names[MAX_NAMES];
    for (int64_t i = 0; i < ct_trace_nodes(trace) && n < MAX_NAMES; i++) {
        if (ct_trace_node_at(trace, i)->name)
            names[n++] = ct_trace_node_at(trace, i)->name;
    }
    const char *like = nearest(name, (int)strlen(name), names, (int)n);
    complain("explain", "there is no '%s' in the %s%s%s%s", name, s->root ? "expression" : "graph",
             like ? "; the nearest is '" : "", like ? like : "", like ? "'" : "");
    return -1;
}

/* Whether there is the region that --region names, if it is given; false after complaining. */
static bool has_region(const session *s, const ct_trace_log *trace)
{
    const char *wanted = s->given->values[REGION], *names[MAX_NAMES];
    int n = 0;
    size_t length = wanted ? strlen(wanted) : 0;
    for (int64_t i = 0; wanted && i < ct_trace_nodes(trace); i++) {
        const char *region = ct_trace_node_at(trace, i)->region;
        if (strncmp(region, wanted, length) == 0 && (region[length] == '.' || !region[length]))
            return true;
        if (n < MAX_NAMES && *region && (n == 0 || strcmp(region, names[n - 1]) != 0))
            names[n++] = region;
    }
    const char *like = wanted ? nearest(wanted, (int)length, names, n) : NULL;
    if (wanted && n == 0)
        complain("explain", "there is no region '%s': nothing in the graph is in one", wanted);
    else if (wanted)
        complain("explain", "there is no region '%s'; %s is '%s'", wanted, like ? "the nearest" : "the first",
                 like ? like : names[0]);
    return !wanted;
}

/* What the gradients are of, where the result is not one number. */
static void write_seed(const session *s)
{
    char seed[VALUE_SIZE], text[VALUE_SIZE + 128];
    snprintf(text, sizeof text, "gradients of sum(seed %s %.60s), the seed times the Jacobian, with seed = %s",
             text_is_utf8() ? "\u00d7" : "*", s->name, value_text(seed, s->seed));
    write_wrapped(stdout, text, 0, screen_width());
}

static int write_story(session *s, const ct_trace_log *trace)
{
    char value[VALUE_SIZE];
    if (!has_region(s, trace) || (s->given->values[TO] && find(s, trace, s->given->values[TO]) < 0))
        return WRONG_USE;
    if (s->root && !ct_requires_grad(s->root)) {
        const char *why = ct_dtype_is_float(ct_dtype_of(s->root))
                              ? "give a name its value behind the expression, as x=1"
                              : "whole numbers have none";
        printf("%s = %s\nNo gradients: %s.\n", s->name, value_text(value, s->root), why);
        return FINE;
    }
    if (s->seed)
        write_seed(s);
    if (ct_trace_explain(trace, stdout, .to = s->given->values[TO], .region = s->given->values[REGION],
                         .width = screen_width(), .unicode = text_is_utf8() ? CT_YES : CT_NO) != CT_OK)
        return complain_of_error("explain");
    return FINE;
}

static int write_why(session *s, const ct_trace_log *trace)
{
    int64_t id = find(s, trace, s->given->values[WHY]);
    if (id < 0)
        return WRONG_USE;
    write_wrapped(stdout, ct_trace_why(trace, id), 0, screen_width());
    return FINE;
}

static int write_shape(session *s, const ct_trace_log *trace)
{
    char text[1024];
    int64_t id = find(s, trace, s->given->values[SHAPE]);
    if (id < 0)
        return WRONG_USE;
    snprintf(text, sizeof text, "%s is %s", s->given->values[SHAPE], ct_trace_shape(trace, id));
    write_wrapped(stdout, text, 0, screen_width());
    return FINE;
}

static int write_json(session *s, const ct_trace_log *trace)
{
    (void)s;
    return ct_trace_write_json(trace, stdout) == CT_OK ? FINE : complain_of_error("explain");
}

/* --html, --svg or --dot: the format is the suffix's. */
static int write_picture(session *s, const ct_trace_log *trace)
{
    int which = s->given->values[HTML] ? HTML : s->given->values[SVG] ? SVG : DOT;
    const char *path = s->given->values[which];
    if (!has_region(s, trace))
        return WRONG_USE;
    char *edit = which == HTML && !is_recorded(s->given) ? playground_address(s, path) : NULL;
    ct_status status =
        ct_trace_write(trace, path, .title = s->title, .source = is_recorded(s->given), .step = s->step,
                       .open = s->given->values[REGION], .around = s->given->values[AROUND], .edit = edit);
    free(edit);
    return status == CT_OK ? FINE : complain_of_error("explain");
}

/* The steps of the last run, but those that only lay a leaf's first gradient down. */
static int64_t count_steps(const ct_trace_log *trace)
{
    int64_t n = 0, all = ct_trace_steps(trace);
    for (int64_t i = 0; i < all; i++) {
        const ct_trace_step *step = ct_trace_step_at(trace, i);
        n += step->run == ct_trace_step_at(trace, all - 1)->run && (step->action != CT_STEP_LEAF || step->old);
    }
    return n;
}

static int write_frames(session *s, const ct_trace_log *trace)
{
    const char *folder = s->given->values[FRAMES];
    char path[4096];
    int64_t n = count_steps(trace);
    if (n == 0)
        return complain("explain",
                        "--frames: there is no backward: give a name its value behind the expression, as x=1");
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return complain("explain", "--frames %s: %s", folder, strerror(errno));
    for (int64_t i = 1; i <= n; i++) {
        if (snprintf(path, sizeof path, "%s/step_%03lld.svg", folder, (long long)i) >= (int)sizeof path)
            return complain("explain", "--frames: the name is too long");
        if (ct_trace_write(trace, path, .title = s->title, .step = i, .unfold = CT_YES) != CT_OK)
            return complain_of_error("explain");
    }
    printf("%lld pictures in %s\n", (long long)n, folder);
    return FINE;
}

static int write_handout(session *s, const ct_trace_log *trace)
{
    const char *path = s->given->values[HANDOUT];
    char solution[4096];
    if (snprintf(solution, sizeof solution, "%.*s.solution.svg", (int)strlen(path) - 4, path) >= (int)sizeof solution)
        return complain("explain", "--handout: the name is too long");
    if (ct_trace_write(trace, path, .title = s->title, .blanks = true, .unfold = CT_YES) != CT_OK ||
        ct_trace_write(trace, solution, .title = s->title, .unfold = CT_YES) != CT_OK)
        return complain_of_error("explain");
    return FINE;
}

/* The options that say what becomes of it instead of the story. */
static const struct mode {
    int option;
    int (*write)(session *s, const ct_trace_log *trace);
} modes[] = {{CHECK, write_check},   {QUIZ, play_quiz},       {WHY, write_why},     {SHAPE, write_shape},
             {JSON, write_json},     {HTML, write_picture},   {SVG, write_picture}, {DOT, write_picture},
             {FRAMES, write_frames}, {HANDOUT, write_handout}};

/* The mode that is given, the story without one; NULL after complaining of two. */
static const struct mode *mode_of(const arguments *given)
{
    static const struct mode story = {-1, write_story};
    const struct mode *mode = &story;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (!given->values[modes[i].option])
            continue;
        if (mode != &story) {
            complain("explain", "--%s and --%s do not go together", options[mode->option].name,
                     options[modes[i].option].name);
            return NULL;
        }
        mode = &modes[i];
    }
    return mode;
}

/* After shapes did not go together: where they come from, and the picture that was asked for, of what was calculated until then. */
static void tell_failure(session *s, const struct mode *mode, const ct_trace_log *trace)
{
    const ct_trace_node *last = ct_trace_node_at(trace, ct_trace_nodes(trace) - 1);
    if (!last || !last->failed || !s->e.mistake.of_shapes)
        return;
    bool made = false;
    for (int i = 0; i < last->n_inputs; i++)
        made |= last->inputs[i] >= 0 && ct_trace_node_at(trace, last->inputs[i])->kind == CT_TRACE_RESULT;
    fputs(made ? "  " : "", stderr);
    if (made)
        write_wrapped(stderr, ct_trace_shape(trace, last->id), 2, screen_width());
    if (mode->write == write_picture && write_picture(s, trace) == FINE)
        fprintf(stderr, "  the picture shows what was calculated until then\n");
}

static bool can_step(const session *s)
{
    if (ct_requires_grad(s->root) && !s->given->values[CHECK] && !s->given->values[QUIZ] && !s->given->values[WHY])
        return true;
    complain("explain", ct_requires_grad(s->root) ? "--step does not go together with --check, --quiz and --why"
                                                  : "--step: no name has a value that could be changed: x=1");
    return false;
}

/* Runs the expression and its backward, traced, and hands on what mode makes of it. */
static int explain(session *s, const struct mode *mode)
{
    bool begun = begin(s);
    if (begun && ct_requires_grad(s->root))
        ct_backward(s->root, .gradient = s->seed, .retain_graph = !s->given->values[STEP] || s->step > 0);
    if (begun && s->given->values[HTML] && ct_error_code() == CT_OK)
        ct_trace_measure_gradients(); /* for what is too large for the page itself */
    if (begun && s->given->values[STEP] && s->step == 0 && ct_error_code() == CT_OK)
        begun = can_step(s) && take_step(s, s->given->values[STEP]);
    ct_trace_log *trace = ct_trace_end();
    int status = WRONG_USE;
    if (begun && trace && ct_error_code() == CT_OK)
        status = mode->write(s, trace);
    else if (begun)
        complain_of_error("explain");
    else
        tell_failure(s, mode, trace);
    ct_error_clear(); /* after a complaint there may have been no trace to end */
    ct_trace_free(trace);
    return status;
}

/* ---- a recorded graph in place of an expression ---- */

/* Whether all that is asked for can be had of what is recorded; false after complaining. */
static bool can_tell(const session *s)
{
    static const int runs[] = {SEED, OPS, CHECK, QUIZ, STUDENT, STEP};
    const arguments *given = s->given;
    if (given->n_words > 1)
        return complain("explain", "'%s': the values of a recorded graph stay as they are", given->words[1]), false;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        if (given->values[runs[i]] && !(runs[i] == STEP && s->step > 0))
            return complain("explain", "--%s needs an expression, and %s is a recorded graph", options[runs[i]].name,
                            given->words[0]),
                   false;
    }
    return true;
}

static int explain_recorded(session *s, const struct mode *mode)
{
    const char *path = s->given->words[0];
    if (!can_tell(s))
        return WRONG_USE;
    size_t size;
    char *text = read_file("explain", path, &size);
    if (!text)
        return WRONG_USE;
    FILE *file = fmemopen(text, size, "r");
    ct_trace_log *trace = file ? ct_trace_read_json(file) : NULL;
    if (file)
        fclose(file);
    free(text);
    int status = trace ? mode->write(s, trace) : complain("explain", "%s: %s", path, ct_error_message());
    ct_error_clear();
    ct_trace_free(trace);
    return status;
}

/* ---- the whole ---- */

/* The folder of --frames if it is there, else the place where it will be. */
static bool can_write_folder(const arguments *given, const char *folder)
{
    struct stat found;
    char path[4096];
    bool there = stat(folder, &found) == 0 && S_ISDIR(found.st_mode);
    snprintf(path, sizeof path, "%.4000s%s", folder, there ? "/step_001.svg" : "");
    return can_write(given, &options[FRAMES], path);
}

/* Whether there is room for the picture that is asked for, which is said before anything is calculated; false after complaining. */
static bool can_write_pictures(const arguments *given)
{
    static const struct {
        int option;
        const char *suffix;
    } files[] = {{HTML, ".html"}, {SVG, ".svg"}, {DOT, ".dot"}, {HANDOUT, ".svg"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = given->values[files[i].option];
        if (path && !can_write_as(given, &options[files[i].option], path, files[i].suffix))
            return false;
    }
    return !given->values[FRAMES] || can_write_folder(given, given->values[FRAMES]);
}

/* --step 3: of a picture; false after complaining that there is none. */
static bool read_step_number(session *s)
{
    const char *text = s->given->values[STEP];
    if (!text || !*text || text[strspn(text, "0123456789")])
        return true;
    s->step = strtoll(text, NULL, 10);
    if (s->step > 0 && (s->given->values[SVG] || s->given->values[HTML]))
        return true;
    complain("explain", "--step %s: %s", text,
             s->step > 0 ? "goes with --svg or --html; a training step is 'sgd lr=0.1'" : "steps count from 1");
    return false;
}

static int run(const arguments *given)
{
    session s = {.given = given};
    const struct mode *mode = mode_of(given);
    if (!mode || !read_step_number(&s) || !can_write_pictures(given))
        return WRONG_USE;
    snprintf(s.title, sizeof s.title, "%.390s", given->words[0]);
    ct_scope_open();
    bool before = ct_use_definitions(true); /* what an operation consists of is to be seen */
    int status = is_recorded(given) ? explain_recorded(&s, mode) : explain(&s, mode);
    ct_use_definitions(before);
    expression_free(&s.e);
    ct_module_free(s.module);
    ct_scope_close();
    return status;
}

const command explain_command = {
    .name = "explain",
    .usage = "'EXPRESSION'|RUN.json [NAME=VALUE]...",
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
             "and nan are numbers.\n"
             "In its place may stand a run of a program, as ct_trace_write_json() has recorded it: RUN.json.",
    .options = options,
    .examples = "  cotan explain 'f = (a + b) * (b + 1)' a=2 b=1\n"
                "  cotan explain 'f = 1/(1+exp(-(w0*x0 + w1*x1 + w2)))' w0=2 x0=-1 w1=-3 x1=-2 w2=-3\n"
                "  cotan explain 'loss = mean((W @ x - y)^2)' W='[[1,2],[3,4]]' x='[1,-1]' y='[0,1]' --check\n"
                "  cotan explain run.json --region encoder.0\n",
    .run = run,
};
