/* ONNX files that are read: what was written comes back, trains and is gradient-checked; what is damaged is refused. test_onnx.py runs
 * ONNX's own tests of operators. */
#include "file_checks.h"
#include "memory_limit.h"
#include "quick.h"
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ct_tensor *forward(ct_tensor *const *x, int n, void *module)
{
    (void)n;
    return ct_forward(module, x[0]);
}

static ct_module *root, *net;

/* Convolutions, a batch norm whose statistics have been trained, pools, two linear layers. */
static void open_net(void)
{
    open_directory();
    root = ct_module_new(CT_FLOAT32);
    net = ct_sequential_new(root, "net");
    ct_conv2d_new(net, "conv", 2, 4, 3, .padding = {1});
    ct_batch_norm_new(net, "bn", 4);
    ct_relu_new(net, "relu");
    ct_max_pool2d_new(net, "pool", 2);
    ct_flatten_new(net, "flat", 1, -1);
    ct_linear_new(net, "fc", 4 * 3 * 3, 3);
    ct_forward(net, ct_randn(CT_FLOAT32, 1, 2, CT_SHAPE(5, 2, 6, 6)));
}

static void close_net(void)
{
    ct_module_free(root);
    close_directory();
}

static ct_module *written_and_read(ct_tensor *x)
{
    ck_assert_int_eq(ct_onnx_write(forward, net, &x, 1, path), CT_OK);
    ct_module *read = ct_onnx_read(root, "read", path);
    ck_assert_msg(read != NULL, "%s", ct_error_message());
    return read;
}

START_TEST(what_was_written_comes_back)
{
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(2, 2, 6, 6)), *y = NULL;
    ct_module *read = written_and_read(x);
    ck_assert_str_eq(ct_onnx_input(read, 0), "x0");
    ck_assert_str_eq(ct_onnx_output(read, 0), "y");
    ck_assert(!ct_onnx_input(read, 1) && !ct_onnx_output(read, -1) && !ct_onnx_input(net, 0) &&
              !ct_onnx_input(NULL, 0));
    expect_failure(CT_ERROR_NULL, "onnx_name: the module is NULL");
    ct_module_train(root, false);
    expect_close(ct_forward(read, x), ct_forward(net, x), 1e-6);
    ck_assert_int_eq(ct_onnx_run(read, &x, 1, &y, 1), CT_OK);
    expect_close(y, ct_forward(net, x), 1e-6);
    ck_assert_int_eq(ct_onnx_run(read, &x, 1, NULL, 0), CT_OK);
    ck_assert_int_eq(ct_module_parameters(read), ct_module_parameters(net));
    ck_assert(ct_module_get(root, "read.net.conv.weight") && ct_module_get(root, "read.net.bn.running_var"));
}
END_TEST

static ct_tensor *of_one_name(ct_tensor *const *inputs, int n, void *user)
{
    (void)user, (void)n;
    ct_tensor *a = ct_full(CT_FLOAT32, 2, CT_SHAPE(3)), *b = ct_full(CT_FLOAT32, 3, CT_SHAPE(3));
    ct_name(a, "h");
    ct_name(b, "h");
    return ct_sub(ct_mul(inputs[0], a), b);
}

/* In a file each tensor has a name of its own. */
START_TEST(two_of_one_name)
{
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(3)), *y;
    ck_assert_int_eq(ct_onnx_write(of_one_name, NULL, &x, 1, path), CT_OK);
    ck_assert_int_eq(ct_onnx_run(ct_onnx_read(root, "names", path), &x, 1, &y, 1), CT_OK);
    expect_close(y, of_one_name(&x, 1, NULL), 1e-6);
}
END_TEST

static ct_tensor *largest(ct_tensor *const *inputs, int n, void *user)
{
    (void)user, (void)n;
    return ct_amax(inputs[0], .axes = (int64_t[]){1}, .n_axes = 1);
}

static ct_tensor *smallest(ct_tensor *const *inputs, int n, void *user)
{
    (void)user, (void)n;
    return ct_amin(inputs[0], .axes = (int64_t[]){1}, .n_axes = 1);
}

