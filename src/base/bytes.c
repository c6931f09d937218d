/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include <stdlib.h>
#include <uv.h>

#define FIRST_SIZE 256

int bytes_grow(struct bytes *bytes, size_t more)
{
    if (more > PTRDIFF_MAX - bytes->len)
        return UV_ENOMEM;
    size_t size = bytes->size ? bytes->size : FIRST_SIZE;
    while (size < bytes->len + more)
        size *= 2;
    uint8_t *data = realloc(bytes->data, size);
    if (!data)
        return UV_ENOMEM;
    bytes->data = data;
    bytes->size = size;
    return 0;
}

void bytes_finish(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){ 0 };
}
