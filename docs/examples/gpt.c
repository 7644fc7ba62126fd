/* A small GPT (Radford et al. 2018): it reads the licences that every Debian system has, a character after the other, and then writes one.
 * What it has learnt is measured in bits for each character of the last tenth, which it has not read. */
#include "example.h"
#include <math.h>
#include <stdlib.h>

enum { STEPS = 64, WRITTEN = 400 };

/* In this order: what is held out are the two versions of Mozilla's. */
static const char *const licences[] = {"Apache-2.0", "Artistic", "BSD",     "CC0-1.0", "GFDL-1.2",
                                       "GFDL-1.3",   "GPL-1",    "GPL-2",   "GPL-3",   "LGPL-2",
                                       "LGPL-2.1",   "LGPL-3",   "MPL-1.1", "MPL-2.0", NULL};

int main(int argc, char **argv)
{
    char written[WRITTEN] = "The ";
    example e = {.epochs = 12, .quick_epochs = 2, .seed = 1, .data = "/usr/share/common-licenses"};
    if (!example_begin(&e, argc, argv))
        return e.status;
    char *text = example_read(&e, licences, "base-files");
    ct_dataset *all = ct_dataset_from_text(text), *part[2];
    part[0] = ct_dataset_from_text(text, .length = STEPS, .vocabulary = all, .from = e.quick ? 0.8 : 0, .to = 0.9);
    part[1] = ct_dataset_from_text(text, .length = STEPS, .vocabulary = all, .from = 0.9, .to = e.quick ? 0.92 : 1);
    ct_module *root = ct_module_new(CT_FLOAT32);
    ct_module *gpt =
        ct_gpt2_new(root, "gpt", ct_dataset_classes(all), .context = STEPS, .width = 96, .heads = 4, .blocks = 3);
    ct_optimizer *adamw = ct_optimizer_new(root, &ct_rule_adamw, .lr = 3e-3, .weight_decay = 0.01);
    ct_evaluation learnt = {0};
    ct_fit(ct_module_forward, gpt, adamw, part[0], .epochs = e.epochs, .batch_size = e.quick ? 8 : 16,
           .seed = (uint64_t)e.seed, .loss = example_next_loss, .clip_norm = 1,
           .schedule = CT_SCHEDULE_WARMUP(20, .times = CT_SCHEDULE_COSINE(0)), .validation = part[1],
           .epoch_end = example_tell_bits, .user = &e, .output = NULL);
    ct_evaluate(ct_module_forward, gpt, part[1], &learnt, .loss = example_next_loss);
    example_write_on(gpt, all, STEPS, 1.25, written, sizeof written); /* a little bolder than it is */
    if (ct_error_code() == CT_OK)
        printf("----\n%s\n----\n", written);
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
