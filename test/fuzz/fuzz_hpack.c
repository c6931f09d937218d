/* SPDX-License-Identifier: MIT
 *
 * Blocks of HPACK from which long texts are cut: what has none stays as it is; what is well-formed stays so,
 * and leaves the table that both sides keep as full as it would have been.
 */
#include <nghttp2/nghttp2.h>
#include <string.h>

#include "edge/http/hpack_cut.h"
#include "fuzz.h"

/* Whether a block is well-formed, and what is in the table after it. */
static bool inflate(const uint8_t *block, size_t len, size_t *table_len)
{
    nghttp2_hd_inflater *inflater;
    FUZZ_EXPECT(nghttp2_hd_inflate_new(&inflater) == 0);
    ssize_t n = 0;
    int flags = 0;
    size_t at = 0;
    while (!(flags & NGHTTP2_HD_INFLATE_FINAL) && n >= 0) {
        nghttp2_nv field;
        n = nghttp2_hd_inflate_hd2(inflater, &field, &flags, block + at, len - at, 1);
        at += n > 0 ? (size_t)n : 0;
    }
    *table_len = nghttp2_hd_inflate_get_dynamic_table_size(inflater);
    nghttp2_hd_inflate_del(inflater);
    return n >= 0;
}

/* A byte 0xff stands for many, else no text would be long. */
static uint8_t *stretched(const uint8_t *data, size_t size, size_t *len)
{
    enum { TIMES = 40000 };
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += data[i] == 0xff && i + 1 == size / 2;
    uint8_t *block = malloc(size + n * TIMES + 1);
    FUZZ_EXPECT(block != NULL);
    *len = 0;
    for (size_t i = 0; i < size; i++) {
        size_t times = data[i] == 0xff && i + 1 == size / 2 ? TIMES : 1;
        memset(block + *len, times > 1 ? 'a' : data[i], times);
        *len += times;
    }
    return block;
}

void fuzz_hpack(const uint8_t *data, size_t size)
{
    size_t len, table_before, table_after;
    uint8_t *block = stretched(data, size, &len), *cut = malloc(len + 1);
    FUZZ_EXPECT(cut != NULL);
    memcpy(cut, block, len);
    bool has_cut;
    size_t cut_len = hpack_cut(cut, len, &has_cut);
    FUZZ_EXPECT(cut_len <= len);
    if (!has_cut)
        FUZZ_EXPECT(cut_len == len && memcmp(cut, block, len) == 0);
    else if (inflate(block, len, &table_before))
        FUZZ_EXPECT(inflate(cut, cut_len, &table_after) && table_after == table_before);
    free(block);
    free(cut);
}
