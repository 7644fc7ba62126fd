/* A library that takes SIZE bytes of static thread-local memory, for a test of what is left to others. */
long *ct_test_static_memory(void);

static _Thread_local __attribute__((tls_model("initial-exec"))) volatile long block[SIZE / sizeof(long)];

long *ct_test_static_memory(void)
{
    return (long *)block;
}
