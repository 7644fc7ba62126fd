/* A small GPT: it reads characters, learns a sentence by heart, and writes it down from its first letter. */
#include "example.h"

enum { STEPS = 43, WIDTH = 32, HEADS = 4, BLOCKS = 2 };
static const char text[STEPS + 2] = "the quick brown fox jumps over the lazy dog.";

static void build(ct_module *gpt)
{
    int64_t tokens = *(const int64_t *)ct_module_self(gpt);
    ct_embedding_new(gpt, "wte", tokens, WIDTH, .weight = CT_INIT_NORMAL(0.02));
    ct_embedding_new(gpt, "wpe", STEPS, WIDTH, .weight = CT_INIT_NORMAL(0.02));
    ct_module *blocks = ct_sequential_new(gpt, "h");
    for (int i = 0; i < BLOCKS; i++)
        ct_transformer_encoder_layer_new(blocks, NULL, WIDTH, HEADS, .dim_feedforward = 4 * WIDTH, .dropout = 0,
                                         .activation = ct_gelu, .norm_first = true, .batch_first = true,
                                         .is_causal = true);
    ct_layer_norm_new(gpt, "ln_f", CT_SHAPE(WIDTH));
    ct_linear_new(gpt, "head", WIDTH, tokens, .no_bias = true);
    ct_module_tie(gpt, "head.weight", "wte.weight");
}

/* tokens [N, T] -> logits of the next ones [N, T, V]. */
static ct_tensor *forward(ct_module *gpt, ct_tensor *tokens)
{
    ct_tensor *places = ct_arange(CT_INT64, 0, 1, ct_size(tokens, 1));
    ct_tensor *x =
        ct_add(ct_forward(ct_module_find(gpt, "wte"), tokens), ct_forward(ct_module_find(gpt, "wpe"), places));
    x = ct_forward(ct_module_find(gpt, "ln_f"), ct_forward(ct_module_find(gpt, "h"), x));
    return ct_forward(ct_module_find(gpt, "head"), x);
}

static const ct_layer gpt_layer = {"gpt", sizeof(int64_t), build, forward};

static ct_tensor *loss_of(ct_tensor *logits, ct_tensor *next)
{
    return ct_cross_entropy(ct_flatten(logits, 0, 1), ct_flatten(next, 0, 1));
}

static bool tell(const ct_progress *p, void *e)
{
    example_progress(e, p->epoch, "loss", p->loss);
    return true;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 150, .quick_epochs = 20, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *data = ct_dataset_from_text(text, .length = STEPS);
    int64_t tokens = ct_dataset_classes(data);
    ct_module *root = ct_module_new(CT_FLOAT32), *gpt = ct_layer_new(root, "gpt", &gpt_layer, &tokens);
    ct_optimizer *adamw = ct_optimizer_new(root, &ct_rule_adamw, .lr = 3e-3);
    ct_fit(ct_module_forward, gpt, adamw, data, .epochs = e.epochs, .loss = loss_of, .clip_norm = 1, .epoch_end = tell,
           .user = &e, .output = NULL);
    ct_evaluation learnt = {0};
    ct_evaluate(ct_module_forward, gpt, data, &learnt, .loss = loss_of);
    char written[STEPS + 2] = "t";
    ct_module_train(root, false);
    for (int64_t n = 1; n < STEPS + 1 && ct_error_code() == CT_OK; n++) {
        ct_scope_open();
        ct_tensor *next = ct_argmax(ct_forward(gpt, ct_unsqueeze(ct_text_tokens(data, written), 0)), 2);
        written[n] = *ct_dataset_class_name(data, (int64_t)ct_get(next, CT_SHAPE(0, n - 1)));
        ct_scope_close();
    }
    printf("%lld parameters\n", (long long)ct_module_numel(root));
    ct_optimizer_free(adamw);
    ct_module_free(root);
    ct_dataset_free(data);
    return example_end(&e, "loss below 0.1: %s\n%s", learnt.loss < 0.1 ? "yes" : "no", written);
}
