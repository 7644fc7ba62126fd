/* Texts as data sets: characters, windows, parts, files, and what is no text. */
#include "suites.h"
#include "training_checks.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Sample i, and its target, as text. */
static void expect_window(const ct_dataset *d, int64_t i, const char *input, const char *target)
{
    ct_tensor *xy[2];
    ck_assert_int_eq(ct_dataset_batch_tensors(d, &i, 1, xy), CT_OK);
    for (int k = 0; k < 2; k++) {
        char text[256] = "";
        ck_assert(ct_dtype_of(xy[k]) == CT_INT64 && ct_rank(xy[k]) == 2 && ct_size(xy[k], 0) == 1);
        for (int64_t t = 0; t < ct_size(xy[k], 1); t++)
            strcat(text, ct_dataset_class_name(d, (int64_t)ct_get(xy[k], (int64_t[]){0, t}, 2)));
        ck_assert_str_eq(text, k ? target : input);
    }
}

START_TEST(windows_of_a_text)
{
    ct_dataset *d = ct_dataset_from_text("hello world", .length = 4);
    const char *const characters[] = {" ", "d", "e", "h", "l", "o", "r", "w"};
    ck_assert(ct_dataset_count(d) == 2 && ct_dataset_classes(d) == LENGTH(characters) && ct_dataset_tensors(d) == 2);
    for (int i = 0; i < LENGTH(characters); i++)
        ck_assert_str_eq(ct_dataset_class_name(d, i), characters[i]);
    expect_window(d, 0, "hell", "ello");
    expect_window(d, 1, "o wo", " wor");
    ct_tensor *tokens = ct_text_tokens(d, "low");
    ck_assert(ct_numel(tokens) == 3 && ct_get(tokens, (int64_t[]){0}, 1) == 4 &&
              ct_get(tokens, (int64_t[]){2}, 1) == 7);
    ck_assert_int_eq(ct_numel(ct_text_tokens(d, "")), 0);
    ct_dataset_free(d);
    d = ct_dataset_from_text("hello world", .length = 4, .stride = 1);
    ck_assert_int_eq(ct_dataset_count(d), 7);
    expect_window(d, 6, "worl", "orld");
    ct_dataset *part = ct_dataset_subset(d, (int64_t[]){3}, 1);
    ct_dataset_free(d);
    ck_assert_int_eq(ct_dataset_classes(part), 8); /* the vocabulary goes along */
    expect_window(part, 0, "lo w", "o wo");
    ct_dataset_free(part);
}
END_TEST

/* Characters of one to four bytes; the first and last of each length. */
START_TEST(characters_are_those_of_utf_8)
{
    const char *text = "a\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\x01\x7f";
    ct_dataset *d = ct_dataset_from_text(text, .length = 8);
    ck_assert(ct_dataset_count(d) == 1 && ct_dataset_classes(d) == 9);
    ck_assert_str_eq(ct_dataset_class_name(d, 0), "\x01");
    ck_assert_str_eq(ct_dataset_class_name(d, 3), "\xc2\x80");
    ck_assert_str_eq(ct_dataset_class_name(d, 8), "\xf4\x8f\xbf\xbf");
    expect_window(d, 0, "a\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\x01", text + 1);
    ct_dataset_free(d);
    const struct {
        const char *text;
        int at;
    } bad[] = {{"ab\x80", 2},
               {"\xc0\x80", 0},
               {"a\xc1\xbf", 1},
               {"\xe0\x9f\xbf", 0},
               {"\xed\xa0\x80", 0},
               {"\xf0\x8f\xbf\xbf", 0},
               {"\xf4\x90\x80\x80", 0},
               {"\xf8\x88\x80\x80", 0},
               {"abc\xe2\x82", 3},
               {"\xe2z\x82", 0},
               {"\xff", 0}};
    for (int i = 0; i < LENGTH(bad); i++) {
        char words[64];
        snprintf(words, sizeof words, "the text is not UTF-8 at byte %d", bad[i].at);
        ck_assert_ptr_null(ct_dataset_from_text(bad[i].text, .length = 1));
        expect_failure(CT_ERROR_FORMAT, words);
    }
}
END_TEST

/* By position, with the vocabulary of the whole, or of another. */
START_TEST(parts_of_a_text)
{
    const char *text = "aaaaabbbbbcccccddddd";
    ct_dataset *train = ct_dataset_from_text(text, .length = 3, .stride = 2, .to = 0.6);
    ct_dataset *test = ct_dataset_from_text(text, .length = 3, .stride = 2, .from = 0.6);
    ck_assert(ct_dataset_classes(train) == 4 && ct_dataset_classes(test) == 4);
    ck_assert(ct_dataset_count(train) == 5 && ct_dataset_count(test) == 3);
    expect_window(train, 4, "bbc", "bcc");
    expect_window(test, 0, "ccc", "ccd");
    ct_dataset_free(test);
    test = ct_dataset_from_text("dab", .length = 2, .vocabulary = train);
    ck_assert_int_eq(ct_dataset_classes(test), 4);
    expect_window(test, 0, "da", "ab");
    ck_assert_ptr_null(ct_dataset_from_text("da\xc3\xa9", .length = 2, .vocabulary = train));
    expect_failure(CT_ERROR_ARGUMENT, "dataset: '\xc3\xa9' at byte 2 is not in the vocabulary (");
    ck_assert_ptr_null(ct_text_tokens(train, "x"));
    expect_failure(CT_ERROR_ARGUMENT, "'x' at byte 0 is not in the vocabulary");
    ct_dataset_free(test);
    ct_dataset_free(train);
}
END_TEST

