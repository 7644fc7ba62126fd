/* Reading a subcommand's command line, and complaining about it. */
#include "cli.h"
#include <stdarg.h>
#include <string.h>

int complain(const char *who, const char *format, ...)
{
    char message[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    for (char *c = message; *c; c++) {
        if ((unsigned char)*c < ' ')
            *c = ' '; /* one line, whatever a name holds */
    }
    fflush(stdout);
    fprintf(stderr, "cotan%s%s: %s\n", who ? " " : "", who ? who : "", message);
    return WRONG_USE;
}

int complain_of_error(const char *who)
{
    complain(who, "%s", ct_error_message());
    ct_error_clear();
    return WRONG_USE;
}

char *read_file(const char *who, const char *path, size_t *size)
{
    char *bytes = ct_file_read("read", path, CT_UNSET_INT, size);
    if (!bytes)
        complain_of_error(who);
    return bytes;
}

/* Stands in for what would be written: the path can be. Nothing is. */
static ct_status reach(FILE *stream, void *reached)
{
    (void)stream;
    *(bool *)reached = true;
    return CT_ERROR_STATE;
}

bool can_write(const arguments *given, const option *o, const char *path)
{
    char what[32];
    bool reached = false;
    snprintf(what, sizeof what, "--%s", o->name);
    ct_file_write(what, path, reach, &reached);
    if (!reached)
        complain_of_error(given->command);
    ct_error_clear();
    return reached;
}

bool can_write_as(const arguments *given, const option *o, const char *path, const char *suffix)
{
    size_t length = strlen(path), tail = strlen(suffix);
    if (length <= tail || strcmp(path + length - tail, suffix) != 0)
        return complain(given->command, "--%s %s: the name must end in %s", o->name, path, suffix), false;
    return can_write(given, o, path);
}

/* The number of the option that the word names, up to its end or "="; -1 after complaining. */
static int option_of(const command *c, const char *word)
{
    int length = (int)strcspn(word, "="), n = 0;
    const char *names[MAX_OPTIONS];
    for (const option *o = c->options; o && o->name; o++) {
        if ((int)strlen(o->name) == length && memcmp(o->name, word, (size_t)length) == 0)
            return n;
        names[n++] = o->name;
    }
    const char *like = nearest(word, length, names, n);
    if (like)
        complain(c->name, "there is no option --%.*s; the nearest is --%s", length, word, like);
    else
        complain(c->name, "there is no option --%.*s; cotan %s --help lists them", length, word, c->name);
    return -1;
}

/* Takes the option at argv[*i], and its argument. */
static bool read_option(const command *c, char **argv, int argc, int *i, arguments *given)
{
    const char *word = argv[*i] + 2, *value = strchr(word, '=');
    int n = option_of(c, word);
    if (n < 0)
        return false;
    const option *o = &c->options[n];
    if (given->values[n])
        return complain(c->name, "--%s is given twice", o->name), false;
    if (!o->argument && value)
        return complain(c->name, "--%s takes no argument", o->name), false;
    if (o->argument && !value && *i + 1 == argc)
        return complain(c->name, "--%s needs an argument, %s", o->name, o->argument), false;
    given->values[n] = !o->argument ? "" : value ? value + 1 : argv[++*i];
    return true;
}

bool read_arguments(const command *c, int argc, char **argv, arguments *given)
{
    bool options = true;
    *given = (arguments){.command = c->name, .words = argv};
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (!options || strncmp(argv[i], "--", 2) != 0)
            given->words[given->n_words++] = argv[i]; /* no further than where it stood */
        else if (!read_option(c, argv, argc, &i, given))
            return false;
    }
    if (given->n_words < c->min_words)
        return complain(c->name, "%s is missing; cotan %s --help says more", c->usage, c->name), false;
    if (given->n_words > c->max_words)
        return complain(c->name, "'%s' is one word too many: cotan %s takes %s", given->words[c->max_words], c->name,
                        *c->usage ? c->usage : "none"),
               false;
    return true;
}
