/* Writes event files for test_events.py, which knows what is in them. usage: write_events FOLDER */
#include <cotan/cotan.h>
#include <math.h>

static const char *path_in(const char *folder, const char *name)
{
    static char paths[4][4096];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_by_hand(const char *folder)
{
    ct_events *events = ct_events_open(path_in(folder, "deep/er"));
    for (int step = 0; step < 300; step++) /* numbers of one byte and of two */
        ct_events_scalar(events, "a/square", (double)step * step, step);
    ct_events_scalar(events, "odd", NAN, -1);
    ct_events_scalar(events, "odd", INFINITY, (int64_t)1 << 40);
    ct_tensor *x = ct_from_values(CT_FLOAT32, CT_VALUES(-1, 0, 0.5, 2, NAN, 2), CT_SHAPE(2, 3));
    ct_events_histogram(events, "spread", ct_transpose(x, 0, 1), 7);
    ct_events_histogram(events, "one value", ct_ones(CT_INT64, CT_SHAPE(4)), 7);
    ct_events_histogram(events, "widest", ct_from_values(CT_FLOAT64, CT_VALUES(-1.7e308, 1.7e308), CT_SHAPE(2)), 7);
    ct_events_image(events, "grey", ct_from_values(CT_FLOAT64, CT_VALUES(0, 0.5, 1, -3, 3, NAN), CT_SHAPE(2, 3)), 1);
    ct_tensor *colours = ct_cast(ct_reshape(ct_arange(CT_FLOAT32, 0, 1, 24), CT_SHAPE(4, 2, 3)), CT_UINT8);
    ct_events_image(events, "rgb", ct_slice(colours, 0, 0, 3, 1), 1);
    ct_events_image(events, "rgba", ct_transpose(colours, 1, 2), 1);
    ct_events_text(events, "note", "*caf\xc3\xa9*", 2);
    ct_events_close(events);
    events = ct_events_open(path_in(folder, "deep/er"), .purge_step = 290);
    ct_events_scalar(events, "a/square", -1, 290);
    ct_events_close(events);
}

/* Class: the sign of the first number. */
static ct_dataset *points(void)
{
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(64, 2));
    return ct_dataset_new(x, ct_cast(ct_gt(ct_select(x, 1, 0), ct_scalar(CT_FLOAT32, 0)), CT_INT64));
}

/* Trains for some epochs, or on from the checkpoint. */
static void train(const char *folder, int epochs)
{
    ct_seed(1);
    ct_dataset *d = points();
    ct_module *m = ct_module_new(CT_FLOAT32), *fc = ct_linear_new(m, "fc", 2, 2);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.1);
    ct_fit(ct_module_forward, fc, sgd, d, .epochs = epochs, .batch_size = 16, .validation = d, .output = NULL,
           .checkpoint = path_in(folder, "run"), .log = path_in(folder, "run.csv"),
           .best = path_in(folder, "best.safetensors"), .events = path_in(folder, "fit"), .histograms = 2,
           .clip_norm = 1e-3);
    ct_optimizer_free(sgd);
    ct_module_free(m);
    ct_dataset_free(d);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    ct_scope_open();
    write_by_hand(folder);
    train(folder, 3);
    train(folder, 5);
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "%s\n", ct_error_message()), 1;
    return 0;
}
