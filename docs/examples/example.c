/* What the programs of this folder have in common; see example.h. */
#include "example.h"
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 24 };

/* ---- the options: the common ones, then the program's own ---- */

static int all_options(example *e, example_option *rows)
{
    const example_option common[] = {
        {.name = "epochs", .what = "passes over the data", .whole = &e->epochs, .low = 1, .high = 1000000},
        {.name = "seed", .what = "of all that is random", .whole = &e->seed, .low = 0, .high = INT64_MAX},
        {.name = "threads",
         .what = "threads to use (all cores); results do not depend on it",
         .whole = &e->threads,
         .low = 1,
         .high = 256},
        {.name = "data", .what = "where the data set is, if it is elsewhere", .text = &e->data},
        {.name = "out", .what = "where to write", .text = &e->out},
        {.name = "quick", .what = "a short run that shows that all works", .flag = &e->quick},
    };
    int n = sizeof common / sizeof *common;
    memcpy(rows, common, sizeof common);
    for (const example_option *own = e->own; own && own->name && n < MOST; own++)
        rows[n++] = *own;
    return n;
}

static void show_default(FILE *out, const example_option *o)
{
    if (o->whole && *o->whole >= o->low)
        fprintf(out, " (%lld)", (long long)*o->whole);
    if (o->positive)
        fprintf(out, " (%g)", *o->positive);
    if (o->text && *o->text)
        fprintf(out, " (%s)", *o->text);
}

static int show_usage(const example *e, const example_option *rows, int n, FILE *out)
{
    fprintf(out, "usage: %s [options]\n", e->name);
    for (int i = 0; i < n; i++) {
        const example_option *o = &rows[i];
        const char *value = o->whole ? "N" : o->positive ? "X" : o->text ? "TEXT" : "";
        int used = fprintf(out, "  --%s %s", o->name, value);
        fprintf(out, "%*s%s", used < 18 ? 18 - used : 1, "", o->what);
        show_default(out, o);
        fputc('\n', out);
    }
    fprintf(out, "  --help          this text\n");
    return out == stdout ? EXIT_SUCCESS : 2;
}

/* Whether all of text is a number as the option wants it. */
static bool take(const example_option *o, const char *text)
{
    char *end = NULL;
    errno = 0;
    if (o->whole)
        *o->whole = strtoll(text, &end, 10);
    else if (o->positive)
        *o->positive = strtod(text, &end);
    else if (o->text)
        *o->text = text;
    else
        *o->flag = true;
    if (!o->whole && !o->positive)
        return true;
    bool fits = o->whole ? *o->whole >= o->low && *o->whole <= o->high : *o->positive > 0 && isfinite(*o->positive);
    return end != text && !*end && !errno && fits;
}

static int refuse(const example *e, const example_option *o, const char *text)
{
    fprintf(stderr, "%s: --%s %s: must be ", e->name, o->name, text);
    if (o->whole)
        fprintf(stderr, "a whole number from %lld to %lld\n", (long long)o->low, (long long)o->high);
    else
        fputs("a number above 0\n", stderr);
    return 2;
}

