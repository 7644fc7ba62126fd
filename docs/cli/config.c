/* cotan config: what this build runs on. */
#include "cli.h"

static int run(const arguments *given)
{
    (void)given;
    printf("%s\n", ct_config());
    return FINE;
}

const command config_command = {
    .name = "config",
    .usage = "",
    .summary = "version, instruction set, BLIS configuration, threads",
    .about = "Says in one line what the library runs on: its version, the instruction set of its kernels, the BLIS "
             "that multiplies "
             "matrices and its configuration, and the number of threads (COTAN_NUM_THREADS).",
    .run = run,
};
