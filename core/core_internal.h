/* What the folders above share of core's inside: the structs, allocation, threads, the matrix product.
 *
 * Invariant: a tensor's shape and strides have rank entries; those of a 0-d tensor one, as of an axis of size 1. */
#ifndef CT_CORE_INTERNAL_H
#define CT_CORE_INTERNAL_H

#define CT_NO_LOCATIONS
#include <cotan/allocator.h>
#include <cotan/file.h>
#include <cotan/random.h>
#include <cotan/tensor.h>
#include <locale.h>
#include <stdarg.h>

#define CT_LIKELY(x) __builtin_expect(!!(x), 1)
#define CT_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CT_COLD __attribute__((noinline, cold)) /* kept out of the way of what runs always */
#define CT_HOT inline __attribute__((always_inline))

struct ct_node; /* autograd's; core only hands it back to ct__node_release */
struct ct_call; /* the same, to ct__check_call */

/* ---- storage ---- */

/* Reference-counted elements, in one block with this header: data at the next multiple of 64 bytes, or right behind the
 * header where it is so small that both fit into 64 bytes. The tensor that a small storage was made with is in the block too. */
typedef struct ct_storage {
    int32_t refs;
    uint32_t version; /* in-place changes so far */
    size_t bytes;     /* of data */
    size_t block;     /* bytes of the block, with all that is in it */
    char *data;
    const char *writer;      /* what changed it in place last, for messages: an operation's name, */
    const char *writer_file; /* and where */
    int32_t writer_line;
    int32_t account; /* of the thread that made it */
} ct_storage;

/* ---- tensor ---- */

typedef struct ct_scope ct_scope;

struct ct_tensor {
    ct_storage *storage;
    int64_t offset; /* of the first element, in elements */
    int64_t numel;
    uint32_t alive; /* a mark by which a closed tensor is told from a live one */
    int32_t refs;   /* the owner (a scope or the user) has one, every node that saved it one */
    uint8_t dtype, rank;
    bool requires_grad, kept, retains_grad, contiguous;
    uint8_t output;             /* which of the node's outputs */
    uint8_t past;               /* ct_past flags */
    ct_scope *scope;            /* owner; NULL once kept or given up */
    ct_tensor *previous, *next; /* in the owner's list */
    struct ct_node *node;       /* what made it; NULL for a leaf */
    int32_t account;            /* of the thread that made it */
    int32_t line;               /* where the user's code made it */
    const char *file;
    const char *name;             /* the user's; lasts as long as the process, or NULL */
    const char *made_by;          /* operation or function that made it, for messages */
    ct_tensor *grad;              /* accumulated gradient; a reference */
    struct ct_gathered *gathered; /* what the innermost running backward has for this leaf; NULL without one */
    struct ct_hook_entry *hooks;  /* a leaf's hooks; a result's are on its node */
    int64_t *shape, *strides;     /* rank each, at least one, in dims */
    int64_t dims[];
};

/* What has happened to a tensor, for those who ask why it has no gradient. */
enum ct_past {
    CT_PAST_NO_GRAD = 1,     /* made while recording was off, from one that asks for a gradient; */
    CT_PAST_NO_BACKWARD = 2, /* by an operation without a backward; */
    CT_PAST_DETACHED = 4,    /* by ct_detach() */
    CT_PAST_USED = 8,        /* a recorded operation has taken it, a leaf */
    CT_PAST_GRADIENT = 16,   /* a backward has left it a gradient */
    CT_PAST_HANDED = 32      /* handed out as a gradient, to a leaf or as a result */
};

/* Set by autograd, called by core. */
extern void (*ct__node_release)(struct ct_node *node); /* one reference less */
extern void (*ct__tensor_forget)(ct_tensor *t);        /* t is being freed: drop hooks and retained-gradient links */
extern void (*ct__locate_nodes)(struct ct_node *node, const char *file, int line);
extern void (*ct__write_noted)(ct_tensor *t); /* t was changed in place */
extern void (*ct__thread_forget)(void);       /* the thread ends */
/* CT_OK, or the error that the function of an operation that runs may not do what to t: give it up or change it in place, or,
 * when t is NULL, close the scope it was called in. */