/* ReduceMax and ReduceMin of nothing, for which the library's functions are errors. */
START_TEST(extremes_of_nothing)
{
    for (int i = 0; i < 2; i++) {
        ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(2, 3)), *none = ct_zeros(CT_FLOAT32, CT_SHAPE(2, 0)), *y;
        ck_assert_int_eq(ct_onnx_write(i ? smallest : largest, NULL, &x, 1, path), CT_OK);
        ct_module *read = ct_onnx_read(root, NULL, path);
        ck_assert_int_eq(ct_onnx_run(read, &none, 1, &y, 1), CT_OK);
        ck_assert(ct_rank(y) == 1 && ct_size(y, 0) == 2 && ct_dtype_of(y) == CT_FLOAT32);
        ck_assert(ct_item(ct_sum(y)) == (i ? INFINITY : -INFINITY));
        ck_assert_int_eq(ct_onnx_run(read, &x, 1, &y, 1), CT_OK);
        expect_close(y, (i ? smallest : largest)(&x, 1, NULL), 0);
    }
}
END_TEST

static ct_tensor *loss_of(ct_module *module, ct_tensor *x, ct_tensor *labels)
{
    return ct_cross_entropy(ct_forward(module, x), labels);
}

START_TEST(it_trains)
{
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(6, 2, 6, 6)), *labels = ct_randint(0, 3, CT_SHAPE(6));
    ct_module *read = written_and_read(x);
    ct_optimizer *sgd = ct_optimizer_new(read, &ct_rule_sgd, .lr = 0.1);
    double before = ct_item(loss_of(read, x, labels)),
           statistic = ct_item(ct_sum(ct_module_get(read, "net.bn.running_mean")));
    for (int step = 0; step < 60; step++) {
        ct_optimizer_zero_grad(sgd);
        ct_backward(loss_of(read, x, labels));
        ct_optimizer_step(sgd);
    }
    double now = ct_item(loss_of(read, x, labels));
    ck_assert_msg(now < before / 4, "%g to %g", before, now);
    ck_assert(ct_item(ct_sum(ct_module_get(read, "net.bn.running_mean"))) != statistic);
    ct_optimizer_free(sgd);
}
END_TEST

START_TEST(it_is_gradient_checked)
{
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(3, 2, 6, 6)), *labels = ct_randint(0, 3, CT_SHAPE(3));
    ct_module *read = written_and_read(x);
    ct_module_train(root, false);
    ct_verdict verdict = ct_gradcheck_model(ct_module_forward, read, read, x, labels, NULL, NULL);
    ck_assert_msg(verdict == CT_PASS, "%s: %s", ct_verdict_name(verdict), ct_error_message());
}
END_TEST

/* ---- what is refused ---- */

/* A file cut off anywhere is an error, and leaves the module as it was. */
START_TEST(cut_off)
{
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(1, 2, 6, 6));
    size_t size;
    ck_assert_int_eq(ct_onnx_write(forward, net, &x, 1, path), CT_OK);
    char *bytes = ct_file_read(NULL, path, CT_UNSET_INT, &size);
    int64_t count = ct_module_count(root), step = is_quick() ? 61 : 7;
    for (size_t n = 0; bytes && n < size; n += (size_t)step) {
        write_bytes(path, bytes, n);
        ck_assert_msg(!ct_onnx_read(root, "cut", path) && ct_error_code() == CT_ERROR_FORMAT, "%zu: %s", n,
                      ct_error_message());
        ct_error_clear();
    }
    ck_assert_int_eq(ct_module_count(root), count);
    free(bytes);
}
END_TEST

/* A byte that is another gives a model or an error; what it then computes, too. */
START_TEST(a_byte_changed)
{
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(1, 2, 6, 6));
    size_t size;
    ck_assert_int_eq(ct_onnx_write(forward, net, &x, 1, path), CT_OK);
    char *bytes = ct_file_read(NULL, path, CT_UNSET_INT, &size);
    int refused = 0, step = is_quick() ? 61 : 7;
    for (size_t n = 0; bytes && n < size; n += (size_t)step) {
        bytes[n] ^= 0x55;
        write_bytes(path, bytes, size);
        bytes[n] ^= 0x55;
        ct_module *other = ct_module_new(CT_FLOAT32), *read = ct_onnx_read(other, NULL, path);
        ct_scope_open();
        ct_forward(read, x);
        ct_scope_close();
        refused += ct_error_code() != CT_OK;
        ct_error_clear();
        ct_module_free(other);
    }
    ck_assert_int_gt(refused, 0);
    free(bytes);
}
END_TEST

