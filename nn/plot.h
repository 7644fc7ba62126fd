/* Parts of pictures: what the files of nn that draw share. */
#ifndef CT_NN_PLOT_H
#define CT_NN_PLOT_H

#include "nn_internal.h"
#include <stdio.h>

enum { CT__PLOT_WIDTH = 720, CT__PLOT_HEIGHT = 420, CT__PLOT_LEFT = 64 };

/* The head of a picture of so many pixels, white; "</svg>" ends it. */
void ct__svg_open(FILE *f, int width, int height);
/* Text at a place; attributes say how it is anchored. Nothing for NULL. */
void ct__svg_text(FILE *f, double x, double y, const char *attributes, const char *text);
/* Curves with axes and a legend, in the upper left CT__PLOT_WIDTH x CT__PLOT_HEIGHT. False, and nothing, without a finite point. */
bool ct__svg_plot(FILE *f, const ct_series *series, int64_t n, const ct_plot_options *options);

#endif
