/* Objects that are used after they, or what they rest on, were freed: named, in builds that keep freed objects aside. */
#include <cotan/cotan.h>

#include "error_checks.h"
#include "suites.h"
#include "tensor_checks.h"
#include <string.h>

START_TEST(an_object_knows_its_kind)
{
    int *object = ct_object_new("thing", sizeof *object);
    ck_assert(object && *object == 0);
    ck_assert_int_eq(ct_object_check(object, "thing", "try"), CT_OK);
    expect_failed(ct_object_check(NULL, "thing", "try"), CT_ERROR_NULL, "try: the thing is NULL");
    expect_failed(ct_object_check(object, "being", "try"), CT_ERROR_STATE, "try: not a being, or one whose memory");
    ct_object_free(object);
    ct_object_free(NULL);
    ck_assert_ptr_null(ct_object_new("thing", SIZE_MAX));
    expect_failed(ct_error_code(), CT_ERROR_MEMORY, "thing: no memory");
}
END_TEST

#if CT_LIFETIME_CHECKS
START_TEST(a_freed_object_is_named)
{
    void *object = ct_object_new("thing", 64);
    ct_object_free(object);
    expect_failed(ct_object_check(object, "thing", "try"), CT_ERROR_STATE, "try: the thing is used after it was freed");
    ct_object_free(object);
    expect_failed(ct_error_code(), CT_ERROR_STATE, "free: the thing was freed before");
}
END_TEST

START_TEST(a_file_of_tensors_that_was_freed)
{
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(2));
    ct_safetensors_save("freed.safetensors", (const char *const[]){"x"}, &x, 1);
    ct_tensor_file *file = ct_safetensors_load("freed.safetensors");
    remove("freed.safetensors");
    ck_assert_int_eq(ct_tensor_file_count(file), 1);
    ct_tensor_file_free(file);
    ck_assert_int_eq(ct_tensor_file_count(file), 0);
    expect_failed(ct_error_code(), CT_ERROR_STATE, "tensor_file_count: the tensor file is used after it was freed");
    ck_assert_ptr_null(ct_tensor_file_get(file, "x"));
    expect_failed(ct_error_code(), CT_ERROR_STATE, "tensor_file_get: the tensor file is used after it was freed");
    ck_assert_ptr_null(ct_tensor_file_name(file, 0));
    expect_failed(ct_error_code(), CT_ERROR_STATE, "tensor_file_name: the tensor file is used after it was freed");
    ct_tensor_file_free(file);
    expect_failed(ct_error_code(), CT_ERROR_STATE, "tensor_file_free: the tensor file is used after it was freed");
}
END_TEST

START_TEST(a_module_freed_before_its_layer_and_optimiser)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_module *layer = ct_linear_new(m, "fc", 2, 3);
    ct_module *conv = ct_conv2d_new(m, "conv", 1, 1, 1);
    ct_lenet5 *lenet = ct_lenet5_new(m);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd);
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(1, 2));
    ct_module_free(m);
    expect_error(ct_forward(layer, x), CT_ERROR_STATE, "forward: the module is used after it was freed");
    expect_error(ct_forward(conv, x), CT_ERROR_STATE, "forward: the module is used after it was freed");
    expect_error(ct_lenet5_forward(lenet, x), CT_ERROR_STATE, "lenet5_forward: the layer is used after it was freed");
    expect_failed(ct_optimizer_step(sgd), CT_ERROR_STATE, "optimizer_step: the module is used after it was freed");
    ct_optimizer_zero_grad(sgd);
    expect_failed(ct_error_code(), CT_ERROR_STATE, "optimizer_zero_grad: the module is used after it was freed");
    ct_optimizer_free(sgd);
    ct_optimizer_step(sgd);
    expect_failed(ct_error_code(), CT_ERROR_STATE, "optimizer_step: the optimizer is used after it was freed");
    ck_assert_int_eq(ct_module_count(m), 0);
    expect_failed(ct_error_code(), CT_ERROR_STATE, "module: the module is used after it was freed");
    ck_assert_ptr_null(ct_module_parameter(m, "p", ct_ones(CT_FLOAT32, CT_SHAPE(1))));
    expect_failed(ct_error_code(), CT_ERROR_STATE, "module: the module is used after it was freed");
    expect_failed(ct_module_save(m, "x"), CT_ERROR_STATE, "module_save: the module is used after it was freed");
    ct_module_free(m);
    expect_failed(ct_error_code(), CT_ERROR_STATE, "module: the module is used after it was freed");
}
END_TEST

