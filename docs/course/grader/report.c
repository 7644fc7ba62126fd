/* What the grader says: in words, and as JSON. */
#include "grade.h"
#include <math.h>

/* ---- the report, for people ---- */

static void print_stages(const finding *found, FILE *to)
{
    for (int i = 0; i < STAGES; i++) {
        bool failed = found->stage == stages[i].name;
        fprintf(to, "%-8s%-13s %s\n", failed ? "NOT YET" : "ok", stages[i].name, stages[i].says);
        if (failed)
            return;
    }
}

static void print_number(const char *what, double value, FILE *to)
{
    fprintf(to, "%s%.4g", what, value);
}

static void print_index(const ct_gradcheck_tensor *t, FILE *to)
{
    for (int axis = 0; axis < t->rank; axis++)
        fprintf(to, "%s%lld", axis ? ", " : " [", (long long)t->worst[axis]);
    fprintf(to, t->rank ? "]" : "");
}

static void print_element(const finding *found, FILE *to)
{
    const ct_gradcheck_tensor *t = &found->worst;
    fprintf(to, "\n  gradient of %s, element", current->inputs[found->input]);
    print_index(t, to);
    print_number(", where it is ", t->x, to);
    print_number(":\n  got ", t->analytic, to);
    print_number(", expected ", t->numeric, to);
    if (t->numeric != 0)
        print_number(", ratio ", t->analytic / t->numeric, to);
    fprintf(to, "   (%lld of %lld elements are wrong)\n", (long long)t->bad, (long long)t->checked);
}

static void print_finding(int number, const finding *found, int tries, FILE *to)
{
    print_stages(found, to);
    if (!found->stage) {
        fprintf(to, "\nExercise %d is right. %s\n", number, current->passed);
        return;
    }
    if (found->unwritten) {
        fprintf(to, "\nNothing is written yet. Open the file, read its head, and write your lines where it says so.\n");
        return;
    }
    if (found->located)
        print_element(found, to);
    fprintf(to, "\n  %s\n", found->cause);
    for (int i = 0; i < tries && i < RUNGS; i++) {
        fprintf(to, "\n");
        print_hint(number - 1, i, to);
    }
}

void print_text(int number, const finding *found, int tries, FILE *to)
{
    print_finding(number, found, tries, to);
    if (found->page[0])
        fprintf(to, "\nstep through it in a browser: %s\n", found->page);
}

/* ---- the report, for programs ---- */

static void json_string(const char *text, FILE *to)
{
    fprintf(to, "\"");
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else
            fprintf(to, (unsigned char)*text < ' ' ? "\\u%04x" : "%c", *text);
    fprintf(to, "\"");
}

static void json_text(const char *name, const char *text, FILE *to)
{
    fprintf(to, "\"%s\": ", name);
    json_string(text, to);
}

static void json_number(const char *name, double value, FILE *to)
{
    fprintf(to, isfinite(value) ? ", \"%s\": %.17g" : ", \"%s\": null", name, value);
}

static void json_element(const finding *found, FILE *to)
{
    const ct_gradcheck_tensor *t = &found->worst;
    fprintf(to, ", ");
    json_text("input", current->inputs[found->input], to);
    fprintf(to, ", \"element\": [");
    for (int axis = 0; axis < t->rank; axis++)
        fprintf(to, "%s%lld", axis ? ", " : "", (long long)t->worst[axis]);
    fprintf(to, "]");
    json_number("got", t->analytic, to);
    json_number("expected", t->numeric, to);
    json_number("ratio", t->analytic / t->numeric, to);
}

void print_json(int number, const finding *found, int tries, FILE *to)
{
    fprintf(to, "{\"exercise\": %d, ", number);
    json_text("name", current->name, to);
    fprintf(to, ", \"passed\": %s, \"checks\": [{\"name\": \"compiles\", \"passed\": true}",
            found->stage ? "false" : "true");
    for (int i = 0; i < STAGES; i++) {
        bool failed = found->stage == stages[i].name;
        fprintf(to, ", {");
        json_text("name", stages[i].name, to);
        fprintf(to, ", \"passed\": %s}", failed ? "false" : "true");
        if (failed)
            break;
    }
    fprintf(to, "]");
    if (found->page[0])
        fprintf(to, ", "), json_text("page", found->page, to);
    if (found->located)
        json_element(found, to);
    if (found->stage) {
        fprintf(to, ", ");
        json_text("cause", found->cause, to);
        fprintf(to, ", \"written\": %s, \"hints\": [", found->unwritten ? "false" : "true");
        for (int i = 0; !found->unwritten && i < tries && i < RUNGS; i++) {
            fprintf(to, i ? ", " : "");
            json_string(hints[number - 1][i], to);
        }
        fprintf(to, "]");
    }
    fprintf(to, "}\n");
}
