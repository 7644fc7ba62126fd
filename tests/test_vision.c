/* The models for images: names and shapes of torchvision, logits of PyTorch, and one step of training.
 *
 * Invariant: what is expected is written by make_vision_reference.py. */
#include <cotan/cotan.h>
#include "error_checks.h"
#include "suites.h"
#include "tensor_checks.h"
#include <string.h>
#include <zlib.h>

typedef ct_module *maker(ct_module *module, const char *name, const ct_vision_options *options);

typedef struct model {
    const char *name;
    maker *make;
    int64_t numel; /* as published */
} model;

static const model models[] = {
    {"alexnet", ct_alexnet_new, 61100840},     {"vgg16", ct_vgg16_new, 138357544},
    {"vgg19", ct_vgg19_new, 143667240},        {"resnet18", ct_resnet18_new, 11689512},
    {"resnet34", ct_resnet34_new, 21797672},   {"resnet50", ct_resnet50_new, 25557032},
    {"resnet101", ct_resnet101_new, 44549160}, {"resnet152", ct_resnet152_new, 60192808},
    {"resnet20", ct_resnet20_new, 269722},     {"resnet56", ct_resnet56_new, 853018},
    {"plain20", ct_plain20_new, 269722},       {"plain56", ct_plain56_new, 853018},
};
enum { MODELS = sizeof models / sizeof *models };

/* ---- names and shapes ---- */

/* "conv1.weight 64,3,7,7", as the file has it. */
static void tell(const ct_module *module, int64_t i, char *text, size_t size)
{
    const ct_tensor *t = ct_module_tensor(module, i);
    int n = snprintf(text, size, "%s ", ct_module_name(module, i));
    for (int axis = 0; axis < ct_rank(t); axis++)
        n += snprintf(text + n, size - (size_t)n, axis ? ",%lld" : "%lld", (long long)ct_size(t, axis));
}

static void read_line(gzFile file, char *line, int size)
{
    ck_assert(gzgets(file, line, size) != NULL);
    line[strcspn(line, "\n")] = 0;
}

/* No element is drawn, so that most of the memory is never touched. */
START_TEST(names_shapes_and_numbers_are_those_of_torchvision)
{
    gzFile file = gzopen(TEST_DATA "/torchvision.gz", "rb");
    ck_assert(file != NULL);
    for (const model *m = models; m < models + MODELS; m++) {
        ct_module *net = ct_module_new(CT_FLOAT32);
        CT_OPTIONS(ct_vision_options, empty, .weight = &ct_init_empty);
        ct_module *all = m->make(net, "all", &empty);
        expect_no_error();
        char want[128], have[128];
        snprintf(have, sizeof have, "%s %lld %lld", m->name, (long long)ct_module_count(all),
                 (long long)ct_module_numel(all));
        read_line(file, want, sizeof want);
        ck_assert_str_eq(have, want);
        ck_assert_int_eq(ct_module_numel(all), m->numel);
        for (int64_t i = 0; i < ct_module_count(all); i++) {
            tell(all, i, have, sizeof have);
            read_line(file, want, sizeof want);
            ck_assert_str_eq(have, want);
        }
        ct_module_free(net);
    }
    gzclose(file);
}
END_TEST

/* ---- logits ---- */

START_TEST(narrow_ones_give_the_logits_of_pytorch)
{
    static const char path[] = TEST_DATA "/vision.safetensors";
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_module *narrow[] = {
        ct_alexnet_new(net, "alexnet", .width = 1, .classes = 5, .local_response_norm = true),
        ct_vgg16_new(net, "vgg16", .width = 1, .classes = 5),
        ct_resnet50_new(net, "resnet50", .width = 2, .classes = 5),
        ct_resnet20_new(net, "resnet20", .width = 4, .classes = 5),
        ct_plain20_new(net, "plain20", .width = 4, .classes = 5),
    };
    ct_module_load(net, path, .partial = true);
    expect_no_error();
    ck_assert_ptr_null(strstr(ct_module_load_report(net), "missing"));
    ct_module_train(net, false);
    ct_tensor_file *file = ct_safetensors_load(path);
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) {
        char input[32], logits[32];
        snprintf(input, sizeof input, "%s.input", ct_module_path(narrow[i]));
        snprintf(logits, sizeof logits, "%s.logits", ct_module_path(narrow[i]));
        expect_close(ct_forward(narrow[i], ct_tensor_file_get(file, input)), ct_tensor_file_get(file, logits), 1e-5);
    }
    ct_tensor_file_free(file);
    ct_module_free(net);
}
END_TEST