START_TEST(a_data_set_freed_before_its_batches)
{
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(4, 2)), *y = ct_zeros(CT_INT64, CT_SHAPE(4)), *bx, *by;
    ct_dataset *data = ct_dataset_new(x, y);
    ct_batches *batches = ct_batches_new(data, .size = 2);
    ck_assert(ct_batches_next(batches, &bx, &by));
    ct_dataset_free(data);
    ck_assert(!ct_batches_next(batches, &bx, &by));
    expect_failed(ct_error_code(), CT_ERROR_STATE, "batches_next: the data set is used after it was freed");
    expect_failed(ct_batches_start(batches, 1), CT_ERROR_STATE,
                  "batches_start: the data set is used after it was freed");
    ck_assert_int_eq(ct_dataset_count(data), 0);
    expect_failed(ct_error_code(), CT_ERROR_STATE, "dataset: the data set is used after it was freed");
    ct_batches_free(batches);
    ck_assert(!ct_batches_next(batches, &bx, &by));
    expect_failed(ct_error_code(), CT_ERROR_STATE, "batches_next: the batches is used after it was freed");
}
END_TEST
#endif

/* ---- one tensor, two names ---- */

START_TEST(one_tensor_under_two_names_is_refused)
{
    ct_module *m = ct_module_new(CT_FLOAT64), *other = ct_module_new(CT_FLOAT64);
    ct_tensor *w = ct_module_parameter(m, "wte.weight", ct_ones(CT_FLOAT64, CT_SHAPE(2)));
    expect_error(ct_module_parameter(m, "head.weight", w), CT_ERROR_ARGUMENT,
                 "module: the tensor for \"head.weight\" is \"wte.weight\" of this module already; ct_module_tie()");
    expect_error(ct_module_parameter(other, "w", w), CT_ERROR_ARGUMENT,
                 "module: the tensor for \"w\" is \"wte.weight\" of another module, which would free it too");
    expect_error(ct_module_buffer(other, "w", ct_detach(w)), CT_ERROR_ARGUMENT,
                 "module: the tensor for \"w\" is \"wte.weight\" of another module");
    ck_assert_str_eq(ct_name_of(w), "wte.weight");
    ck_assert_int_eq(ct_module_count(m), 1);
    ck_assert_int_eq(ct_module_count(other), 0);
    ct_module_free(m);
    ct_tensor *free_again = ct_ones(CT_FLOAT64, CT_SHAPE(2));
    ck_assert_ptr_eq(ct_module_parameter(other, "w", free_again), free_again);
    ct_module_free(other);
}
END_TEST

typedef struct tied_model {
    ct_module *module;
    ct_module *in, *out;
} tied_model;

static ct_tensor *tied_forward(void *model, ct_tensor *x)
{
    const tied_model *m = model;
    return ct_forward(m->out, ct_tanh(ct_forward(m->in, x)));
}

static tied_model make_tied(const char *name, const char *of)
{
    tied_model m = {.module = ct_module_new(CT_FLOAT64)};
    ct_seed(3);
    m.in = ct_linear_new(m.module, "in", 3, 3, .no_bias = true);
    m.out = ct_linear_new(m.module, "out", 3, 3);
    if (name)
        ck_assert_int_eq(ct_module_tie(m.module, name, of), CT_OK);
    return m;
}

