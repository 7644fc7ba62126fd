/* Line plots as SVG (https://www.w3.org/TR/SVG11/).
 *
 * Invariant: the same numbers give the same bytes. */
#include "plot.h"
#include <math.h>

enum { WIDTH = CT__PLOT_WIDTH, HEIGHT = CT__PLOT_HEIGHT, LEFT = CT__PLOT_LEFT, RIGHT = 24, TOP = 44, BOTTOM = 52 };

/* One axis: values low..high lie at pixels from..to. */
typedef struct axis {
    double low, high;
    double from, to;
    double tick; /* distance between ticks */
} axis;

static double place(const axis *a, double value)
{
    return a->from + (value - a->low) / (a->high - a->low) * (a->to - a->from);
}

/* 1, 2 or 5 times a power of ten, so that an axis of that length has 4 to 10 ticks. */
static double nice_tick(double length)
{
    double power = pow(10, floor(log10(length / 5)));
    double fraction = length / 5 / power;
    return power * (fraction < 1.5 ? 1 : fraction < 3.5 ? 2 : fraction < 7.5 ? 5 : 10);
}

static void widen(axis *a, double value)
{
    a->low = fmin(a->low, value);
    a->high = fmax(a->high, value);
}

/* Rounds the ends outwards to ticks. */
static void finish_axis(axis *a)
{
    if (a->high - a->low < 1e-12 * fmax(fabs(a->low), fabs(a->high)) || a->high == a->low) {
        double room = a->high == 0 ? 1 : 0.1 * fabs(a->high);
        a->low -= room;
        a->high += room;
    }
    a->tick = nice_tick(a->high - a->low);
    a->low = a->tick * floor(a->low / a->tick + 1e-9);
    a->high = a->tick * ceil(a->high / a->tick - 1e-9);
}

static bool finite_point(const ct_series *s, int64_t i)
{
    return isfinite(s->x[i]) && isfinite(s->y[i]);
}

/* The range of all finite points; false if there are none. */
static bool find_axes(const ct_series *series, int64_t n, axis *x, axis *y)
{
    *x = (axis){.low = INFINITY, .high = -INFINITY, .from = LEFT, .to = WIDTH - RIGHT};
    *y = (axis){.low = INFINITY, .high = -INFINITY, .from = HEIGHT - BOTTOM, .to = TOP};
    for (int64_t k = 0; k < n; k++) {
        for (int64_t i = 0; i < series[k].n; i++) {
            if (!finite_point(&series[k], i))
                continue;
            widen(x, series[k].x[i]);
            widen(y, series[k].y[i]);
        }
    }
    if (x->low > x->high)
        return false;
    finish_axis(x);
    finish_axis(y);
    return true;
}

static void write_escaped(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", f);
        else if (*text == '>')
            fputs("&gt;", f);
        else if (*text == '&')
            fputs("&amp;", f);
        else
            fputc(*text, f);
    }
}

void ct__svg_text(FILE *f, double x, double y, const char *attributes, const char *text)
{
    if (!text)
        return;
    fprintf(f, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, attributes);
    write_escaped(f, text);
    fputs("</text>\n", f);
}

