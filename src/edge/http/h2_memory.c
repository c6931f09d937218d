/* SPDX-License-Identifier: MIT */
#include "edge/http/h2_memory.h"

#include "base/slabs.h"

static struct slabs slabs;

static void *on_alloc(size_t len, void *data)
{
    return slabs_alloc(data, len);
}

static void on_free(void *block, void *data)
{
    slabs_free(data, block);
}

static void *on_calloc(size_t n, size_t len, void *data)
{
    return slabs_calloc(data, n, len);
}

static void *on_realloc(void *block, size_t len, void *data)
{
    return slabs_realloc(data, block, len);
}

nghttp2_mem *h2_memory(void)
{
    static nghttp2_mem memory = { &slabs, on_alloc, on_free, on_calloc, on_realloc };
    return &memory;
}

void h2_memory_init(void)
{
    slabs_init(&slabs);
}

void h2_memory_finish(void)
{
    slabs_finish(&slabs);
}

bool h2_memory_is_ample(void)
{
    return slabs_is_ample(&slabs);
}

void h2_memory_trim(void)
{
    slabs_trim(&slabs);
}
