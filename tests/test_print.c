/* Tensors as text. What is expected is what NumPy 1.24's str() gives for the same elements. */
#include "core_internal.h"
#include "error_checks.h"
#include "suites.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void open_scope(void)
{
    ct_error_clear();
    ck_assert_int_eq(ct_scope_open(), CT_OK);
}

static void close_scope(void)
{
    ck_assert_int_eq(ct_scope_close(), CT_OK);
}

static void check_text(const ct_tensor *t, const char *expected)
{
    ck_assert_msg(t != NULL, "%s", ct_error_message());
    size_t length = ct_format(t, NULL, 0);
    char *text = malloc(length + 1);
    ck_assert_uint_eq(ct_format(t, text, length + 1), length);
    ck_assert_msg(strcmp(text, expected) == 0, "%s:\n%s\nexpected:\n%s", ct_dtype_name(ct_dtype_of(t)), text, expected);
    ck_assert_uint_eq(strlen(expected), length);
    free(text);
}

static const struct {
    ct_dtype dtype;
    int rank;
    int64_t shape[CT_MAX_RANK];
    int64_t count;
    double values[30];
    const char *text;
} rows[] = {
    {CT_FLOAT32, 1, {3}, 3, {1.0, 2.0, 3.0}, "[1. 2. 3.]"},
    {CT_FLOAT32, 1, {3}, 3, {0.1, 0.25, -3.0}, "[ 0.1   0.25 -3.  ]"},
    {CT_FLOAT32, 1, {2}, 2, {0.3333333333333333, 0.6666666666666666}, "[0.33333334 0.6666667 ]"},
    {CT_FLOAT32, 1, {2}, 2, {0, -0.0}, "[ 0. -0.]"},
    {CT_FLOAT32, 1, {2}, 2, {1.0, 1000.0}, "[   1. 1000.]"},
    {CT_FLOAT32, 1, {2}, 2, {1.0, 1001.0}, "[1.000e+00 1.001e+03]"},
    {CT_FLOAT32, 1, {2}, 2, {100000000.0, 1.0}, "[1.e+08 1.e+00]"},
    {CT_FLOAT32, 1, {2}, 2, {99999992.0, 10000000.0}, "[99999992. 10000000.]"},
    {CT_FLOAT32, 1, {1}, 1, {100000000.0}, "[1.e+08]"},
    {CT_FLOAT32, 1, {1}, 1, {0.0001}, "[1.e-04]"},
    {CT_FLOAT32, 1, {1}, 1, {9.9e-05}, "[9.9e-05]"},
    {CT_FLOAT32, 1, {2}, 2, {0.00012, 0.05}, "[0.00012 0.05   ]"},
    {CT_FLOAT32, 1, {3}, 3, {1e-05, 0, 1.0}, "[1.e-05 0.e+00 1.e+00]"},
    {CT_FLOAT32, 1, {2}, 2, {10000000000.0, -2.5e-07}, "[ 1.0e+10 -2.5e-07]"},
    {CT_FLOAT32, 1, {3}, 3, {NAN, 1.0, 2.5}, "[nan 1.  2.5]"},
    {CT_FLOAT32, 1, {3}, 3, {INFINITY, -INFINITY, NAN}, "[ inf -inf  nan]"},
    {CT_FLOAT32, 1, {1}, 1, {NAN}, "[nan]"},
    {CT_FLOAT32, 1, {2}, 2, {INFINITY, 0.5}, "[inf 0.5]"},
    {CT_FLOAT32, 1, {2}, 2, {-INFINITY, 10000000000.0}, "[  -inf 1.e+10]"},
    {CT_FLOAT32, 1, {2}, 2, {NAN, -1e-10}, "[    nan -1.e-10]"},
    {CT_FLOAT32, 1, {2}, 2, {-INFINITY, 1.0}, "[-inf   1.]"},
    {CT_FLOAT32, 1, {2}, 2, {3.141592653589793, 2.718281828459045}, "[3.1415927 2.7182817]"},
    {CT_FLOAT32, 1, {2}, 2, {123456.789, 61728.0}, "[123456.79  61728.  ]"},
    {CT_FLOAT32,
     2,
     {2, 2},
     4,
     {1.0, 2.0, 3.0, 4.0},
     "[[1. 2.]\n"
     " [3. 4.]]"},
    {CT_FLOAT32,
     3,
     {1, 2, 3},
     6,
     {1.5, -2.25, 3.125, 4.0, 5.0, 6.0},
     "[[[ 1.5   -2.25   3.125]\n"
     "  [ 4.     5.     6.   ]]]"},
    {CT_FLOAT32, 1, {1}, 1, {5.960464477539063e-08}, "[5.9604645e-08]"},
    {CT_FLOAT32, 1, {1}, 1, {1.2379400392853803e+27}, "[1.2379401e+27]"},
    {CT_FLOAT32, 0, {0}, 1, {0}, "0.0"},
    {CT_FLOAT32, 0, {0}, 1, {-0.0}, "-0.0"},
    {CT_FLOAT32, 0, {0}, 1, {1.0}, "1.0"},
    {CT_FLOAT32, 0, {0}, 1, {-1.5}, "-1.5"},
    {CT_FLOAT32, 0, {0}, 1, {0.1}, "0.1"},
    {CT_FLOAT32, 0, {0}, 1, {0.3333333333333333}, "0.33333334"},
    {CT_FLOAT32, 0, {0}, 1, {0.0001}, "1e-04"},
    {CT_FLOAT32, 0, {0}, 1, {9.9e-05}, "9.9e-05"},
    {CT_FLOAT32, 0, {0}, 1, {1e-05}, "1e-05"},
    {CT_FLOAT32, 0, {0}, 1, {1000000000000000.0}, "1000000000000000.0"},
    {CT_FLOAT32, 0, {0}, 1, {1e+16}, "1e+16"},
    {CT_FLOAT32, 0, {0}, 1, {123456789.0}, "123456790.0"},
    {CT_FLOAT32, 0, {0}, 1, {1e+22}, "1e+22"},
    {CT_FLOAT32, 0, {0}, 1, {NAN}, "nan"},
    {CT_FLOAT32, 0, {0}, 1, {INFINITY}, "inf"},
    {CT_FLOAT32, 0, {0}, 1, {-INFINITY}, "-inf"},
    {CT_FLOAT32, 0, {0}, 1, {1.5e-10}, "1.5e-10"},
    {CT_FLOAT32, 0, {0}, 1, {-2e+30}, "-2e+30"},
    {CT_FLOAT64, 1, {3}, 3, {1.0, 2.0, 3.0}, "[1. 2. 3.]"},
    {CT_FLOAT64, 1, {3}, 3, {0.1, 0.25, -3.0}, "[ 0.1   0.25 -3.  ]"},
    {CT_FLOAT64, 1, {2}, 2, {0.3333333333333333, 0.6666666666666666}, "[0.33333333 0.66666667]"},
    {CT_FLOAT64, 1, {2}, 2, {0, -0.0}, "[ 0. -0.]"},
    {CT_FLOAT64, 1, {2}, 2, {1.0, 1000.0}, "[   1. 1000.]"},
    {CT_FLOAT64, 1, {2}, 2, {1.0, 1001.0}, "[1.000e+00 1.001e+03]"},
    {CT_FLOAT64, 1, {2}, 2, {1000.00001, 1.0}, "[1.00000001e+03 1.00000000e+00]"}, /* a ratio of 1000 to float32 */
    {CT_FLOAT32, 1, {2}, 2, {0.7, 0.0007}, "[0.7    0.0007]"},                     /* and to float32, not to float64 */
    {CT_FLOAT16, 1, {2}, 2, {7.0, 0.007}, "[7.    0.007]"},
    {CT_FLOAT64, 1, {2}, 2, {100000000.0, 1.0}, "[1.e+08 1.e+00]"},
    {CT_FLOAT64, 1, {2}, 2, {99999999.0, 10000000.0}, "[99999999. 10000000.]"},
    {CT_FLOAT64, 1, {1}, 1, {100000000.0}, "[1.e+08]"},
    {CT_FLOAT64, 1, {1}, 1, {0.0001}, "[0.0001]"},
    {CT_FLOAT64, 1, {1}, 1, {9.9e-05}, "[9.9e-05]"},
    {CT_FLOAT64, 1, {2}, 2, {0.00012, 0.05}, "[0.00012 0.05   ]"},
    {CT_FLOAT64, 1, {3}, 3, {1e-05, 0, 1.0}, "[1.e-05 0.e+00 1.e+00]"},
    {CT_FLOAT64, 1, {2}, 2, {10000000000.0, -2.5e-07}, "[ 1.0e+10 -2.5e-07]"},
    {CT_FLOAT64, 1, {3}, 3, {NAN, 1.0, 2.5}, "[nan 1.  2.5]"},
    {CT_FLOAT64, 1, {3}, 3, {INFINITY, -INFINITY, NAN}, "[ inf -inf  nan]"},
    {CT_FLOAT64, 1, {1}, 1, {NAN}, "[nan]"},
    {CT_FLOAT64, 1, {2}, 2, {INFINITY, 0.5}, "[inf 0.5]"},
    {CT_FLOAT64, 1, {2}, 2, {-INFINITY, 10000000000.0}, "[  -inf 1.e+10]"},
    {CT_FLOAT64, 1, {2}, 2, {NAN, -1e-10}, "[    nan -1.e-10]"},
    {CT_FLOAT64, 1, {2}, 2, {-INFINITY, 1.0}, "[-inf   1.]"},
    {CT_FLOAT64, 1, {2}, 2, {3.141592653589793, 2.718281828459045}, "[3.14159265 2.71828183]"},
    {CT_FLOAT64, 1, {2}, 2, {123456.789, 61728.0}, "[123456.789  61728.   ]"},
    {CT_FLOAT64,
     2,
     {2, 2},
     4,
     {1.0, 2.0, 3.0, 4.0},
     "[[1. 2.]\n"
     " [3. 4.]]"},
    {CT_FLOAT64,
     3,
     {1, 2, 3},
     6,
     {1.5, -2.25, 3.125, 4.0, 5.0, 6.0},
     "[[[ 1.5   -2.25   3.125]\n"
     "  [ 4.     5.     6.   ]]]"},
    {CT_FLOAT64, 1, {1}, 1, {5.960464477539063e-08}, "[5.96046448e-08]"},
    {CT_FLOAT64, 1, {1}, 1, {5.684341886080802e-14}, "[5.68434189e-14]"},
    {CT_FLOAT64, 0, {0}, 1, {0}, "0.0"},
    {CT_FLOAT64, 0, {0}, 1, {-0.0}, "-0.0"},
    {CT_FLOAT64, 0, {0}, 1, {1.0}, "1.0"},
    {CT_FLOAT64, 0, {0}, 1, {-1.5}, "-1.5"},
    {CT_FLOAT64, 0, {0}, 1, {0.1}, "0.1"},
    {CT_FLOAT64, 0, {0}, 1, {0.3333333333333333}, "0.3333333333333333"},
    {CT_FLOAT64, 0, {0}, 1, {0.0001}, "0.0001"},
    {CT_FLOAT64, 0, {0}, 1, {9.9e-05}, "9.9e-05"},
    {CT_FLOAT64, 0, {0}, 1, {1e-05}, "1e-05"},
    {CT_FLOAT64, 0, {0}, 1, {1000000000000000.0}, "1000000000000000.0"},
    {CT_FLOAT64, 0, {0}, 1, {1e+16}, "1e+16"},
    {CT_FLOAT64, 0, {0}, 1, {123456789.0}, "123456789.0"},
    {CT_FLOAT64, 0, {0}, 1, {1e+22}, "1e+22"},
    {CT_FLOAT64, 0, {0}, 1, {NAN}, "nan"},
    {CT_FLOAT64, 0, {0}, 1, {INFINITY}, "inf"},
    {CT_FLOAT64, 0, {0}, 1, {-INFINITY}, "-inf"},
    {CT_FLOAT64, 0, {0}, 1, {1.5e-10}, "1.5e-10"},
    {CT_FLOAT64, 0, {0}, 1, {-2e+100}, "-2e+100"},
    {CT_FLOAT32, 1, {2}, 2, {44020132.0, 91019128.0}, "[44020132. 91019128.]"},
    {CT_FLOAT32, 1, {2}, 2, {16777216.0, 16777218.0}, "[16777216. 16777218.]"},
    {CT_FLOAT32, 1, {2}, 2, {1e-45, 1.0}, "[1.e-45 1.e+00]"},
    {CT_FLOAT32, 1, {2}, 2, {0.0001, 1.0}, "[1.e-04 1.e+00]"},
    {CT_FLOAT32, 1, {1}, 1, {3.4028234663852886e+38}, "[3.4028235e+38]"},
    {CT_FLOAT64, 1, {2}, 2, {5e-324, 1.7976931348623157e+308}, "[4.94065646e-324 1.79769313e+308]"},
    {CT_FLOAT64, 1, {2}, 2, {1e+100, 1.0}, "[1.e+100 1.e+000]"},
    {CT_FLOAT64, 1, {1}, 1, {1e-100}, "[1.e-100]"},
    {CT_FLOAT64, 1, {2}, 2, {0.123456785, 0.123456775}, "[0.12345678 0.12345678]"},
    {CT_FLOAT64, 1, {1}, 1, {1.000000005}, "[1.]"},
    {CT_FLOAT64, 1, {1}, 1, {9.999999999}, "[10.]"},
    {CT_FLOAT64, 1, {1}, 1, {12345678.12345678}, "[12345678.12345678]"},
    {CT_FLOAT64, 0, {0}, 1, {5.684341886080802e-14}, "5.684341886080802e-14"},
    {CT_FLOAT64, 0, {0}, 1, {1e+23}, "1e+23"},
    {CT_FLOAT64, 0, {0}, 1, {5e-324}, "5e-324"},
    {CT_FLOAT64, 1, {2}, 2, {0.5, 0.0001}, "[5.e-01 1.e-04]"},
    {CT_FLOAT64, 1, {2}, 2, {0.09999, 99.98}, "[ 0.09999 99.98   ]"},
    {CT_INT64, 1, {3}, 3, {1, 20, 3}, "[ 1 20  3]"},
    {CT_INT64, 0, {0}, 1, {7}, "7"},
    {CT_INT64,
     2,
     {2, 2},
     4,
     {0, 255, 10, 100},
     "[[  0 255]\n"
     " [ 10 100]]"},
    {CT_INT32, 1, {3}, 3, {1, 20, 3}, "[ 1 20  3]"},
    {CT_INT32, 0, {0}, 1, {7}, "7"},
    {CT_INT32,
     2,
     {2, 2},
     4,
     {0, 255, 10, 100},
     "[[  0 255]\n"
     " [ 10 100]]"},
    {CT_UINT8, 1, {3}, 3, {1, 20, 3}, "[ 1 20  3]"},
    {CT_UINT8, 0, {0}, 1, {7}, "7"},
    {CT_UINT8,
     2,
     {2, 2},
     4,
     {0, 255, 10, 100},
     "[[  0 255]\n"
     " [ 10 100]]"},
    {CT_INT64, 1, {2}, 2, {-1, 100}, "[ -1 100]"},
    {CT_INT32, 1, {2}, 2, {-100, 5}, "[-100    5]"},
    {CT_INT32, 1, {2}, 2, {-2147483648, 2147483647}, "[-2147483648  2147483647]"},
    {CT_INT32, 0, {0}, 1, {-5}, "-5"},
    {CT_FLOAT32, 1, {0}, 0, {0}, "[]"},
    {CT_FLOAT64, 2, {2, 0}, 0, {0}, "[]"},
    {CT_INT64, 3, {3, 0, 2}, 0, {0}, "[]"},
    {CT_FLOAT32, 3, {1, 1, 1}, 1, {5.0}, "[[[5.]]]"},
    {CT_INT32,
     3,
     {2, 2, 2},
     8,
     {0, 1, 2, 3, 4, 5, 6, 7},
     "[[[0 1]\n"
     "  [2 3]]\n"
     "\n"
     " [[4 5]\n"
     "  [6 7]]]"},
    {CT_UINT8,
     4,
     {1, 2, 1, 2},
     4,
     {0, 1, 2, 3},
     "[[[[0 1]]\n"
     "\n"
     "  [[2 3]]]]"},
    {CT_FLOAT64, 8, {1, 1, 1, 1, 1, 1, 1, 1}, 1, {3.0}, "[[[[[[[[3.]]]]]]]]"},
    {CT_FLOAT64,
     1,
     {30},
     30,
     {0,    1.5,  3.0,  4.5,  6.0,  7.5,  9.0,  10.5, 12.0, 13.5, 15.0, 16.5, 18.0, 19.5, 21.0,
      22.5, 24.0, 25.5, 27.0, 28.5, 30.0, 31.5, 33.0, 34.5, 36.0, 37.5, 39.0, 40.5, 42.0, 43.5},
     "[ 0.   1.5  3.   4.5  6.   7.5  9.  10.5 12.  13.5 15.  16.5 18.  19.5\n"
     " 21.  22.5 24.  25.5 27.  28.5 30.  31.5 33.  34.5 36.  37.5 39.  40.5\n"
     " 42.  43.5]"},
    {CT_INT64,
     1,
     {26},
     26,
     {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25},
     "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
     " 24 25]"},
    {CT_INT64,
     2,
     {1, 30},
     30,
     {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29},
     "[[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
     "  24 25 26 27 28 29]]"},
    {CT_FLOAT32,
     1,
     {12},
     12,
     {1e-06, 9.999999999999999e-06, 9.999999999999999e-05, 0.001, 0.01, 0.09999999999999999, 1.0, 10.0, 100.0, 1000.0,
      10000.0, 100000.0},
     "[1.e-06 1.e-05 1.e-04 1.e-03 1.e-02 1.e-01 1.e+00 1.e+01 1.e+02 1.e+03\n"
     " 1.e+04 1.e+05]"},
    {CT_FLOAT32,
     2,
     {2, 12},
     24,
     {0,
      0.14285714285714285,
      0.2857142857142857,
      0.42857142857142855,
      0.5714285714285714,
      0.7142857142857143,
      0.8571428571428571,
      1.0,
      1.1428571428571428,
      1.2857142857142858,
      1.4285714285714286,
      1.5714285714285714,
      1.7142857142857142,
      1.8571428571428572,
      2.0,
      2.142857142857143,
      2.2857142857142856,
      2.4285714285714284,
      2.5714285714285716,
      2.7142857142857144,
      2.857142857142857,
      3.0,
      3.142857142857143,
      3.2857142857142856},
     "[[0.         0.14285715 0.2857143  0.42857143 0.5714286  0.71428573\n"
     "  0.85714287 1.         1.1428572  1.2857143  1.4285715  1.5714285 ]\n"
     " [1.7142857  1.8571428  2.         2.142857   2.2857144  2.4285715\n"
     "  2.5714285  2.7142856  2.857143   3.         3.142857   3.2857144 ]]"},
    {CT_FLOAT32,
     1,
     {24},
     24,
     {1.0, 2.5, 1.0, 2.5, 1.0, 2.5, 1.0, 2.5, 1.0, 2.5, 1.0, 2.5,
      1.0, 2.5, 1.0, 2.5, 1.0, 2.5, 1.0, 2.5, 1.0, 2.5, 1.0, 2.5},
     "[1.  2.5 1.  2.5 1.  2.5 1.  2.5 1.  2.5 1.  2.5 1.  2.5 1.  2.5 1.  2.5\n"
     " 1.  2.5 1.  2.5 1.  2.5]"},
};
enum { ROWS = sizeof rows / sizeof *rows };