/* Returns -1 to go on, or the exit status. */
static int read_options(example *e, int argc, char **argv)
{
    enum { HELP = MOST };
    example_option rows[MOST];
    struct option options[MOST + 2] = {{0}};
    int n = all_options(e, rows);
    bool asked = false; /* for so many epochs */
    for (int i = 0; i < n; i++)
        options[i] = (struct option){rows[i].name, rows[i].flag ? no_argument : required_argument, NULL, i};
    options[n] = (struct option){"help", no_argument, NULL, HELP};
    for (int i; (i = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (i == HELP || i == '?')
            return show_usage(e, rows, n, i == HELP ? stdout : stderr);
        if (!take(&rows[i], optarg))
            return refuse(e, &rows[i], optarg);
        asked = asked || rows[i].whole == &e->epochs;
    }
    if (optind < argc)
        return fprintf(stderr, "%s: unexpected argument %s\n", e->name, argv[optind]), 2;
    e->epochs = e->quick && !asked ? e->quick_epochs : e->epochs;
    return -1;
}

bool example_begin(example *e, int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    bool shipped = !e->data;
    e->name = slash ? slash + 1 : argv[0];
    e->out = e->out ? e->out : ".";
    e->status = read_options(e, argc, argv);
    if (e->status >= 0)
        return false;
    if ((mkdir(e->out, 0777) != 0 && errno != EEXIST) || access(e->out, W_OK | X_OK) != 0) {
        fprintf(stderr, "%s: --out %s: %s\n", e->name, e->out, strerror(errno));
        e->status = 2;
        return false;
    }
    if (shipped && e->data)
        setenv("COTAN_DATA", e->data, 1);
    if (e->threads)
        ct_set_num_threads((int)e->threads);
    ct_seed((uint64_t)e->seed);
    ct_scope_open();
    return true;
}

/* ---- what is written and said ---- */

const char *example_path(example *e, const char *name)
{
    enum { SIZE = sizeof e->paths[0] };
    int last = (int)(sizeof e->paths / SIZE) - 1;
    e->n_paths += e->n_paths <= last;
    snprintf(e->paths[e->n_paths - 1], SIZE, "%s/%s", e->out, name);
    return e->paths[e->n_paths - 1];
}

/* With all digits, so that what differs in a bit differs here. */
static void log_progress(example *e, int64_t epoch, const char *what, double value)
{
    char name[64];
    snprintf(name, sizeof name, "%.50s.csv", e->name);
    if (!e->log && epoch == 1) {
        e->log = fopen(example_path(e, name), "w");
        if (e->log)
            fprintf(e->log, "epoch,%s\n", what);
        else
            e->status = (fprintf(stderr, "%s: %s/%s: %s\n", e->name, e->out, name, strerror(errno)), EXIT_FAILURE);
    }
    if (e->log)
        fprintf(e->log, "%lld,%.17g\n", (long long)epoch, value);
}

void example_progress(example *e, int64_t epoch, const char *what, double value)
{
    bool terminal = isatty(STDOUT_FILENO);
    printf("%sepoch %lld/%lld  %s %.4f%s", terminal ? "\r" : "", (long long)epoch, (long long)e->epochs, what, value,
           !terminal || epoch == e->epochs ? "\n" : "\033[K");
    fflush(stdout);
    log_progress(e, epoch, what, value);
}

int example_end(example *e, const char *format, ...)
{
    ct_scope_close();
    if (e->log && fclose(e->log) != 0)
        return fprintf(stderr, "%s: %s.csv: %s\n", e->name, e->name, strerror(errno)), EXIT_FAILURE;
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "%s: %s\n", e->name, ct_error_message()), EXIT_FAILURE;
    if (e->status > 0)
        return e->status; /* which has been said */
    for (int i = 0; i < e->n_paths; i++)
        printf("%s%s%s%s", i ? ", " : "written: ", e->paths[i], access(e->paths[i], F_OK) == 0 ? "" : ".*",
               i == e->n_paths - 1 ? "\n" : "");
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    return putchar('\n') == EOF;
}

/* ---- data sets ---- */

