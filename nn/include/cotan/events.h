/* Event files, as TensorBoard shows them: `tensorboard --logdir runs`. Each folder in runs is a run.
 *
 * A tag is a name, "loss/training"; what stands before a "/" gathers charts. step is the chart's x. */
#ifndef COTAN_EVENTS_H
#define COTAN_EVENTS_H

#include <cotan/options.h>
#include <cotan/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A file that events are written to. */
typedef struct ct_events ct_events;

typedef struct CT_BY_NAME ct_events_options {
    CT_OPTIONS_HEAD;
    int64_t
        purge_step; /* what older files of the run have from that step on counts no more; CT_UNSET_INT: everything counts */
} ct_events_options;
#define CT_DEFAULTS_ct_events_options .purge_step = CT_UNSET_INT,
CT_API void ct_events_options_init(ct_events_options *options, size_t size);

/* A new event file in folder, which is made if it is not there. The caller's until ct_events_close(). Errors: NULL, io, memory. options
 * may be NULL. */
CT_API ct_events *ct_events_open(const char *folder, const ct_events_options *options);
/* Writes what is not on its way yet, and frees events, on an error too. Errors: NULL, io. */
CT_API ct_status ct_events_close(ct_events *events);
/* So that TensorBoard, which watches the folder, sees all so far. Errors: NULL, io. */
CT_API ct_status ct_events_flush(ct_events *events);

/* A point of a curve; value as float32, NaN and infinite too. Errors, here and below: NULL, io, memory, and one that is pending. */
CT_API ct_status ct_events_scalar(ct_events *events, const char *tag, double value, int64_t step);
/* How t's elements are spread, in 30 bins of one width; elements that are not finite are left out. Error (argument): none is
 * left. */
CT_API ct_status ct_events_histogram(ct_events *events, const char *tag, const ct_tensor *t, int64_t step);
/* A picture [height, width] or [channels, height, width] of 1 (grey), 3 (RGB) or 4 channels (with alpha): uint8, or float in 0..1, what
 * lies outside being clipped and NaN 0. Errors: shape, dtype. */
CT_API ct_status ct_events_image(ct_events *events, const char *tag, const ct_tensor *image, int64_t step);
/* A text, in UTF-8, which is shown as Markdown. */
CT_API ct_status ct_events_text(ct_events *events, const char *tag, const char *text, int64_t step);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_events_open(...) ct_at_object(CT_HERE, CT_WITH1(ct_events_open, ct_events_options, __VA_ARGS__, ))
#define ct_events_close(events) ct_at_status(CT_HERE, ct_events_close(events))
#define ct_events_flush(events) ct_at_status(CT_HERE, ct_events_flush(events))
#define ct_events_scalar(...) ct_at_status(CT_HERE, ct_events_scalar(__VA_ARGS__))
#define ct_events_histogram(...) ct_at_status(CT_HERE, ct_events_histogram(__VA_ARGS__))
#define ct_events_image(...) ct_at_status(CT_HERE, ct_events_image(__VA_ARGS__))
#define ct_events_text(...) ct_at_status(CT_HERE, ct_events_text(__VA_ARGS__))
#endif

#ifdef __cplusplus
}
#endif
#endif
