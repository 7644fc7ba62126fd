/* Pictures: what is in them, that they are the same each time, and that no name and no value breaks them. tests/test_page.py looks at
 * the page in a browser. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include "core_internal.h"
#include "quick.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void ok(ct_status status)
{
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
}

static char folder[] = "/tmp/cotan_graph_XXXXXX";

static void make_folder(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* The path of a file there; lasts until the next call. */
static const char *at(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* The bytes of a file there; free() them. */
static char *bytes_of(const char *name)
{
    FILE *file = fopen(at(name), "rb");
    ck_assert_msg(file != NULL, "%s is not there", name);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)size + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, (size_t)size, file), (size_t)size);
    bytes[size] = '\0';
    fclose(file);
    return bytes;
}

static int count(const char *bytes, const char *words)
{
    int n = 0;
    for (const char *c = bytes; (c = strstr(c, words)); c += strlen(words))
        n++;
    return n;
}

static int count_in(const char *name, const char *words)
{
    char *bytes = bytes_of(name);
    int n = count(bytes, words);
    free(bytes);
    return n;
}

#define has(name, words) ck_assert_msg(count_in(name, words) > 0, "%s has no \"%s\"", name, words)
#define has_not(name, words) ck_assert_msg(count_in(name, words) == 0, "%s has \"%s\"", name, words)

/* The data of a page. */
static json_t *page_data(const char *name)
{
    char *bytes = bytes_of(name), *begin = strstr(bytes, "id=\"data\">");
    ck_assert_ptr_nonnull(begin);
    begin = strchr(begin, '\n') + 1;
    *strstr(begin, "</script>") = '\0';
    json_error_t error;
    json_t *data = json_loads(begin, JSON_DECODE_ANY, &error);
    ck_assert_msg(data != NULL, "%s:%d: %s", name, error.line, error.text);
    free(bytes);
    return data;
}

static ct_tensor *named(double value, const char *name)
{
    return ct_name(ct_set_requires_grad(ct_scalar(CT_FLOAT64, value), true), name);
}

/* 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))) with the lectures' numbers. */
static ct_tensor *circuit(void)
{
    ct_tensor *w0 = named(2, "w0"), *x0 = named(-1, "x0"), *w1 = named(-3, "w1"), *x1 = named(-2, "x1"),
              *w2 = named(-3, "w2");
    ct_tensor *a = ct_mul(w0, x0), *b = ct_mul(w1, x1), *sum = ct_add(ct_add(a, b), w2);
    return ct_name(ct_div(ct_scalar(CT_FLOAT64, 1), ct_add_scalar(ct_exp(ct_neg(sum)), 1)), "f");
}

static ct_trace_log *end_trace(void)
{
    ct_trace_log *trace = ct_trace_end();
    ck_assert_msg(trace != NULL, "%s", ct_error_message());
    return trace;
}

/* ---- what is in it ---- */

START_TEST(the_circuit_in_each_format)
{
    char *before = getcwd(NULL, 0);
    ck_assert_int_eq(chdir(TEST_BUILD "/.."), 0); /* from where the paths of source files lead on */
    ok(ct_trace_begin());
    ct_tensor *f = circuit();
    ok(ct_backward(f));
    ok(ct_graph_write(f, at("f.svg")));
    ok(ct_graph_write(f, at("f.dot")));
    ok(ct_graph_write(f, at("f.html")));
    ok(ct_graph_write(f, at("f.json")));
    ct_trace_free(end_trace());
    ck_assert_int_eq(chdir(before), 0);
    free(before);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "f.dot" : "f.svg";
        has(name, "f = div");
        has(name, "0.7311");
        has(name, "\u2202 -0.1966"); /* df/dw0 */
        has(name, "\u2202 none");    /* of the 1 */
        has(name, "float64");
        has(name, "test_graph.c:");
    }
    ck_assert_int_eq(count_in("f.svg", "<rect class=\"l\""), 5);
    ck_assert_int_eq(count_in("f.svg", "<rect class=\"c\""), 1);
    ck_assert_int_eq(count_in("f.svg", "<rect class=\"b\""), 8);
    ck_assert_int_eq(count_in("f.dot", " -> "), 13);
    has("f.json", "\"cotan trace\"");
    has("f.html", "Step by step");
    has("f.html", "ct_tensor *a = ct_mul(w0, x0)"); /* the text of the source line */
    json_t *data = page_data("f.html");
    ck_assert_uint_eq(json_array_size(json_object_get(data, "nodes")), 14);
    ck_assert_uint_eq(json_array_size(json_object_get(data, "steps")), 13);
    json_decref(data);
}
END_TEST

