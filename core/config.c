/* What this build runs on. */
#include "core_internal.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char *const isa_names[] = {"portable", "avx2", "avx512"};
static int isa;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_isa(void)
{
#if CT_X86_KERNELS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        isa = 1;
    if (isa == 1 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        isa = 2;
#endif
    const char *limit = getenv("COTAN_ISA");
    for (int i = 0; limit && i < isa; i++)
        if (strcmp(limit, isa_names[i]) == 0)
            isa = i;
}

int ct__isa(void)
{
    pthread_once(&once, find_isa);
    return isa;
}

const char *ct_version(void)
{
    return CT_VERSION;
}

const char *ct_config(void)
{
    ct__texts *texts = ct__texts_here();
    if (!texts)
        return "cotan " CT_VERSION;
    char blas[CT_BLAS_TEXT];
    ct__blas_text(blas);
    snprintf(texts->config, sizeof texts->config, "cotan %s, kernels %s, %s, %d threads", CT_VERSION,
             isa_names[ct__isa()], blas, ct_num_threads());
    return texts->config;
}
