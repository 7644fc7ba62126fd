/* A whole file in memory. */
#include "cli.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

char *read_file(const char *who, const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    *size = 0;
    errno = 0;
    long end = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (end >= 0 && (bytes = malloc((size_t)end + 1)) && fseek(file, 0, SEEK_SET) == 0)
        *size = fread(bytes, 1, (size_t)end, file);
    if (file)
        fclose(file);
    if (bytes)
        bytes[*size] = '\0';
    else
        complain(who, "%s cannot be read: %s", path, strerror(end == LONG_MAX ? EISDIR : errno));
    return bytes;
}