START_TEST(tied_layers_are_one)
{
    const char *pairs[][2] = {{"out.weight", "in.weight"}, {"in.weight", "out.weight"}};
    tied_model m = make_tied(pairs[_i][0], pairs[_i][1]), alone = make_tied(NULL, NULL);
    ct_tensor *w = ct_module_get(m.module, "in.weight"), *bias = ct_module_get(m.module, "out.bias");
    expect_close(w, ct_module_get(alone.module, pairs[_i][1]), 0); /* the second's elements */
    ck_assert_ptr_eq(w, ct_module_get(m.module, "out.weight"));
    ck_assert_int_eq(ct_module_count(m.module), 3);
    ck_assert_int_eq(ct_module_parameters(m.module), 2);
    ck_assert_int_eq(ct_module_numel(m.module), 9 + 3);
    ck_assert(ct_module_is_parameter(m.module, 0) && !ct_module_is_parameter(m.module, 1));
    ck_assert(ct_module_tied(m.module, 0) == -1 && ct_module_tied(m.module, 1) == 0);
    /* Both layers see it, its gradient is the sum, and one step changes it once. */
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3), 7), *before = ct_detach(ct_clone(w)), *g;
    ct_optimizer *sgd = ct_optimizer_new(m.module, &ct_rule_sgd, .lr = 0.5);
    ct_tensor *want =
        ct_sum(ct_add(ct_matmul(ct_tanh(ct_matmul(x, ct_transpose(w, 0, 1))), ct_transpose(w, 0, 1)), bias));
    ct_tensor *loss = ct_sum(tied_forward(&m, x));
    expect_close(ct_detach(loss), ct_detach(want), 1e-14);
    ck_assert_int_eq(ct_grad(&want, 1, &w, 1, &g), CT_OK);
    ck_assert_int_eq(ct_backward(loss), CT_OK);
    expect_close(ct_grad_of(w), g, 1e-13);
    ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    expect_close(ct_detach(ct_clone(w)), ct_sub(before, ct_mul_scalar(g, 0.5)), 1e-13);
    ct_gradcheck_report report = {0};
    ct_tensor *labels = ct_zeros(CT_INT64, CT_SHAPE(2));
    ct_verdict verdict = ct_gradcheck_model(tied_forward, &m, m.module, x, labels, NULL, &report);
    ck_assert_msg(ct_verdict_good(verdict), "%s %s", ct_verdict_name(verdict), ct_error_message());
    ct_gradcheck_report_free(&report);
    ct_optimizer_free(sgd);
    ct_module_free(m.module);
    ct_module_free(alone.module);
}
END_TEST

START_TEST(tied_names_are_saved_and_loaded)
{
    tied_model m = make_tied("out.weight", "in.weight"), copy = make_tied("out.weight", "in.weight");
    ct_tensor *w = ct_module_get(m.module, "in.weight"), *own = ct_module_get(copy.module, "in.weight");
    ck_assert_int_eq(ct_fill_(own, 0), CT_OK);
    ck_assert_int_eq(ct_module_save(m.module, "tied.safetensors"), CT_OK);
    ct_tensor_file *file = ct_safetensors_load("tied.safetensors");
    expect_close(ct_tensor_file_get(file, "in.weight"), ct_detach(w), 0);
    expect_close(ct_tensor_file_get(file, "out.weight"), ct_detach(w), 0);
    ck_assert_int_eq(ct_module_load(copy.module, "tied.safetensors"), CT_OK);
    expect_close(ct_detach(own), ct_detach(w), 0);
    /* One name is enough; two must agree. */
    ct_tensor *bias = ct_tensor_file_get(file, "out.bias"), *ones = ct_ones_like(w),
              *twos = ct_full(CT_FLOAT64, 2, CT_SHAPE(3, 3));
    const char *one[] = {"out.weight", "out.bias"}, *two[] = {"out.weight", "out.bias", "in.weight"};
    ck_assert_int_eq(ct_safetensors_save("tied.safetensors", one, (ct_tensor *[]){ones, bias}, 2), CT_OK);
    ck_assert_int_eq(ct_module_load(copy.module, "tied.safetensors"), CT_OK);
    expect_close(ct_detach(own), ones, 0);
    ck_assert_int_eq(ct_safetensors_save("tied.safetensors", two, (ct_tensor *[]){twos, bias, ones}, 3), CT_OK);
    expect_failed(ct_module_load(copy.module, "tied.safetensors"), CT_ERROR_FORMAT,
                  "module_load: \"out.weight\" is tied to \"in.weight\", and they differ in tied.safetensors");
    expect_close(ct_detach(own), ones, 0);
    /* Nor are two types one tensor, though each may be converted. */
    ct_tensor *floats = ct_cast(ones, CT_FLOAT32);
    ck_assert_int_eq(ct_safetensors_save("tied.safetensors", two, (ct_tensor *[]){ones, bias, floats}, 3), CT_OK);
    expect_failed(ct_module_load(copy.module, "tied.safetensors", .cast = true), CT_ERROR_FORMAT,
                  "module_load: \"out.weight\" is tied to \"in.weight\", and they differ in tied.safetensors");
    ck_assert_int_eq(ct_safetensors_save("tied.safetensors", (const char *[]){"out.bias"}, &bias, 1), CT_OK);
    expect_failed(ct_module_load(copy.module, "tied.safetensors"), CT_ERROR_FORMAT,
                  "module_load: tied.safetensors has no tensor \"in.weight\"");
    ct_tensor_file_free(file);
    remove("tied.safetensors");
    ct_module_free(m.module);
    ct_module_free(copy.module);
}
END_TEST

