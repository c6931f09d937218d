/* SPDX-License-Identifier: MIT */
#include "edge/http/method_table.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define SEEDS_MAX 10000 /* seeds tried before a larger table is */

/* Paths begin alike, so their last 16 bytes, and 8 bytes of the service's name, are hashed. The constants are
 * those of splitmix64. */
static uint32_t hash(const char *path, size_t len, uint32_t seed)
{
    uint64_t tail = 0, middle = 0, h;
    memcpy(&tail, len >= 8 ? path + len - 8 : path, len >= 8 ? 8 : len);
    if (len >= 16)
        memcpy(&middle, path + len - 16, 8);
    h = (tail ^ seed ^ (uint64_t)len << 32) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ middle ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    if (len >= 32) {
        uint64_t service;
        memcpy(&service, path + len - 32, 8);
        h = (h ^ service) * UINT64_C(0x94d049bb133111eb);
    }
    return (uint32_t)(h >> 32);
}

/* False: two methods share a place. */
static bool fill(struct method_table *table, size_t size)
{
    memset(table->places, 0, size * sizeof(struct rpc_method *));
    for (size_t i = 0; i < rpc_methods_n; i++) {
        const char *path = rpc_methods[i].path;
        const struct rpc_method **place = &table->places[hash(path, strlen(path), table->seed) & table->mask];
        if (*place)
            return false;
        *place = &rpc_methods[i];
    }
    return true;
}

int method_table_init(struct method_table *table)
{
    for (size_t size = 64;; size *= 2) {
        if (size < 2 * rpc_methods_n)
            continue;
        *table = (struct method_table){ .places = calloc(size, sizeof(struct rpc_method *)),
                                        .mask = (uint32_t)size - 1 };
        if (!table->places)
            return UV_ENOMEM;
        for (; table->seed < SEEDS_MAX; table->seed++)
            if (fill(table, size))
                return 0;
        free(table->places);
    }
}

void method_table_finish(struct method_table *table)
{
    free(table->places);
    *table = (struct method_table){ 0 };
}

const struct rpc_method *method_table_find(const struct method_table *table, const char *path, size_t len)
{
    const struct rpc_method *method = table->places[hash(path, len, table->seed) & table->mask];
    return method && strncmp(method->path, path, len) == 0 && !method->path[len] ? method : NULL;
}