START_TEST(what_can_be_left_out)
{
    ok(ct_trace_begin());
    ct_tensor *f = circuit();
    ok(ct_backward(f));
    ct_trace_log *trace = end_trace();
    ok(ct_trace_write(trace, at("all.svg")));
    ok(ct_trace_write(trace, at("few.svg"), .constants = false));
    ok(ct_trace_write(trace, at("near.svg"), .around = "w2", .distance = 1, .title = "near w2"));
    ok(ct_trace_write(trace, at("none.html"), .source = false));
    ct_trace_free(trace);
    ck_assert_int_eq(count_in("all.svg", "<title>"), 1 + 14);
    ck_assert_int_eq(count_in("few.svg", "<title>"), 1 + 13);
    ck_assert_int_eq(count_in("near.svg", "<title>"), 1 + 2); /* w2 and the sum */
    has("near.svg", "near w2");
    has_not("none.html", "ct_tensor *a = ct_mul(w0, x0)");
}
END_TEST

START_TEST(twice_the_same_bytes)
{
    for (int i = 0; i < 2; i++) {
        ok(ct_trace_begin());
        ct_tensor *f = circuit();
        ok(ct_backward(f));
        ct_trace_log *trace = end_trace();
        ok(ct_trace_write(trace, at(i ? "1.svg" : "0.svg")));
        ok(ct_trace_write(trace, at(i ? "1.dot" : "0.dot")));
        ok(ct_trace_write(trace, at(i ? "1.html" : "0.html")));
        ct_trace_free(trace);
    }
    for (int i = 0; i < 3; i++) {
        char *a = bytes_of((const char *[]){"0.svg", "0.dot", "0.html"}[i]);
        char *b = bytes_of((const char *[]){"1.svg", "1.dot", "1.html"}[i]);
        ck_assert_str_eq(a, b);
        free(a);
        free(b);
    }
}
END_TEST

/* ---- names and values that could break it ---- */

START_TEST(names_are_escaped)
{
    ok(ct_trace_begin());
    ct_tensor *x = named(2, "</script><b a=\"1\">&amp;\\\n\x01\xff");
    ct_tensor *y = ct_square(x);
    ct_name(y, "]]><!--");
    ok(ct_backward(y));
    ct_trace_log *trace = end_trace();
    ok(ct_trace_write(trace, at("x.svg"), .title = "<i>"));
    ok(ct_trace_write(trace, at("x.dot")));
    ok(ct_trace_write(trace, at("x.html"), .title = "</title><i>"));
    ct_trace_free(trace);
    has_not("x.html", "</script><b");
    has_not("x.html", "<i>");
    has_not("x.html", "]]><!--");
    ck_assert_int_eq(count_in("x.html", "</script>"), 3); /* of the data, the table of mistakes, the script */
    has_not("x.svg", "<b a");
    has_not("x.svg", "<i>");
    has_not("x.svg", "\x01");
    has_not("x.svg", "\xff");
    has("x.svg", "&lt;/script&gt;&lt;b");
    has_not("x.dot", "a=\"1\"");
    json_t *data = page_data("x.html");
    const char *label = json_string_value(json_array_get(json_array_get(json_object_get(data, "nodes"), 0), 1));
    ck_assert_str_eq(label, "</script><b a=\"1\">&amp;\\???");
    json_decref(data);
}
END_TEST

