/* Data sets in parts: samples are dealt out, each group of them by the parts' shares. A group is a class if the parts are stratified, or
 * all samples.
 *
 * Invariant: what goes where follows from the seed, the shares and the labels alone. */
#include "data_internal.h"
#include <math.h>

CT_OPTIONS_INIT(ct_split_options)

typedef struct deal {
    const ct_dataset *dataset;
    const double *shares;
    int64_t count, groups, parts;
    bool numbers;     /* the shares are numbers of samples */
    int64_t *room;    /* [parts] samples that are not planned for yet */
    int64_t *samples; /* [groups] */
    int64_t *planned; /* [groups, parts] samples of each group for each part */
    int64_t *order;   /* [count] in which they are dealt, */
    int64_t *dealt;   /* [count] and as they lie then, part after part */
} deal;

static int64_t group_of(const deal *d, int64_t sample)
{
    return d->groups > 1 ? ct__dataset_labels(d->dataset)[sample] : 0;
}

/* ---- how many ---- */

static ct_status check_shares(deal *d)
{
    double sum = 0;
    bool whole = true;
    for (int64_t i = 0; i < d->parts; i++) {
        if (!(d->shares[i] >= 0) || isinf(d->shares[i]))
            return ct_error_set(CT_ERROR_ARGUMENT, "random_split: share %lld is %g", (long long)i, d->shares[i]);
        sum += d->shares[i];
        whole = whole && d->shares[i] == floor(d->shares[i]);
    }
    d->numbers = whole && sum == (double)d->count;
    if (d->numbers || fabs(sum - 1) <= 1e-9)
        return CT_OK;
    return ct_error_set(CT_ERROR_ARGUMENT,
                        "random_split: the shares add up to %g, neither to 1 nor to the %lld samples", sum,
                        (long long)d->count);
}

/* A part's whole samples of so many. */
static int64_t floor_of(const deal *d, int64_t part, int64_t samples)
{
    if (d->numbers && samples == d->count)
        return (int64_t)d->shares[part];
    double share = d->numbers ? d->shares[part] / (double)d->count : d->shares[part];
    return (int64_t)floor(share * (double)samples);
}

/* What whole samples leave over goes to the first parts, one each. */
static void size_parts(deal *d)
{
    int64_t left = d->count;
    for (int64_t part = 0; part < d->parts; part++) {
        d->room[part] = floor_of(d, part, d->count);
        left -= d->room[part];
    }
    for (int64_t part = 0; left > 0; part = (part + 1) % d->parts, left--)
        d->room[part]++;
}

/* The part with the most room, of those to which the group has not given a sample beyond its share. */
static int64_t roomiest(const deal *d, int64_t group)
{
    int64_t best = 0;
    double most = -INFINITY;
    for (int64_t part = 0; part < d->parts; part++) {
        bool given = d->planned[group * d->parts + part] > floor_of(d, part, d->samples[group]);
        double room = (double)d->room[part] - (given ? (double)d->count : 0);
        best = room > most ? part : best;
        most = fmax(room, most);
    }
    return best;
}

static void plan(deal *d, int64_t group, int64_t part, int64_t samples)
{
    d->planned[group * d->parts + part] += samples;
    d->room[part] -= samples;
}

/* Whole samples first, of all groups; then each group's others, where there is room. */
static void plan_groups(deal *d)
{
    for (int64_t group = 0; group < d->groups; group++)
        for (int64_t part = 0; part < d->parts; part++)
            plan(d, group, part, floor_of(d, part, d->samples[group]));
    for (int64_t group = 0; group < d->groups; group++) {
        int64_t left = d->samples[group];
        for (int64_t part = 0; part < d->parts; part++)
            left -= d->planned[group * d->parts + part];
        for (; left > 0; left--)
            plan(d, group, roomiest(d, group), 1);
    }
}

/* ---- dealing ---- */

static ct_status draw_order(deal *d, uint64_t seed)
{
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_random_state before = ct_random_get();
    ct_seed(seed);
    const ct_tensor *order = ct_randperm(d->count);
    ct_random_set(before);
    if (order && d->count > 0)
        memcpy(d->order, ct_data(order), (size_t)d->count * sizeof *d->order);
    return ct__nn_scope_close();
}

