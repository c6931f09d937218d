/* SPDX-License-Identifier: MIT
 *
 * What bodies are wrapped in: chunks, base64, gzip and deflate.
 */
#include <string.h>
#include <uv.h>

#include "base/bytes.h"
#include "edge/http/base64.h"
#include "edge/http/chunked.h"
#include "edge/http/inflate.h"
#include "fuzz.h"

#define OUT_MAX ((size_t)65536)

/* However it is cut it is the same body. */
static void take(const uint8_t *data, size_t size, size_t step, struct bytes *body, enum chunked_state *state)
{
    struct chunked chunked = { 0 };
    size_t at = 0;
    while (at < size && chunked.state < CHUNKED_END) {
        const uint8_t *piece;
        size_t piece_len, room = size - at < step ? size - at : step;
        size_t taken = chunked_take(&chunked, data + at, room, &piece, &piece_len);
        FUZZ_EXPECT(taken > 0 || chunked.state >= CHUNKED_END);
        at += taken;
        FUZZ_EXPECT(bytes_reserve(body, piece_len) == 0);
        bytes_put(body, piece, piece_len);
    }
    *state = chunked.state;
}

static void take_chunks(const uint8_t *data, size_t size)
{
    struct bytes whole = { 0 }, cut = { 0 };
    enum chunked_state state, state_cut;
    take(data, size, size, &whole, &state);
    take(data, size, 1, &cut, &state_cut);
    FUZZ_EXPECT(state == state_cut && whole.len == cut.len);
    FUZZ_EXPECT(!cut.len || memcmp(whole.data, cut.data, cut.len) == 0);
    bytes_finish(&whole);
    bytes_finish(&cut);
}

static void unwrap(const uint8_t *data, size_t size)
{
    uint8_t *text = (uint8_t *)fuzz_text(data, size);
    size_t len = size;
    struct bytes wrapped = { 0 };
    if (base64_unwrap(text, &len) == 0) {
        FUZZ_EXPECT(len <= size && bytes_reserve(&wrapped, len) == 0);
        bytes_put(&wrapped, text, len);
        FUZZ_EXPECT(base64_wrap(&wrapped, 0) == 0);
        FUZZ_EXPECT(base64_unwrap(wrapped.data, &wrapped.len) == 0 && wrapped.len == len);
        FUZZ_EXPECT(len == 0 || memcmp(wrapped.data, text, len) == 0);
    }
    bytes_finish(&wrapped);
    free(text);
}

void fuzz_bodies(const uint8_t *data, size_t size)
{
    static struct bytes out;
    take_chunks(data, size);
    unwrap(data, size);
    if (inflate_message(ENCODING_GZIP, data, size, &out, OUT_MAX) == 0)
        FUZZ_EXPECT(out.len <= OUT_MAX);
    if (inflate_message(ENCODING_DEFLATE, data, size, &out, OUT_MAX) == 0)
        FUZZ_EXPECT(out.len <= OUT_MAX);
}
