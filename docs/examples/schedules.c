/* Schedules of the learning rate side by side: the same network from the same first weights, by momentum at a high rate that each
 * brings down in its own way. schedules.svg has the rates over the epochs, schedules-loss.svg the losses. */
#include "example.h"

enum { ROWS = 9 };

typedef struct curves {
    example_curve *loss, *rate;
} curves;

static bool note(const ct_progress *p, void *user)
{
    const curves *c = user;
    example_point(c->rate, (double)p->epoch, p->lr);
    return example_note_loss(p, c->loss);
}

static double learn(const example *e, const char *name, const ct_schedule *schedule, ct_dataset *const part[2],
                    curves c)
{
    ct_evaluation test = {0};
    ct_seed((uint64_t)e->seed);
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_flatten_new(net, NULL, 1, -1);
    ct_linear_new(net, NULL, 64, 32);
    ct_tanh_new(net, NULL);
    ct_linear_new(net, NULL, 32, 10);
    ct_optimizer *sgd = ct_optimizer_new(net, &ct_rule_sgd, .lr = 0.3, .momentum = 0.9);
    ct_fit(ct_module_forward, net, sgd, part[0], .epochs = e->epochs, .batch_size = 32, .seed = (uint64_t)e->seed,
           .schedule = schedule, .validation = part[1], .epoch_end = note, .user = &c, .output = NULL);
    ct_evaluate(ct_module_forward, net, part[1], &test);
    c.loss->label = c.rate->label = name;
    printf("%-22s loss %.4f, test accuracy %.4f\n", name, c.loss->y[c.loss->n ? c.loss->n - 1 : 0], test.accuracy);
    fflush(stdout);
    ct_optimizer_free(sgd);
    ct_module_free(net);
    return c.loss->y[c.loss->n ? c.loss->n - 1 : 0];
}

int main(int argc, char **argv)
{
    static example_curve losses[ROWS], rates[ROWS];
    example e = {.epochs = 20, .quick_epochs = 4, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_schedule inverse_sqrt = ct_schedule_inverse_sqrt;
    inverse_sqrt.unit = CT_EPOCHS;
    const struct {
        const char *name;
        const ct_schedule *schedule;
    } rows[ROWS] = {
        {"constant", &ct_schedule_constant},
        {"halved every 4 epochs", CT_SCHEDULE_STEP(4, 0.5)},
        {"0.95^epoch", CT_SCHEDULE_EXPONENTIAL(0.95)},
        {"1 / (1 + epoch)", CT_SCHEDULE_INVERSE(1)},
        {"1 / sqrt(epoch)", &inverse_sqrt},
        {"linear", CT_SCHEDULE_LINEAR(1, 0)},
        {"cosine", CT_SCHEDULE_COSINE(0)},
        {"one cycle", CT_SCHEDULE_ONE_CYCLE(0.3, 25, 1e4)},
        {"newbob", CT_SCHEDULE_NEWBOB(0.5)},
    };
    ct_dataset *part[2];
    int best = 0;
    double loss[ROWS];
    example_digits(&e, part);
    for (int i = 0; i < ROWS && ct_error_code() == CT_OK; i++) {
        loss[i] = learn(&e, rows[i].name, rows[i].schedule, part, (curves){&losses[i], &rates[i]});
        best = loss[i] < loss[best] ? i : best;
    }
    CT_OPTIONS(ct_plot_options, plot, .title = "Learning rates", .x_label = "epoch", .y_label = "rate");
    example_draw(&e, "schedules.svg", rates, ROWS, &plot);
    plot.title = "Schedules", plot.y_label = "cross entropy";
    example_draw(&e, "schedules-loss.svg", losses, ROWS, &plot);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    return example_end(&e, "loss at a constant rate: %.4f, by the best schedule (%s): %.5f", loss[0], rows[best].name,
                       loss[best]);
}
