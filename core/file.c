/* Files: the one way in and the one way out. Both refuse what is no regular file before they touch it.
 *
 * Invariant: a file that is written takes its name only when all of it is on the disk, and a target has one temporary name, so
 * that what a killed process leaves is taken away by the next one. */
#include "file_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

ct_status ct__io_error(const char *what, const char *path, const char *reason)
{
    return errno == ENOMEM ? ct__no_memory(what)
                           : ct__error(CT_ERROR_IO, "%s: %.300s: %s: %s", what, path, reason, ct__strerror(errno));
}

/* CT_OK for a regular file. */
static ct_status check_kind(const char *what, const char *path, mode_t mode)
{
    const char *kind = S_ISDIR(mode)    ? "directory"
                       : S_ISFIFO(mode) ? "FIFO"
                       : S_ISSOCK(mode) ? "socket"
                       : S_ISLNK(mode)  ? "link"
                                        : "device";
    return S_ISREG(mode) ? CT_OK : ct__error(CT_ERROR_IO, "%s: %.300s: a %s, not a regular file", what, path, kind);
}

/* ---- reading ---- */

int ct__file_open(const char *what, const char *path, uint64_t *bytes)
{
    struct stat info;
    if (!path) {
        ct__error(CT_ERROR_NULL, "%s: path is NULL", what);
        return -1;
    }
    if (stat(path, &info) == 0 &&
        check_kind(what, path, info.st_mode) != CT_OK) /* opening a device may already do something */
        return -1;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        ct__io_error(what, path, "cannot open");
    else if (check_kind(what, path, info.st_mode) == CT_OK) {
        *bytes = (uint64_t)info.st_size;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

ct_status ct__bytes_allowed(const char *what, int64_t max_bytes, uint64_t file_bytes, uint64_t times, uint64_t *most)
{
    bool usually = max_bytes == CT_UNSET_INT;
    if (max_bytes < 0 && !usually)
        return ct__error(CT_ERROR_ARGUMENT, "%s: max_bytes is %lld", what, (long long)max_bytes);
    uint64_t usual = file_bytes > CT_USUAL_BYTES / times ? times * file_bytes : CT_USUAL_BYTES;
    *most = usually ? usual : (uint64_t)max_bytes;
    return CT_OK;
}

/* ---- reading what may be gzipped ---- */

ct_status ct__stream_open(ct__stream *s, const char *what, const char *path, int64_t max_bytes)
{
    *s = (ct__stream){.what = what, .path = path};
    int fd = ct__file_open(what, path, &s->file_bytes);
    if (fd < 0)
        return ct_error_code();
    ct_status status = ct__bytes_allowed(what, max_bytes, s->file_bytes, 64, &s->most);
    s->stream = status == CT_OK ? gzdopen(fd, "rb") : NULL;
    if (s->stream)
        return CT_OK;
    close(fd);
    return status == CT_OK ? ct__no_memory(what) : status;
}

void ct__stream_close(ct__stream *s)
{
    if (s->stream)
        gzclose_r(s->stream);
}

ct_status ct__stream_read(const ct__stream *s, char *data, uint64_t bytes, uint64_t *got)
{
    const uint64_t most = 1u << 30; /* gzread takes an unsigned and returns an int */
    int n = 1;
    *got = 0;
    while (*got < bytes && n > 0) {
        n = gzread(s->stream, data + *got, (unsigned)(bytes - *got < most ? bytes - *got : most));
        if (n > 0)
            *got += (uint64_t)n;
    }
    int code;
    const char *message = gzerror(s->stream, &code);
    switch (code) {
    case Z_OK:
    case Z_STREAM_END:
        return CT_OK;
    case Z_MEM_ERROR:
        return ct__no_memory(s->what);
    case Z_ERRNO:
        return ct__io_error(s->what, s->path, "cannot read");
    case Z_BUF_ERROR:
        return ct__error(CT_ERROR_FORMAT, "%s: %.300s: truncated: the gzip stream has no end", s->what, s->path);
    case Z_VERSION_ERROR:
        return ct__error(CT_ERROR_FORMAT, "%s: %.300s: gzipped, and this build of cotan is without zlib", s->what,
                         s->path);
    default:
        return ct__error(CT_ERROR_FORMAT, "%s: %.300s: not gzip as it should be: %s", s->what, s->path, message);
    }
}

ct_status ct__stream_check(const ct__stream *s, uint64_t bytes)
{
    if (bytes <= s->most)
        return CT_OK;
    return ct__error(CT_ERROR_FORMAT, "%s: %.300s: more than %llu bytes in a file of %llu; .max_bytes allows more",
                     s->what, s->path, (unsigned long long)s->most, (unsigned long long)s->file_bytes);
}

/* What is left of s, and a 0 behind it, in memory that grows with it; NULL with an error. */
static char *read_rest(const ct__stream *s, size_t *size)
{
    char *bytes = NULL;
    uint64_t got = 0, asked = 0;
    ct_status status = CT_OK;
    for (*size = 0; status == CT_OK && got == asked; *size += (size_t)got) {
        asked = *size + (1u << 16);
        char *more = realloc(bytes, *size + (size_t)asked + 1);
        bytes = more ? more : bytes;
        status = more ? ct__stream_read(s, bytes + *size, asked, &got) : ct__no_memory(s->what);
        if (status == CT_OK)
            status = ct__stream_check(s, *size + got);
    }
    if (status == CT_OK) {
        bytes[*size] = '\0';
        return bytes;
    }
    free(bytes);
    return NULL;
}

char *ct_file_read(const char *what, const char *path, int64_t max_bytes, size_t *size)
{
    ct__stream s;
    size_t bytes = 0;
    char *text =
        ct__stream_open(&s, what ? what : "file_read", path, max_bytes) == CT_OK ? read_rest(&s, &bytes) : NULL;
    ct__stream_close(&s);
    if (size)
        *size = text ? bytes : 0;
    return text;
}

/* ---- writing: where ---- */

/* Where a file is to appear: an open directory and a name in it. */
typedef struct place {
    const char *what, *path; /* for messages */
    const char *name;
    int directory;
    bool exists;
    struct stat old; /* of the file to be replaced, if it exists */
    char target[PATH_MAX], temporary[256];
} place;

/* Puts what the link at target leads to into its place; false with errno. */
static bool follow(char *target)
{
    char link[PATH_MAX];
    ssize_t length = readlink(target, link, sizeof link - 1);
    if (length < 0)
        return false;
    link[length] = '\0';
    const char *slash = link[0] == '/' ? NULL : strrchr(target, '/');
    size_t before = slash ? (size_t)(slash - target) + 1 : 0;
    if (before + (size_t)length >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(target + before, link, (size_t)length + 1);
    return true;
}

/* Follows links, so that they stay, to a name that is none: of a regular file or of nothing. */
static ct_status find_target(place *p)
{
    struct stat info, seen;
    if (strlen(p->path) >= sizeof p->target) {
        errno = ENAMETOOLONG;
        return ct__io_error(p->what, p->path, "cannot write");
    }
    strcpy(p->target, p->path);
    p->exists = stat(p->path, &info) == 0;
    if (p->exists && check_kind(p->what, p->path, info.st_mode) != CT_OK)
        return CT_ERROR_IO;
    int links = 0;
    while (lstat(p->target, &seen) == 0 && S_ISLNK(seen.st_mode)) {
        errno = ELOOP;
        if (++links > 40 || !follow(p->target))
            return ct__io_error(p->what, p->path, "cannot follow the link");
    }
    if (p->exists && lstat(p->target, &p->old) != 0) /* deleted, and held open under /proc */
        return ct__error(CT_ERROR_IO, "%s: %.300s: leads to a file without a name", p->what, p->path);
    return CT_OK;
}

static ct_status open_directory(place *p)
{
    char *slash = strrchr(p->target, '/'), first = '\0';
    p->name = slash ? slash + 1 : p->target;
    if (slash) { /* for a moment the path ends behind it */
        first = slash[1];
        slash[1] = '\0';
    }
    p->directory = open(slash ? p->target : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (slash)
        slash[1] = first;
    if (p->directory < 0)
        return ct__io_error(p->what, p->path, "cannot open the directory");
    snprintf(p->temporary, sizeof p->temporary, ".%.200s.cotan-tmp", p->name);
    return CT_OK;
}

/* ---- writing: the temporary file ---- */

static bool has_name(const place *p, int fd)
{
    struct stat by_name, by_fd;
    return fstatat(p->directory, p->temporary, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &by_fd) == 0 &&
           by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

/* Waits until nobody writes the file any more; a system without locks goes on. */
static void lock(int fd)
{
    while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
        ;
}

/* Takes away the temporary file that is there already, once whoever writes it, if anybody does, is done. */
static void remove_leftover(const place *p)
{
    int fd = openat(p->directory, p->temporary, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) /* somebody else was quicker */
        return;
    if (fd >= 0)
        lock(fd);
    if (fd < 0 || has_name(p, fd)) /* a link, say, that is not to be followed */
        unlinkat(p->directory, p->temporary, 0);
    if (fd >= 0)
        close(fd);
}

/* A new file under the temporary name, locked; -1 with errno. */
static int create_temporary(const place *p)
{
    for (int tries = 0; tries < 1000; tries++) {
        int fd = openat(p->directory, p->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            return -1;
        if (fd < 0) {
            remove_leftover(p);
            continue;
        }
        lock(fd);
        if (has_name(p, fd)) /* nobody took it for a leftover before it was locked */
            return fd;
        close(fd);
    }
    errno = EEXIST;
    return -1;
}

/* The new file gets the owner and the permissions of the one that it replaces. */
static bool keep_owner(const place *p, int fd)
{
    struct stat now;
    if (!p->exists)
        return true;
    if (fstat(fd, &now) != 0)
        return false;
    bool same = now.st_uid == p->old.st_uid && now.st_gid == p->old.st_gid;
    return (same || fchown(fd, p->old.st_uid, p->old.st_gid) == 0) && fchmod(fd, p->old.st_mode & 07777) == 0;
}

/* ---- writing: what ---- */

/* Has the file filled through a stream over a duplicate of fd, under the "C" locale. */
static ct_status fill(const place *p, int fd, ct_file_writer write, void *context)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *stream = copy >= 0 ? fdopen(copy, "w") : NULL;
    if (!stream) {
        ct_status status = ct__io_error(p->what, p->path, "cannot write");
        if (copy >= 0)
            close(copy);
        return status;
    }
    locale_t before = ct__locale_begin();
    errno = 0;
    ct_status status = write(stream, context);
    ct__locale_end(before);
    bool failed = ferror(stream);
    failed = fclose(stream) != 0 || failed;
    return status == CT_OK && failed ? ct__io_error(p->what, p->path, "cannot write") : status;
}

static ct_status write_temporary(const place *p, int fd, ct_file_writer write, void *context)
{
    if (!keep_owner(p, fd))
        return ct__io_error(p->what, p->path, "cannot keep its owner and permissions");
    ct_status status = fill(p, fd, write, context);
    if (status == CT_OK && fsync(fd) != 0)
        status = ct__io_error(p->what, p->path, "cannot sync");
    if (status == CT_OK && renameat(p->directory, p->temporary, p->directory, p->name) != 0)
        status = ct__io_error(p->what, p->path, "cannot replace it");
    return status;
}

static ct_status replace(const place *p, ct_file_writer write, void *context)
{
    int fd = create_temporary(p);
    if (fd < 0)
        return ct__io_error(p->what, p->path, "cannot create a file beside it");
    ct_status status = write_temporary(p, fd, write, context);
    if (status != CT_OK)
        unlinkat(p->directory, p->temporary, 0);
    close(fd); /* and with it the lock */
    if (status == CT_OK && fsync(p->directory) != 0 &&
        errno != EINVAL) /* EINVAL: a file system that has no such thing */
        status = ct__io_error(p->what, p->path, "written, but cannot sync its directory");
    return status;
}

ct_status ct_file_write(const char *what, const char *path, ct_file_writer write, void *context)
{
    what = what ? what : "file_write";
    if (!path || !write)
        return ct__error(CT_ERROR_NULL, "%s: %s is NULL", what, path ? "the function that writes" : "path");
    place p = {.what = what, .path = path, .directory = -1};
    ct_status status = find_target(&p);
    if (status == CT_OK)
        status = open_directory(&p);
    if (status == CT_OK)
        status = replace(&p, write, context);
    if (p.directory >= 0)
        close(p.directory);
    return status;
}

/* ---- writing: tensors ---- */

ct_status ct__write_bytes(const char *what, const char *path, FILE *stream, const void *data, size_t bytes)
{
    return fwrite(data, 1, bytes, stream) == bytes ? CT_OK : ct__io_error(what, path, "cannot write");
}

ct_status ct__write_elements(const char *what, const char *path, FILE *stream, const ct_tensor *t)
{
    size_t bytes = (size_t)ct_numel(t) * ct_dtype_size(ct_dtype_of(t));
    if (bytes == 0 || ct_is_contiguous(t))
        return bytes == 0 ? CT_OK : ct__write_bytes(what, path, stream, ct_data(t), bytes);
    char *copy = ct__alloc(bytes);
    ct_status status = copy ? ct_to_array(t, copy, ct_numel(t)) : ct__no_memory(what);
    if (status == CT_OK)
        status = ct__write_bytes(what, path, stream, copy, bytes);
    ct__free(copy, bytes);
    return status;
}

/* ---- numbers ---- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ct__widen stores the low bytes first");

bool ct__count_bytes(ct_dtype dtype, const int64_t *shape, int rank, int64_t *bytes)
{
    bool countable = true, empty = false;
    *bytes = ct__size_of(dtype);
    for (int i = 0; i < rank; i++) {
        empty = empty || shape[i] == 0;
        countable = !__builtin_mul_overflow(*bytes, shape[i] > 0 ? shape[i] : 1, bytes) && countable;
    }
    *bytes = empty ? 0 : *bytes;
    return countable;
}

uint64_t ct__integer_at(const void *bytes, int n, bool big_endian)
{
    const unsigned char *byte = bytes;
    uint64_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 8 | byte[big_endian ? i : n - 1 - i];
    return value;
}

static uint64_t widen(uint64_t value, const ct__stored *from)
{
    const uint64_t sign = UINT64_C(1) << (8 * from->size - 1);
    if (from->kind == CT__SIGNED)
        return (value ^ sign) - sign; /* the sign, copied to the left */
    return value;
}

/* The i-th is read before anything is written over it, since an element is at least as wide as it was in the file. */
void ct__widen(void *data, int64_t n, const ct__stored *from, int to)
{
    char *element = data, *source = element + n * (to - from->size);
    if (from->kind == CT__TRUTH)
        ct__make_truths(data, n);
    if (from->size == to && !from->big_endian)
        return;
    for (int64_t i = 0; i < n; i++) {
        uint64_t value = widen(ct__integer_at(source + i * from->size, from->size, from->big_endian), from);
        memcpy(element + i * to, &value, (size_t)to);
    }
}
