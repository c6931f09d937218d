/* SPDX-License-Identifier: MIT
 *
 * How many queries of a statement one execution may carry, by the results that were seen.
 */
#include "db/queue.h"

#define RESULT_BYTES  (4 << 20) /* of one execution */
#define UNKNOWN_MERGE 16

unsigned queue_merge_max(const struct queue *queue, const struct statement *statement)
{
    const struct kind *kind = &queue->kinds[statement->number];
    if (statement->returns != SQL_MANY || statement->params_n == 0)
        return BATCH_MAX;
    size_t worst = (size_t)kind->rows_max * kind->row_bytes;
    size_t most = worst > 0 ? RESULT_BYTES / worst : BATCH_MAX;
    size_t limit = kind->known ? BATCH_MAX : UNKNOWN_MERGE;
    return most < 1 ? 1 : (unsigned)(most < limit ? most : limit);
}

void queue_learn_size(struct queue *queue, const struct statement *statement, size_t bytes, unsigned rows,
                      unsigned rows_most)
{
    struct kind *kind = &queue->kinds[statement->number];
    kind->known = true;
    if (rows_most >= kind->rows_max)
        kind->rows_max = rows_most;
    else
        kind->rows_max -= kind->rows_max / 1024; /* a thousand results later a heavy one is half forgotten */
    if (rows == 0)
        return;
    unsigned mean = (unsigned)(bytes / rows);
    kind->row_bytes = mean > kind->row_bytes ? mean : kind->row_bytes - (kind->row_bytes - mean) / 8;
}
