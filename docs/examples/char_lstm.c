/* A character LSTM: reads a text by pieces of it, learns which character comes next, and goes on from a beginning. */
#include "example.h"
#include <math.h>

enum { HIDDEN = 96, LENGTH = 48, WRITTEN = 64 };

int main(int argc, char **argv)
{
    char written[1024];
    const char *beginning = "The ";
    const example_option own[] = {{.name = "begin", .what = "what to go on from", .text = &beginning}, {0}};
    example e = {.epochs = 25, .quick_epochs = 1, .seed = 1, .data = "/usr/share/common-licenses/GPL-3", .own = own};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_evaluation learnt = {0};
    example_expect(&e, e.data, "base-files");
    ct_dataset *data = ct_dataset_from_text_file(e.data, .length = LENGTH, .stride = 7);
    int64_t tokens = ct_dataset_classes(data);
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_embedding_new(net, "embedding", tokens, 32);
    ct_lstm_new(net, "lstm", 32, HIDDEN, .batch_first = true);
    ct_linear_new(net, "out", HIDDEN, tokens);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 1e-2);
    ct_fit(ct_module_forward, net, adam, data, .epochs = e.epochs, .batch_size = 16, .seed = (uint64_t)e.seed,
           .loss = example_next_loss, .clip_norm = 1, .epoch_end = example_tell_bits, .user = &e, .output = NULL);
    ct_evaluate(ct_module_forward, net, data, &learnt, .loss = example_next_loss);
    snprintf(written, sizeof written, "%s", beginning);
    example_write_on(net, data, LENGTH, 100, written, WRITTEN); /* nearly always the likeliest */
    if (ct_error_code() == CT_OK)
        printf("%s\n", written);
    ct_optimizer_free(adam);
    ct_module_free(net);
    ct_dataset_free(data);
    return example_end(&e, "%.4f bits for a character of what it has read", learnt.loss / log(2));
}
