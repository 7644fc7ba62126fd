/* From one sequence to another (Sutskever, Vinyals, Le 2014) with attention (Bahdanau, Cho, Bengio 2015; in the form of Luong, Pham,
 * Manning 2015): an encoder reads a text in both directions, a decoder writes another one, a character at a time, and looks back where it
 * likes. It learns to turn words around, and to write dates as 1984-03-07, however they were written; a picture of each has where it
 * looked. */
#include "example.h"
#include <stdlib.h>
#include <time.h>

enum { IN = 18, OUT = 11, ROW = IN + 1 + OUT, WIDTH = 64, TEST = 500, SHOWN = 2 };

/* ---- the tasks: both put a text into `in`, and what it shall become into `out` ---- */

static int draw(int low, int high)
{
    return low + (int)(ct_random_u64() % (uint64_t)(high - low + 1));
}

static void word(char *in, char *out)
{
    int n = draw(4, OUT - 1);
    in[n] = out[n] = 0;
    for (int i = 0; i < n; i++)
        in[i] = out[n - 1 - i] = (char)draw('a', 'z');
}

static void date(char *in, char *out)
{
    static const char *const formats[] = {"%d %B %Y", "%B %d, %Y", "%d/%m/%y", "%d.%m.%Y", "%b %d %y", "%Y/%m/%d"};
    struct tm day = {.tm_year = draw(50, 149), .tm_mon = draw(0, 11), .tm_mday = draw(1, 28)};
    strftime(in, IN + 1, formats[draw(0, 5)], &day);
    strftime(out, OUT + 1, "%Y-%m-%d", &day);
}

typedef void (*task)(char *in, char *out);

/* Texts [n,IN], what has been written before each character [n,OUT], and these characters [n,OUT], as numbers of *characters. All end in
 * blanks, and what is written begins with one. */
static ct_dataset *pairs(task t, int64_t n, ct_dataset **characters)
{
    char *rows = malloc((size_t)n * ROW + 1), in[IN + 1], out[OUT + 1];
    for (int64_t i = 0; rows && i < n; i++) {
        t(in, out);
        snprintf(rows + i * ROW, ROW + 1, "%-*s %-*s", IN, in, OUT, out);
    }
    *characters = ct_dataset_from_text(rows);
    ct_tensor *all = ct_reshape(ct_text_tokens(*characters, rows), CT_SHAPE(n, ROW));
    ct_tensor *sample[] = {ct_slice(all, 1, 0, IN, 1), ct_slice(all, 1, IN, ROW - 1, 1),
                           ct_slice(all, 1, IN + 1, ROW, 1)};
    free(rows);
    return ct_dataset_from_tensors(sample, 3);
}

/* ---- the network ---- */

static ct_module *build(int64_t characters)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_embedding_new(net, "embedding", characters, WIDTH / 2);
    ct_gru_new(net, "encoder", WIDTH / 2, WIDTH / 2, .batch_first = true, .bidirectional = true);
    ct_gru_new(net, "decoder", WIDTH / 2, WIDTH, .batch_first = true);
    ct_multihead_attention_new(net, "attention", WIDTH, 1, .batch_first = true);
    ct_module *out = ct_sequential_new(net, "out");
    ct_linear_new(out, NULL, 2 * WIDTH, WIDTH);
    ct_tanh_new(out, NULL);
    ct_linear_new(out, NULL, WIDTH, characters);
    return net;
}

/* text [n,IN], written [n,t] -> logits of the next characters [n,t,characters], and *weights [n,t,IN]: where it looked */
static ct_tensor *translate(ct_module *net, ct_tensor *text, ct_tensor *written, ct_tensor **weights)
{
    ct_tensor *read = example_call(net, "encoder", example_call(net, "embedding", text));
    ct_tensor *state = example_call(net, "decoder", example_call(net, "embedding", written));
    ct_module *attention = ct_module_find(net, "attention");
    ct_tensor *both[] = {state, ct_multihead_attention_forward(attention, state, read, read, .weights = weights)};
    return example_call(net, "out", ct_concat(both, 2, 2));
}

static ct_tensor *forward(void *net, ct_tensor *const *inputs, int n)
{
    return n == 2 ? translate(net, inputs[0], inputs[1], NULL) : NULL;
}

/* Always the likeliest character, from the blank [n,1] on: [n,OUT]. */
static ct_tensor *write_down(ct_module *net, ct_tensor *text, ct_tensor *blank, ct_tensor **weights)
{
    ct_tensor *written[] = {blank, NULL}, *all = blank;
    for (int t = 0; t < OUT; t++) {
        written[1] = ct_argmax(translate(net, text, all, weights), 2);
        all = ct_concat(written, 2, 1);
    }
    return written[1];
}

/* The share of the samples that are right as a whole; one is printed and drawn. */
static double test(example *e, ct_module *net, const ct_dataset *set, const ct_dataset *characters, const char *picture)
{
    char in[ROW], out[ROW];
    ct_tensor *sample[3], *weights;
    ct_dataset_all_tensors(set, sample);
    ct_module_train(net, false);
    ct_tensor *said = write_down(net, sample[0], ct_slice(sample[1], 1, 0, 1, 1), &weights);
    example_text(characters, ct_select(sample[0], 0, SHOWN), in, ROW);
    example_text(characters, ct_select(said, 0, SHOWN), out, ROW);
    printf("%s -> %s\n", in, out);
    example_map(e, picture, ct_select(weights, 0, SHOWN), out, in);
    return ct_item(ct_mean(ct_amin(ct_cast(ct_eq(said, sample[2]), CT_FLOAT32), CT_AXES(1))));
}

static double learn(example *e, task t, const char *picture)
{
    ct_dataset *characters, *all = pairs(t, e->quick ? 2500 : 10500, &characters), *part[2];
    ct_random_split(all, CT_VALUES((double)ct_dataset_count(all) - TEST, TEST), part, .in_order = true);
    ct_module *net = build(ct_dataset_classes(characters));
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 5e-3);
    ct_fit(NULL, net, adam, part[0], .forward_many = forward, .loss = example_next_loss, .epochs = e->epochs,
           .batch_size = 32, .seed = (uint64_t)e->seed, .clip_norm = 1, .schedule = CT_SCHEDULE_COSINE(0));
    double right = test(e, net, part[1], characters, picture);
    ct_optimizer_free(adam);
    ct_module_free(net);
    for (int i = 0; i < 2; i++)
        ct_dataset_free(part[i]);
    ct_dataset_free(all);
    ct_dataset_free(characters);
    return right;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 6, .quick_epochs = 4, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    double words = learn(&e, word, "seq2seq_words.svg"), dates = learn(&e, date, "seq2seq_dates.svg");
    return example_end(&e, "right as a whole: %.4f of the words, %.4f of the dates", words, dates);
}