START_TEST(text_is_numpys)
{
    for (int i = 0; i < ROWS; i++)
        check_text(ct_from_values(rows[i].dtype, rows[i].values, rows[i].count, rows[i].shape, rows[i].rank),
                   rows[i].text);
}
END_TEST

/* Elements 0, 1, 2, ... in a shape of more than 1000, mostly. */
static const struct {
    ct_dtype dtype;
    int rank;
    int64_t shape[CT_MAX_RANK];
    const char *text;
} ranges[] = {
    {CT_INT64, 1, {1001}, "[   0    1    2 ...  998  999 1000]"},
    {CT_FLOAT32, 1, {1001}, "[   0.    1.    2. ...  998.  999. 1000.]"},
    {CT_INT32,
     2,
     {7, 143},
     "[[   0    1    2 ...  140  141  142]\n"
     " [ 143  144  145 ...  283  284  285]\n"
     " [ 286  287  288 ...  426  427  428]\n"
     " ...\n"
     " [ 572  573  574 ...  712  713  714]\n"
     " [ 715  716  717 ...  855  856  857]\n"
     " [ 858  859  860 ...  998  999 1000]]"},
    {CT_INT64,
     2,
     {6, 167},
     "[[   0    1    2 ...  164  165  166]\n"
     " [ 167  168  169 ...  331  332  333]\n"
     " [ 334  335  336 ...  498  499  500]\n"
     " [ 501  502  503 ...  665  666  667]\n"
     " [ 668  669  670 ...  832  833  834]\n"
     " [ 835  836  837 ...  999 1000 1001]]"},
    {CT_FLOAT64,
     3,
     {11, 7, 14},
     "[[[0.000e+00 1.000e+00 2.000e+00 ... 1.100e+01 1.200e+01 1.300e+01]\n"
     "  [1.400e+01 1.500e+01 1.600e+01 ... 2.500e+01 2.600e+01 2.700e+01]\n"
     "  [2.800e+01 2.900e+01 3.000e+01 ... 3.900e+01 4.000e+01 4.100e+01]\n"
     "  ...\n"
     "  [5.600e+01 5.700e+01 5.800e+01 ... 6.700e+01 6.800e+01 6.900e+01]\n"
     "  [7.000e+01 7.100e+01 7.200e+01 ... 8.100e+01 8.200e+01 8.300e+01]\n"
     "  [8.400e+01 8.500e+01 8.600e+01 ... 9.500e+01 9.600e+01 9.700e+01]]\n"
     "\n"
     " [[9.800e+01 9.900e+01 1.000e+02 ... 1.090e+02 1.100e+02 1.110e+02]\n"
     "  [1.120e+02 1.130e+02 1.140e+02 ... 1.230e+02 1.240e+02 1.250e+02]\n"
     "  [1.260e+02 1.270e+02 1.280e+02 ... 1.370e+02 1.380e+02 1.390e+02]\n"
     "  ...\n"
     "  [1.540e+02 1.550e+02 1.560e+02 ... 1.650e+02 1.660e+02 1.670e+02]\n"
     "  [1.680e+02 1.690e+02 1.700e+02 ... 1.790e+02 1.800e+02 1.810e+02]\n"
     "  [1.820e+02 1.830e+02 1.840e+02 ... 1.930e+02 1.940e+02 1.950e+02]]\n"
     "\n"
     " [[1.960e+02 1.970e+02 1.980e+02 ... 2.070e+02 2.080e+02 2.090e+02]\n"
     "  [2.100e+02 2.110e+02 2.120e+02 ... 2.210e+02 2.220e+02 2.230e+02]\n"
     "  [2.240e+02 2.250e+02 2.260e+02 ... 2.350e+02 2.360e+02 2.370e+02]\n"
     "  ...\n"
     "  [2.520e+02 2.530e+02 2.540e+02 ... 2.630e+02 2.640e+02 2.650e+02]\n"
     "  [2.660e+02 2.670e+02 2.680e+02 ... 2.770e+02 2.780e+02 2.790e+02]\n"
     "  [2.800e+02 2.810e+02 2.820e+02 ... 2.910e+02 2.920e+02 2.930e+02]]\n"
     "\n"
     " ...\n"
     "\n"
     " [[7.840e+02 7.850e+02 7.860e+02 ... 7.950e+02 7.960e+02 7.970e+02]\n"
     "  [7.980e+02 7.990e+02 8.000e+02 ... 8.090e+02 8.100e+02 8.110e+02]\n"
     "  [8.120e+02 8.130e+02 8.140e+02 ... 8.230e+02 8.240e+02 8.250e+02]\n"
     "  ...\n"
     "  [8.400e+02 8.410e+02 8.420e+02 ... 8.510e+02 8.520e+02 8.530e+02]\n"
     "  [8.540e+02 8.550e+02 8.560e+02 ... 8.650e+02 8.660e+02 8.670e+02]\n"
     "  [8.680e+02 8.690e+02 8.700e+02 ... 8.790e+02 8.800e+02 8.810e+02]]\n"
     "\n"
     " [[8.820e+02 8.830e+02 8.840e+02 ... 8.930e+02 8.940e+02 8.950e+02]\n"
     "  [8.960e+02 8.970e+02 8.980e+02 ... 9.070e+02 9.080e+02 9.090e+02]\n"
     "  [9.100e+02 9.110e+02 9.120e+02 ... 9.210e+02 9.220e+02 9.230e+02]\n"
     "  ...\n"
     "  [9.380e+02 9.390e+02 9.400e+02 ... 9.490e+02 9.500e+02 9.510e+02]\n"
     "  [9.520e+02 9.530e+02 9.540e+02 ... 9.630e+02 9.640e+02 9.650e+02]\n"
     "  [9.660e+02 9.670e+02 9.680e+02 ... 9.770e+02 9.780e+02 9.790e+02]]\n"
     "\n"
     " [[9.800e+02 9.810e+02 9.820e+02 ... 9.910e+02 9.920e+02 9.930e+02]\n"
     "  [9.940e+02 9.950e+02 9.960e+02 ... 1.005e+03 1.006e+03 1.007e+03]\n"
     "  [1.008e+03 1.009e+03 1.010e+03 ... 1.019e+03 1.020e+03 1.021e+03]\n"
     "  ...\n"
     "  [1.036e+03 1.037e+03 1.038e+03 ... 1.047e+03 1.048e+03 1.049e+03]\n"
     "  [1.050e+03 1.051e+03 1.052e+03 ... 1.061e+03 1.062e+03 1.063e+03]\n"
     "  [1.064e+03 1.065e+03 1.066e+03 ... 1.075e+03 1.076e+03 1.077e+03]]]"},
    {CT_FLOAT64,
     2,
     {1001, 1},
     "[[   0.]\n"
     " [   1.]\n"
     " [   2.]\n"
     " ...\n"
     " [ 998.]\n"
     " [ 999.]\n"
     " [1000.]]"},
    {CT_UINT8,
     3,
     {2, 4, 126},
     "[[[  0   1   2 ... 123 124 125]\n"
     "  [126 127 128 ... 249 250 251]\n"
     "  [252 253 254 ... 119 120 121]\n"
     "  [122 123 124 ... 245 246 247]]\n"
     "\n"
     " [[248 249 250 ... 115 116 117]\n"
     "  [118 119 120 ... 241 242 243]\n"
     "  [244 245 246 ... 111 112 113]\n"
     "  [114 115 116 ... 237 238 239]]]"},
    {CT_INT64,
     2,
     {10, 101},
     "[[   0    1    2 ...   98   99  100]\n"
     " [ 101  102  103 ...  199  200  201]\n"
     " [ 202  203  204 ...  300  301  302]\n"
     " ...\n"
     " [ 707  708  709 ...  805  806  807]\n"
     " [ 808  809  810 ...  906  907  908]\n"
     " [ 909  910  911 ... 1007 1008 1009]]"},
    {CT_INT32,
     4,
     {7, 1, 1, 144},
     "[[[[   0    1    2 ...  141  142  143]]]\n"
     "\n"
     "\n"
     " [[[ 144  145  146 ...  285  286  287]]]\n"
     "\n"
     "\n"
     " [[[ 288  289  290 ...  429  430  431]]]\n"
     "\n"
     "\n"
     " ...\n"
     "\n"
     "\n"
     " [[[ 576  577  578 ...  717  718  719]]]\n"
     "\n"
     "\n"
     " [[[ 720  721  722 ...  861  862  863]]]\n"
     "\n"
     "\n"
     " [[[ 864  865  866 ... 1005 1006 1007]]]]"},
};
enum { RANGES = sizeof ranges / sizeof *ranges };

