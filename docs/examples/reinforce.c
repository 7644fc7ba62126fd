/* REINFORCE (Williams 1992) on a small world: from S to G on a grid with walls (#), a step costs 1. The policy is a table of logits, one for each
 * place and direction; it is told of nothing but what its own walks cost. */
#include "example.h"
#include <string.h>

enum { SIDE = 5, PLACES = SIDE * SIDE, GOAL = PLACES - 1, MOVES = 4, WALKS = 64, MOST = 40 };
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

/* Where each move leads from each place: [PLACES * MOVES]; from G nowhere. */
static ct_tensor *map_of_moves(void)
{
    double next[PLACES * MOVES];
    for (int i = 0; i < PLACES * MOVES; i++)
        next[i] = world[i / MOVES] == 'G' ? i / MOVES : go(i / MOVES, i % MOVES);
    return ct_from_values(CT_INT64, next, PLACES * MOVES, CT_SHAPE(PLACES * MOVES));
}

/* The gradient of the expected cost: that of -log p(move | place) advantage, summed over a walk. WALKS walks of the policy, side by side until
 * all are at G; the advantage of a step is the cost that is still to come, beside the mean over those that take that step. Returns
 * how many steps a walk has, in the mean. */
static double learn(ct_tensor *logits, ct_tensor *next, ct_optimizer *adam)
{
    ct_tensor *minus_log[MOST], *walking[MOST], *place = ct_zeros(CT_INT64, CT_SHAPE(WALKS));
    for (int t = 0; t < MOST; t++) {
        ct_tensor *here = ct_index_select(logits, 0, place);
        ct_tensor *move = ct_squeeze(ct_multinomial(ct_softmax(ct_detach(here), 1), 1, true), 1);
        walking[t] = ct_cast(ct_lt(place, ct_full(CT_INT64, GOAL, CT_SHAPE(1))), CT_FLOAT64);
        minus_log[t] = ct_cross_entropy(here, move, .reduction = CT_NONE);
        place = ct_index_select(next, 0, ct_add(ct_mul_scalar(place, MOVES), move));
    }
    ct_tensor *on = ct_stack(walking, MOST, 0), *count = ct_sum(on, CT_AXES(1), .keepdim = true);
    ct_tensor *all = ct_sum(on, CT_AXES(0)), *to_come = ct_sub(ct_cumsum(on, 0), ct_add_scalar(all, 1));
    ct_tensor *mean = ct_div(ct_sum(ct_mul(to_come, on), CT_AXES(1), .keepdim = true), ct_clamp(count, 1, WALKS));
    ct_tensor *advantage = ct_mul(ct_sub(to_come, mean), on);
    ct_optimizer_zero_grad(adam);
    ct_backward(ct_mul_scalar(ct_sum(ct_mul(ct_stack(minus_log, MOST, 0), advantage)), 1. / WALKS));
    ct_optimizer_step(adam);
    return ct_item(ct_mean(all));
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
    ct_tensor *next = map_of_moves();
    for (int64_t epoch = 1; epoch <= e.epochs && ct_error_code() == CT_OK; epoch++) {
        ct_scope_open();
        example_progress(&e, epoch, "steps", learn(logits, next, adam));
        ct_scope_close();
    }
    int steps = show(ct_detach(logits));
    ct_optimizer_free(adam);
    ct_release(logits);
    return example_end(&e, "steps from S to G: %d, and 8 are the least", steps);
}
