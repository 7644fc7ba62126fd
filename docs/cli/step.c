/* cotan explain --step: an optimiser's step after the backward, and the expression calculated once more. */
#include "explain.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 32 };

static const ct_optimizer_rule *const rules[] = {&ct_rule_sgd,     &ct_rule_adam,    &ct_rule_adamw,
                                                 &ct_rule_rmsprop, &ct_rule_adagrad, &ct_rule_adadelta,
                                                 &ct_rule_adamax,  &ct_rule_nadam,   &ct_rule_radam};
enum { N_RULES = sizeof rules / sizeof *rules };

/* ---- the options: "lr=0.1 momentum=0.9 nesterov" ---- */

/* A member of ct_optimizer_options. */
static const struct member {
    const char *name;
    size_t place;
    bool flag;
} members[] = {
#define NUMBER(name)                                       \
    {                                                      \
#name, offsetof(ct_optimizer_options, name), false \
    }
#define FLAG(name)                                        \
    {                                                     \
#name, offsetof(ct_optimizer_options, name), true \
    }
    NUMBER(lr),        NUMBER(momentum), NUMBER(weight_decay),   NUMBER(beta1),  NUMBER(beta2),  NUMBER(eps),
    NUMBER(dampening), NUMBER(lr_decay), NUMBER(momentum_decay), FLAG(nesterov), FLAG(maximize), FLAG(centered)};
enum { N_MEMBERS = sizeof members / sizeof *members };

/* The option that the word, length letters of it, names; NULL after complaining. */
static const struct member *member_of(const char *word, int length)
{
    const char *names[N_MEMBERS];
    for (int i = 0; i < N_MEMBERS; i++) {
        names[i] = members[i].name;
        if ((int)strlen(names[i]) == length && memcmp(names[i], word, (size_t)length) == 0)
            return &members[i];
    }
    const char *like = nearest(word, length, names, N_MEMBERS);
    complain("explain", "--step: there is no option '%.*s'%s%s%s", length, word, like ? "; the nearest is '" : "",
             like ? like : "", like ? "'" : "");
    return NULL;
}

/* Sets what "lr=0.1" or "nesterov" says; false after complaining. */
static bool set_option(ct_optimizer_options *options, const char *word)
{
    const char *equals = strchr(word, '=');
    const struct member *m = member_of(word, equals ? (int)(equals - word) : (int)strlen(word));
    if (!m)
        return false;
    char *place = (char *)options + m->place, *end = NULL;
    if (m->flag && !equals)
        *(bool *)place = true;
    else if (!m->flag && equals && equals[1])
        *(double *)place = strtod(equals + 1, &end);
    if (m->flag ? !equals : end && !*end)
        return true;
    complain("explain", m->flag ? "--step: '%s' takes no number" : "--step: '%s' takes a number: %s=0.1", m->name,
             m->name);
    return false;
}

/* The rule of that name; NULL after complaining. */
static const ct_optimizer_rule *rule_of(const char *word)
{
    const char *names[N_RULES];
    for (int i = 0; i < N_RULES; i++) {
        names[i] = rules[i]->name;
        if (strcmp(names[i], word) == 0)
            return rules[i];
    }
    const char *like = nearest(word, (int)strlen(word), names, N_RULES);
    complain("explain", "--step: there is no rule '%s'; %s%s", word, like ? "the nearest is " : "sgd and adam are two",
             like ? like : "");
    return NULL;
}

/* Reads "sgd lr=0.1"; false after complaining. */
static bool read_step(const char *text, const ct_optimizer_rule **rule, ct_optimizer_options *options)
{
    *rule = NULL;
    for (text += strspn(text, " ,"); *text; text += strspn(text, " ,")) {
        char word[WORD];
        size_t length = strcspn(text, " ,");
        if (length >= sizeof word)
            return complain("explain", "--step: '%.*s' is too long a word", (int)length, text), false;
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        text += length;
        if (*rule ? !set_option(options, word) : !(*rule = rule_of(word)))
            return false;
    }
    return *rule || (complain("explain", "--step: a rule is missing: 'sgd lr=0.1'"), false);
}

/* ---- the step ---- */

/* A module that takes over the leaves; they keep their names. */
static ct_module *module_of(session *s)
{
    ct_module *module = ct_module_new(CT_FLOAT64);
    for (int i = 0; module && i < s->e.n_leaves; i++) {
        binding *leaf = &s->e.names[i];
        leaf->borrowed = ct_module_parameter(module, leaf->name, leaf->value) || leaf->borrowed;
    }
    return module;
}

bool take_step(session *s, const char *text)
{
    const ct_optimizer_rule *rule;
    ct_optimizer_options options;
    ct_optimizer_options_init(&options, sizeof options);
    if (!read_step(text, &rule, &options))
        return false;
    s->module = module_of(s);
    ct_optimizer *optimizer = (ct_optimizer_new)(s->module, rule, &options);
    ct_status status = ct_optimizer_step_at(NULL, 0, optimizer);
    ct_optimizer_free(optimizer);
    ct_random_set(s->random);
    if (status == CT_OK && !expression_run(&s->e))
        return expression_complain(&s->e, "explain"), false;
    return status == CT_OK || (complain_of_error("explain"), false);
}
