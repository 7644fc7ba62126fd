/* A process with a limit. Invariant: the one that asks is as it was. */
#include "memory_limit.h"
#include <check.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* AddressSanitizer takes memory of its own, and ends the process where there is none: the claim is tried without a limit. */
#if defined(__SANITIZE_ADDRESS__)
enum { LIMITED = 0 };
#elif defined(__has_feature)
enum { LIMITED = !__has_feature(address_sanitizer) };
#else
enum { LIMITED = 1 };
#endif

bool holds_within(int megabytes, bool (*claim)(void))
{
    pid_t child = fork();
    if (child == 0) {
        FILE *pages = fopen("/proc/self/statm", "r");
        unsigned long long used = 0;
        if (!pages || fscanf(pages, "%llu", &used) != 1)
            _exit(2);
        rlim_t limit = (rlim_t)used * (rlim_t)sysconf(_SC_PAGESIZE) + (rlim_t)megabytes * 1000000;
        if (LIMITED && setrlimit(RLIMIT_AS, &(struct rlimit){.rlim_cur = limit, .rlim_max = limit}) != 0)
            _exit(3);
        alarm(60);
        _exit(claim() ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status == 0;
}
