/* Calling layers: the region of each call, training and evaluation, and the sequence.
 *
 * Invariant: between a begin that succeeded and its end the thread is in the module's region, if it has a name. */
#include "module_internal.h"

_Thread_local ct__nn_state ct__nn;

/* ---- training and evaluation ---- */

static void train(ct_module *module, bool training)
{
    module->training = training;
    for (int64_t i = 0; i < module->children; i++)
        train(module->child[i], training);
}

ct_status ct_module_train(ct_module *module, bool training)
{
    if (ct_object_check(module, "module", "module_train") != CT_OK)
        return ct_error_code();
    train(module, training);
    return CT_OK;
}

bool ct_module_training(const ct_module *module)
{
    return module && ct__nn.evaluations == 0 && ct_object_check(module, "module", "module_training") == CT_OK &&
           module->training;
}

void ct__evaluation_begin(void)
{
    ct__nn.evaluations++;
}

void ct__evaluation_end(void)
{
    ct__nn.evaluations--;
}

/* ---- a call ---- */

/* Begins the region of that path. What the regions begun already end in is not said twice: inside "net.block1" it is "conv1". */
static ct_status begin_region(const char *path)
{
    for (const char *here = ct_region(); here; here = strchr(here, '.')) {
        here += *here == '.';
        size_t length = strlen(here);
        if (length && strncmp(path, here, length) == 0 && path[length] == '.')
            return ct_region_begin(path + length + 1);
    }
    return ct_region_begin(path);
}

ct_status ct_forward_begin(ct_module *module, const ct_layer *layer, const char *what)
{
    what = what ? what : "forward";
    if (ct_object_check(module, "module", what) != CT_OK)
        return ct_error_code();
    if (layer && module->layer != layer)
        return ct_error_set(CT_ERROR_STATE, "%s: the module \"%s\" is a layer %s", what, module->path,
                            module->layer->name);
    return *module->path ? begin_region(module->path) : CT_OK;
}

ct_tensor *ct_forward_end(ct_module *module, ct_tensor *y)
{
    if (ct_object_check(module, "module", "forward") != CT_OK)
        return y;
    if (*module->path)
        ct_region_end();
    if (ct__nn.summary && y)
        ct__summary_note(ct__nn.summary, module, y);
    return y;
}

ct_tensor *ct_forward(ct_module *module, ct_tensor *x)
{
    if (ct_forward_begin(module, NULL, "forward") != CT_OK)
        return NULL;
    if (!module->layer->forward)
        ct_error_set(CT_ERROR_STATE, "forward: a layer %s has a forward function of its own, with other arguments",
                     module->layer->name);
    return ct_forward_end(module, module->layer->forward ? module->layer->forward(module, x) : NULL);
}

ct_tensor *ct_module_forward(void *module, ct_tensor *x)
{
    return ct_forward(module, x);
}

/* ---- sequences ---- */

ct_tensor *ct__sequential(ct_module *module, ct_tensor *x)
{
    for (int64_t i = 0; i < module->children; i++)
        x = ct_forward(module->child[i], x);
    return x;
}

const ct_layer ct__layer_sequential = {.name = "sequential", .forward = ct__sequential};

ct_module *ct_sequential_new(ct_module *module, const char *name)
{
    return ct_layer_new(module, name, &ct__layer_sequential, NULL);
}

static ct_tensor *residual(ct_module *module, ct_tensor *x)
{
    return ct_add(x, ct__sequential(module, x));
}

ct_module *ct_residual_new(ct_module *module, const char *name)
{
    static const ct_layer layer = {.name = "residual", .forward = residual};
    return ct_layer_new(module, name, &layer, NULL);
}
