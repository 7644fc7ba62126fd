/* Options of the models for images. */
#include "vision.h"

const ct_initializer ct__init_he_fan_out = {
    .name = "he_fan_out", .distribution = CT_NORMAL, .value = 2, .in = 0, .out = 1};

CT_OPTIONS_INIT(ct_vision_options)

ct_module *ct__vision_new(ct_module *module, const char *name, const ct_layer *layer, const ct_vision_options *options,
                          int64_t classes, int64_t width)
{
    ct_vision_options o = *options;
    o.classes = o.classes == CT_UNSET_INT ? classes : o.classes;
    o.width = o.width == CT_UNSET_INT ? width : o.width;
    if (o.classes >= 1 && o.channels >= 1 && o.width >= 1 && o.width <= INT32_MAX)
        return ct_layer_new(module, name, layer, &o);
    ct_error_set(CT_ERROR_ARGUMENT, "%s_new: %lld classes of images of %lld channels, %lld wide", layer->name,
                 (long long)o.classes, (long long)o.channels, (long long)o.width);
    return NULL;
}
