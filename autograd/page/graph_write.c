/* Pictures: from a root or a trace to a file. Invariant: the file is whole, or as it was before. */
#include "picture_internal.h"
#include <string.h>

CT_OPTIONS_INIT(ct_graph_options)

static ct_status write_json(FILE *stream, void *picture)
{
    return ct_trace_write_json(((const ct_picture *)picture)->trace, stream);
}

/* By suffix: what writes it. NULL with an error. */
static ct_file_writer writer_for(const char *path)
{
    static const struct {
        const char *suffix;
        ct_file_writer write;
    } formats[] = {{".svg", ct__write_svg}, {".dot", ct__write_dot}, {".html", ct__write_html}, {".json", write_json}};
    const char *dot = path ? strrchr(path, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
        if (strcmp(dot, formats[i].suffix) == 0)
            return formats[i].write;
    if (path)
        ct__error(CT_ERROR_ARGUMENT, "graph_write: '%.200s' ends with none of .svg, .dot, .html and .json", path);
    else
        ct__error(CT_ERROR_NULL, "graph_write: path is NULL");
    return NULL;
}

static ct_status check_options(const ct_graph_options *o)
{
    if (o->distance < 0)
        return ct__error(CT_ERROR_ARGUMENT, "graph_write: distance %d is below 0", o->distance);
    if (o->width < 200)
        return ct__error(CT_ERROR_ARGUMENT, "graph_write: width %d is not at least 200", o->width);
    if (o->step < 0)
        return ct__error(CT_ERROR_ARGUMENT, "graph_write: step %lld is below 0", (long long)o->step);
    return CT_OK;
}

static ct_status write_picture(const ct_trace_log *trace, int64_t root, const char *path,
                               const ct_graph_options *options)
{
    CT_READ_OPTIONS(ct_graph_options, o, options, "graph_write");
    ct_file_writer write = o && check_options(o) == CT_OK ? writer_for(path) : NULL;
    if (!write)
        return ct_error_code();
    ct_picture p = {.trace = trace, .options = o, .root = root};
    ct_status status = ct__picture_make(&p);
    if (status == CT_OK)
        status = ct_file_write("graph_write", path, write, &p);
    ct__picture_free(&p);
    return status;
}

static bool wants_measures(const ct_graph_options *options)
{
    CT_READ_OPTIONS(ct_graph_options, o, options, "graph_write");
    return o && o->measure;
}

ct_status(ct_trace_write)(const ct_trace_log *trace, const char *path, const ct_graph_options *options)
{
    if (!trace)
        return ct__error(CT_ERROR_NULL, "trace_write: the trace is NULL");
    int64_t root = trace->root >= 0 ? trace->root : trace->n_nodes - 1;
    if (root < 0)
        return ct__error(CT_ERROR_STATE, "trace_write: the trace is empty");
    if (options && wants_measures(options))
        return ct__error(CT_ERROR_ARGUMENT,
                         "trace_write: .measure: the trace is over; ct_trace_measure_gradients() before its end");
    return write_picture(trace, root, path, options);
}

/* Whether all nodes behind root still have what they saved: a backward can run. */
static bool can_run_back(const ct_tensor *root)
{
    ct_order order;
    struct ct_node *start = root->node;
    bool can = start && ct__order_begin(&order, &start, 1) == CT_OK;
    if (!start)
        return false;
    for (int64_t k = 0; can && k < order.count; k++)
        can = !order.nodes[k]->freed;
    ct__order_end(&order);
    return can;
}

/* Has the running trace know root and its gradients, as far as they can still be had. */
static ct_status complete(ct_trace_log *trace, ct_tensor *root)
{
    ct_status status = ct__trace_id(trace, root) < 0 ? ct__trace_add_graph(trace, root) : CT_OK;
    int64_t id = status == CT_OK ? ct__trace_meet(trace, root) : -1; /* by now it may have a name */
    bool seed_known = root->numel == 1;
    if (status == CT_OK && seed_known && !ct__trace_has_run(trace, id) && can_run_back(root))
        status = ct__trace_run_back(trace, root);
    return status == CT_OK ? ct__trace_check() : status;
}

ct_status(ct_graph_write)(ct_tensor *root, const char *path, const ct_graph_options *options)
{
    ct_status status = ct__check_tensor(root, "graph_write");
    if (status != CT_OK)
        return status;
    bool own = !ct__trace_running();
    if (own && (status = ct_trace_begin()) != CT_OK)
        return status;
    status = complete(ct__trace_running(), root);
    if (status == CT_OK && wants_measures(options))
        status = ct_trace_measure_gradients();
    const ct_trace_log *trace = ct__trace_running();
    if (status == CT_OK)
        status = write_picture(trace, ct__trace_id(trace, root), path, options);
    if (own)
        ct_trace_free(ct_trace_end());
    return status;
}