static ct_tensor *range(ct_dtype dtype, const int64_t *shape, int rank)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= shape[i];
    double *values = malloc((size_t)n * sizeof *values);
    for (int64_t i = 0; i < n; i++)
        values[i] = dtype == CT_UINT8 ? (double)(i % 256) : (double)i;
    ct_tensor *t = ct_from_values(dtype, values, n, shape, rank);
    free(values);
    return t;
}

START_TEST(long_axes_are_elided)
{
    for (int i = 0; i < RANGES; i++)
        check_text(range(ranges[i].dtype, ranges[i].shape, ranges[i].rank), ranges[i].text);
}
END_TEST

START_TEST(a_thousand_elements_are_all_written)
{
    ct_tensor *t = range(CT_INT32, (const int64_t[]){1000}, 1);
    char text[8192];
    ck_assert_uint_lt(ct_format(t, text, sizeof text), sizeof text);
    ck_assert_ptr_null(strstr(text, "..."));
    char *p = text + 1;
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(strtol(p, &p, 10), i);
    ck_assert_str_eq(p, "]");
}
END_TEST

/* 64-bit integers are not converted to double on the way. */
START_TEST(integers_keep_all_digits)
{
    const int64_t values[] = {INT64_MIN, INT64_MAX, 0};
    check_text(ct_from_array(CT_INT64, values, CT_SHAPE(3)),
               "[-9223372036854775808  9223372036854775807                    0]");
    check_text(ct_from_array(CT_INT64, values + 1, CT_SCALAR), "9223372036854775807");
}
END_TEST

