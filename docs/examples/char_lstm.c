/* A character LSTM: reads a text by pieces of it, learns which character comes next, and goes on from a beginning. */
#include "example.h"
#include <math.h>
#include <string.h>

enum { HIDDEN = 96, LENGTH = 48, WRITTEN = 60 };

static ct_tensor *loss_of(ct_tensor *output, ct_tensor *next)
{
    return ct_cross_entropy(ct_flatten(output, 0, 1), ct_flatten(next, 0, 1));
}

static bool tell(const ct_progress *p, void *e)
{
    example_progress(e, p->epoch, "bits per character", p->epoch_loss / log(2));
    return true;
}

/* Puts the likeliest characters behind the text, which has room for them. */
static void write_on(ct_module *net, const ct_dataset *data, char *text)
{
    for (int i = 0; i < WRITTEN && ct_error_code() == CT_OK; i++) {
        ct_scope_open();
        ct_tensor *next = ct_argmax(ct_forward(net, ct_unsqueeze(ct_text_tokens(data, text), 0)), 2);
        const char *character = ct_dataset_class_name(data, (int64_t)ct_get(next, CT_SHAPE(0, -1)));
        strcat(text, character ? character : "");
        ct_scope_close();
    }
}

int main(int argc, char **argv)
{
    char written[1024];
    const char *beginning = "The ";
    const example_option own[] = {{.name = "begin", .what = "what to go on from", .text = &beginning}, {0}};
    example e = {.epochs = 25, .quick_epochs = 2, .seed = 1, .data = "/usr/share/common-licenses/GPL-3", .own = own};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *data = ct_dataset_from_text_file(e.data, .length = LENGTH, .stride = 7);
    int64_t tokens = ct_dataset_classes(data);
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_embedding_new(net, "embedding", tokens, 32);
    ct_lstm_new(net, "lstm", 32, HIDDEN, .batch_first = true);
    ct_linear_new(net, "out", HIDDEN, tokens);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 1e-2);
    ct_fit(ct_module_forward, net, adam, data, .epochs = e.epochs, .batch_size = 16, .seed = (uint64_t)e.seed,
           .loss = loss_of, .clip_norm = 1, .epoch_end = tell, .user = &e, .output = NULL);
    snprintf(written, sizeof written - 4 * WRITTEN, "%s", beginning);
    write_on(net, data, written);
    ct_optimizer_free(adam);
    ct_module_free(net);
    ct_dataset_free(data);
    return example_end(&e, "%s", written);
}
