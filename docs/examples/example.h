/* What the programs here have in common, so that each holds its own matter only: the options, a line that tells how far it is, where
 * its files go, the data sets that several use, and the end.
 *
 *     int main(int argc, char **argv)
 *     {
 *         example e = {.epochs = 20, .quick_epochs = 2, .seed = 1};
 *         if (!example_begin(&e, argc, argv))
 *             return e.status;
 *         ...
 *         return example_end(&e, "test accuracy: %.4f", accuracy);
 *     }
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <cotan/cotan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An option of a program's own: one of the pointers tells where its value goes and what it may be. Its default is what is there. */
typedef struct example_option {
    const char *name, *what;
    int64_t *whole, low, high; /* low..high */
    double *positive;
    const char **text;
    bool *flag;
} example_option;

/* Before example_begin() a program's defaults, then what the options say. */
typedef struct example {
    int64_t epochs, quick_epochs; /* --epochs; --quick: what takes a moment */
    int64_t seed, threads;        /* threads 0: as many as there are cores */
    bool quick;
    const char *data, *out;    /* folders; out: NULL is "." */
    const example_option *own; /* up to the first without a name; may be NULL */
    int status;                /* the exit status if example_begin() says to end */
    const char *name;          /* of the program */
    char paths[16][1024];      /* of what it writes */
    int n_paths;
    FILE *log;
} example;

#define EXAMPLE_FASHION "/usr/share/datasets/fashion-mnist" /* where Debian's package puts it */

/* Reads the options, seeds the generator, sets the threads, makes the folder of --out, and opens the scope in which the program's
 * tensors live until example_end(). False: the program ends with e->status. With no .data of its own the program uses sets that come
 * with cotan, and --data is where they are looked for. */
bool example_begin(example *e, int argc, char **argv);

/* The path of a file that the program will write, or what the names of several begin with, one of 16 at most; example_end() tells it. Lasts as long as e. */
const char *example_path(example *e, const char *name);

/* "epoch 3/40  loss 0.1234": a line that moves on a terminal, and a row of NAME.csv, which has those of several trainings one below the
 * other. For loops of one's own; ct_fit() shows its own. */
void example_progress(example *e, int64_t epoch, const char *what, double value);

/* Closes the scope, and says which files there are and, as the last line, the figure, as printf() would; the exit status. If an error
 * is pending, says that instead. */
int example_end(example *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether Fashion-MNIST's four files are in --data; if not, says which package has it and that the program goes on with the digits. */
bool example_has_fashion(const example *e);
/* Fashion-MNIST's images [1, 28, 28], with mean 0 and deviation 1 over the training set. part[0]: training, part[1]: test; of
 * --quick a tenth of each; NULL with an error. */
void example_fashion(const example *e, ct_dataset *part[2]);
/* Those of Fashion-MNIST, or digits of --quick and where it is not there; how many pixels high and wide they are. */
int64_t example_images(const example *e, ct_dataset *part[2]);
/* The digits [1, 8, 8], from -1 to 1; a fifth, drawn by the seed with each class in its share, is part[1]. */
void example_digits(const example *e, ct_dataset *part[2]);

/* What the part of a network that has that name makes of x. */
ct_tensor *example_call(ct_module *net, const char *name, ct_tensor *x);

/* If a file is not there, says which Debian package has it; the error is left to who reads it. */
void example_expect(const example *e, const char *path, const char *package);
/* Texts: the files of --data, up to the first NULL, those that are there, one behind the other; for free(). */
char *example_read(const example *e, const char *const *names, const char *package);
/* The characters of tokens [n] of a text's data set, of which those that fit; returns text. */
char *example_text(const ct_dataset *characters, const ct_tensor *tokens, char *text, size_t size);

/* Goes on behind text, until size bytes are full: each character is drawn by what the network, which has seen so many before it, thinks of
 * it; all the likelier the larger boldness is, with 1 as the network says. */
void example_write_on(ct_module *net, const ct_dataset *characters, int64_t seen, double boldness, char *text,
                      size_t size);

/* ---- for ct_fit() ---- */

/* The loss of logits [n, t, classes] of what comes next [n, t]; of a model that gives its loss itself. */
ct_tensor *example_next_loss(ct_tensor *logits, ct_tensor *next);
ct_tensor *example_own_loss(ct_tensor *loss, ct_tensor *target);
/* For .epoch_end, with the program's example as .user: the progress in the loss; in bits for a character, of the validation if there is one. */
bool example_tell_loss(const ct_progress *progress, void *e);
bool example_tell_bits(const ct_progress *progress, void *e);

/* ---- pictures ---- */

#define EXAMPLE_POINTS 4096

/* A line of a picture; what is beyond EXAMPLE_POINTS is left out. */
typedef struct example_curve {
    const char *label;
    int64_t n;
    double x[EXAMPLE_POINTS], y[EXAMPLE_POINTS];
} example_curve;

void example_point(example_curve *curve, double x, double y);
/* A cross of that size, for points that no line joins. */
void example_cross(example_curve *curve, double x, double y, double width, double height);
/* For ct_fit()'s .epoch_end, with a curve as .user: the loss of each epoch; that of the validation. */
bool example_note_loss(const ct_progress *progress, void *curve);
bool example_note_validation(const ct_progress *progress, void *curve);
/* Draws up to 12 curves into an SVG file of --out. */
void example_draw(example *e, const char *name, const example_curve *curves, int n, const ct_plot_options *options);
/* Writes images [n, h, w], float, as one grey PNG of that many columns: low is black, high white. */
void example_png(example *e, const char *name, const ct_tensor *images, int64_t columns, double low, double high);
/* Draws weights [rows, columns] from 0 to 1 as squares in an SVG file, the darker the more, with a character for each row and column. */
void example_map(example *e, const char *name, const ct_tensor *weights, const char *rows, const char *columns);

#ifdef __cplusplus
}
#endif
#endif
