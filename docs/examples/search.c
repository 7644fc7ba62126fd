/* A search for hyper-parameters: random numbers on a logarithmic scale (Bergstra, Bengio 2012), first coarse, then fine around the best, by
 * trainings side by side, each a process. Bad ones are stopped early: all train for a ninth of the epochs, the best third of them for a
 * third, and the best of those for all (Jamieson, Talwalkar 2016). search.csv has a row for each training that has ended: a search that was
 * killed goes on behind the last. search.svg has a line for each, across its numbers to its loss.
 * usage: search [--jobs N]; search --alone [--lr X] [--width X] [--decay X] trains once and prints the loss */
#include "example.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NUMBERS = 3, TRIALS = 9, MOST = 2 * (TRIALS + TRIALS / 3 + 1), JOBS = 64, CURVES = 4 };

static const struct {
    double low, high;
} ranges[NUMBERS] = {{1e-4, 1}, {4, 256}, {1e-6, 1e-1}};

typedef struct trial {
    double number[NUMBERS], loss; /* learning rate, width, weight decay; loss infinite: the training failed */
    long long epochs;
} trial;

/* ---- one training ---- */

/* Its accuracy on the digits that are held out. The loss is that of a fifth of the others, on which it has not trained either. */
static double train(const example *e, const double *number, double *loss)
{
    ct_dataset *part[2], *fifth[2];
    ct_evaluation validated = {.loss = INFINITY}, tested = {0};
    example_digits(e, part);
    ct_random_split(part[0], CT_VALUES(0.8, 0.2), fifth, .stratify = true);
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_flatten_new(net, NULL, 1, -1);
    ct_linear_new(net, NULL, 64, (int64_t)number[1]);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, (int64_t)number[1], 10);
    ct_optimizer *sgd =
        ct_optimizer_new(net, &ct_rule_sgd, .lr = number[0], .momentum = 0.9, .weight_decay = number[2]);
    ct_fit(ct_module_forward, net, sgd, fifth[0], .epochs = e->epochs, .batch_size = 32, .seed = (uint64_t)e->seed,
           .output = NULL);
    ct_evaluate(ct_module_forward, net, fifth[1], &validated);
    ct_evaluate(ct_module_forward, net, part[1], &tested);
    for (int i = 0; i < 2; i++)
        ct_dataset_free(part[i]), ct_dataset_free(fifth[i]);
    ct_optimizer_free(sgd);
    ct_module_free(net);
    *loss = validated.loss;
    return tested.accuracy;
}

/* ---- the table ---- */

typedef struct search {
    const example *e;
    trial known[MOST]; /* from the table of an earlier run */
    int n_known, n;    /* n: trainings so far */
    int64_t jobs;
    FILE *table;
} search;

static bool read_row(FILE *f, trial *t)
{
    char line[256];
    return fgets(line, sizeof line, f) && strchr(line, '\n') &&
           sscanf(line, "%lf,%lf,%lf,%lld,%lf", &t->number[0], &t->number[1], &t->number[2], &t->epochs, &t->loss) == 5;
}

/* Reads the rows that are there and cuts off what is not a whole one; a table of another search is begun anew. */
static void open_table(search *s, const char *path)
{
    char line[256], head[256];
    snprintf(head, sizeof head, "lr,width,decay,epochs,loss of seed %lld and %lld epochs\n", (long long)s->e->seed,
             (long long)s->e->epochs);
    FILE *f = fopen(path, "a+");
    bool same = f && fgets(line, sizeof line, f) && strcmp(line, head) == 0;
    long good = same ? ftell(f) : 0;
    while (same && s->n_known < MOST && read_row(f, &s->known[s->n_known])) {
        s->n_known++;
        good = ftell(f);
    }
    s->table = f && ftruncate(fileno(f), good) == 0 && fseek(f, 0, SEEK_END) == 0 ? f : NULL;
    if (s->table && good == 0)
        fputs(head, s->table);
}

static void note(search *s, const trial *t)
{
    printf("lr %-9.3g width %-4.0f decay %-9.3g %2lld epochs: loss %.4f\n", t->number[0], t->number[1], t->number[2],
           t->epochs, t->loss);
    if (s->n++ < s->n_known || !s->table)
        return;
    fprintf(s->table, "%.17g,%.0f,%.17g,%lld,%.17g\n", t->number[0], t->number[1], t->number[2], t->epochs, t->loss);
    fflush(s->table);
}

/* ---- many trainings ---- */

/* The program again, as another process. */
static FILE *start(const search *s, const trial *t)
{
    char program[1024], command[2048];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = 0;
    snprintf(command, sizeof command,
             "'%s' --alone --lr %.17g --width %.0f --decay %.17g --epochs %lld --seed %lld --threads 1 --out '%s' 2>&1",
             program, t->number[0], t->number[1], t->number[2], t->epochs, (long long)s->e->seed, s->e->out);
    return popen(command, "r");
}