/* A model of one node: fields of NodeProto and GraphProto in their order, as bytes. */
#define MODEL(graph_size, graph) "\x08\x09\x42\x02\x10\x14\x3a" graph_size graph
#define VALUE(name) "\x0a\x01" name

START_TEST(models_that_are_none)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *words;
    } cases[] = {
#define CASE(text, words) {text, sizeof(text) - 1, words}
        CASE("", "no ONNX model"),
        CASE("hello", "no ONNX model"),
        CASE("\x08\x09\x3a\x00", "no ONNX model"), /* without an opset */
        CASE("\x08\x09\x42\x02\x10\x06\x3a\x00", "of an opset before 7"),
        CASE(MODEL("\x0f", "\x0a\x08\x0a\x01"
                           "a"
                           "\x12\x01"
                           "b"
                           "\x22\x00"
                           "\x5a\x03" VALUE("a")),
             "there is no operator \"\""),
        CASE(MODEL("\x13", "\x0a\x0c\x0a\x01"
                           "a"
                           "\x12\x01"
                           "b"
                           "\x22\x04"
                           "Nope"
                           "\x5a\x03" VALUE("a")),
             "no operator \"Nope\""),
        CASE(MODEL("\x12", "\x0a\x0b\x0a\x01"
                           "c"
                           "\x12\x01"
                           "b"
                           "\x22\x03"
                           "Exp"
                           "\x5a\x03" VALUE("a")),
             "nothing makes the tensor \"c\""),
        CASE(MODEL("\x12", "\x0a\x0b\x0a\x01"
                           "b"
                           "\x12\x01"
                           "b"
                           "\x22\x03"
                           "Exp"
                           "\x5a\x03" VALUE("a")),
             "\"b\" is used before it is made"),
        CASE(MODEL("\x12", "\x0a\x0b\x0a\x01"
                           "a"
                           "\x12\x01"
                           "a"
                           "\x22\x03"
                           "Exp"
                           "\x5a\x03" VALUE("a")),
             "two tensors are called \"a\""),
        CASE(MODEL("\x17", "\x0a\x0b\x0a\x01"
                           "a"
                           "\x12\x01"
                           "b"
                           "\x22\x03"
                           "Exp"
                           "\x5a\x03" VALUE("a") "\x62\x03" VALUE("d")),
             "nothing makes the output \"d\""),
        CASE(MODEL("\x09", "\x2a\x07\x08\x02\x10\x01\x42\x01"
                           "w"),
             "tensor w has a type that is not known, or not as many"),
        CASE(MODEL("\x0d", "\x2a\x0b\x08\x01\x10\x7f\x42\x01"
                           "w"
                           "\x4a\x02"
                           "ab"),
             "tensor w has a type that is not known"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_bytes(path, cases[i].bytes, cases[i].size);
        ck_assert_msg(!ct_onnx_read(root, "x", path), "case %zu", i);
        expect_failure(CT_ERROR_FORMAT, cases[i].words);
    }
    static const char good[] = MODEL("\x17", "\x0a\x0b\x0a\x01"
                                             "a"
                                             "\x12\x01"
                                             "b"
                                             "\x22\x03"
                                             "Exp"
                                             "\x5a\x03" VALUE("a") "\x62\x03" VALUE("b"));
    write_bytes(path, good, sizeof good - 1);
    ct_module *read = ct_onnx_read(root, "x", path);
    ck_assert_msg(read != NULL, "%s", ct_error_message());
    expect_close(ct_forward(read, ct_zeros(CT_FLOAT64, CT_SHAPE(0, 2))), ct_ones(CT_FLOAT64, CT_SHAPE(0, 2)), 0);
    expect_close(ct_forward(read, ct_scalar(CT_FLOAT64, 0)), ct_scalar(CT_FLOAT64, 1), 0);
}
END_TEST