START_TEST(ties_refuse)
{
    tied_model m = make_tied(NULL, NULL);
    ct_optimizer *sgd = ct_optimizer_new(m.module, &ct_rule_sgd);
    expect_failed(ct_module_tie(NULL, "a", "b"), CT_ERROR_NULL, "module_tie: the module is NULL");
    expect_failed(ct_module_tie(m.module, NULL, "b"), CT_ERROR_NULL, "module_tie: a name is NULL");
    expect_failed(ct_module_tie(m.module, "", "in.weight"), CT_ERROR_ARGUMENT, "module_tie: a name is empty");
    expect_failed(ct_module_tie(m.module, "a", "b"), CT_ERROR_ARGUMENT, "module_tie: the module has no tensor \"b\"");
    expect_failed(ct_module_tie(m.module, "out.bias", "in.weight"), CT_ERROR_SHAPE,
                  "module_tie: \"out.bias\" is [3], and \"in.weight\" is [3,3]");
    ct_module_buffer(m.module, "mask", ct_ones(CT_FLOAT64, CT_SHAPE(3, 3)));
    expect_failed(ct_module_tie(m.module, "mask", "in.weight"), CT_ERROR_DTYPE,
                  "module_tie: \"mask\" and \"in.weight\" are not both float64 parameters");
    /* A new name, a name twice, chains. */
    ck_assert_int_eq(ct_module_tie(m.module, "head", "in.weight"), CT_OK);
    ck_assert_int_eq(ct_module_tie(m.module, "head", "in.weight"), CT_OK);
    ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    ck_assert_int_eq(ct_module_tie(m.module, "head", "out.weight"), CT_OK);
    ck_assert_ptr_eq(ct_module_get(m.module, "in.weight"), ct_module_get(m.module, "out.weight"));
    ck_assert_ptr_eq(ct_module_get(m.module, "head"), ct_module_get(m.module, "out.weight"));
    expect_failed(ct_optimizer_step(sgd), CT_ERROR_STATE,
                  "optimizer_step: \"in.weight\" is not the tensor that it was when the optimizer was made");
    ct_optimizer_free(sgd);
    ct_module_free(m.module);
}
END_TEST

/* An optimiser's step between forward and backward is called that, with its line. */
START_TEST(a_step_between_forward_and_backward)
{
    tied_model m = make_tied(NULL, NULL);
    ct_optimizer *sgd = ct_optimizer_new(m.module, &ct_rule_sgd, .lr = 0.1);
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3), 7);
    ck_assert_int_eq(ct_backward(ct_sum(tied_forward(&m, x))), CT_OK);
    ct_tensor *late = ct_sum(tied_forward(&m, x));
    char message[200];
    snprintf(message, sizeof message, "optimizer_step (%s:%d) has changed it in place since", __FILE__, __LINE__ + 1);
    ct_optimizer_step(sgd);
    ck_assert_int_eq(ct_backward(late), CT_ERROR_STATE);
    ck_assert_msg(strstr(ct_error_message(), message), "%s", ct_error_message());
    ct_error_clear();
    ct_optimizer_free(sgd);
    ct_module_free(m.module);
}
END_TEST

Suite *ct_suite_objects(void)
{
    Suite *suite = suite_create("objects");
    TCase *tcase = tcase_create("objects");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_test(tcase, an_object_knows_its_kind);
#if CT_LIFETIME_CHECKS
    tcase_add_test(tcase, a_freed_object_is_named);
    tcase_add_test(tcase, a_module_freed_before_its_layer_and_optimiser);
    tcase_add_test(tcase, a_data_set_freed_before_its_batches);
    tcase_add_test(tcase, a_file_of_tensors_that_was_freed);
#endif
    tcase_add_test(tcase, one_tensor_under_two_names_is_refused);
    tcase_add_loop_test(tcase, tied_layers_are_one, 0, 2);
    tcase_add_test(tcase, tied_names_are_saved_and_loaded);
    tcase_add_test(tcase, ties_refuse);
    tcase_add_test(tcase, a_step_between_forward_and_backward);
    suite_add_tcase(suite, tcase);
    return suite;
}