/* Grid lines with their numbers along both axes. */
static void write_grid(FILE *f, const axis *x, const axis *y)
{
    char number[32];
    for (int i = 0; x->low + i * x->tick <= x->high + 0.5 * x->tick; i++) {
        double value = x->low + i * x->tick, at = place(x, value);
        fprintf(f, "<path class=\"grid\" d=\"M%.1f %d V%d\"/>\n", at, HEIGHT - BOTTOM, TOP);
        snprintf(number, sizeof number, "%.10g", fabs(value) < 1e-9 * x->tick ? 0 : value);
        ct__svg_text(f, at, HEIGHT - BOTTOM + 18, " text-anchor=\"middle\"", number);
    }
    for (int i = 0; y->low + i * y->tick <= y->high + 0.5 * y->tick; i++) {
        double value = y->low + i * y->tick, at = place(y, value);
        fprintf(f, "<path class=\"grid\" d=\"M%d %.1f H%d\"/>\n", LEFT, at, WIDTH - RIGHT);
        snprintf(number, sizeof number, "%.10g", fabs(value) < 1e-9 * y->tick ? 0 : value);
        ct__svg_text(f, LEFT - 8, at + 4, " text-anchor=\"end\"", number);
    }
    fprintf(f, "<path class=\"axis\" d=\"M%d %d V%d H%d\"/>\n", LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
}

/* Curves differ in their dashes as well, for those who do not tell the colours apart, and where one lies on another. */
typedef struct stroke {
    const char *colour, *dashes;
} stroke;

static const stroke strokes[] = {{"#1f5fa8", "none"},     {"#c8501e", "9 4"}, {"#2e8540", "2 3"},
                                 {"#7b3fa0", "12 3 2 3"}, {"#8a6d00", "5 2"}, {"#555555", "1 5"}};

/* The attributes of a line like the series' own. */
static void write_stroke(FILE *f, const ct_series *s, const stroke *pen)
{
    fprintf(f, "stroke=\"%s\" ", pen->colour);
    if (s->faint)
        fputs("stroke-width=\"1\" stroke-opacity=\"0.6\"", f);
    else
        fprintf(f, "stroke-width=\"2\" stroke-dasharray=\"%s\"", pen->dashes);
}

/* A curve, broken where a point is not finite. */
static void write_curve(FILE *f, const ct_series *s, const axis *x, const axis *y, const stroke *pen)
{
    fputs("<path fill=\"none\" stroke-linejoin=\"round\" ", f);
    write_stroke(f, s, pen);
    fputs(" d=\"", f);
    bool down = false;
    for (int64_t i = 0; i < s->n; i++) {
        bool finite = finite_point(s, i);
        if (finite)
            fprintf(f, "%c%.1f %.1f", down ? 'L' : 'M', place(x, s->x[i]), place(y, s->y[i]));
        down = finite;
    }
    fputs("\"/>\n", f);
}

typedef struct plot {
    const ct_series *series;
    int64_t n;
    const ct_plot_options *options;
    const axis *x, *y;
} plot;

/* ---- the legend: on the side where it hides least of the curves ---- */

enum { LEGEND_WIDTH = 172, LEGEND_ROW = 18, SAMPLES = 8, LEGEND_PLACES = 6 };

typedef struct box {
    double left, top, height;
} box;

static int64_t legend_rows(const plot *p)
{
    int64_t rows = 0;
    for (int64_t k = 0; k < p->n; k++)
        rows += p->series[k].label != NULL;
    return rows;
}

/* How much of a curve lies in the box, in samples of its pieces. */
static int64_t hidden(const plot *p, const ct_series *s, const box *b)
{
    int64_t count = 0;
    for (int64_t i = 0; i + 1 < s->n; i++) {
        if (!finite_point(s, i) || !finite_point(s, i + 1))
            continue;
        for (int j = 0; j < SAMPLES; j++) {
            double share = (double)j / SAMPLES;
            double x = place(p->x, s->x[i] + share * (s->x[i + 1] - s->x[i]));
            double y = place(p->y, s->y[i] + share * (s->y[i + 1] - s->y[i]));
            count += x >= b->left && x <= b->left + LEGEND_WIDTH && y >= b->top && y <= b->top + b->height;
        }
    }
    return count;
}

/* Upper right, upper left, lower right, lower left, middle right, middle left: the first of those that hide least. */
static box place_legend(const plot *p)
{
    box best = {0};
    int64_t least = INT64_MAX;
    for (int i = 0; i < LEGEND_PLACES; i++) {
        box b = {.height = LEGEND_ROW * (double)legend_rows(p) + 8};
        double highest = TOP + 4, lowest = HEIGHT - BOTTOM - b.height - 4;
        b.left = i % 2 ? LEFT + 8 : WIDTH - RIGHT - LEGEND_WIDTH;
        b.top = i < 2 ? highest : i < 4 ? lowest : (highest + lowest) / 2;
        int64_t count = 0;
        for (int64_t k = 0; k < p->n; k++)
            count += hidden(p, &p->series[k], &b);
        if (count < least) {
            least = count;
            best = b;
        }
    }
    return best;
}

/* A stroke and the label. */
static void write_legend_row(FILE *f, const ct_series *s, const box *b, int64_t row, const stroke *pen)
{
    double y = b->top + 12 + LEGEND_ROW * (double)row;
    fputs("<path ", f);
    write_stroke(f, s, pen);
    fprintf(f, " d=\"M%.1f %.1f h24\"/>\n", b->left + 8, y);
    ct__svg_text(f, b->left + 38, y + 4, "", s->label);
}

/* The first pen is that of the first curve and of the raw values behind it, and so on. */
static const stroke *pen_of(const plot *p, int64_t series)
{
    int64_t pen = 0;
    for (int64_t k = 0; k < series; k++)
        pen += !p->series[k].faint;
    return &strokes[(size_t)pen % CT_LENGTH(strokes)];
}

static void write_legend(FILE *f, const plot *p)
{
    box b = place_legend(p);
    int64_t row = 0;
    fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"#fff\" fill-opacity=\"0.8\"/>\n",
            b.left, b.top, LEGEND_WIDTH, b.height);
    for (int64_t k = 0; k < p->n; k++)
        if (p->series[k].label)
            write_legend_row(f, &p->series[k], &b, row++, pen_of(p, k));
}

