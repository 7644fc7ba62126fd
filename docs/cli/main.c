/* The command cotan: a row for each subcommand, and what is made from the rows: help, the manual page, bash's completion. */
#include "cli.h"
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const command *const commands[] = {&explain_command, &check_command, &ops_command,   &info_command,
                                          &graph_command,   &diff_command,  &config_command};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static const char summary[] = "see, check and look up gradients";

/* ---- help ---- */

static void write_option(FILE *stream, const option *o)
{
    int used = fprintf(stream, "  --%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
    fprintf(stream, used < 20 ? "%*s" : "\n%*s", used < 20 ? 20 - used : 20, "");
    write_wrapped(stream, o->help, 20, screen_width());
}

static int help_of(const command *c)
{
    char usage[256];
    snprintf(usage, sizeof usage, "cotan %s%s %s", c->name, c->options ? " [OPTION]..." : "", c->usage);
    printf("%susage:%s ", bold(stdout), plain(stdout));
    write_wrapped(stdout, usage, 7, screen_width());
    printf("\n");
    write_wrapped(stdout, c->about, 0, screen_width());
    if (c->options)
        printf("\n%soptions:%s\n", bold(stdout), plain(stdout));
    for (const option *o = c->options; o && o->name; o++)
        write_option(stdout, o);
    if (c->examples)
        printf("\n%sexamples:%s\n%s", bold(stdout), plain(stdout), c->examples);
    return FINE;
}

static int help(void)
{
    printf("%scotan%s: %s\n\n%susage:%s cotan COMMAND [OPTION]... [WORD]...\n\n", bold(stdout), plain(stdout), summary,
           bold(stdout), plain(stdout));
    for (int i = 0; i < N_COMMANDS; i++) {
        printf("  %s%-8s%s  ", bold(stdout), commands[i]->name, plain(stdout));
        write_wrapped(stdout, commands[i]->summary, 12, screen_width());
    }
    printf("\n%sstart here:%s\n  cotan explain 'f = (a + b) * (b + 1)' a=2 b=1\n\n", bold(stdout), plain(stdout));
    write_wrapped(
        stdout,
        "cotan COMMAND --help says more of each. The exit status is 0 when all is well, 1 when a check failed or "
        "two graphs differ, 2 for wrong use or input.",
        0, screen_width());
    return FINE;
}

/* ---- the manual page (man 7 man) ---- */

/* A text whose signs roff would take for its own. */
static void write_roff(const char *text)
{
    for (bool line_begins = true; *text; text++) {
        if (line_begins && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        line_begins = *text == '\n';
        if (line_begins)
            fputs("\n.PP", stdout);
        if (*text == '-' || *text == '\\')
            fputs(*text == '-' ? "\\-" : "\\e", stdout);
        else if (*text == '\'')
            fputs("\\(aq", stdout);
        else if (*text == '^')
            fputs("\\(ha", stdout);
        else
            putchar(*text);
    }
}

static void manual_example(const char *line)
{
    char text[512];
    for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
        fputs("\n", stdout);
        write_roff(text);
    }
}

static void manual_command(const command *c)
{
    printf(".SS cotan %s%s ", c->name, c->options ? " [OPTION]..." : "");
    write_roff(c->usage);
    printf("\n");
    write_roff(c->about);
    printf("\n");
    for (const option *o = c->options; o && o->name; o++) {
        printf(".TP\n.B \\-\\-");
        write_roff(o->name);
        if (o->argument)
            printf(" \\fI%s\\fR", o->argument);
        printf("\n");
        write_roff(o->help);
        printf("\n");
    }
    if (c->examples) {
        printf(".PP\nExamples:\n.PP\n.nf");
        manual_example(c->examples);
        printf("\n.fi\n");
    }
}

static const char exit_statuses[] =
    ".SH EXIT STATUS\n.TP\n.B 0\nAll is well.\n.TP\n.B 1\nA check failed, or two graphs differ.\n"
    ".TP\n.B 2\nWrong use, or an input that cannot be used; one line on standard error says what.\n";
static const char environment[] =
    ".SH ENVIRONMENT\n.TP\n.B COTAN_NUM_THREADS\nHow many threads operations may use.\n.TP\n"
    ".B COLUMNS\nThe width of the screen, where it is not that of the terminal.\n.TP\n"
    ".B NO_COLOR\nIf set, nothing is bold or faint.\n";

static int manual(void)
{
    printf(".TH COTAN 1 \"\" \"cotan %s\"\n.SH NAME\ncotan \\- %s\n.SH SYNOPSIS\n.B cotan\n.I COMMAND\n"
           "[\\fIOPTION\\fR]... [\\fIWORD\\fR]...\n.SH DESCRIPTION\nThe command line of libcotan, "
           "reverse-mode automatic differentiation for tensors.\n.SH COMMANDS\n",
           ct_version(), summary);
    for (int i = 0; i < N_COMMANDS; i++)
        manual_command(commands[i]);
    fputs(exit_statuses, stdout);
    fputs(environment, stdout);
    return FINE;
}

/* ---- bash's completion ---- */

static int completion(void)
{
    printf("# Completion of cotan for bash, made by \"cotan --completion\".\n_cotan()\n{\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='");
    for (int i = 0; i < N_COMMANDS; i++)
        printf("%s%s", i ? " " : "", commands[i]->name);
    printf("'\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        printf("        %s) words='--help", commands[i]->name);
        for (const option *o = commands[i]->options; o && o->name; o++)
            printf(" --%s", o->name);
        printf("' ;;\n");
    }
    printf("        esac\n        case ${COMP_WORDS[1]} in\n"
           "        ops) words=\"$words $(cotan ops --names 2>/dev/null)\" ;;\n        esac\n    fi\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\n"
           "complete -o default -F _cotan cotan\n");
    return FINE;
}

/* ---- which subcommand ---- */

/* --help, wherever it stands; -h only alone, since it may be an expression. */
static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return true;
    }
    return argc == 2 && strcmp(argv[1], "-h") == 0;
}

static int run_command(const command *c, int argc, char **argv)
{
    arguments given;
    if (asks_for_help(argc, argv))
        return help_of(c);
    return read_arguments(c, argc, argv, &given) ? c->run(&given) : WRONG_USE;
}

static const command *find_command(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
    }
    return NULL;
}

static int version(void)
{
    return printf("cotan %s\n", ct_version()) < 0;
}

static int unknown_command(const char *word)
{
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i]->name;
    const char *like = nearest(word, (int)strlen(word), names, N_COMMANDS);
    if (like)
        return complain(NULL, "there is no command '%s'; the nearest is '%s'", word, like);
    return complain(NULL, "there is no command '%s'; cotan --help lists them", word);
}

static int run(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } whole[] = {{"--help", help},  {"-h", help},           {"help", help},
                 {"--man", manual}, {"--version", version}, {"--completion", completion}};
    if (argc < 2)
        return complain(NULL, "a command is missing; cotan --help lists them");
    if (argc == 3 && strcmp(argv[1], "help") == 0)
        return find_command(argv[2]) ? help_of(find_command(argv[2])) : unknown_command(argv[2]);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (strcmp(argv[1], whole[i].name) == 0)
            return argc == 2 ? whole[i].run() : complain(NULL, "%s stands alone", argv[1]);
    }
    const command *c = find_command(argv[1]);
    return c ? run_command(c, argc - 1, argv + 1) : unknown_command(argv[1]);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    int status = run(argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status != WRONG_USE) /* which has said so already */
        return complain(NULL, "standard output cannot be written");
    return status;
}