typedef enum ct_misuse { CT_MISUSE_RELEASE, CT_MISUSE_WRITE, CT_MISUSE_CLOSE } ct_misuse;
extern ct_status (*ct__check_call)(struct ct_call *call, const ct_tensor *t, const char *what, ct_misuse misuse);

/* A tensor with its own storage, elements unset, owned by the innermost scope. The shape must be valid (ct__check_shape). */
ct_tensor *ct__tensor_new(ct_dtype dtype, const int64_t *shape, int rank, const char *made_by);
/* A tensor over t's storage. */
ct_tensor *ct__tensor_view(const ct_tensor *t, int64_t offset, const int64_t *shape, const int64_t *strides, int rank,
                           const char *made_by);
ct_tensor *ct__tensor_alias(const ct_tensor *t, const char *made_by); /* the same shape and strides, no node */
static inline void ct__tensor_ref(ct_tensor *t)
{
    t->refs++;
}
void ct__tensor_free(ct_tensor *t);               /* whose last reference has gone */
static inline void ct__tensor_unref(ct_tensor *t) /* NULL is fine */
{
    if (t && --t->refs <= 0)
        ct__tensor_free(t);
}
ct_status ct__check_shape(ct_dtype dtype, const int64_t *shape, int rank, const char *what);
/* CT_OK if t is a live tensor; otherwise records the error "<what>: ..." and returns its code, or for NULL, which an
 * expression that failed may have given, that of the error pending already. */
ct_status ct__check_tensor(const ct_tensor *t, const char *what);
enum { CT_ALIVE = 0x00c07a17, CT_CLOSED = 0x0000dead };
static inline bool ct__is_alive(const ct_tensor *t)
{
    return t->alive == CT_ALIVE;
}
/* For functions that tell what t is: false for NULL, of which nothing is known, and, with the error "<what>: ...", for a closed one. */
static inline bool ct__can_look(const ct_tensor *t, const char *what)
{
    return t && (CT_LIKELY(ct__is_alive(t)) || ct__check_tensor(t, what) == CT_OK);
}
/* Notes an in-place change; ct_at_write and ct_at_data add the location. */
void ct__tensor_written(ct_tensor *t, const char *writer);
/* CT_OK, or an error if t may not be changed in place (it is recorded in a graph). */
ct_status ct__check_writable(const ct_tensor *t, const char *what);
/* CT_OK, or an error if elements of t lie in one place (it is expanded), so that they cannot be told apart in writing. */
ct_status ct__check_places(const ct_tensor *t, const char *what);

/* Bytes of an element; dtype must be valid. */
static inline int64_t ct__size_of(ct_dtype dtype)
{
    static const uint8_t size[] = {
#define DTYPE(constant, type, ...) [constant] = sizeof(type),
#include "dtypes.h"
    };
    return size[dtype];
}

static inline bool ct__dtype_is_float(ct_dtype dtype)
{
    return dtype == CT_FLOAT32 || dtype == CT_FLOAT64;
}

/* Floats, those too that are only stored. */
static inline bool ct__has_gradient(ct_dtype dtype)
{
    return ct__dtype_is_float(dtype) || dtype == CT_FLOAT16 || dtype == CT_BFLOAT16;
}

/* The type of a gradient of dtype's: of what is only stored it is float32, in which it can be added up. */
static inline ct_dtype ct__gradient_of(ct_dtype dtype)
{
    return ct__dtype_is_float(dtype) ? dtype : CT_FLOAT32;
}

/* The type whose loops do for dtype's: bool's bytes are numbers. */
static inline ct_dtype ct__loops_of(ct_dtype dtype)
{
    return dtype == CT_BOOL ? CT_UINT8 : dtype;
}

/* Element i: value converted, integers towards 0 to the nearest that there is, and back. */
void ct__store(ct_dtype dtype, void *data, int64_t i, double value);
double ct__load(ct_dtype dtype, const void *data, int64_t i);
void ct__fill_elements(ct_dtype dtype, void *data, int64_t n, double value);
/* dst[i * step_dst] = src[i * step_src] for i < n, converted; integers wrap. */
void ct__convert_row(ct_dtype to, void *dst, int64_t step_dst, ct_dtype from, const void *src, int64_t step_src,
                     int64_t n);