static ct_tensor *leaf_of(const double *values, int64_t n, const char *name)
{
    return ct_name(ct_set_requires_grad(ct_from_values(CT_FLOAT64, values, n, &n, 1), true), name);
}

START_TEST(values_that_are_no_numbers)
{
    ok(ct_trace_begin());
    ct_tensor *x = leaf_of((double[]){NAN, INFINITY, -INFINITY, -0.0, 1}, 5, "x");
    ct_tensor *e = leaf_of(NULL, 0, "e"), *n = leaf_of((double[]){NAN, NAN, NAN, NAN}, 4, "n");
    ct_tensor *f = ct_add(ct_add(ct_sum(ct_square(x)), ct_sum(e)), ct_sum(n));
    ok(ct_backward(f));
    ct_trace_log *trace = end_trace();
    ok(ct_trace_write(trace, at("n.svg")));
    ok(ct_trace_write(trace, at("n.html")));
    ct_trace_free(trace);
    has("n.svg", "empty");
    has("n.svg", "all nan");
    has("n.svg", "1 nan, 2 inf");
    json_t *data = page_data("n.html");
    json_decref(data);
    has("n.html", "[\"nan\",\"inf\",\"-inf\",-0,1]");
}
END_TEST

START_TEST(a_root_that_is_a_leaf)
{
    ct_tensor *x = named(3, "x");
    ok(ct_graph_write(x, at("x.svg")));
    ok(ct_graph_write(x, at("x.html")));
    ok(ct_graph_write(x, at("x.dot")));
    ck_assert_int_eq(count_in("x.svg", "<rect"), 1);
    has("x.svg", "not computed");
    ok(ct_backward(x));
    ok(ct_graph_write(x, at("x.svg")));
    has("x.svg", "\u2202 1");
}
END_TEST

/* ---- without a trace ---- */

START_TEST(a_graph_that_no_trace_has_seen)
{
    ct_tensor *w = leaf_of((double[]){1, 2}, 2, "w"),
              *x = ct_name(ct_from_values(CT_FLOAT64, CT_VALUES(3, 4), CT_SHAPE(2)), "x");
    ct_tensor *f = ct_sum(ct_exp(ct_mul(w, x)));
    ok(ct_graph_write(f, at("w.svg")));
    ck_assert_ptr_null(ct_grad_of(w)); /* its backward changed nothing */
    has("w.svg", "[3, 4]");            /* data that mul has kept */
    has("w.svg", "\u2202 [60.26, 11924]");
    ok(ct_backward(f));
    ok(ct_graph_write(f, at("w.svg"))); /* what was saved is gone: shapes, and what the leaves have */
    has("w.svg", "exp");
    has("w.svg", "\u2202 [60.26, 11924]");
    has("w.svg", "not computed");
    ok(ct_graph_write(f, at("w.html")));
    json_decref(page_data("w.html"));
}
END_TEST

START_TEST(a_graph_older_than_the_trace)
{
    ct_tensor *f = circuit();
    ok(ct_trace_begin());
    ct_square(named(1, "other"));
    ok(ct_graph_write(f, at("f.svg")));
    ct_trace_free(end_trace());
    has("f.svg", "\u2202 0.1966");
    has_not("f.svg", "other");
}
END_TEST

/* ---- boxes ---- */

static ct_tensor *layers(int n)
{
    ct_tensor *h = ct_name(ct_from_values(CT_FLOAT64, CT_VALUES(1, 2), CT_SHAPE(2)), "x");
    for (int i = 0; i < n; i++) {
        char name[16], weight[32];
        snprintf(name, sizeof name, "layer%d", i);
        snprintf(weight, sizeof weight, "w%d", i);
        ok(ct_region_begin(name));
        h = ct_tanh(ct_mul(h, named(0.5, weight)));
        ok(ct_region_begin("inner"));
        h = ct_add_scalar(ct_square(h), 0.1);
        ok(ct_region_end());
        ok(ct_region_end());
    }
    return ct_sum(h);
}