static void finish(search *s, trial *t, FILE *process)
{
    t->loss = s->n < s->n_known ? s->known[s->n].loss : INFINITY;
    if (process && fscanf(process, "%lf", &t->loss) != 1)
        t->loss = INFINITY;
    if (process)
        pclose(process);
    note(s, t);
}

static int by_loss(const void *a, const void *b)
{
    double x = ((const trial *)a)->loss, y = ((const trial *)b)->loss;
    return (x > y) - (x < y);
}

/* Trains all, up to s->jobs at a time, and puts the best first. */
static void run(search *s, trial *t, int n, int64_t epochs)
{
    FILE *running[TRIALS] = {NULL};
    int before = s->n, jobs = (int)s->jobs;
    for (int i = 0; i < n + jobs; i++) {
        if (i >= jobs)
            finish(s, &t[i - jobs], running[i - jobs]);
        if (i >= n)
            continue;
        t[i].epochs = epochs;
        running[i] = before + i < s->n_known ? NULL : start(s, &t[i]);
    }
    qsort(t, (size_t)n, sizeof *t, by_loss);
}

/* ---- the search ---- */

/* Where a number lies in its range, from 0 to 1, and back. */
static double place(int i, double number)
{
    return log(number / ranges[i].low) / log(ranges[i].high / ranges[i].low);
}

static double number_at(int i, double place)
{
    double number = ranges[i].low * pow(ranges[i].high / ranges[i].low, fmin(fmax(place, 0), 1));
    return i == 1 ? round(number) : number;
}

/* A line across the axes; the last is of the loss, from 0.01 to 10. */
static void draw(example_curve *curve, const trial *t)
{
    for (int i = 0; i < NUMBERS; i++)
        example_point(curve, i, place(i, t->number[i]));
    example_point(curve, NUMBERS, log10(fmin(fmax(t->loss, 0.01), 10)) / 3 + 2. / 3);
    example_point(curve, NAN, NAN);
}

/* The best of trials drawn from a share of each range, that around the best so far or all of it. */
static trial look(search *s, const trial *around, double share, example_curve *curves)
{
    trial t[TRIALS];
    double u[TRIALS * NUMBERS] = {0};
    ct_to_values(ct_rand(CT_FLOAT64, -0.5, 0.5, CT_SHAPE(TRIALS, NUMBERS)), u, TRIALS * NUMBERS);
    for (int i = 0; i < TRIALS * NUMBERS; i++) {
        double middle = around ? place(i % NUMBERS, around->number[i % NUMBERS]) : 0.5;
        t[i / NUMBERS].number[i % NUMBERS] = number_at(i % NUMBERS, middle + share * u[i]);
    }
    for (int n = TRIALS; n >= 1; n /= 3) {
        run(s, t, n, s->e->epochs / n);
        for (int i = n / 3; i < n; i++)
            draw(&curves[n == 1], &t[i]);
    }
    return t[0];
}

static int search_all(example *e, int64_t jobs)
{
    static example_curve curves[CURVES] = {
        {.label = "coarse, stopped"}, {.label = "coarse"}, {.label = "fine, stopped"}, {.label = "fine"}};
    search s = {.e = e, .jobs = jobs};
    open_table(&s, example_path(e, "search.csv"));
    trial coarse = look(&s, NULL, 1, curves), fine = look(&s, &coarse, 1. / 3, curves + 2);
    trial best = fine.loss < coarse.loss ? fine : coarse;
    example_draw(e, "search.svg", curves, CURVES,
                 CT_GIVEN(ct_plot_options, .title = "the search, all axes logarithmic",
                          .x_label = "learning rate 1e-4..1, width 4..256, weight decay 1e-6..0.1, loss 0.01..10",
                          .y_label = "from the least to the most"));
    bool kept = s.table && fclose(s.table) == 0;
    double accuracy = train(e, best.number, &best.loss);
    if (!kept)
        e->status = (perror("search.csv"), EXIT_FAILURE);
    return example_end(e,
                       "test accuracy %.4f: learning rate %.3g, width %.0f, weight decay %.3g; coarse %.4f, fine %.4f",
                       accuracy, best.number[0], best.number[1], best.number[2], coarse.loss, fine.loss);
}

int main(int argc, char **argv)
{
    int64_t jobs = 4;
    bool alone = false;
    double number[NUMBERS] = {0.1, 32, 1e-4}, loss;
    const example_option own[] = {{"jobs", "trainings side by side", .whole = &jobs, .low = 1, .high = JOBS},
                                  {"alone", "one training, with the numbers given", .flag = &alone},
                                  {"lr", "learning rate", .positive = &number[0]},
                                  {"width", "of the hidden layer", .positive = &number[1]},
                                  {"decay", "of the weights", .positive = &number[2]},
                                  {0}};
    example e = {.epochs = 27, .quick_epochs = 9, .seed = 1, .own = own};
    if (!example_begin(&e, argc, argv))
        return e.status;
    if (!alone)
        return search_all(&e, jobs);
    train(&e, number, &loss);
    return example_end(&e, "%.17g", loss);
}
