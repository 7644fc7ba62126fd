/* Images as PNG (https://www.w3.org/TR/png-3/): 8 bits a channel, no filter, deflated by zlib.
 *
 * Invariant: the whole is in memory before the first byte of a file is written. */
#include "png.h"
#include "gzip.h"
#include <cotan/nn.h>
#include <math.h>

/* ---- what the pixels are ---- */

static ct_status measure(ct__picture *p, const char *what, const ct_tensor *image)
{
    char shape[CT_NN_SHAPE_TEXT];
    int rank = ct_rank(image);
    *p = (ct__picture){.bytes = ct_dtype_of(image) == CT_UINT8};
    if (!p->bytes && !ct_dtype_is_float(ct_dtype_of(image)))
        return ct_error_set(CT_ERROR_DTYPE, "%s: takes uint8 or float, not %s", what,
                            ct_dtype_name(ct_dtype_of(image)));
    if (rank == 2 || rank == 3) {
        p->channels = rank == 3 ? ct_size(image, 0) : 1;
        p->height = ct_size(image, -2);
        p->width = ct_size(image, -1);
    }
    bool good = (p->channels == 1 || p->channels == 3 || p->channels == 4) && p->height > 0 && p->width > 0 &&
                ct_numel(image) <= INT32_MAX / 2;
    return good ? CT_OK
                : ct_error_set(CT_ERROR_SHAPE, "%s: takes [height,width] or [1, 3 or 4,height,width], not %s", what,
                               ct__nn_shape_text(image, shape));
}

ct_status ct__picture_of(ct__picture *p, const char *what, const ct_tensor *image)
{
    if (measure(p, what, image) != CT_OK)
        return ct_error_code();
    ct_tensor *pixels = ct_cast(ct_detach((ct_tensor *)image), p->bytes ? CT_UINT8 : CT_FLOAT64);
    p->pixels = ct_data(ct_contiguous(pixels));
    return ct_error_code();
}

static unsigned char byte_of(const ct__picture *p, int64_t i)
{
    if (p->bytes)
        return ((const unsigned char *)p->pixels)[i];
    double x = ((const double *)p->pixels)[i];
    return (unsigned char)lround(255 * (x > 0 ? fmin(x, 1) : 0));
}

/* ---- the file ---- */

/* Rows of pixels, before each the number of its filter: 0, none. */
static void put_rows(ct__bytes *b, const ct__picture *p)
{
    int64_t plane = p->height * p->width;
    for (int64_t i = 0; i < plane; i++) {
        if (i % p->width == 0)
            ct__put_number(b, 0, 1, false);
        for (int64_t c = 0; c < p->channels; c++)
            ct__put_number(b, byte_of(p, c * plane + i), 1, false);
    }
}

/* Adds rows compressed. */
static void put_compressed(ct__bytes *b, const ct__bytes *rows)
{
    uLongf size = compressBound((uLong)rows->count);
    unsigned char *bytes = rows->failed ? NULL : ct_allocate(1, size);
    b->failed = b->failed || !bytes || compress(bytes, &size, rows->bytes, (uLong)rows->count) != Z_OK;
    ct__put_bytes(b, bytes, size);
    ct_deallocate(bytes);
}

/* A chunk of the content, whose first four bytes are the chunk's name; frees that. */
static void put_chunk(ct__bytes *b, ct__bytes *content)
{
    ct__put_number(b, content->count - 4, 4, true);
    ct__put_bytes(b, content->bytes, content->count);
    ct__put_number(b, content->failed ? 0 : crc32(0, content->bytes, (uInt)content->count), 4, true);
    b->failed = b->failed || content->failed;
    ct_deallocate(content->bytes);
}

static int colour_of(const ct__picture *p)
{
    return p->channels == 1 ? 0 : p->channels == 3 ? 2 : 6;
}

void ct__put_png(ct__bytes *b, const ct__picture *p)
{
    ct__bytes header = {0}, rows = {0}, data = {0}, end = {0};
    ct__put_bytes(b, "\x89PNG\r\n\x1a\n", 8);
    ct__put_bytes(&header, "IHDR", 4);
    ct__put_number(&header, (uint64_t)p->width, 4, true);
    ct__put_number(&header, (uint64_t)p->height, 4, true);
    const unsigned char format[] = {8, (unsigned char)colour_of(p), 0, 0, 0};
    ct__put_bytes(&header, format, sizeof format);
    put_chunk(b, &header);
    put_rows(&rows, p);
    ct__put_bytes(&data, "IDAT", 4);
    put_compressed(&data, &rows);
    ct_deallocate(rows.bytes);
    put_chunk(b, &data);
    ct__put_bytes(&end, "IEND", 4);
    put_chunk(b, &end);
}

static ct_status write_bytes(FILE *stream, void *user)
{
    const ct__bytes *b = user;
    if (fwrite(b->bytes, 1, b->count, stream) != b->count)
        return ct_error_set(CT_ERROR_IO, "png_write: the file takes no more");
    return CT_OK;
}

static ct_status write_picture(const char *path, const ct__picture *p)
{
    ct__bytes whole = {0};
    ct__put_png(&whole, p);
    ct_status status = whole.failed ? ct_error_set(CT_ERROR_MEMORY, "png_write: no memory")
                                    : ct_file_write("png_write", path, write_bytes, &whole);
    ct_deallocate(whole.bytes);
    return status;
}

ct_status ct_png_write(const char *path, const ct_tensor *image)
{
    ct__picture p;
    if (!path || !image)
        return ct_error_set(CT_ERROR_NULL, "png_write: the %s is NULL", path ? "image" : "path");
    if (ct_error_code() != CT_OK || ct_scope_open() != CT_OK)
        return ct_error_code();
    if (ct__picture_of(&p, "png_write", image) == CT_OK)
        write_picture(path, &p);
    return ct__nn_scope_close();
}