/* ---- training ---- */

/* Each learns one batch by heart, with its first layer too. */
START_TEST(narrow_ones_learn)
{
    const model *m = &models[_i];
    ct_seed(1);
    CT_OPTIONS(ct_vision_options, narrow, .width = 4, .classes = 3, .weight = &ct_init_he_normal);
    narrow.dropout = m->numel > 61e6 ? 0 : narrow.dropout; /* of the models that have it */
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_module *all = m->make(net, "all", &narrow);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(4, 3, 64, 64)),
              *y = ct_from_values(CT_INT64, CT_VALUES(0, 1, 2, 1), CT_SHAPE(4));
    ct_tensor *before = ct_clone(ct_detach(ct_module_tensor(all, 0)));
    double first = 0, last = 0;
    for (int step = 0; step < 20 && ct_error_code() == CT_OK; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(adam);
        ct_tensor *loss = ct_cross_entropy(ct_forward(all, x), y);
        ct_backward(loss);
        ct_optimizer_step(adam);
        last = ct_item(loss);
        first = step == 0 ? last : first;
        ct_scope_close();
    }
    expect_no_error();
    ck_assert_msg(last < 0.8 * first, "%s: a loss of %g, after %g", m->name, last, first);
    ck_assert(ct_item(ct_mean(ct_abs(ct_sub(ct_detach(ct_module_tensor(all, 0)), before)))) > 1e-4);
    ct_optimizer_free(adam);
    ct_module_free(net);
}
END_TEST

/* ---- weights for a file, and errors ---- */

START_TEST(empty_weights_are_left_alone)
{
    ct_tensor *t = ct_full(CT_FLOAT32, 3, CT_SHAPE(2));
    ck_assert_int_eq(ct_initialize_(t, &ct_init_empty, 0, 0), CT_OK);
    expect_tensor(t, CT_FLOAT32, CT_SHAPE(2), CT_VALUES(3, 3));
}
END_TEST

START_TEST(wrong_options_are_refused)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ck_assert_ptr_null(ct_resnet18_new(net, "a", .classes = 0));
    expect_failure(CT_ERROR_ARGUMENT, "resnet18_new: 0 classes of images of 3 channels, 64 wide");
    ck_assert_ptr_null(ct_vgg16_new(net, "a", .width = -1));
    expect_failure(CT_ERROR_ARGUMENT, "vgg16_new: 1000 classes of images of 3 channels, -1 wide");
    ck_assert_ptr_null(ct_plain56_new(net, "a", .channels = 0));
    expect_failure(CT_ERROR_ARGUMENT, "plain56_new: 10 classes of images of 0 channels, 16 wide");
    ck_assert_ptr_null(ct_resnet50_new(net, "a", .dropout = 0.1));
    expect_failure(CT_ERROR_ARGUMENT, "resnet50: takes no dropout");
    ck_assert_ptr_null(ct_vgg19_new(net, "a", .local_response_norm = true));
    expect_failure(CT_ERROR_ARGUMENT, "vgg19: takes no local_response_norm");
    ck_assert_int_eq(ct_module_children(net), 0);
    ck_assert(ct_alexnet_new(net, "a", .width = 1) != NULL);
    ck_assert_ptr_null(ct_alexnet_new(net, "a", .width = 1));
    expect_failure(CT_ERROR_ARGUMENT, "the name \"a\" is taken");
    ct_module_free(net);
}
END_TEST

Suite *ct_suite_vision(void)
{
    TCase *tcase = tcase_create("vision");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_test(tcase, names_shapes_and_numbers_are_those_of_torchvision);
    tcase_add_test(tcase, narrow_ones_give_the_logits_of_pytorch);
    tcase_add_loop_test(tcase, narrow_ones_learn, 0, MODELS);
    tcase_add_test(tcase, empty_weights_are_left_alone);
    tcase_add_test(tcase, wrong_options_are_refused);
    Suite *suite = suite_create("vision");
    suite_add_tcase(suite, tcase);
    return suite;
}