START_TEST(texts_are_refused)
{
    ck_assert_ptr_null(ct_dataset_from_text("abc", .length = 3));
    expect_failure(CT_ERROR_ARGUMENT, "no window of 3 characters, and one after it, in 3");
    ck_assert_ptr_null(ct_dataset_from_text("", .length = 1));
    expect_failure(CT_ERROR_ARGUMENT, "in 0");
    ck_assert_ptr_null(ct_dataset_from_text("abc", .length = 0));
    expect_failure(CT_ERROR_ARGUMENT, "must be at least 1: 0");
    ck_assert_ptr_null(ct_dataset_from_text("abc", .length = 1, .stride = 0));
    expect_failure(CT_ERROR_ARGUMENT, "must be at least 1: 1, 0");
    ck_assert_ptr_null(ct_dataset_from_text("abc", .length = 1, .from = 0.5, .to = 0.4));
    expect_failure(CT_ERROR_ARGUMENT, "from 0.5 to 0.4");
    ck_assert_ptr_null(ct_dataset_from_text("abc", .length = INT64_MAX));
    expect_failure(CT_ERROR_ARGUMENT, "no window of 9223372036854775807");
    ck_assert_ptr_null(ct_dataset_from_text(NULL));
    expect_failure(CT_ERROR_NULL, "the text is NULL");
    ct_dataset *cells = ct_load_breast_cancer();
    ck_assert_ptr_null(ct_text_tokens(cells, "1"));
    expect_failure(CT_ERROR_ARGUMENT, "class 0, \"\", is no character");
    ct_dataset_free(cells);
}
END_TEST

/* A gzipped file with so many of its bytes. */
static void write_gzip(const char *path, const char *text, long bytes)
{
    gzFile gz = gzopen(path, "wb");
    gzwrite(gz, text, (unsigned)strlen(text));
    gzclose(gz);
    if (bytes > 0)
        ck_assert_int_eq(truncate(path, bytes), 0);
}

START_TEST(text_files)
{
    bool gzip = reads_gzip("text: text_files, zipped");
    const char *text = "the quick brown fox jumps over the lazy dog";
    for (int zipped = 0; zipped < 1 + gzip; zipped++) {
        FILE *f = fopen(scratch("text"), "wb");
        fputs(text, f);
        fclose(f);
        if (zipped)
            write_gzip(scratch("text"), text, 0);
        ct_dataset *d = ct_dataset_from_text_file(scratch("text"), .length = 9);
        ck_assert(ct_dataset_count(d) == 4 && ct_dataset_classes(d) == 27);
        expect_window(d, 0, "the quick", "he quick ");
        ct_dataset_free(d);
        ck_assert_ptr_null(ct_dataset_from_text_file(scratch("text"), .length = 9, .max_bytes = 42));
        expect_failure(CT_ERROR_FORMAT, "more than 42 bytes in a file of");
    }
    write_gzip(scratch("text"), text, 30);
    ck_assert_ptr_null(ct_dataset_from_text_file(scratch("text"), .length = 9));
    expect_failure(CT_ERROR_FORMAT, gzip ? "truncated: the gzip stream has no end" : "without zlib");
    ck_assert_ptr_null(ct_dataset_from_text_file(scratch("nowhere")));
    expect_failure(CT_ERROR_IO, "No such file");
    ck_assert_ptr_null(ct_dataset_from_text_file("/tmp"));
    expect_failure(CT_ERROR_IO, "/tmp: a directory, not a regular file");
    ck_assert_int_eq(mkfifo(scratch("fifo"), 0600), 0);
    ck_assert_ptr_null(ct_dataset_from_text_file(scratch("fifo")));
    expect_failure(CT_ERROR_IO, "a FIFO, not a regular file");
    FILE *f = fopen(scratch("zero"), "wb");
    fwrite("ab\0cd", 1, 5, f);
    fclose(f);
    ck_assert_ptr_null(ct_dataset_from_text_file(scratch("zero"), .length = 1));
    expect_failure(CT_ERROR_FORMAT, "not UTF-8 at byte 2");
    remove_scratch();
}
END_TEST

Suite *ct_suite_text(void)
{
    Suite *suite = suite_create("text");
    TCase *t = case_without_error("text");
    tcase_add_test(t, windows_of_a_text);
    tcase_add_test(t, characters_are_those_of_utf_8);
    tcase_add_test(t, parts_of_a_text);
    tcase_add_test(t, texts_are_refused);
    tcase_add_test(t, text_files);
    suite_add_tcase(suite, t);
    return suite;
}