static const char *const fashion_files[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                            "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};

/* e->data/name, in place. */
static const char *data_path(const example *e, const char *name, char path[1024])
{
    snprintf(path, 1024, "%s/%s", e->data, name);
    return path;
}

bool example_has_fashion(const example *e)
{
    char path[1024];
    for (int i = 0; i < 4; i++)
        if (access(data_path(e, fashion_files[i], path), R_OK) != 0) {
            printf("Fashion-MNIST is not in %s (%s: %s).\n"
                   "Debian's package dataset-fashion-mnist has it; going on with the 8x8 digits instead.\n",
                   e->data, fashion_files[i], strerror(errno));
            return false;
        }
    return true;
}

/* The first n indices; the caller's. NULL: no memory. */
static int64_t *first(int64_t n)
{
    int64_t *indices = malloc((size_t)(n > 0 ? n : 1) * sizeof *indices);
    for (int64_t i = 0; indices && i < n; i++)
        indices[i] = i;
    return indices;
}

/* A tenth of a set, which takes its place. */
static ct_dataset *tenth(ct_dataset *set)
{
    int64_t n = ct_dataset_count(set) / 10, *indices = first(n);
    ct_dataset *few = indices ? ct_dataset_subset(set, indices, n) : NULL;
    free(indices);
    ct_dataset_free(set);
    return few;
}

void example_fashion(const example *e, ct_dataset *part[2])
{
    const double mean = 0.2860 * 255, deviation = 0.3530 * 255; /* of the training images */
    char images[1024], labels[1024];
    for (int i = 0; i < 2; i++) {
        part[i] = ct_dataset_from_idx(data_path(e, fashion_files[2 * i], images),
                                      data_path(e, fashion_files[2 * i + 1], labels), .scale = 1 / deviation,
                                      .offset = -mean / deviation);
        part[i] = e->quick && part[i] ? tenth(part[i]) : part[i];
    }
}

int64_t example_images(const example *e, ct_dataset *part[2])
{
    bool fashion = !e->quick && example_has_fashion(e);
    fashion ? example_fashion(e, part) : example_digits(e, part);
    return fashion ? 28 : 8;
}

void example_digits(const example *e, ct_dataset *part[2])
{
    ct_dataset *all = ct_load_digits(.scale = 1. / 8, .offset = -1);
    part[0] = part[1] = NULL;
    ct_random_split(all, CT_VALUES(0.8, 0.2), part, .stratify = true, .seed = (uint64_t)e->seed);
    ct_dataset_free(all);
}

ct_tensor *example_call(ct_module *net, const char *name, ct_tensor *x)
{
    return ct_forward(ct_module_find(net, name), x);
}

void example_expect(const example *e, const char *path, const char *package)
{
    if (access(path, R_OK) != 0)
        printf("%s: %s: %s; Debian's package %s has it\n", e->name, path, strerror(errno), package);
}

char *example_read(const example *e, const char *const *names, const char *package)
{
    enum { MOST_BYTES = 1 << 20 };
    char path[1024], *text = calloc(MOST_BYTES, 1);
    size_t n = 0;
    for (; text && *names; names++) {
        FILE *file = fopen(data_path(e, *names, path), "r");
        n += file ? fread(text + n, 1, MOST_BYTES - 1 - n, file) : 0;
        if (file)
            fclose(file);
    }
    if (n == 0)
        example_expect(e, path, package);
    return text;
}

char *example_text(const ct_dataset *characters, const ct_tensor *tokens, char *text, size_t size)
{
    size_t used = 0;
    *text = 0;
    for (int64_t i = 0; i < ct_size(tokens, 0) && ct_error_code() == CT_OK; i++) {
        const char *character = ct_dataset_class_name(characters, (int64_t)ct_get(tokens, CT_SHAPE(i)));
        size_t length = character ? strlen(character) : 0;
        if (used + length < size)
            memcpy(text + used, character, length + 1), used += length;
    }
    return text;
}

/* Tokens [1,t] and one more. */
static ct_tensor *drawn_on(ct_module *net, ct_tensor *tokens, int64_t seen, double boldness)
{
    ct_tensor *last = ct_size(tokens, 1) > seen ? ct_slice(tokens, 1, -seen, CT_END, 1) : tokens;
    ct_tensor *logits = ct_select(ct_forward(net, last), 1, -1);
    ct_tensor *both[] = {tokens, ct_multinomial(ct_softmax(ct_mul_scalar(logits, boldness), 1), 1, true)};
    return ct_concat(both, 2, 1);
}

void example_write_on(ct_module *net, const ct_dataset *characters, int64_t seen, double boldness, char *text,
                      size_t size)
{
    ct_module_train(net, false);
    ct_no_grad_begin();
    ct_tensor *tokens = ct_unsqueeze(ct_text_tokens(characters, text), 0);
    while (ct_size(tokens, 1) + 1 < (int64_t)size && ct_error_code() == CT_OK) {
        ct_scope_open();
        tokens = ct_scope_return(drawn_on(net, tokens, seen, boldness));
        ct_scope_close();
    }
    ct_no_grad_end();
    example_text(characters, ct_select(tokens, 0, 0), text, size);
}

/* ---- for ct_fit() ---- */

ct_tensor *example_next_loss(ct_tensor *logits, ct_tensor *next)
{
    return ct_cross_entropy(ct_flatten(logits, 0, 1), ct_flatten(next, 0, 1));
}

ct_tensor *example_own_loss(ct_tensor *loss, ct_tensor *target)
{
    (void)target;
    return loss;
}

bool example_tell_loss(const ct_progress *progress, void *e)
{
    example_progress(e, progress->epoch, "loss", progress->epoch_loss);
    return true;
}

bool example_tell_bits(const ct_progress *progress, void *e)
{
    bool validated = !isnan(progress->validation_loss);
    double loss = validated ? progress->validation_loss : progress->epoch_loss;
    example_progress(e, progress->epoch, "bits per character", loss / log(2));
    return true;
}

/* ---- pictures ---- */

void example_point(example_curve *curve, double x, double y)
{
    if (curve->n >= EXAMPLE_POINTS)
        return;
    curve->x[curve->n] = x;
    curve->y[curve->n++] = y;
}

void example_cross(example_curve *curve, double x, double y, double width, double height)
{
    const double at[6][2] = {{-0.5, -0.5}, {0.5, 0.5}, {NAN, NAN}, {-0.5, 0.5}, {0.5, -0.5}, {NAN, NAN}};
    for (int i = 0; i < 6; i++)
        example_point(curve, x + width * at[i][0], y + height * at[i][1]);
}

bool example_note_loss(const ct_progress *progress, void *curve)
{
    example_point(curve, (double)progress->epoch, progress->epoch_loss);
    return true;
}

bool example_note_validation(const ct_progress *progress, void *curve)
{
    example_point(curve, (double)progress->epoch, progress->validation_loss);
    return true;
}

void example_draw(example *e, const char *name, const example_curve *curves, int n, const ct_plot_options *options)
{
    enum { LINES = 12 };
    ct_series series[LINES];
    for (int i = 0; i < n && i < LINES; i++)
        series[i] = (ct_series){.label = curves[i].label, .x = curves[i].x, .y = curves[i].y, .n = curves[i].n};
    (ct_plot_svg)(example_path(e, name), series, n < LINES ? n : LINES, options);
}

void example_png(example *e, const char *name, const ct_tensor *images, int64_t columns, double low, double high)
{
    int64_t n = ct_size(images, 0), h = ct_size(images, 1) + 1, w = ct_size(images, 2) + 1;
    int64_t rows = (n + columns - 1) / columns;
    const int64_t lines[] = {1, 0, 1, 0, 0, rows * columns - n}, end_lines[] = {0, 1, 0, 1}, order[] = {0, 2, 1, 3};
    ct_scope_open();
    ct_tensor *grey = ct_mul_scalar(ct_add_scalar(ct_detach((ct_tensor *)images), -low), 1 / (high - low));
    ct_tensor *tiles = ct_reshape(ct_pad(grey, lines, 6), CT_SHAPE(rows, columns, h, w));
    ct_tensor *sheet = ct_reshape(ct_permute(tiles, order, 4), CT_SHAPE(rows * h, columns * w));
    ct_png_write(example_path(e, name), ct_pad(sheet, end_lines, 4));
    ct_scope_close();
}

/* A character in the middle of a square; blanks, and what the format has for itself, are left out. */
static void write_letter(FILE *f, int64_t x, int64_t y, char letter)
{
    if (letter > ' ' && !strchr("<>&", letter))
        fprintf(f, "<text x=\"%d\" y=\"%d\">%c</text>\n", (int)x + 10, (int)y + 15, letter);
}

static void write_squares(FILE *f, const ct_tensor *weights, const char *rows, const char *columns)
{
    enum { SIDE = 20 };
    int64_t h = ct_size(weights, 0), w = ct_size(weights, 1);
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"monospace\" "
            "font-size=\"14\" text-anchor=\"middle\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            (int)(w + 2) * SIDE, (int)(h + 2) * SIDE);
    for (int64_t i = 0; i < w && columns[i]; i++)
        write_letter(f, (i + 1) * SIDE, 0, columns[i]);
    for (int64_t k = 0; k < h && rows[k]; k++) {
        write_letter(f, 0, (k + 1) * SIDE, rows[k]);
        for (int64_t i = 0; i < w; i++)
            fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"19\" height=\"19\" fill-opacity=\"%.3f\"/>\n",
                    (int)(i + 1) * SIDE, (int)(k + 1) * SIDE, ct_get(weights, CT_SHAPE(k, i)));
    }
    fputs("</svg>\n", f);
}

void example_map(example *e, const char *name, const ct_tensor *weights, const char *rows, const char *columns)
{
    const char *path = example_path(e, name);
    FILE *f = ct_error_code() == CT_OK ? fopen(path, "w") : NULL;
    if (!f)
        return;
    write_squares(f, weights, rows, columns);
    fclose(f);
}