START_TEST(any_strides)
{
    ct_tensor *t = range(CT_FLOAT64, (const int64_t[]){3, 4}, 2);
    check_text(ct__tensor_view(t, 0, (const int64_t[]){4, 3}, (const int64_t[]){1, 4}, 2, "transpose"),
               "[[ 0.  4.  8.]\n"
               " [ 1.  5.  9.]\n"
               " [ 2.  6. 10.]\n"
               " [ 3.  7. 11.]]");
    check_text(ct__tensor_view(t, 11, (const int64_t[]){2, 2}, (const int64_t[]){-8, -1}, 2, "flip"), "[[11. 10.]\n"
                                                                                                      " [ 3.  2.]]");
    check_text(ct__tensor_view(t, 5, (const int64_t[]){2, 3}, (const int64_t[]){0, 0}, 2, "expand"), "[[5. 5. 5.]\n"
                                                                                                     " [5. 5. 5.]]");
    check_text(ct__tensor_view(t, 7, NULL, NULL, 0, "select"), "7.0");
    check_text(ct__tensor_view(t, 3, (const int64_t[]){1200}, (const int64_t[]){0}, 1, "expand"),
               "[3. 3. 3. ... 3. 3. 3.]");
}
END_TEST

/* Every power of two, the numbers whose neighbours are not equally far: all that is written reads back. */
START_TEST(scalars_read_back)
{
    char text[64];
    locale_t before = ct__locale_begin(); /* for strtod here */
    for (int e = -1074; e < 1024; e++) {
        double x = ldexp(1, e);
        ct_format(ct_scalar(CT_FLOAT64, x), text, sizeof text);
        ck_assert_msg(strtod(text, NULL) == x, "2^%d: %s", e, text);
        if (e >= -149 && e < 128) {
            ct_format(ct_scalar(CT_FLOAT32, x), text, sizeof text);
            ck_assert_msg(strtof(text, NULL) == (float)x, "2^%d: %s", e, text);
        }
    }
    ct__locale_end(before);
}
END_TEST

