/* SPDX-License-Identifier: MIT
 *
 * Finds a method by its path with one hash and one comparison: a perfect hash, whose seed is chosen at start
 * so that no two methods share a place. Loop thread only.
 */
#ifndef EDGE_HTTP_METHOD_TABLE_H
#define EDGE_HTTP_METHOD_TABLE_H

#include "call/method.h"

struct method_table {
    const struct rpc_method **places;
    uint32_t mask;
    uint32_t seed;
};

/* Fills the table with all rpc_methods. 0 or UV_ENOMEM; method_table_finish frees it. */
int method_table_init(struct method_table *table);
void method_table_finish(struct method_table *table);

/* NULL: no method has this path. */
const struct rpc_method *method_table_find(const struct method_table *table, const char *path, size_t len);

#endif
