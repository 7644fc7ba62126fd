/* The picture of a gradient check: how far differences are off over all steps at the worst element, and where the bad elements are.
 *
 * Invariant: reads only the report, and the same report gives the same bytes. */
#include "plot.h"
#include <math.h>

enum {
    ROOM = 24,
    TOP_OF_MAP = CT__PLOT_HEIGHT + 40,
    LARGEST_CELL = 28,
    MAP_WIDTH = 560,
    MAP_HEIGHT = 300,
    LEGEND_ROW = 18
};

/* ---- the curves ---- */

/* A difference of 0 would leave the picture: it is drawn at a unit of rounding. */
static double log_of(double off, double floor)
{
    return log10(fmax(off, floor));
}

static void draw_curves(FILE *f, const ct_gradcheck_report *report, const ct_gradcheck_picture *p)
{
    const ct_gradcheck_tensor *row = &report->tensors[p->row];
    double h[CT_GRADCHECK_STEPS], computed[CT_GRADCHECK_STEPS], measured[CT_GRADCHECK_STEPS],
        floor = 0x1p-53 * fmax(fabs(row->analytic), fabs(row->numeric));
    for (int i = 0; i < CT_GRADCHECK_STEPS; i++) {
        h[i] = log10(p->steps[i]);
        computed[i] = log_of(p->off_computed[i], floor);
        measured[i] = log_of(p->off_measured[i], floor);
    }
    double ends[] = {h[0], h[CT_GRADCHECK_STEPS - 1]},
           allowed[] = {log_of(row->tolerance, floor), log_of(row->tolerance, floor)};
    const ct_series series[] = {{.label = "from the computed", .x = h, .y = computed, .n = CT_GRADCHECK_STEPS},
                                {.label = "from the measured", .x = h, .y = measured, .n = CT_GRADCHECK_STEPS},
                                {.label = "allowed", .x = ends, .y = allowed, .n = 2}};
    char title[256];
    snprintf(title, sizeof title, "%s: %s, input %d, the worst element", ct_verdict_name(row->verdict),
             report->op && *report->op ? report->op : report->subject, row->input);
    CT_OPTIONS(ct_plot_options, plot, .title = title, .x_label = "log10 of the step of a central difference",
               .y_label = "log10 of how far it is from the derivative");
    ct__svg_plot(f, series, 3, &plot);
}

/* ---- the map ---- */

/* Those that are wrong are crossed out, for those who do not tell the colours; the others differ in lightness. */
static const struct {
    uint8_t verdict;
    const char *colour, *says;
} kinds[] = {
    {CT_FAIL, "#c8501e", "wrong"},
    {CT_INCONCLUSIVE, "#d9b44a", "open"},
    {CT_KINK, "#7b3fa0", "at a kink"},
    {CT_PASS, "#b9d8c2", "right"},
    {CT_VACUOUS, "#dcdcdc", "nothing to see"},
    {CT_GRADCHECK_UNLOOKED, "#f6f6f6", "not looked at"},
};

static double cell_size(const ct_gradcheck_picture *p)
{
    return fmin(LARGEST_CELL, fmin((double)MAP_WIDTH / p->columns, (double)MAP_HEIGHT / p->rows));
}

static void draw_square(FILE *f, double x, double y, double size, bool crossed, const char *colour)
{
    fprintf(f, "<path fill=\"%s\" stroke=\"#fff\" d=\"M%.1f %.1fh%.1fv%.1fh-%.1fz", colour, x, y, size, size, size);
    if (crossed)
        fprintf(f, "l%.1f %.1fm-%.1f 0l%.1f -%.1f", size, size, size, size, size);
    fputs("\"/>\n", f);
}

static void draw_legend(FILE *f, size_t kind, int line)
{
    double x = CT__PLOT_LEFT + MAP_WIDTH - 80, y = TOP_OF_MAP + LEGEND_ROW * line;
    draw_square(f, x, y, 12, kinds[kind].verdict == CT_FAIL, kinds[kind].colour);
    ct__svg_text(f, x + 20, y + 10, "", kinds[kind].says);
}

static void draw_map(FILE *f, const ct_gradcheck_picture *p)
{
    double size = cell_size(p);
    int lines = 0;
    for (size_t kind = 0; kind < CT_LENGTH(kinds); kind++) {
        bool any = false;
        for (int i = 0; i < p->rows * p->columns; i++) {
            if (p->cells[i] != kinds[kind].verdict)
                continue;
            int row = i / p->columns, column = i % p->columns;
            draw_square(f, CT__PLOT_LEFT + size * column, TOP_OF_MAP + size * row, size, kinds[kind].verdict == CT_FAIL,
                        kinds[kind].colour);
            any = true;
        }
        if (any)
            draw_legend(f, kind, lines++);
    }
}

/* "Elements of input 0, [3,4]; the worst is [1,2]", and what it looks like. */
static void draw_caption(FILE *f, const ct_gradcheck_tensor *row)
{
    char text[512];
    size_t used = (size_t)snprintf(text, sizeof text, "Elements of input %d; the worst is [", row->input);
    for (int axis = 0; axis < row->rank; axis++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%lld", axis ? "," : "", (long long)row->worst[axis]);
    snprintf(text + used, sizeof text - used, "], computed %.6g, measured %.6g", row->analytic, row->numeric);
    ct__svg_text(f, CT__PLOT_LEFT, CT__PLOT_HEIGHT + ROOM, "", text);
}

static ct_status write_picture(FILE *f, void *context)
{
    const ct_gradcheck_report *report = context;
    const ct_gradcheck_picture *p = report->picture;
    int legend = LEGEND_ROW * (int)CT_LENGTH(kinds);
    double map = fmax(cell_size(p) * p->rows, legend);
    ct__svg_open(f, CT__PLOT_WIDTH, (int)(TOP_OF_MAP + map + ROOM));
    draw_curves(f, report, p);
    draw_caption(f, &report->tensors[p->row]);
    draw_map(f, p);
    fputs("</svg>\n", f);
    return CT_OK;
}

ct_status ct_gradcheck_plot(const ct_gradcheck_report *report, const char *path)
{
    if (!report || !path)
        return ct_error_set(CT_ERROR_NULL, "gradcheck_plot: the %s is NULL", report ? "path" : "report");
    if (!report->picture)
        return ct_error_set(CT_ERROR_STATE,
                            "gradcheck_plot: no element is wrong or open, so there is nothing to draw (%s)",
                            ct_verdict_name(report->verdict));
    return ct_file_write("gradcheck_plot", path, write_picture, (void *)report);
}
