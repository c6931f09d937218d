/* SPDX-License-Identifier: MIT
 *
 * What is stored of a call with an idempotency key, and read again to replay it: whatever the columns hold, a
 * statement's rows are either whole or refused.
 */
#include <string.h>

#include "base/arena.h"
#include "call/once_record.h"
#include "db/record.h"
#include "fuzz.h"

static void read_rows(struct sql_bytes records, const struct statement *statement)
{
    struct arena arena = { 0 };
    long n = records_count(records);
    FUZZ_EXPECT(n >= -1 && n <= (long)records.len);
    for (long i = 0; i < n; i++) {
        size_t before = records.len;
        void *row = calloc(1, statement->row_size ? statement->row_size : 1);
        FUZZ_EXPECT(row != NULL);
        int rc = record_read(&records, statement, &arena, row);
        free(row);
        FUZZ_EXPECT(records.len <= before);
        if (rc)
            break;
    }
    arena_finish(&arena);
}

/* The first byte: which statement. */
void fuzz_record(const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    const struct statement *statement = sql_statements[data[0] % sql_statements_n];
    uint8_t *bytes = (uint8_t *)fuzz_text(data + 1, size - 1);
    struct sql_bytes column = { .data = bytes, .len = size - 1 }, records;
    struct sql_bytes entries = once_record_entries(column);
    while (once_record_take(&entries, statement, column, &records)) {
        FUZZ_EXPECT(records.data >= bytes && records.data + records.len <= bytes + column.len);
        read_rows(records, statement);
    }
    read_rows(column, statement);
    free(bytes);
}
