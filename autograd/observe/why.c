/* Why a tensor has no gradient, and why one is zero, tiny, huge or NaN: sentences that name the line.
 *
 * Invariant: only what was seen is said; nothing here computes a gradient. */
#include "trace_internal.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- the sentence ---- */

enum { SENTENCE = 768 };

/* Of this thread, made when it is first needed: thread-local storage is short. */
static _Thread_local char *sentence;

const char *ct__say(const char *format, ...)
{
    va_list arguments;
    if (!sentence && !(sentence = ct__alloc(SENTENCE)))
        return "there is no memory to say why";
    va_start(arguments, format);
    vsnprintf(sentence, SENTENCE, format, arguments);
    va_end(arguments);
    return sentence;
}

void ct__why_forget(void)
{
    ct__free(sentence, SENTENCE);
    sentence = NULL;
}

/* " (x.c:12)" or "". */
static const char *place(const char *file, int line, char *buffer)
{
    buffer[0] = '\0';
    if (file)
        snprintf(buffer, CT_PLACE_TEXT, " (%s:%d)", file, line);
    return buffer;
}

enum { WHO = CT_PLACE_TEXT + 80 };

/* "'w0'", or "the tensor made by 'mul' (x.c:12)". */
static const char *who(const ct_tensor *t, char *buffer)
{
    char at[CT_PLACE_TEXT];
    if (t->name)
        snprintf(buffer, WHO, "'%.60s'", t->name);
    else
        snprintf(buffer, WHO, "the tensor made by '%.60s'%s", t->made_by, place(t->file, t->line, at));
    return buffer;
}

/* ---- no gradient at all ---- */

const char *ct__why_none(const ct_tensor *t)
{
    char name[WHO], at[CT_PLACE_TEXT];
    if (!ct__has_gradient((ct_dtype)t->dtype))
        return ct__say("%s is %s: integers have no gradient", who(t, name), ct_dtype_name((ct_dtype)t->dtype));
    if (t->requires_grad)
        return NULL;
    place(t->file, t->line, at);
    if (t->past & CT_PAST_DETACHED)
        return ct__say("%s was detached from its graph%s: ct_detach() ends every path", who(t, name), at);
    if (t->past & CT_PAST_NO_GRAD)
        return ct__say("'%s'%s ran while recording was off (ct_no_grad_begin)", t->made_by, at);
    if (t->past & CT_PAST_NO_BACKWARD)
        return ct__say("'%s'%s has no gradient: nothing flows back through it", t->made_by, at);
    return ct__say("nothing asks for a gradient of %s: it is data; ct_set_requires_grad() or ct_parameter() asks",
                   who(t, name));
}

static _Thread_local struct {
    const char *op, *file;
    int line;
} last_run;

void ct__why_note_run(const ct_tensor *root)
{
    last_run.op = root->made_by;
    last_run.file = root->node ? root->node->file : root->file;
    last_run.line = root->node ? root->node->line : root->line;
}

static const char *why_leaf(const ct_tensor *t)
{
    char name[WHO], at[CT_PLACE_TEXT];
    who(t, name);
    if (t->past & CT_PAST_GRADIENT)
        return ct__say("%s had a gradient, which was cleared (ct_zero_grad); no backward has come to it since", name);
    if (!(t->past & CT_PAST_USED))
        return ct__say("no recorded operation has used %s: no path leads from a result back to it", name);
    if (!last_run.op)
        return ct__say("%s is part of a graph, but no backward has run on this thread", name);
    return ct__say(
        "no backward has come to %s: the last one began at the result of '%s'%s, from which no path leads to it, or "
        "it ran before",
        name, last_run.op, place(last_run.file, last_run.line, at));
}

static const char *why_result(const ct_tensor *t)
{
    char name[WHO];
    who(t, name);
    if (!t->retains_grad)
        return ct__say("%s is no leaf: backward hands its gradient on and keeps none%s", name,
                       t->node->freed ? "; this graph is used up; call ct_retain_grad() before the next one's backward"
                                      : "; call ct_retain_grad() before backward");
    if (t->node->run == 0)
        return ct__say("no backward has run over %s yet", name);
    return ct__say("the last backward that met %s brought nothing to it, which counts as zero, or was stopped", name);
}

const char *ct_why_no_grad(const ct_tensor *t)
{
    char name[WHO];
    if (!t)
        return ct__say("the tensor is NULL");
    if (!ct__is_alive(t))
        return ct__say("the tensor was given up: its scope is closed");
    if (t->grad)
        return ct__say("%s has a gradient", who(t, name));
    const char *none = ct__why_none(t);
    return none ? none : t->node ? why_result(t) : why_leaf(t);
}
