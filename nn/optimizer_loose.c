/* Optimisers of tensors of no module, by the names that are theirs alone. Invariant: no two have one name. */
#include "optimizer_internal.h"

/* A tensor of the caller's list; name NULL: its index is its name. */
typedef struct loose {
    ct_tensor *tensor;
    const char *name;
    int64_t index;
} loose;

static int by_index(const void *left, const void *right)
{
    const loose *a = left, *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

static int by_tensor(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t)((const loose *)left)->tensor, b = (uintptr_t)((const loose *)right)->tensor;
    return a == b ? by_index(left, right) : (a > b) - (a < b);
}

static int by_name(const void *left, const void *right)
{
    const loose *a = left, *b = right;
    int order = strcmp(a->name ? a->name : "", b->name ? b->name : "");
    return order ? order : by_index(left, right);
}

/* A name that could be an index is none. */
static const char *name_of(const ct_tensor *t)
{
    const char *name = ct_name_of(t);
    return name && name[strspn(name, "0123456789")] ? name : NULL;
}

static ct_status take(ct_tensor *const *tensors, int64_t n, const char *rule, loose *list)
{
    for (int64_t i = 0; i < n; i++) {
        if (!tensors[i])
            return ct_error_set(CT_ERROR_NULL, "optimizer %s: tensor %lld is NULL", rule, (long long)i);
        if (!ct_is_leaf(tensors[i]) || !ct_requires_grad(tensors[i]))
            return ct_error_set(CT_ERROR_STATE, "optimizer %s: tensor %lld is no leaf that asks for a gradient", rule,
                                (long long)i);
        list[i] = (loose){tensors[i], name_of(tensors[i]), i};
    }
    return CT_OK;
}

static ct_status refuse_twins(loose *list, int64_t n, const char *rule)
{
    qsort(list, (size_t)n, sizeof *list, by_tensor);
    for (int64_t i = 1; i < n; i++)
        if (list[i].tensor == list[i - 1].tensor)
            return ct_error_set(CT_ERROR_ARGUMENT, "optimizer %s: tensors %lld and %lld are the same", rule,
                                (long long)list[i - 1].index, (long long)list[i].index);
    return CT_OK;
}

/* Of those that have one name, the first keeps it. */
static void leave_one_of_a_name(loose *list, int64_t n)
{
    qsort(list, (size_t)n, sizeof *list, by_name);
    const char *last = NULL;
    for (int64_t i = 0; i < n; i++) {
        bool again = last && list[i].name && strcmp(last, list[i].name) == 0;
        last = list[i].name;
        if (again)
            list[i].name = NULL;
    }
}

static ct_status add_all(ct_optimizer *optimizer, ct_tensor *const *tensors, int64_t n, loose *list,
                         const ct_optimizer_options *all)
{
    const char *rule = optimizer->rule->name;
    if (take(tensors, n, rule, list) != CT_OK || refuse_twins(list, n, rule) != CT_OK)
        return ct_error_code();
    leave_one_of_a_name(list, n);
    qsort(list, (size_t)n, sizeof *list, by_index);
    for (int64_t i = 0; i < n; i++) {
        char index[24];
        snprintf(index, sizeof index, "%lld", (long long)i);
        if (ct__optimizer_add(optimizer, tensors[i], list[i].name ? list[i].name : index, i, all) != CT_OK)
            return ct_error_code();
    }
    return CT_OK;
}

ct_optimizer *ct_optimizer_of(ct_tensor *const *tensors, int64_t n, const ct_optimizer_rule *rule,
                              const ct_optimizer_options *options)
{
    ct_optimizer_options all;
    if (n < 0 || (n > 0 && !tensors)) {
        ct_error_set(n < 0 ? CT_ERROR_ARGUMENT : CT_ERROR_NULL, "optimizer: %s",
                     n < 0 ? "a negative number of tensors" : "the tensors are NULL");
        return NULL;
    }
    ct_optimizer *optimizer = ct__optimizer_empty(rule, n, options, &all);
    loose *list = optimizer ? ct__nn_alloc("optimizer", n, sizeof *list) : NULL;
    ct_status status = list ? add_all(optimizer, tensors, n, list, &all) : ct_error_code();
    ct_deallocate(list);
    if (optimizer && status == CT_OK)
        return optimizer;
    ct_optimizer_free(optimizer);
    return NULL;
}
