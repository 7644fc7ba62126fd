/* Runs one animal of the zoo, which is linked in, with the gradient checker. docs/course/zoo.sh compiles and calls it.
 * usage: zoo value             prints the loss
 *        zoo check             prints what the checker says of the whole function
 *        zoo bisect            ... and of each operation that it records
 *        zoo mend LOSS REPORT  writes whether the gradient is right now and the loss is what it was; 0: both, 1: not */
#include "animal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_INPUTS = 8 };

typedef struct animal {
    ct_tensor *p[MOST_INPUTS];
    int n;
    double loss;
} animal;

static animal wake(void)
{
    animal a = {.n = 0};
    ct_seed(12);
    a.n = inputs(a.p);
    a.loss = ct_item(loss(a.p, a.n, NULL));
    return a;
}

static bool quiet(void)
{
    if (ct_error_code() == CT_OK)
        return true;
    fprintf(stderr, "zoo: %s\n", ct_error_message());
    return false;
}

static int show(animal *a, bool nodes)
{
    ct_gradcheck_report report = {0};
    printf("loss = %.10g\n", a->loss);
    if (nodes)
        ct_gradcheck_graph(loss, NULL, a->p, a->n, &report);
    else
        ct_gradcheck(loss, NULL, a->p, a->n, &report);
    ct_gradcheck_print(&report, stdout);
    ct_gradcheck_report_free(&report);
    return quiet() ? 0 : 1;
}

static int mended(animal *a, double before, FILE *report)
{
    ct_gradcheck_report found = {0};
    ct_verdict verdict = ct_gradcheck(loss, NULL, a->p, a->n, &found);
    bool right = quiet() && ct_verdict_good(verdict), same = fabs(a->loss - before) <= 1e-6 * fabs(before);
    fprintf(report, "%s gradient: the checker says %s\n", right ? "ok     " : "NOT YET", ct_verdict_name(verdict));
    fprintf(report, "%s loss: %.10g, and it was %.10g before\n", same ? "ok     " : "NOT YET", a->loss, before);
    ct_gradcheck_report_free(&found);
    return right && same ? 0 : 1;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    int status = 2;
    ct_scope_open();
    animal a = wake();
    if (!quiet())
        status = 1;
    else if (strcmp(what, "value") == 0)
        status = printf("%.10g\n", a.loss) < 0;
    else if (strcmp(what, "mend") == 0 && count == 4) {
        FILE *report = fopen(arguments[3], "w");
        status = report ? mended(&a, atof(arguments[2]), report) : 2;
        if (report)
            fclose(report);
    } else
        status = show(&a, strcmp(what, "bisect") == 0);
    ct_scope_close();
    return status;
}