/* A model whose graph is so many bytes: a head, and the same byte and a 0 again and again. */
static void write_large(const char *head, size_t head_size, size_t size, char byte)
{
    static const char model[] = "\x08\x09\x42\x02\x10\x14\x3a";
    size_t begin = sizeof model - 1;
    char *bytes = calloc(begin + 4 + size, 1);
    memcpy(bytes, model, begin);
    for (int i = 0; i < 4; i++)
        bytes[begin + (size_t)i] = (char)((size >> (7 * i) & 127) | (i < 3 ? 128 : 0));
    memcpy(bytes + begin + 4, head, head_size);
    for (size_t i = head_size; i + 1 < size; i += 2)
        bytes[begin + 4 + i] = byte;
    write_bytes(path, bytes, begin + 4 + size);
    free(bytes);
}

static bool is_refused(void)
{
    return !ct_onnx_read(root, "large", path) && ct_error_code() == CT_ERROR_FORMAT;
}

/* What a file says of its size is compared with what it has before there is room for it. */
START_TEST(no_bombs)
{
    enum { MEGABYTE = 1 << 20 };
    write_large("", 0, MEGABYTE, '\x0a'); /* half a million nodes of no bytes */
    ck_assert(holds_within(10, is_refused));
    /* A tensor of 2^22 - 16 doubles, of which it has an eighth. */
    write_large("\x2a\xf0\xff\xff\x01\x08\xf0\xff\xff\x01\x10\x0b\x4a\xe4\xff\xff\x01", 17, 4 * MEGABYTE - 11, 0);
    ck_assert(holds_within(20, is_refused));
}
END_TEST

START_TEST(wrong_arguments)
{
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(1, 2, 6, 6)), *y[2] = {NULL}, *none = NULL;
    ct_module *read = written_and_read(x);
    ck_assert(!ct_onnx_read(NULL, "a", path));
    expect_failure(CT_ERROR_NULL, "");
    ck_assert(!ct_onnx_read(root, "a", NULL));
    expect_failure(CT_ERROR_NULL, "onnx_read");
    ck_assert(!ct_onnx_read(root, "a", "/nowhere/x.onnx"));
    expect_failure(CT_ERROR_IO, "onnx_read");
    ck_assert(!ct_onnx_read(root, "read", path));
    expect_failure(CT_ERROR_ARGUMENT, "");
    ct_onnx_run(NULL, &x, 1, y, 1);
    expect_failure(CT_ERROR_NULL, "onnx_run");
    ct_onnx_run(net, &x, 1, y, 1);
    expect_failure(CT_ERROR_STATE, "onnx_run");
    ct_onnx_run(read, NULL, 1, y, 1);
    expect_failure(CT_ERROR_NULL, "onnx_run: inputs are NULL");
    ct_onnx_run(read, &x, 1, NULL, 1);
    expect_failure(CT_ERROR_NULL, "onnx_run: outputs are NULL");
    ct_onnx_run(read, &none, 1, y, 1);
    expect_failure(CT_ERROR_NULL, "onnx_run: input 0 is NULL");
    ct_onnx_run(read, &x, 2, y, 1);
    expect_failure(CT_ERROR_ARGUMENT, "onnx_run: 2 inputs and 1 outputs, the model has 1 and 1");
    ct_onnx_run(read, &x, 1, y, 2);
    expect_failure(CT_ERROR_ARGUMENT, "onnx_run: 1 inputs and 2 outputs");
    x = ct_zeros(CT_FLOAT32, CT_SHAPE(2, 2));
    ct_onnx_run(read, &x, 1, y, 1);
    expect_failure(CT_ERROR_FORMAT, "onnx_read: Conv: not on one to three axes");
    ck_assert(y[0] == NULL);
}
END_TEST

Suite *ct_suite_onnx_read(void)
{
    Suite *suite = suite_create("onnx_read");
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, open_net, close_net);
    tcase_add_test(files, what_was_written_comes_back);
    tcase_add_test(files, two_of_one_name);
    tcase_add_test(files, extremes_of_nothing);
    tcase_add_test(files, it_trains);
    tcase_add_test(files, it_is_gradient_checked);
    tcase_add_test(files, cut_off);
    tcase_add_test(files, a_byte_changed);
    tcase_add_test(files, models_that_are_none);
    tcase_add_test(files, no_bombs);
    tcase_add_test(files, wrong_arguments);
    suite_add_tcase(suite, files);
    return suite;
}