/* Bytes from elsewhere become elements of bool: 1 for what is not 0. */
void ct__make_truths(void *data, int64_t n);

/* Where the first element of t is. */
static inline char *ct__ptr(const ct_tensor *t)
{
    return t->storage->data + t->offset * ct__size_of((ct_dtype)t->dtype);
}

static inline bool ct__same_shape(const ct_tensor *a, const ct_tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->shape[i] != b->shape[i])
            return false;
    return true;
}

/* Row-major strides for a shape; returns the number of elements. */
int64_t ct__row_major(const int64_t *shape, int rank, int64_t *strides);
/* NumPy's rule: out gets the joint shape. False if the shapes do not go together. */
bool ct__broadcast_shapes(const int64_t *a, int rank_a, const int64_t *b, int rank_b, int64_t *out, int *rank_out);
/* axis counted from the end if negative; -1 if there is no such axis. A 0-d tensor counts as one of a single axis. */
int ct__axis(int axis, int rank);
/* "[3,4]" into buffer (at least 8 * 21 + 3 bytes); returns buffer. */
char *ct__shape_text(const int64_t *shape, int rank, char *buffer);
#define CT_SHAPE_TEXT 176

/* dst[i] = src[i], converted, over a shape with strides in elements. */
void ct__copy_strided(ct_dtype dst_dtype, void *dst, const int64_t *dst_strides, ct_dtype src_dtype, const void *src,
                      const int64_t *src_strides, const int64_t *shape, int rank);

/* ---- scopes, as the engine uses them: cheap, on the C stack ---- */
struct ct_scope {
    ct_scope *parent;
    ct_tensor *first;
    const struct ct_part *region; /* the thread's when it was opened */
    int64_t live_at_open;
    struct ct_call *call;    /* whose function runs on this scope; NULL: none */
    bool inner;              /* has one inside it that the user opened */
    bool on_heap;            /* opened by the user; what follows is set only then */
    int32_t line;            /* where */
    const char *file;        /* NULL: not known */
    struct ct_guard *guards; /* the newest first */
};
static inline void ct__scope_push(ct_scope *scope);
void ct__scope_pop(ct_scope *scope);    /* gives up what it owns; closes what was left open inside it */
void ct__scope_empty(ct_scope *scope);  /* the same, and stays itself */
void ct__scope_pop_to(ct_scope *scope); /* closes what was left open inside scope */
/* ct__check_call() with every call that runs on this thread. */
ct_status ct__check_calls(const ct_tensor *t, const char *what, ct_misuse misuse);
void ct__scope_move(ct_tensor *t,
                    ct_scope *to); /* to NULL: nobody owns t; the caller takes over the owner's reference */
/* Puts t, which no scope owns, first into to's list. */
static inline void ct__scope_join(ct_tensor *t, ct_scope *to)
{
    t->scope = to;
    t->previous = NULL;
    t->next = to->first;
    if (to->first)
        to->first->previous = t;
    to->first = t;
}

/* ---- what a thread has of its own ---- */

/* All of core's that is used often, in one block, since in a library that is loaded late (dlopen) each block is found with a
 * call. What is large is on the heap: only 512 bytes are as quick to find there as in a program that was linked with it. */
typedef struct ct__thread_state {
    /* alloc.c */
    struct ct__block_cache *cache; /* freed blocks; NULL before the first allocation, and where none are kept */
    int64_t cached_bytes;
    int64_t allocations, fail_at; /* ct__alloc calls so far, and the one that is to fail; 0: none */
    bool fail_all_after, started, in_parallel;
    int threads;     /* what ct_num_threads() is on this thread; 0: what it is everywhere */
    int32_t account; /* by which other threads tell what they give back of this one's; 0: none yet */
    /* tensor.c */
    int64_t live_bytes, peak_bytes,
        live_tensors;         /* made here; less what this thread has given back of it, or knows of */
    ct_storage *last_written; /* until its location is noted or it is freed */
    /* scope.c */
    ct_scope *innermost; /* NULL: the root */
    ct_scope root;
    int depth;
    /* region.c */
    const struct ct_part *region; /* the innermost; never NULL */
    /* error.c */
    ct_status error; /* the pending one */
    bool located;
    struct ct__texts *texts; /* what messages are written into; NULL before the first */
    /* autograd's */
    int no_grad_depth;
    bool all_inputs, freeing, telling, definitions, saves_inside;
    ct_tensor *spent;               /* a cotangent over which the operation that takes it next may write; NULL: none */
    uint32_t origin;                /* of the nodes that are made now */
    struct ct_node *to_free;        /* wait while another node is being freed */
    struct ct_observing *observers; /* NULL: nobody is to be told */
} ct__thread_state;
extern _Thread_local ct__thread_state ct__thread;

