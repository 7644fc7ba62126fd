/* Runs the suites listed in suites.h, or those named on the command line, and prints Check's result and, last, a line
 * "N passed, N failed". With --list it prints their names instead. */
#include "suites.h"
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    Suite *(*make)(void);
} suites[] = {
#define SUITE_ROW(name) {#name, ct_suite_##name},
    SUITES(SUITE_ROW)
#undef SUITE_ROW
};

enum { SUITE_COUNT = sizeof(suites) / sizeof(suites[0]) };

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc == 1;
}

/* Whether all names on the command line are suites'. */
static bool known(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool found = false;
        for (int k = 0; k < SUITE_COUNT; k++)
            found |= strcmp(argv[i], suites[k].name) == 0;
        if (!found) {
            printf("there is no suite '%s'; --list names them\n0 passed, 1 failed\n", argv[i]);
            return false;
        }
    }
    return true;
}

static int list(void)
{
    for (int i = 0; i < SUITE_COUNT; i++)
        puts(suites[i].name);
    return EXIT_SUCCESS;
}

/* Sets the program's locale to COTAN_TEST_LOCALE, one whose decimal point is no point. */
static bool set_locale(void)
{
    const char *name = getenv("COTAN_TEST_LOCALE");
    if (!name || (setlocale(LC_ALL, name) && strcmp(localeconv()->decimal_point, ".") != 0))
        return true;
    printf("there is no locale %s with another decimal point\n0 passed, 1 failed\n", name);
    return false;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list();
    if (!known(argc, argv) || !set_locale())
        return EXIT_FAILURE;
    /* Check's 4 seconds a test are too few on a busy machine, and far too few under valgrind. */
    setenv("CK_DEFAULT_TIMEOUT", "600", 0);
    SRunner *runner = srunner_create(NULL);
    for (int i = 0; i < SUITE_COUNT; i++)
        if (wanted(suites[i].name, argc, argv))
            srunner_add_suite(runner, suites[i].make());
    srunner_run_all(runner, CK_ENV);
    int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    printf("%d passed, %d failed\n", run - failed, failed);
    return run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
