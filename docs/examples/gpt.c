/* A small GPT: it reads characters, learns a sentence by heart, and writes it down from its first letter. */
#include "example.h"

enum { TOKENS = 128, STEPS = 44, WIDTH = 32, HEADS = 4, BLOCKS = 2 };
static const char text[STEPS + 2] = "the quick brown fox jumps over the lazy dog.";

static void build(ct_module *gpt)
{
    ct_embedding_new(gpt, "wte", TOKENS, WIDTH, .weight = CT_INIT_NORMAL(0.02));
    ct_embedding_new(gpt, "wpe", STEPS, WIDTH, .weight = CT_INIT_NORMAL(0.02));
    ct_module *blocks = ct_sequential_new(gpt, "h");
    for (int i = 0; i < BLOCKS; i++)
        ct_transformer_encoder_layer_new(blocks, NULL, WIDTH, HEADS, .dim_feedforward = 4 * WIDTH, .dropout = 0,
                                         .activation = ct_gelu, .norm_first = true, .batch_first = true,
                                         .is_causal = true);
    ct_layer_norm_new(gpt, "ln_f", CT_SHAPE(WIDTH));
    ct_linear_new(gpt, "head", WIDTH, TOKENS, .no_bias = true);
    ct_module_tie(gpt, "head.weight", "wte.weight");
}

/* tokens [N, T] -> logits of the next ones [N, T, TOKENS]. */
static ct_tensor *forward(ct_module *gpt, ct_tensor *tokens)
{
    ct_tensor *places = ct_arange(CT_INT64, 0, 1, ct_size(tokens, 1));
    ct_tensor *x =
        ct_add(ct_forward(ct_module_find(gpt, "wte"), tokens), ct_forward(ct_module_find(gpt, "wpe"), places));
    x = ct_forward(ct_module_find(gpt, "ln_f"), ct_forward(ct_module_find(gpt, "h"), x));
    return ct_forward(ct_module_find(gpt, "head"), x);
}

static const ct_layer gpt_layer = {"gpt", 0, build, forward};

static ct_tensor *tokens_of(const char *characters, int64_t n)
{
    double values[STEPS];
    for (int64_t i = 0; i < n; i++)
        values[i] = characters[i];
    return ct_from_values(CT_INT64, values, n, CT_SHAPE(1, n));
}

static double learn(ct_module *gpt, ct_optimizer *adamw)
{
    ct_scope_open();
    ct_optimizer_zero_grad(adamw);
    ct_tensor *logits = ct_reshape(ct_forward(gpt, tokens_of(text, STEPS - 1)), CT_SHAPE(-1, TOKENS));
    ct_tensor *loss = ct_cross_entropy(logits, ct_flatten(tokens_of(text + 1, STEPS - 1), 0, 1));
    ct_backward(loss);
    ct_clip_grad_norm_(gpt, 1.0);
    ct_optimizer_step(adamw);
    double value = ct_item(loss);
    ct_scope_close();
    return value;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 15, .quick_epochs = 2, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_module *root = ct_module_new(CT_FLOAT32), *gpt = ct_layer_new(root, "gpt", &gpt_layer, NULL);
    ct_optimizer *adamw = ct_optimizer_new(root, &ct_rule_adamw, .lr = 3e-3);
    double loss = 0;
    for (int64_t epoch = 1; epoch <= e.epochs && ct_error_code() == CT_OK; epoch++) {
        for (int step = 0; step < 10; step++)
            loss = learn(gpt, adamw);
        example_progress(&e, epoch, "loss", loss);
    }
    char written[STEPS + 1] = "t";
    ct_module_train(root, false);
    for (int64_t n = 1; n < STEPS && ct_error_code() == CT_OK; n++) {
        ct_scope_open();
        written[n] = (char)ct_get(ct_argmax(ct_forward(gpt, tokens_of(written, n)), 2), CT_SHAPE(0, n - 1));
        ct_scope_close();
    }
    printf("%lld parameters\n", (long long)ct_module_numel(root));
    ct_optimizer_free(adamw);
    ct_module_free(root);
    return example_end(&e, "loss below 0.1: %s\n%s", loss < 0.1 ? "yes" : "no", written);
}
