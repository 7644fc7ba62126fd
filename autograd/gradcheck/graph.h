/* The graph that a function records: node by node, and whole. */
#ifndef CT_GRADCHECK_GRAPH_H
#define CT_GRADCHECK_GRAPH_H

#include "check.h"

ct_status ct__check_graph(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted, int sample,
                          const ct_gradcheck_options *options, ct_gradcheck_report *report);

#endif
