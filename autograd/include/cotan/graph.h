/* Pictures of a computation: an SVG, a text for Graphviz, the trace as JSON, or a page one can step through.
 *
 * What is drawn is what a trace has seen (trace.h): every tensor behind the root with its operation, shape, dtype and source line,
 * its value above the wire that leaves it and its gradient below. Regions are boxes, closed at first in what is large; those of one
 * shape that follow each other are one box, "blocks x12". The same trace gives the same bytes. */
#ifndef COTAN_GRAPH_H
#define COTAN_GRAPH_H

#include <cotan/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CT_BY_NAME ct_graph_options {
    CT_OPTIONS_HEAD;
    const char *title;  /* above the picture; NULL: the root's name */
    const char *open;   /* of a graph that is shown folded, this region and those around it are open: "encoder.0" */
    ct_choice unfold;   /* whether all boxes are open; CT_AUTO: in a graph of at most 40 tensors, or 20 and regions */
    bool constants;     /* default true: data, labels and what else asks for no gradient is shown */
    const char *around; /* only what is near the tensor of this name: */
    int distance;       /* at most so many wires away, from 0; default 2 */
    int width;          /* pixels after which a row goes on below, at least 200; default 1200 */
    bool source;        /* default true: a page has the text of the source lines, where their files can be read */
    int64_t step; /* .svg: as it is after so many of the backward, told below; .html: opens there; default 0: the end */
    bool blanks;  /* .svg: a line to be filled in stands where a gradient is */
    const char *edit; /* .html: the address of a page where what is shown can be changed, for a link; NULL: no link */
    bool
        measure; /* ct_graph_write: each gradient is measured, too (ct_trace_measure_gradients), and a page shows both */
} ct_graph_options;
#define CT_DEFAULTS_ct_graph_options .constants = true, .distance = 2, .width = 1200, .source = true,
CT_API void ct_graph_options_init(ct_graph_options *options, size_t size);

/* Writes what is behind root to the file path, in the format that its suffix names: .svg, .dot (https://graphviz.org), .html (one
 * page, for a browser, that needs nothing else) or .json (the whole trace, docs/trace.md). Graphviz is not needed: cotan has
 * a layout of its own. Pictures of several steps have the same size and places.
 *
 * A trace that runs on this thread (ct_trace_begin) gives the values and the steps. Without one, or if it has not seen root, what the
 * graph itself still has is shown. If no backward has run from root in the trace, and one still can, one is run that changes no
 * leaf. Replaces path as ct_file_write() does. Errors: NULL, argument (another suffix, no tensor named .around, no region named
 * .open, a .step beyond the last; .measure of a trace that is over), io, memory. options may be NULL. */
CT_API ct_status ct_graph_write(ct_tensor *root, const char *path, const ct_graph_options *options);
/* The same of a trace that is over: what is behind the root of its last run, or, without one, behind its last result. */
CT_API ct_status ct_trace_write(const ct_trace_log *trace, const char *path, const ct_graph_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_graph_write(...) ct_at_status(CT_HERE, CT_WITH2(ct_graph_write, ct_graph_options, __VA_ARGS__, ))
#define ct_trace_write(...) ct_at_status(CT_HERE, CT_WITH2(ct_trace_write, ct_graph_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