#if defined(__x86_64__)
/* From where all threads have it this far; 0: it has no fixed place. */
extern ptrdiff_t ct__thread_offset __attribute__((visibility("hidden")));

static inline char *ct__thread_pointer(void)
{
    char *pointer;
    __asm__("mov %%fs:0, %0" : "=r"(pointer));
    return pointer;
}
#endif

/* This thread's. */
static inline ct__thread_state *ct__here(void)
{
#if defined(__x86_64__)
    if (CT_LIKELY(ct__thread_offset != 0))
        return (ct__thread_state *)(void *)(ct__thread_pointer() + ct__thread_offset);
#endif
    return &ct__thread;
}

/* The thread's innermost scope. Functions that need the thread more than once ask where it is once. */
static inline ct_scope *ct__scope_of(ct__thread_state *me)
{
    return CT_LIKELY(me->innermost != NULL) ? me->innermost : (me->innermost = &me->root);
}

static inline ct_scope *ct__scope_current(void)
{
    return ct__scope_of(ct__here());
}

static inline void ct__scope_push(ct_scope *scope)
{
    ct__thread_state *me = ct__here();
    scope->parent = ct__scope_of(me);
    scope->first = NULL;
    scope->on_heap = scope->inner = false;
    scope->call = NULL;
    scope->region = me->region;
    scope->live_at_open = me->live_bytes;
    me->innermost = scope;
}

/* t, which no scope owns and nobody will read as it is, as a new tensor of the innermost scope with its elements still. Returns t. */
static inline ct_tensor *ct__tensor_renew(ct_tensor *t, const char *made_by)
{
    ct__tensor_ref(t);
    t->made_by = made_by;
    t->file = NULL;
    t->past = 0;
    ct__scope_join(t, ct__scope_current());
    return t;
}

/* Room for a text of ct_config()'s and ct_call_shapes()'s size that belongs to the thread; NULL without memory. */
enum { CT_MESSAGE_TEXT = 840, CT_TEXT_CONFIG = 128, CT_TEXT_SHAPES = 384 };
typedef struct ct__texts {
    char error[CT_MESSAGE_TEXT], config[CT_TEXT_CONFIG], shapes[CT_TEXT_SHAPES];
} ct__texts;
ct__texts *ct__texts_here(void);

/* ---- allocation ---- */
/* At least bytes bytes, aligned to 64, from the thread's cache; NULL without memory (no error is recorded). */
static inline void *ct__alloc(size_t bytes);
static inline void ct__free(void *block, size_t bytes); /* bytes as given to ct__alloc; NULL is fine */
/* The same for who knows this thread's state; block is not NULL. */
static inline void *ct__alloc_on(ct__thread_state *me, size_t bytes);
static inline void ct__free_on(ct__thread_state *me, void *block, size_t bytes);
/* The same of what carries a mark that says it is closed: with lifetime checks it waits before its memory is used again, so that a
 * late use finds the mark. Not in the first 8 bytes. */
void ct__free_marked(void *block, size_t bytes);
/* For tests: the n-th ct__alloc from now on this thread (1: the next) and, if all, every one after fails; 0 ends it. */
void ct__fail_allocation(int64_t n, bool all);
int64_t ct__allocations(void); /* ct__alloc calls of this thread so far */

/* Size classes: up to 1024 bytes the multiples of 64, above that 1.25, 1.5, 1.75 and 2 times a power of two. */
enum { CT_SMALL_CLASSES = 16, CT_CLASSES = CT_SMALL_CLASSES + 4 * 53 };

