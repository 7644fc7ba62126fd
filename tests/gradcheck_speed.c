/* How long the gradient checker takes for a network of three layers, on one thread:
 *     build/tests/gradcheck_speed INPUTS WIDTH BATCH full|fast
 * 220 220 8 full is 99,450 parameters, 500 780 32 fast a million; docs/gradcheck.md has the figures. */
#include <cotan/cotan.h>
#include <stdlib.h>
#include <string.h>

static ct_tensor *network(ct_tensor *const *p, int n, void *user)
{
    (void)n;
    ct_tensor *h = ct_relu(ct_linear(user, p[0], p[1]));
    h = ct_relu(ct_linear(h, p[2], p[3]));
    return ct_mean(ct_square(ct_linear(h, p[4], p[5])));
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return fprintf(stderr, "gradcheck_speed INPUTS WIDTH BATCH full|fast\n"), EXIT_FAILURE;
    int64_t inputs = atoi(argv[1]), width = atoi(argv[2]), batch = atoi(argv[3]), parameters = 0;
    ct_gradcheck_report report = {0};
    ct_set_num_threads(1);
    ct_scope_open();
    ct_tensor *x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(batch, inputs));
    ct_tensor *p[] = {
        ct_randn(CT_FLOAT64, 0, 0.1, CT_SHAPE(width, inputs)), ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(width)),
        ct_randn(CT_FLOAT64, 0, 0.1, CT_SHAPE(width, width)),  ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(width)),
        ct_randn(CT_FLOAT64, 0, 0.1, CT_SHAPE(10, width)),     ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(10))};
    for (int i = 0; i < 6; i++)
        parameters += ct_numel(p[i]);
    ct_gradcheck_mode mode = strcmp(argv[4], "fast") == 0 ? CT_FAST : CT_FULL;
    ct_verdict verdict = ct_gradcheck(network, x, p, 6, &report, .mode = mode);
    printf("%lld parameters, batch of %lld, %s: %s after %lld evaluations in %.2f s\n", (long long)parameters,
           (long long)batch, argv[4], ct_verdict_name(verdict), (long long)report.evaluations, report.seconds);
    ct_gradcheck_report_free(&report);
    ct_scope_close();
    return verdict == CT_PASS || verdict == CT_KINK ? EXIT_SUCCESS : EXIT_FAILURE;
}
