/* All memory from 2 MiB of the caller's: XOR and the digits are learnt there, the C library's heap does not grow with it, what does not fit
 * is an error, and in the end all has come back. In a program of its own, since the allocator is set before all else. Ends with "N passed, N failed".
 * usage: allocator [DIGITS.csv.gz] */
#include <cotan/cotan.h>
#include <malloc.h>
#include <string.h>

enum { ARENA = 2 << 20, DIGITS = 1797, PIXELS = 64, BATCH = 32, EPOCHS = 30 };
static _Alignas(64) char memory[ARENA];
static int passed, failed;

static void check(bool good, const char *what)
{
    passed += good;
    failed += !good;
    if (!good)
        printf("not so: %s (%s)\n", what, ct_error_message());
}

/* ---- the arena by itself ---- */

static unsigned random_number(void)
{
    static unsigned state = 1;
    return (state = state * 1664525 + 1013904223) >> 8;
}

enum { BLOCKS = 64 };
typedef struct held {
    unsigned char *block;
    size_t size;
    unsigned char mark;
} held;

static bool is_whole(const held *h)
{
    for (size_t i = 0; i < h->size; i++)
        if (h->block[i] != h->mark)
            return false;
    return true;
}

/* Blocks of many sizes and alignments come and go, and none reaches into another. */
static bool blocks_are_apart(const ct_allocator *a)
{
    static held all[BLOCKS];
    bool good = true;
    for (int turn = 0; turn < 20000; turn++) {
        held *h = &all[random_number() % BLOCKS];
        good = good && is_whole(h);
        if (h->block)
            a->release(a->user, h->block);
        size_t size = 1 + random_number() % 3000, alignment = (size_t)16 << random_number() % 5;
        *h = (held){a->allocate(a->user, size, alignment), size, (unsigned char)turn};
        if (!h->block)
            h->size = 0;
        else
            memset(h->block, h->mark, size);
        good = good && (uintptr_t)h->block % alignment == 0;
    }
    for (int i = 0; i < BLOCKS; i++)
        if (all[i].block)
            a->release(a->user, all[i].block);
    return good;
}

static void arenas(void)
{
    static _Alignas(64) char room[64 << 10];
    ct_allocator a = ct_allocator_arena(room + 1, sizeof room - 1);
    check(a.allocate && blocks_are_apart(&a), "blocks of an arena are apart and aligned");
    size_t most = sizeof room - 256;
    void *all = a.allocate(a.user, most, 64);
    check(all != NULL, "what was given back is one gap again");
    check(!a.allocate(a.user, 4096, 16), "a full arena has nothing to give");
    check(ct_allocator_arena_peak(&a) > most && ct_allocator_arena_peak(&a) <= sizeof room, "the peak");
    check(!a.allocate(a.user, SIZE_MAX, 16) && !a.allocate(a.user, SIZE_MAX - 40, 64), "sizes beyond counting");
    check(!ct_allocator_arena(NULL, 1000).allocate && !ct_allocator_arena(room, 8).allocate, "no room");
    check(ct_allocator_arena_peak(NULL) == 0, "no arena has no peak");
}

/* ---- learning ---- */

static double learn_xor(void)
{
    double loss = 1;
    ct_tensor *x = ct_keep(ct_from_values(CT_FLOAT32, CT_VALUES(0, 0, 0, 1, 1, 0, 1, 1), CT_SHAPE(4, 2)));
    ct_tensor *y = ct_keep(ct_from_values(CT_FLOAT32, CT_VALUES(0, 1, 1, 0), CT_SHAPE(4, 1)));
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_linear_new(net, NULL, 2, 8);
    ct_tanh_new(net, NULL);
    ct_linear_new(net, NULL, 8, 1);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 0.05);
    for (int step = 0; step < 200; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(adam);
        ct_tensor *error = ct_binary_cross_entropy_with_logits(ct_forward(net, x), y);
        ct_backward(error);
        ct_optimizer_step(adam);
        loss = ct_item(error);
        ct_scope_close();
    }
    ct_optimizer_free(adam);
    ct_module_free(net);
    ct_release(x);
    ct_release(y);
    return loss;
}

/* The pixels, a byte each, and the labels, line by line, as little memory has room for no more. */
static bool read_digits(const char *path, uint8_t *pixels, int64_t *labels)
{
    ct_csv *csv = ct_csv_open(path);
    int64_t n = 0, lines = 0;
    for (const char *const *field; (field = ct_csv_next(csv, &n)) && lines < DIGITS; lines++) {
        double number = 0;
        for (int i = 0; i <= PIXELS; i++) {
            if (n != PIXELS + 1 || !ct_csv_number(field[i], &number))
                return ct_csv_close(csv), false;
            if (i < PIXELS)
                pixels[lines * PIXELS + i] = (uint8_t)number;
        }
        labels[lines] = (int64_t)number;
    }
    ct_csv_close(csv);
    return lines == DIGITS;
}