typedef struct ct__free_block {
    struct ct__free_block *next;
} ct__free_block;
struct ct__block_cache {
    ct__free_block *free[CT_CLASSES];
};
void *ct__alloc_slowly(int class, size_t size); /* where the cache has no block, or tests let allocations fail */
void ct__free_slowly(void *block, size_t size); /* where there is no cache, or no room in it */
#define CT_CACHE_LIMIT ((int64_t)1 << 30)       /* bytes that a thread keeps back */

/* The class of a request; size gets that of the class's blocks. Inline: with a constant it costs nothing. */
static inline int ct__class_of(size_t bytes, size_t *size)
{
    if (bytes <= CT_SMALL_CLASSES * 64) {
        int small = bytes ? (int)((bytes - 1) / 64) : 0;
        *size = (size_t)(small + 1) * 64;
        return small;
    }
    int log2 = 63 - __builtin_clzll(bytes - 1); /* 2^log2 < bytes <= 2^(log2 + 1) */
    size_t quarter = (size_t)1 << (log2 - 2);
    int step = (int)((bytes - 1 - ((size_t)1 << log2)) / quarter); /* 0..3 */
    *size = ((size_t)1 << log2) + (size_t)(step + 1) * quarter;
    return CT_SMALL_CLASSES + (log2 - 10) * 4 + step;
}

/* One that waits in the thread's cache; NULL without one. */
static inline void *ct__cached_block(ct__thread_state *me, int class, size_t size)
{
    ct__free_block *block = CT_LIKELY(me->cache != NULL) ? me->cache->free[class] : NULL;
    if (CT_LIKELY(block != NULL)) {
        me->cache->free[class] = block->next;
        me->cached_bytes -= (int64_t)size;
    }
    return block;
}

static inline void *ct__alloc_on(ct__thread_state *me, size_t bytes)
{
    if (bytes > (size_t)INT64_MAX / 4)
        return NULL;
    size_t size;
    int class = ct__class_of(bytes, &size);
    void *block = CT_LIKELY(me->fail_at == 0) ? ct__cached_block(me, class, size) : NULL;
    if (CT_UNLIKELY(!block))
        return ct__alloc_slowly(class, size);
    me->allocations++;
    return block;
}

static inline void *ct__alloc(size_t bytes)
{
    return ct__alloc_on(ct__here(), bytes);
}

static inline void ct__free_on(ct__thread_state *me, void *block, size_t bytes)
{
    size_t size;
    int class = ct__class_of(bytes, &size);
    if (CT_UNLIKELY(!me->cache || me->cached_bytes + (int64_t)size > CT_CACHE_LIMIT)) {
        ct__free_slowly(block, size);
        return;
    }
    ct__free_block *head = (ct__free_block *)block;
    head->next = me->cache->free[class];
    me->cache->free[class] = head;
    me->cached_bytes += (int64_t)size;
}

static inline void ct__free(void *block, size_t bytes)
{
    if (block)
        ct__free_on(ct__here(), block, bytes);
}

/* ---- regions ---- */

/* The part of a program that a name stands for, inside another. */
typedef struct ct_part {
    const struct ct_part *outer;
    const struct ct_part *named; /* itself, or what it is in that is no operation: what messages begin with */
    const char *path, *name;     /* "encoder.0.attention", "attention" */
    bool operation;              /* the name is that of an expression which runs */
    uint32_t hash;
    struct ct_part *next; /* in the table's row */
    char text[];
} ct_part;

extern const ct_part ct__no_region;
/* The region of that name inside outer; NULL with an error (memory). */
const ct_part *ct__region_of(const ct_part *outer, const char *name, bool operation);
/* A copy of text that stays, the same for the same text; NULL with an error (memory). */
const char *ct__intern(const char *text);

