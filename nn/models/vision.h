/* What the models for images share.
 *
 * Invariant: a model is a record that begins with that of a layer, and what it has for itself are its options. */
#ifndef CT_NN_VISION_H
#define CT_NN_VISION_H

#include "module_internal.h"

/* A member of the table of a file; what is behind the name are its other members. */
#define CT_VISION_LAYER(called, builds) \
    .layer = {.name = called, .self_size = sizeof(ct_vision_options), .build = builds, .forward = ct__sequential}

/* He, Zhang, Ren, Sun (2015), by what an element's gradient is a sum of in place of its value: torchvision's kaiming_normal_ with
 * fan_out. */
extern const ct_initializer ct__init_he_fan_out;

/* A model of that record, whose options, completed, are those given: classes and width take these where they are not. Errors: those of
 * ct_layer_new(), argument. */
ct_module *ct__vision_new(ct_module *module, const char *name, const ct_layer *layer, const ct_vision_options *options,
                          int64_t classes, int64_t width);

/* The initialiser that was asked for, or the model's own. */
static inline const ct_initializer *ct__vision_weight(const ct_vision_options *o, const ct_initializer *own)
{
    return o->weight ? o->weight : own;
}

#endif