void ct__svg_open(FILE *f, int width, int height)
{
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
            " font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n"
            "<style>.grid{stroke:#e4e4e4}.axis{stroke:#333;fill:none}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            width, height, width, height);
}

bool ct__svg_plot(FILE *f, const ct_series *series, int64_t n, const ct_plot_options *options)
{
    axis x, y;
    plot p = {.series = series, .n = n, .options = options, .x = &x, .y = &y};
    char turned[64];
    if (!find_axes(series, n, &x, &y))
        return false;
    write_grid(f, &x, &y);
    for (int64_t k = 0; k < n; k++)
        write_curve(f, &series[k], &x, &y, pen_of(&p, k));
    if (legend_rows(&p) > 0)
        write_legend(f, &p);
    double middle_x = 0.5 * (LEFT + WIDTH - RIGHT), middle_y = 0.5 * (TOP + HEIGHT - BOTTOM);
    ct__svg_text(f, middle_x, 24, " text-anchor=\"middle\" font-size=\"15\"", options->title);
    ct__svg_text(f, middle_x, HEIGHT - 12, " text-anchor=\"middle\"", options->x_label);
    snprintf(turned, sizeof turned, " text-anchor=\"middle\" transform=\"rotate(-90 16 %.1f)\"", middle_y);
    ct__svg_text(f, 16, middle_y, turned, options->y_label);
    return true;
}

typedef struct plot_file {
    const ct_series *series;
    int64_t n;
    const ct_plot_options *options;
} plot_file;

static ct_status write_plot(FILE *f, void *context)
{
    const plot_file *p = context;
    ct__svg_open(f, WIDTH, HEIGHT);
    bool any = ct__svg_plot(f, p->series, p->n, p->options);
    fputs("</svg>\n", f);
    return any ? CT_OK : ct_error_set(CT_ERROR_ARGUMENT, "plot_svg: no finite points to plot");
}

static ct_status check_series(const char *path, const ct_series *series, int64_t n)
{
    if (!path || !series)
        return ct_error_set(CT_ERROR_NULL, "plot_svg: the %s NULL", path ? "series are" : "path is");
    for (int64_t k = 0; k < n; k++)
        if (series[k].n > 0 && (!series[k].x || !series[k].y))
            return ct_error_set(CT_ERROR_NULL, "plot_svg: series %lld has no values", (long long)k);
    return CT_OK;
}

CT_OPTIONS_INIT(ct_plot_options)

ct_status ct_plot_svg(const char *path, const ct_series *series, int64_t n, const ct_plot_options *options)
{
    CT_READ_OPTIONS(ct_plot_options, o, options, "plot_svg");
    if (!o)
        return ct_error_code();
    plot_file p = {series, n, o};
    ct_status status = check_series(path, series, n);
    return status == CT_OK ? ct_file_write("plot_svg", path, write_plot, &p) : status;
}
