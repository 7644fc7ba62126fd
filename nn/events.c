/* TensorBoard's event files: records of protocol buffers' messages, of which the few that we write are written here.
 *
 * A record is its length (uint64), that length's checksum, the message, the message's checksum, all little-endian
 * (tensorflow/core/lib/io/record_writer.h). Fields have the numbers of event.proto, summary.proto and tensor.proto in tensorboard/compat/proto.
 *
 * Invariant: a message is complete before the first byte of its record is written. */
#include "message.h"
#include "png.h"
#include <cotan/events.h>
#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KIND "event file"

struct ct_events {
    FILE *stream;
    char *path;
};

/* ---- records ---- */

/* The checksum of records: CRC-32C (Castagnoli's polynomial, reflected), masked. */
static uint32_t masked_crc(const unsigned char *bytes, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static ct_status io_error(const char *what, const char *path)
{
    return ct_error_set(CT_ERROR_IO, "%s: %s: cannot write: %s", what, path, strerror(errno));
}

static ct_status write_record(ct_events *events, const char *what, const ct__message *m)
{
    ct__message record = {0};
    ct__put_number(&record, m->count, 8, false);
    ct__put_number(&record, record.failed ? 0 : masked_crc(record.bytes, 8), 4, false);
    ct__put_bytes(&record, m->bytes, m->count);
    ct__put_number(&record, masked_crc(m->bytes, m->count), 4, false);
    ct_status status = CT_OK;
    if (m->failed || record.failed)
        status = ct__nn_no_memory(what);
    else if (fwrite(record.bytes, 1, record.count, events->stream) != record.count)
        status = io_error(what, events->path);
    ct_deallocate(record.bytes);
    return status;
}

/* Writes an event with the time of now, that step, and what in the field of that number; frees what. */
static ct_status write_event(ct_events *events, const char *what, int64_t step, int field, ct__message *content)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    ct__message event = {0};
    ct__put_double(&event, 1, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
    ct__put_integer(&event, 2, step);
    ct__put_message(&event, field, content);
    ct_status status = write_record(events, what, &event);
    ct_deallocate(event.bytes);
    return status;
}

enum { FILE_VERSION = 3, SUMMARY = 5, SESSION = 7 }; /* fields of an event */

/* Writes value, which has all but its tag, and frees it. */
static ct_status write_value(ct_events *events, const char *what, const char *tag, int64_t step, ct__message *value)
{
    ct__message summary = {0};
    ct__put_text(value, 1, tag);
    ct__put_message(&summary, 1, value);
    return write_event(events, what, step, SUMMARY, &summary);
}

/* ---- files ---- */

/* Makes the folder, and those around it, as far as they are not there. */
static ct_status make_folders(const char *folder)
{
    char *path = ct__nn_joined(folder, "/");
    for (char *slash = path ? strchr(path + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        bool there = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (!there)
            ct_error_set(CT_ERROR_IO, "events_open: %s: cannot make the folder: %s", folder, strerror(errno));
    }
    ct_deallocate(path);
    return ct_error_code();
}

/* "<folder>/events.out.tfevents.<seconds>.<host>.<process>.<number>": names in the order of time, no two alike. */
static char *new_path(const char *folder)
{
    static _Atomic int number;
    char host[65] = "localhost", name[160];
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "/events.out.tfevents.%010lld.%s.%ld.%03d", (long long)time(NULL), host, (long)getpid(),
             number++);
    return ct__nn_joined(folder, name);
}

static ct_status write_beginning(ct_events *events, const ct_events_options *o)
{
    ct__message version = {.failed = false}, session = {0};
    ct__put_bytes(&version, "brain.Event:2", 13);
    ct_status status = write_event(events, "events_open", 0, FILE_VERSION, &version);
    if (status != CT_OK || o->purge_step == CT_UNSET_INT)
        return status;
    ct__put_integer(&session, 1, 1); /* status: START */
    return write_event(events, "events_open", o->purge_step, SESSION, &session);
}

static ct_status open_file(ct_events *events, const char *folder, const ct_events_options *o)
{
    if (make_folders(folder) != CT_OK || !(events->path = new_path(folder)))
        return ct_error_code();
    events->stream = fopen(events->path, "wbxe");
    if (!events->stream)
        return io_error("events_open", events->path);
    return write_beginning(events, o);
}

CT_OPTIONS_INIT(ct_events_options)

ct_events *ct_events_open(const char *folder, const ct_events_options *options)
{
    CT_READ_OPTIONS(ct_events_options, o, options, "events_open");
    if (!o || ct_error_code() != CT_OK)
        return NULL;
    if (!folder || !*folder) {
        ct_error_set(folder ? CT_ERROR_ARGUMENT : CT_ERROR_NULL, "events_open: the folder is %s",
                     folder ? "\"\"" : "NULL");
        return NULL;
    }
    ct_events *events = ct_object_new(KIND, sizeof *events);
    if (!events || open_file(events, folder, o) == CT_OK)
        return events;
    ct_events_close(events);
    return NULL;
}

ct_status ct_events_flush(ct_events *events)
{
    if (ct_object_check(events, KIND, "events_flush") != CT_OK)
        return ct_error_code();
    return fflush(events->stream) == 0 ? CT_OK : io_error("events_flush", events->path);
}

ct_status ct_events_close(ct_events *events)
{
    if (ct_object_check(events, KIND, "events_close") != CT_OK)
        return ct_error_code();
    ct_status status = CT_OK;
    if (events->stream && fclose(events->stream) != 0)
        status = io_error("events_close", events->path);
    ct_deallocate(events->path);
    ct_object_free(events);
    return status;
}

/* Whether something can be written: no error is pending, and all is there. */
static bool can_write(const ct_events *events, const char *what, const char *tag, const void *value)
{
    if (ct_error_code() != CT_OK || ct_object_check(events, KIND, what) != CT_OK)
        return false;
    if (!tag || !value)
        ct_error_set(CT_ERROR_NULL, "%s: the %s is NULL", what, tag ? "value" : "tag");
    return tag && value;
}

/* ---- scalars and texts ---- */

ct_status ct_events_scalar(ct_events *events, const char *tag, double value, int64_t step)
{
    ct__message scalar = {0};
    if (!can_write(events, "events_scalar", tag, &value))
        return ct_error_code();
    ct__put_float(&scalar, 2, (float)value);
    return write_value(events, "events_scalar", tag, step, &scalar);
}

/* A tensor of strings [1], with the plugin that shows it. */
ct_status ct_events_text(ct_events *events, const char *tag, const char *text, int64_t step)
{
    enum { DT_STRING = 7 };
    ct__message axis = {0}, shape = {0}, tensor = {0}, plugin = {0}, metadata = {0}, value = {0};
    if (!can_write(events, "events_text", tag, text))
        return ct_error_code();
    ct__put_integer(&axis, 1, 1);
    ct__put_message(&shape, 2, &axis);
    ct__put_integer(&tensor, 1, DT_STRING);
    ct__put_message(&tensor, 2, &shape);
    ct__put_text(&tensor, 8, text);
    ct__put_text(&plugin, 1, "text");
    ct__put_message(&metadata, 1, &plugin);
    ct__put_message(&value, 8, &tensor);
    ct__put_message(&value, 9, &metadata);
    return write_value(events, "events_text", tag, step, &value);
}

/* ---- histograms ---- */

enum { BINS = 30 };

typedef struct histogram {
    double least, most, count, sum, squares, limits[BINS], bins[BINS];
} histogram;

static void measure(histogram *h, const double *x, int64_t n)
{
    *h = (histogram){.least = INFINITY, .most = -INFINITY};
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            continue;
        h->least = fmin(h->least, x[i]);
        h->most = fmax(h->most, x[i]);
        h->count++;
        h->sum += x[i];
        h->squares += x[i] * x[i];
    }
}