typedef struct digits {
    ct_tensor *x, *y;
    ct_module *net;
    ct_optimizer *adam;
} digits;

/* What the network makes of the images from first to end - 1. */
static ct_tensor *logits(const digits *d, int64_t first, int64_t end)
{
    ct_tensor *x = ct_cast(ct_slice(d->x, 0, first, end, 1), CT_FLOAT32);
    return ct_forward(d->net, ct_mul_scalar(x, 1. / 16));
}

static void train_digits(const digits *d, int64_t images)
{
    for (int64_t at = 0; at + BATCH <= images; at += BATCH) {
        ct_scope_open();
        ct_optimizer_zero_grad(d->adam);
        ct_backward(ct_cross_entropy(logits(d, at, at + BATCH), ct_slice(d->y, 0, at, at + BATCH, 1)));
        ct_optimizer_step(d->adam);
        ct_scope_close();
    }
}

/* The share of the last 297 images, which were not trained on, that are right. */
static double learn_digits(const char *path)
{
    static uint8_t pixels[DIGITS * PIXELS];
    static int64_t labels[DIGITS];
    enum { TRAINED = 1500 };
    if (!read_digits(path, pixels, labels))
        return 0;
    digits d = {.x = ct_keep(ct_from_array(CT_UINT8, pixels, CT_SHAPE(DIGITS, PIXELS))),
                .y = ct_keep(ct_from_array(CT_INT64, labels, CT_SHAPE(DIGITS))),
                .net = ct_module_new(CT_FLOAT32)};
    ct_linear_new(d.net, NULL, PIXELS, 64);
    ct_relu_new(d.net, NULL);
    ct_linear_new(d.net, NULL, 64, 10);
    d.adam = ct_optimizer_new(d.net, &ct_rule_adam, .lr = 0.005);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        train_digits(&d, TRAINED);
    ct_scope_open();
    ct_tensor *guess = ct_argmax(logits(&d, TRAINED, DIGITS), 1);
    ct_tensor *right = ct_eq(guess, ct_slice(d.y, 0, TRAINED, DIGITS, 1));
    double share = ct_item(ct_mean(ct_cast(right, CT_FLOAT32)));
    ct_scope_close();
    ct_optimizer_free(d.adam);
    ct_module_free(d.net);
    ct_release(d.x);
    ct_release(d.y);
    return share;
}

int main(int argc, char **argv)
{
    ct_allocator none = {0}, arena = ct_allocator_arena(memory, sizeof memory);
    arenas();
    check(ct_allocator_set(&arena) == CT_OK, "the arena is taken");
    setvbuf(stdout, NULL, _IONBF, 0); /* its buffer is the C library's */
    ct_seed(1);
    size_t heap = mallinfo2().uordblks;
    double loss = learn_xor(), share = argc > 1 ? learn_digits(argv[1]) : 0;
    check(loss < 0.05, "XOR is learnt");
    check(share > 0.9, "the digits are learnt");
    check(mallinfo2().uordblks < heap + 1024, "nothing comes from the C library's heap");
    check(ct_allocator_set(&arena) == CT_ERROR_STATE, "it is set once");
    ct_error_clear();
    check(ct_allocator_set(NULL) == CT_ERROR_NULL && ct_allocator_set(&none) == CT_ERROR_NULL, "NULL is refused");
    ct_error_clear();
    check(ct_allocator_set(&(ct_allocator){.allocate = arena.allocate, .user = arena.user}) == CT_ERROR_NULL,
          "half of the functions is refused");
    ct_error_clear();
    check(!ct_zeros(CT_FLOAT64, CT_SHAPE(ARENA / 8)) && ct_error_code() == CT_ERROR_MEMORY, "more than there is");
    ct_error_clear();
    char *text = ct_reallocate(strcpy(ct_allocate(4, 1), "abc"), 100000);
    check(text && strcmp(text, "abc") == 0 && !ct_allocate(SIZE_MAX / 2, 4), "as calloc and realloc");
    ct_deallocate(text);
    ct_deallocate(NULL);
    printf("XOR: loss %.4f; digits: %.3f right; %zu of %d bytes\n", loss, share, ct_allocator_arena_peak(&arena),
           ARENA);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