/* Two regions with the same operations of the same shapes, which differ in which of these the last tanh reads (_i = 0), or in a region
 * inside of one of them (_i = 1): neither stands for the other. */
START_TEST(regions_that_differ_stay_apart)
{
    ok(ct_trace_begin());
    ct_tensor *h = ct_name(ct_from_values(CT_FLOAT64, CT_VALUES(1, 2), CT_SHAPE(2)), "x");
    h = ct_mul(h, named(0.5, "w"));
    for (int i = 0; i < 2; i++) {
        ok(ct_region_begin(i ? "second" : "first"));
        ct_tensor *s = ct_tanh(h), *t = ct_tanh(s);
        if (_i && i)
            ok(ct_region_begin("inner"));
        ct_tensor *u = ct_tanh(!_i && i ? s : t);
        if (_i && i)
            ok(ct_region_end());
        h = ct_add(u, t);
        ok(ct_region_end());
    }
    ok(ct_backward(ct_sum(h)));
    ct_trace_log *trace = end_trace();
    ok(ct_trace_write(trace, at("apart.svg"), .unfold = CT_NO));
    ck_assert_int_eq(count_in("apart.svg", "\u00d72"), 0);
    ck_assert_int_eq(count_in("apart.svg", "class=\"f\""), 2);
    ct_trace_free(trace);
}
END_TEST

START_TEST(regions_are_boxes)
{
    ok(ct_trace_begin());
    ct_tensor *f = layers(12);
    ok(ct_backward(f));
    ct_trace_log *trace = end_trace();
    ok(ct_trace_write(trace, at("closed.svg")));
    ok(ct_trace_write(trace, at("open.svg"), .open = "layer3.inner"));
    ok(ct_trace_write(trace, at("all.svg"), .unfold = CT_YES));
    ok(ct_trace_write(trace, at("closed.dot"), .open = "layer3"));
    ck_assert_int_eq(count_in("closed.svg", "class=\"f\""), 1); /* all layers, which have one shape */
    has("closed.svg", "layer0 \u2026 layer11 \u00d712");
    has("closed.svg", "[2] \u2192 [2]");
    ck_assert_int_eq(count_in("closed.svg", "\u2202 [1, 1]"), 1); /* of what they give */
    ck_assert_int_eq(count_in("closed.svg", "<g>"), 1);           /* the sum: all else is inside */
    ck_assert_int_eq(count_in("open.svg", "class=\"f\""), 11);
    ck_assert_int_eq(count_in("open.svg", "class=\"r\""), 3);
    ck_assert_int_eq(count_in("open.svg", "<g>"), 1 + 3 + 2);
    ck_assert_int_eq(count_in("all.svg", "class=\"r\""), 25);
    ck_assert_int_eq(count_in("closed.dot", "subgraph"), 2);
    ck_assert_int_eq(ct_trace_write(trace, at("no.svg"), .open = "layer99"), CT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "'layer99'"));
    ct_error_clear();
    ct_trace_free(trace);
}
END_TEST

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Long chains are cut into parts; a page of ten thousand nodes is written in no time, and stays small. */
START_TEST(ten_thousand_nodes)
{
    enum { N = 10000 };
    ok(ct_trace_begin());
    ct_tensor *h = named(1.5, "x");
    for (int i = 0; i < N; i++)
        h = i % 2 ? ct_sin(h) : ct_add_scalar(h, 0.3);
    ok(ct_backward(h));
    ct_trace_log *trace = end_trace();
    double begin = seconds();
    ok(ct_trace_write(trace, at("long.html")));
    ok(ct_trace_write(trace, at("long.svg")));
    double taken = seconds() - begin;
    ct_trace_free(trace);
    ck_assert_int_le(count_in("long.svg", "<rect"), 40);
    char *bytes = bytes_of("long.html");
    ck_assert_uint_lt(strlen(bytes), 150000 + 200 * N);
    free(bytes);
    ck_assert_msg(is_quick() || taken < 1, "it took %.2f s", taken);
}
END_TEST