START_TEST(format_writes_no_more_than_size)
{
    ct_tensor *t = range(CT_INT32, (const int64_t[]){5}, 1);
    const char *whole = "[0 1 2 3 4]";
    for (size_t size = 0; size <= strlen(whole) + 1; size++) {
        char buffer[16];
        memset(buffer, '#', sizeof buffer);
        ck_assert_uint_eq(ct_format(t, buffer, size), strlen(whole));
        for (size_t i = 0; i < sizeof buffer; i++)
            ck_assert_int_eq(buffer[i], i >= size ? '#' : i + 1 == size ? '\0' : whole[i]);
    }
}
END_TEST

START_TEST(print_writes_a_line)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    ck_assert_int_eq(ct_print(ct_eye(CT_FLOAT32, 2), stream), CT_OK);
    fclose(stream);
    ck_assert_str_eq(text, "[[1. 0.]\n [0. 1.]]\n");
    free(text);
}
END_TEST

START_TEST(print_errors)
{
    ck_assert_int_eq(ct_print(NULL, stdout), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "print: the tensor is NULL");
    ck_assert_int_eq(ct_print(ct_scalar(CT_FLOAT32, 1), NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "print: stream is NULL");
    char buffer[4] = "abc";
    ck_assert_uint_eq(ct_format(NULL, buffer, sizeof buffer), 0);
    ck_assert_str_eq(buffer, "");
    expect_failure(CT_ERROR_NULL, "format: the tensor is NULL");
    FILE *full = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(full);
    setvbuf(full, NULL, _IONBF, 0);
    ck_assert_int_eq(ct_print(ct_scalar(CT_FLOAT32, 1), full), CT_ERROR_IO);
    fclose(full);
    expect_failure(CT_ERROR_IO, "print: writing failed: No space left on device");
}
END_TEST

/* Printing needs no memory. */
START_TEST(print_allocates_nothing)
{
    ct_tensor *t = range(CT_FLOAT32, (const int64_t[]){40, 40}, 2);
    char text[1024];
    ct__fail_allocation(1, true);
    size_t length = ct_format(t, text, sizeof text);
    ct__fail_allocation(0, false);
    ck_assert_uint_gt(length, 100);
    ck_assert_int_eq(ct_error_code(), CT_OK);
}
END_TEST

Suite *ct_suite_print(void)
{
    Suite *suite = suite_create("print");
    TCase *tests = tcase_create("print");
    tcase_add_checked_fixture(tests, open_scope, close_scope);
    tcase_add_test(tests, text_is_numpys);
    tcase_add_test(tests, long_axes_are_elided);
    tcase_add_test(tests, a_thousand_elements_are_all_written);
    tcase_add_test(tests, integers_keep_all_digits);
    tcase_add_test(tests, any_strides);
    tcase_add_test(tests, scalars_read_back);
    tcase_add_test(tests, format_writes_no_more_than_size);
    tcase_add_test(tests, print_writes_a_line);
    tcase_add_test(tests, print_errors);
    tcase_add_test(tests, print_allocates_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