/* Each sample goes to the first part that still wants one of its group. sizes and ends: [parts]. */
static void deal_out(deal *d, int64_t *sizes, int64_t *ends)
{
    for (int64_t part = 0, end = 0; part < d->parts; part++) {
        sizes[part] = 0;
        for (int64_t group = 0; group < d->groups; group++)
            sizes[part] += d->planned[group * d->parts + part];
        ends[part] = end;
        end += sizes[part];
    }
    for (int64_t i = 0; i < d->count; i++) {
        int64_t *planned = d->planned + group_of(d, d->order[i]) * d->parts, part = 0;
        while (planned[part] == 0)
            part++;
        planned[part]--;
        d->dealt[ends[part]++] = d->order[i];
    }
}

static ct_status make_parts(deal *d, ct_dataset **parts)
{
    int64_t *sizes = ct__nn_alloc("random_split", 2 * d->parts, sizeof *sizes);
    if (!sizes)
        return ct_error_code();
    deal_out(d, sizes, sizes + d->parts);
    const int64_t *first = d->dealt;
    for (int64_t part = 0; part < d->parts && ct_error_code() == CT_OK; part++) {
        parts[part] = ct_dataset_subset(d->dataset, first, sizes[part]);
        first += sizes[part];
    }
    ct_deallocate(sizes);
    return ct_error_code();
}

/* ---- the whole ---- */

static ct_status check(const deal *d, ct_dataset *const *parts, const ct_split_options *o)
{
    if (!d->shares || !parts)
        return ct_error_set(CT_ERROR_NULL, "random_split: the %s are NULL", parts ? "shares" : "parts");
    if (d->parts < 1)
        return ct_error_set(CT_ERROR_ARGUMENT, "random_split: %lld parts", (long long)d->parts);
    if (ct_object_check(d->dataset, "data set", "random_split") != CT_OK)
        return ct_error_code();
    if (o->stratify && (o->in_order || !ct__dataset_labels(d->dataset)))
        return ct_error_set(CT_ERROR_ARGUMENT, "random_split: stratify takes %s",
                            o->in_order ? "a random order" : "targets that are labels");
    return CT_OK;
}

/* A table of groups and parts is made, whatever the largest label is. */
static ct_status check_groups(const deal *d)
{
    if (d->groups <= INT32_MAX / d->parts)
        return CT_OK;
    return ct_error_set(CT_ERROR_ARGUMENT, "random_split: %lld classes and %lld parts are too many to stratify",
                        (long long)d->groups, (long long)d->parts);
}

static ct_status split(deal *d, ct_dataset **parts, const ct_split_options *o)
{
    d->count = ct_dataset_count(d->dataset);
    d->groups = o->stratify && d->dataset->classes > 0 ? d->dataset->classes : 1;
    if (check_shares(d) != CT_OK || check_groups(d) != CT_OK)
        return ct_error_code();
    d->room = ct__nn_alloc("random_split", d->parts, sizeof *d->room);
    d->samples = ct__nn_alloc("random_split", d->groups, sizeof *d->samples);
    d->planned = ct__nn_alloc("random_split", d->groups * d->parts, sizeof *d->planned);
    d->order = ct__nn_alloc("random_split", d->count, sizeof *d->order);
    d->dealt = ct__nn_alloc("random_split", d->count, sizeof *d->dealt);
    if (ct_error_code() != CT_OK)
        return ct_error_code();
    for (int64_t i = 0; i < d->count; i++) {
        d->order[i] = i;
        d->samples[group_of(d, i)]++;
    }
    if (!o->in_order && draw_order(d, o->seed) != CT_OK)
        return ct_error_code();
    size_parts(d);
    plan_groups(d);
    return make_parts(d, parts);
}

ct_status ct_random_split(const ct_dataset *dataset, const double *shares, int64_t n, ct_dataset **parts,
                          const ct_split_options *options)
{
    CT_READ_OPTIONS(ct_split_options, o, options, "random_split");
    deal d = {.dataset = dataset, .shares = shares, .parts = n};
    if (!o || ct_error_code() != CT_OK || check(&d, parts, o) != CT_OK)
        return ct_error_code();
    memset(parts, 0, (size_t)n * sizeof *parts);
    ct_status status = split(&d, parts, o);
    for (int64_t part = 0; part < n && status != CT_OK; part++) {
        ct_dataset_free(parts[part]);
        parts[part] = NULL;
    }
    ct_deallocate(d.room);
    ct_deallocate(d.samples);
    ct_deallocate(d.planned);
    ct_deallocate(d.order);
    ct_deallocate(d.dealt);
    return status;
}
