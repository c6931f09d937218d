/* SPDX-License-Identifier: MIT
 *
 * Limits the rows of a merged execution by how wide rows of its statement have been, so that its result stays
 * small.
 */
#include "db/queue.h"

#define RESULT_BYTES (4 << 20) /* that a merged result should not exceed, in libpq's memory */
#define ROWS_MAX     2048
#define WIDE_BYTES   16384 /* assumed width of a row until one was seen */

unsigned queue_rows_max(const struct queue *queue, const struct query *query)
{
    unsigned row_bytes = queue_kind_of(queue, query->statement)->row_bytes;
    unsigned rows = RESULT_BYTES / (row_bytes > 0 ? row_bytes : WIDE_BYTES);
    if (query->alone)
        return QUERY_ROWS_MAX;
    return rows < 1 ? 1 : rows < ROWS_MAX ? rows : ROWS_MAX;
}

void queue_learn_size(struct queue *queue, const struct statement *statement, size_t bytes, unsigned rows)
{
    struct kind *kind = queue_kind_of(queue, statement);
    if (rows == 0)
        return;
    unsigned mean = (unsigned)(bytes / rows);
    kind->row_bytes = mean > kind->row_bytes ? mean : kind->row_bytes - (kind->row_bytes - mean) / 8;
}
