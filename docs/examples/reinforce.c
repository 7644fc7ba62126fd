/* REINFORCE (Williams 1992) on a small world: from S to G on a grid with walls (#), a step costs 1. The policy is a table of logits, one for each
 * place and direction; it is told of nothing but what its own walks cost. */
#include "example.h"
#include <string.h>

enum { SIDE = 5, PLACES = SIDE * SIDE, MOVES = 4, WALKS = 64, MOST = 40 };
static const char world[PLACES + 1] = "S#..."
                                      ".#.#."
                                      "...#."
                                      ".###."
                                      "....G";
static const int step_of[MOVES] = {-SIDE, 1, SIDE, -1};

static int go(int place, int move)
{
    int next = place + step_of[move];
    bool outside = next < 0 || next >= PLACES || (move % 2 == 1 && next / SIDE != place / SIDE);
    return outside || world[next] == '#' ? place : next;
}

/* What the walks met, one entry a step. */
typedef struct walks {
    double place[WALKS * MOST], move[WALKS * MOST], advantage[WALKS * MOST];
    int64_t n;
    double steps; /* of a walk, in the mean */
} walks;

/* A direction by its probability, u uniform in 0..1. */
static int draw_move(const double *probability, double u)
{
    int move = 0;
    while (move < MOVES - 1 && (u -= probability[move]) > 0)
        move++;
    return move;
}

/* Walks of the policy until G or MOST steps; the advantage of a step is the cost that is still to come, beside the mean over walks. */
static void walk(ct_tensor *logits, walks *w)
{
    double p[PLACES * MOVES], u[WALKS * MOST], mean[MOST] = {0}, count[MOST] = {0};
    int length[WALKS];
    ct_to_values(ct_softmax(ct_detach(logits), 1), p, PLACES * MOVES);
    ct_to_values(ct_rand(CT_FLOAT64, 0, 1, CT_SHAPE(WALKS * MOST)), u, WALKS * MOST);
    w->n = 0, w->steps = 0;
    for (int i = 0; i < WALKS; i++) {
        int place = 0, first = (int)w->n;
        for (length[i] = 0; length[i] < MOST && world[place] != 'G'; length[i]++) {
            int move = draw_move(p + place * MOVES, u[i * MOST + length[i]]);
            w->place[w->n] = place, w->move[w->n++] = move;
            place = go(place, move);
        }
        w->steps += length[i] / (double)WALKS;
        for (int t = 0; t < length[i]; t++) {
            w->advantage[first + t] = t - length[i];
            mean[t] += t - length[i], count[t]++;
        }
    }
    for (int64_t i = 0, k = 0; i < WALKS; i++)
        for (int t = 0; t < length[i]; t++, k++)
            w->advantage[k] -= mean[t] / count[t];
}

/* The gradient of the expected cost: that of -log p(move | place) advantage, summed over a walk. */
static double learn(ct_tensor *logits, ct_optimizer *adam)
{
    static walks w;
    ct_scope_open();
    ct_optimizer_zero_grad(adam);
    walk(logits, &w);
    ct_tensor *place = ct_from_values(CT_INT64, w.place, w.n, CT_SHAPE(w.n));
    ct_tensor *move = ct_from_values(CT_INT64, w.move, w.n, CT_SHAPE(w.n));
    ct_tensor *advantage = ct_from_values(CT_FLOAT64, w.advantage, w.n, CT_SHAPE(w.n));
    ct_tensor *minus_log = ct_cross_entropy(ct_index_select(logits, 0, place), move, .reduction = CT_NONE);
    ct_backward(ct_mul_scalar(ct_sum(ct_mul(minus_log, advantage)), 1. / WALKS));
    ct_optimizer_step(adam);
    ct_scope_close();
    return w.steps;
}

/* The steps of the walk that takes the likeliest direction everywhere, drawn into the map. */
static int show(ct_tensor *logits)
{
    char map[PLACES + 1];
    int place = 0, steps = 0;
    ct_tensor *best = ct_argmax(logits, 1);
    for (memcpy(map, world, sizeof map); world[place] != 'G' && steps < MOST; steps++) {
        int move = (int)ct_get(best, CT_SHAPE(place));
        map[place] = "^>v<"[move];
        place = go(place, move);
    }
    for (int i = 0; i < SIDE; i++)
        printf("%.*s\n", SIDE, map + i * SIDE);
    return steps;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 200, .quick_epochs = 60, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_tensor *logits = ct_parameter(ct_zeros(CT_FLOAT64, CT_SHAPE(PLACES, MOVES)));
    ct_optimizer *adam = ct_optimizer_of(&logits, 1, &ct_rule_adam, .lr = 0.1);
    for (int64_t epoch = 1; epoch <= e.epochs && ct_error_code() == CT_OK; epoch++)
        example_progress(&e, epoch, "steps", learn(logits, adam));
    int steps = show(ct_detach(logits));
    ct_optimizer_free(adam);
    ct_release(logits);
    return example_end(&e, "steps from S to G: %d, and 8 are the least", steps);
}
