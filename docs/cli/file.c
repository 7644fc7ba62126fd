/* Files that are read: open, and whole in memory. */
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opened so that a pipe without a writer does not hold the program up. */
FILE *open_file(const char *who, const char *path)
{
    struct stat about;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool there = descriptor >= 0 && fstat(descriptor, &about) == 0, regular = there && S_ISREG(about.st_mode);
    FILE *file = regular ? fdopen(descriptor, "rb") : NULL;
    if (!file)
        complain(who, "%s cannot be read: %s", path, there && !regular ? "it is no regular file" : strerror(errno));
    if (!file && descriptor >= 0)
        close(descriptor);
    return file;
}

char *read_file(const char *who, const char *path, size_t *size)
{
    FILE *file = open_file(who, path);
    *size = 0;
    if (!file)
        return NULL;
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    char *bytes = end >= 0 ? malloc((size_t)end + 1) : NULL;
    if (bytes && fseek(file, 0, SEEK_SET) == 0)
        *size = fread(bytes, 1, (size_t)end, file);
    if (bytes)
        bytes[*size] = '\0';
    else
        complain(who, "%s cannot be read: %s", path, strerror(errno));
    fclose(file);
    return bytes;
}