/* ---- wrong use ---- */

START_TEST(wrong_use)
{
    ct_tensor *f = circuit();
    ck_assert_int_eq(ct_graph_write(f, at("f.png")), CT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "f.png"));
    ck_assert_ptr_nonnull(strstr(ct_error_message(), ".svg, .dot, .html and .json"));
    ct_error_clear();
    ck_assert_int_eq(ct_graph_write(NULL, at("f.svg")), CT_ERROR_NULL);
    ct_error_clear();
    ck_assert_int_eq(ct_graph_write(f, NULL), CT_ERROR_NULL);
    ct_error_clear();
    ck_assert_int_eq(ct_graph_write(f, at("nowhere/f.svg")), CT_ERROR_IO);
    ct_error_clear();
    ck_assert_int_eq(ct_graph_write(f, at("f.svg"), .width = 3), CT_ERROR_ARGUMENT);
    ct_error_clear();
    ck_assert_int_eq(ct_graph_write(f, at("f.svg"), .around = "w0", .distance = -1), CT_ERROR_ARGUMENT);
    ct_error_clear();
    ck_assert_int_eq(ct_graph_write(f, at("f.svg"), .step = -1), CT_ERROR_ARGUMENT);
    expect_error(NULL, CT_ERROR_ARGUMENT, "graph_write: step -1 is below 0 (");
    ck_assert_int_eq(ct_graph_write(f, at("f.svg"), .step = 99), CT_ERROR_ARGUMENT);
    expect_error(NULL, CT_ERROR_ARGUMENT, "graph_write: step 99 is behind the last, ");
    ck_assert_int_eq(ct_graph_write(f, at("f.svg"), .around = "nobody"), CT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "'nobody'"));
    ct_error_clear();
    ck_assert_int_eq(ct_trace_write(NULL, at("f.svg")), CT_ERROR_NULL);
    ct_error_clear();
    ok(ct_trace_begin());
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(ct_trace_write(trace, at("f.svg")), CT_ERROR_STATE);
    ct_error_clear();
    ct_trace_free(trace);
    ck_assert_int_ne(access(at("f.svg"), F_OK), 0); /* nothing was left behind */
    ok(ct_trace_begin());                           /* and no trace is left running */
    ct_trace_free(end_trace());
}
END_TEST

static void open_scope(void)
{
    make_folder();
    ct_scope_open();
}

static void close_scope(void)
{
    ct_scope_close();
    remove_folder();
}

Suite *ct_suite_graph(void)
{
    Suite *suite = suite_create("graph");
    TCase *c = tcase_create("graph");
    tcase_add_checked_fixture(c, open_scope, close_scope);
    tcase_add_test(c, the_circuit_in_each_format);
    tcase_add_test(c, what_can_be_left_out);
    tcase_add_test(c, twice_the_same_bytes);
    tcase_add_test(c, names_are_escaped);
    tcase_add_test(c, values_that_are_no_numbers);
    tcase_add_test(c, a_root_that_is_a_leaf);
    tcase_add_test(c, a_graph_that_no_trace_has_seen);
    tcase_add_test(c, a_graph_older_than_the_trace);
    tcase_add_test(c, regions_are_boxes);
    tcase_add_loop_test(c, regions_that_differ_stay_apart, 0, 2);
    tcase_add_test(c, ten_thousand_nodes);
    tcase_add_test(c, wrong_use);
    suite_add_tcase(suite, c);
    return suite;
}