/* Halves, since the range of all doubles is none; equal elements stand in the middle of a range of 1. */
static void fill_bins(histogram *h, const double *x, int64_t n)
{
    double room = h->least == h->most ? 0.25 : 0, low = h->least / 2 - room, range = h->most / 2 + room - low;
    for (int k = 0; k < BINS; k++)
        h->limits[k] = 2 * (low + range * ((double)(k + 1) / BINS));
    for (int64_t i = 0; i < n; i++) {
        double at = isfinite(x[i]) && range > 0 ? (x[i] / 2 - low) / range * BINS : 0;
        if (isfinite(x[i]))
            h->bins[at < BINS ? (int)at : BINS - 1]++;
    }
}

static ct_status write_histogram(ct_events *events, const char *tag, const histogram *h, int64_t step)
{
    ct__message histo = {0}, value = {0};
    const double numbers[] = {h->least, h->most, h->count, h->sum, h->squares};
    for (int i = 0; i < (int)CT_LENGTH(numbers); i++)
        ct__put_double(&histo, 1 + i, numbers[i]);
    ct__put_doubles(&histo, 6, h->limits, BINS);
    ct__put_doubles(&histo, 7, h->bins, BINS);
    ct__put_message(&value, 5, &histo);
    return write_value(events, "events_histogram", tag, step, &value);
}

static ct_status histogram_of(ct_events *events, const char *tag, const double *x, int64_t n, int64_t step)
{
    histogram h;
    measure(&h, x, n);
    if (h.count == 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "events_histogram: \"%s\" has no finite element", tag);
    fill_bins(&h, x, n);
    return write_histogram(events, tag, &h, step);
}

/* t's elements as dtype, in a scope that the caller closes; NULL with an error. */
static const void *elements(const ct_tensor *t, ct_dtype dtype)
{
    return ct_data(ct_contiguous(ct_cast(ct_detach((ct_tensor *)t), dtype)));
}

ct_status ct_events_histogram(ct_events *events, const char *tag, const ct_tensor *t, int64_t step)
{
    if (!can_write(events, "events_histogram", tag, t) || ct_scope_open() != CT_OK)
        return ct_error_code();
    const double *x = elements(t, CT_FLOAT64);
    if (ct_error_code() == CT_OK)
        histogram_of(events, tag, x, ct_numel(t), step);
    return ct__nn_scope_close();
}

/* ---- images ---- */

static ct_status write_picture(ct_events *events, const char *tag, const ct__picture *p, int64_t step)
{
    ct__message png = {0}, image = {0}, value = {0};
    ct__put_integer(&image, 1, p->height);
    ct__put_integer(&image, 2, p->width);
    ct__put_integer(&image, 3, p->channels);
    ct__put_png(&png, p);
    ct__put_message(&image, 4, &png);
    ct__put_message(&value, 4, &image);
    return write_value(events, "events_image", tag, step, &value);
}

ct_status ct_events_image(ct_events *events, const char *tag, const ct_tensor *image, int64_t step)
{
    ct__picture p;
    if (!can_write(events, "events_image", tag, image) || ct_scope_open() != CT_OK)
        return ct_error_code();
    if (ct__picture_of(&p, "events_image", image) == CT_OK)
        write_picture(events, tag, &p, step);
    return ct__nn_scope_close();
}