/* ---- errors ---- */
ct_status ct__error(ct_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A pending error put aside. */
typedef struct ct_pending_error {
    ct_status code;
    bool located;
    char message[CT_MESSAGE_TEXT];
} ct_pending_error;
void ct__error_take(ct_pending_error *into);       /* the thread has none then */
void ct__error_put(const ct_pending_error *error); /* pending again, unless another is or it is none */
ct_status ct__no_memory(const char *what);         /* the error "<what>: no memory", and which scope holds most of it */
/* "; 812.5 MB in use, 800.1 MB of it by the scope opened at train.c:12, most from train.c:20 (relu)", or "" while less than
 * a megabyte is in use; returns buffer. */
char *ct__memory_text(char *buffer);
#define CT_MEMORY_TEXT 384

/* ---- text, whatever the program's locale ---- */
/* Between the two, this thread's locale is "C". */
locale_t ct__locale_begin(void);
void ct__locale_end(locale_t before);
/* The same for what goes to a stream. The end flushes it and returns status, or, if that is CT_OK and not all could be written, the
 * error "<what>: writing failed: ...", which is one of memory where that was why. */
typedef struct ct__writing {
    const char *what;
    FILE *stream;
    locale_t before;
} ct__writing;
ct__writing ct__write_begin(const char *what, FILE *stream);
ct_status ct__write_end(const ct__writing *w, ct_status status);
/* That error, of a call in between that tells by errno why it failed. */
ct_status ct__write_failed(const char *what);
/* strtod, strerror, snprintf and vsnprintf in the "C" locale. */
double ct__strtod(const char *text, char **end);
int ct__format(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *ct__strerror(int code); /* belongs to the thread, until the next call */
int ct__vformat(char *buffer, size_t size, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));

static inline bool ct__is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool ct__is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- threads ---- */
/* Runs task(context, 0) ... task(context, tasks - 1), each once, on the pool and this thread; returns when all are done. The
 * partition into tasks must not depend on the number of threads. Runs serially inside another parallel region. */
void ct__parallel(int64_t tasks, void (*task)(void *context, int64_t index), void *context);

/* Whether this thread is running a task of ct__parallel. */
bool ct__in_parallel(void);
/* An output of so many bytes the caches do not keep until it is read, so it may go past them: they need not bring in first what is
 * overwritten. Behind a task that does so, before another thread hears that it is done, is ct__streamed(). */
enum { CT_STREAMED_BYTES = 8 << 20 };
static inline void ct__streamed(void)
{
#if defined(__SSE2__)
    __builtin_ia32_sfence();
#endif
}
/* As ct_set_num_threads(), for this thread alone; 0: as everywhere. Returns what it was. */
int ct__set_own_threads(int threads);

/* ---- matrix product ---- */
/* C = A B, or, with add, C += A B: A is m x k, B is k x n, C is m x n, any strides (in elements; 0 and negative ones too, but
 * C's elements must lie apart). dtype is a float one. k = 0 gives 0. CT_ERROR_MEMORY, with C as it was and no error recorded,
 * if there is no memory to pack operands. */
ct_status ct__gemm(ct_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t row_a, int64_t col_a,
                   const void *b, int64_t row_b, int64_t col_b, bool add, void *c, int64_t row_c, int64_t col_c);

/* C += A B, where row i of A is a[rows_a[i]], a[rows_a[i] + 1], ..., and C is row-major. As ct__gemm() otherwise. */
ct_status ct__gemm_gathered(ct_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, const int64_t *rows_a,
                            const void *b, int64_t row_b, int64_t col_b, void *c);

/* ---- random bits ---- */
/* Philox4x32-10: the 128 bits that belong to counter under key. */
void ct__philox(const uint32_t counter[4], uint64_t key, uint32_t out[4]);
/* The number of the generator from which element i draws is .counter + i, of n that nobody else gets. */
ct_random_state ct__random_take(int64_t n);
/* As many random numbers as a law asks for, of one number of the generator: no other number moves. */
typedef struct ct_draws {
    uint64_t seed, k;
    uint32_t attempt;
} ct_draws;
double ct__draw_unit(ct_draws *d);   /* 0 < u < 1, uniform */
double ct__draw_normal(ct_draws *d); /* of mean 0 and variance 1 */
/* ln(x) for a normal x > 0, the same on every machine. */
double ct__natural_log(double x);
/* The z >= 0 that a standard normal number exceeds with probability tail, 0 < tail <= 1/2. */
double ct__normal_quantile(double tail);

/* Writes "BLIS <version> <the configuration that runs>", "BLIS <version> unused", or "no BLIS" in a build without it. */
enum { CT_BLAS_TEXT = 64 };
void ct__blas_text(char text[CT_BLAS_TEXT]);

/* The instruction set found at run time: 0 portable, 1 AVX2 with FMA, 2 AVX-512. COTAN_ISA=portable|avx2|avx512 lowers it. */
int ct__isa(void);

#endif
