/* A character LSTM: reads a text by pieces of it, learns which character comes next, and goes on from a beginning. */
#include "example.h"
#include <string.h>

enum { TOKENS = 128, HIDDEN = 96, LENGTH = 48, BATCH = 16, STEPS = 10, MOST = 1 << 16, WRITTEN = 60 };

/* n characters as [1, n]. */
static ct_tensor *tokens_of(const char *characters, int64_t n)
{
    ct_tensor *tokens = ct_zeros(CT_INT64, CT_SHAPE(1, n));
    int64_t *token = ct_data_mut(tokens);
    for (int64_t i = 0; token && i < n; i++)
        token[i] = characters[i] & (TOKENS - 1);
    return tokens;
}

static ct_tensor *loss_of(ct_module *net, ct_tensor *before, ct_tensor *next)
{
    return ct_cross_entropy(ct_flatten(ct_forward(net, before), 0, 1), ct_flatten(next, 0, 1));
}

/* A step on pieces that begin anywhere. */
static double learn(ct_module *net, ct_optimizer *adam, const char *text, int64_t n)
{
    ct_tensor *before[BATCH], *next[BATCH];
    ct_scope_open();
    for (int i = 0; i < BATCH; i++) {
        const char *piece = text + (int64_t)ct_item(ct_rand(CT_FLOAT64, 0, (double)(n - LENGTH), CT_SCALAR));
        before[i] = tokens_of(piece, LENGTH);
        next[i] = tokens_of(piece + 1, LENGTH);
    }
    ct_optimizer_zero_grad(adam);
    ct_tensor *loss = loss_of(net, ct_concat(before, BATCH, 0), ct_concat(next, BATCH, 0));
    ct_backward(loss);
    ct_clip_grad_norm_(net, 1);
    ct_optimizer_step(adam);
    double value = ct_item(loss);
    ct_scope_close();
    return value;
}

static void write_on(ct_module *net, char *text)
{
    for (size_t n = strlen(text), end = n + WRITTEN; n < end && ct_error_code() == CT_OK; n++) {
        ct_scope_open();
        ct_tensor *next = ct_argmax(ct_forward(net, tokens_of(text, (int64_t)n)), 2);
        text[n] = (char)ct_get(next, CT_SHAPE(0, (int64_t)n - 1));
        ct_scope_close();
    }
}

int main(int argc, char **argv)
{
    static char text[MOST], written[1024];
    const char *beginning = "The ";
    const example_option own[] = {{.name = "begin", .what = "what to go on from (ASCII)", .text = &beginning}, {0}};
    example e = {.epochs = 25, .quick_epochs = 2, .seed = 1, .data = "/usr/share/common-licenses/GPL-3", .own = own};
    if (!example_begin(&e, argc, argv))
        return e.status;
    FILE *file = fopen(e.data, "rb");
    int64_t n = file ? (int64_t)fread(text, 1, MOST, file) : 0;
    if (file)
        fclose(file);
    if (n <= LENGTH)
        return fprintf(stderr, "char_lstm: --data %s is no text of more than %d characters\n", e.data, LENGTH), 2;
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_embedding_new(net, "embedding", TOKENS, 32);
    ct_lstm_new(net, "lstm", 32, HIDDEN, .batch_first = true);
    ct_linear_new(net, "out", HIDDEN, TOKENS);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 1e-2);
    for (int64_t step = 1; step <= e.epochs * STEPS && ct_error_code() == CT_OK; step++) {
        double loss = learn(net, adam, text, n);
        if (step % STEPS == 0)
            example_progress(&e, step / STEPS, "bits per character", loss / 0.69314718056);
    }
    snprintf(written, sizeof written - WRITTEN, "%s", beginning);
    write_on(net, written);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "%s", written);
}
