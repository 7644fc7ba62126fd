/* The suites, in the order in which they run: one line each, and one in meson.build. Suite <name> is
 * ct_suite_<name>() in test_<name>.c. */
#ifndef COTAN_TESTS_SUITES_H
#define COTAN_TESTS_SUITES_H

#include <check.h>

/* clang-format off */
#define SUITES(SUITE) \
    SUITE(reference) \
    SUITE(bench) \
    SUITE(tensor) \
    SUITE(options) \
    SUITE(matrix) \
    SUITE(autograd) \
    SUITE(regions) \
    SUITE(observe) \
    SUITE(trace) \
    SUITE(measure) \
    SUITE(updates) \
    SUITE(origins) \
    SUITE(graph) \
    SUITE(anomaly) \
    SUITE(profile) \
    SUITE(door) \
    SUITE(definition) \
    SUITE(functional) \
    SUITE(checkpoint) \
    SUITE(alias) \
    SUITE(memory) \
    SUITE(guard) \
    SUITE(random) \
    SUITE(raw) \
    SUITE(print) \
    SUITE(file) \
    SUITE(csv) \
    SUITE(data) \
    SUITE(transforms) \
    SUITE(loader) \
    SUITE(text) \
    SUITE(programs) \
    SUITE(npy) \
    SUITE(gguf) \
    SUITE(dlpack) \
    SUITE(draws) \
    SUITE(elementwise) \
    SUITE(accuracy) \
    SUITE(special) \
    SUITE(differences) \
    SUITE(shape) \
    SUITE(index) \
    SUITE(scatter) \
    SUITE(types) \
    SUITE(halve) \
    SUITE(halves) \
    SUITE(loss) \
    SUITE(criteria) \
    SUITE(arrange) \
    SUITE(reduce) \
    SUITE(scan) \
    SUITE(statistics) \
    SUITE(norm) \
    SUITE(conv) \
    SUITE(winograd) \
    SUITE(edges) \
    SUITE(geometry) \
    SUITE(images) \
    SUITE(spectra) \
    SUITE(matmul) \
    SUITE(linalg) \
    SUITE(nn) \
    SUITE(onnx) \
    SUITE(onnx_read) \
    SUITE(metrics) \
    SUITE(layers) \
    SUITE(models) \
    SUITE(vision) \
    SUITE(optimizer) \
    SUITE(schedule) \
    SUITE(fit) \
    SUITE(objects) \
    SUITE(gradcheck) \
    SUITE(gradcheck_kinks) \
    SUITE(gradcheck_report) \
    SUITE(gradcheck_limits) \
    SUITE(ops) \
    SUITE(graph_depth) \
    SUITE(traps)
/* clang-format on */

#define SUITE_PROTOTYPE(name) Suite *ct_suite_##name(void);
SUITES(SUITE_PROTOTYPE)
#undef SUITE_PROTOTYPE

#endif
