/* Records of operations in a shared library. */
#ifndef COTAN_CLI_RECORDS_H
#define COTAN_CLI_RECORDS_H

#include "cli.h"

#define MAX_RECORDS 256

typedef struct records {
    const ct_op *ops[MAX_RECORDS]; /* by name */
    int n;
} records;

/* Loads the library and finds the records that it exports; false after complaining, also of one without any. It stays loaded:
 * the records are in it. */
bool load_records(const char *who, const char *path, records *found);
/* From now on a crash ends the program with that status, and says that what, in quotes, did that. */
void watch_crashes(const char *who, int status, const char *what, const char *did);

#endif
