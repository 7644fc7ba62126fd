/* A small GPT (Radford et al. 2018): it reads the licences that every Debian system has, a character after the other, and then writes one.
 * What it has learnt is measured in bits for each character of the last tenth, which it has not read. */
#include "example.h"
#include <math.h>
#include <stdlib.h>

enum { STEPS = 64, WIDTH = 96, HEADS = 4, BLOCKS = 3, WRITTEN = 400 };

/* In this order: what is held out are the two versions of Mozilla's. */
static const char *const licences[] = {"Apache-2.0", "Artistic", "BSD",     "CC0-1.0", "GFDL-1.2",
                                       "GFDL-1.3",   "GPL-1",    "GPL-2",   "GPL-3",   "LGPL-2",
                                       "LGPL-2.1",   "LGPL-3",   "MPL-1.1", "MPL-2.0"};

/* All of them, one behind the other, those that are there; the caller's. NULL: there are none, or no memory. */
static char *read_licences(const char *folder)
{
    enum { MOST = 1 << 20 };
    char path[1024], *text = calloc(MOST, 1);
    size_t n = 0;
    for (size_t i = 0; text && i < sizeof licences / sizeof *licences; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, licences[i]);
        FILE *file = fopen(path, "r");
        n += file ? fread(text + n, 1, MOST - 1 - n, file) : 0;
        if (file)
            fclose(file);
    }
    return text;
}

static void build(ct_module *gpt)
{
    int64_t tokens = *(const int64_t *)ct_module_self(gpt);
    ct_embedding_new(gpt, "wte", tokens, WIDTH, .weight = CT_INIT_NORMAL(0.02));
    ct_embedding_new(gpt, "wpe", STEPS, WIDTH, .weight = CT_INIT_NORMAL(0.02));
    ct_module *blocks = ct_sequential_new(gpt, "h");
    for (int i = 0; i < BLOCKS; i++)
        ct_transformer_encoder_layer_new(blocks, NULL, WIDTH, HEADS, .dim_feedforward = 4 * WIDTH, .dropout = 0.1,
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
    example_progress(e, p->epoch, "bits per character", p->validation_loss / log(2));
    return true;
}

/* Goes on from the beginning, drawing each character by what the network thinks of it; a little bolder than it is. */
static void write_on(ct_module *gpt, const ct_dataset *data, const char *beginning)
{
    char text[STEPS + 4 * WRITTEN];
    ct_module_train(gpt, false);
    ct_no_grad_begin();
    ct_tensor *tokens = ct_unsqueeze(ct_text_tokens(data, beginning), 0);
    for (int i = 0; i < WRITTEN && ct_error_code() == CT_OK; i++) {
        ct_tensor *seen = ct_size(tokens, 1) > STEPS ? ct_slice(tokens, 1, -STEPS, INT64_MAX, 1) : tokens;
        ct_tensor *next = ct_select(ct_forward(gpt, seen), 1, -1);
        ct_tensor *both[] = {tokens, ct_multinomial(ct_softmax(ct_mul_scalar(next, 1.25), 1), 1, true)};
        tokens = ct_concat(both, 2, 1);
    }
    ct_no_grad_end();
    printf("----\n%s\n----\n", example_text(data, ct_select(tokens, 0, 0), text, sizeof text));
}

int main(int argc, char **argv)
{
    example e = {.epochs = 12, .quick_epochs = 4, .seed = 1, .data = "/usr/share/common-licenses"};
    if (!example_begin(&e, argc, argv))
        return e.status;
    char *text = read_licences(e.data);
    ct_dataset *all = ct_dataset_from_text(text), *part[2];
    part[0] = ct_dataset_from_text(text, .length = STEPS, .vocabulary = all, .from = e.quick ? 0.8 : 0, .to = 0.9);
    part[1] = ct_dataset_from_text(text, .length = STEPS, .vocabulary = all, .from = 0.9, .to = e.quick ? 0.92 : 1);
    int64_t tokens = ct_dataset_classes(all);
    ct_module *root = ct_module_new(CT_FLOAT32), *gpt = ct_layer_new(root, "gpt", &gpt_layer, &tokens);
    ct_optimizer *adamw = ct_optimizer_new(root, &ct_rule_adamw, .lr = 3e-3, .weight_decay = 0.01);
    ct_evaluation learnt = {0};
    ct_fit(ct_module_forward, gpt, adamw, part[0], .epochs = e.epochs, .batch_size = e.quick ? 8 : 16,
           .seed = (uint64_t)e.seed, .loss = loss_of, .clip_norm = 1,
           .schedule = CT_SCHEDULE_WARMUP(20, .times = CT_SCHEDULE_COSINE(0)), .validation = part[1], .epoch_end = tell,
           .user = &e, .output = NULL);
    ct_evaluate(ct_module_forward, gpt, part[1], &learnt, .loss = loss_of);
    write_on(gpt, all, "The ");
    int64_t parameters = ct_module_numel(root);
    ct_optimizer_free(adamw);
    ct_module_free(root);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    ct_dataset_free(all);
    free(text);
    return example_end(&e, "%lld parameters, %.4f bits for a character that it has not read", (long long)parameters,
                       learnt.loss / log(2));
}
