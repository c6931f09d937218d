/* SPDX-License-Identifier: MIT
 *
 * The guard before HTTP/2's sessions: what it lets pass does not depend on how the bytes were cut.
 */
#include <string.h>

#include "base/bytes.h"
#include "edge/http/h2_guard.h"
#include "fuzz.h"

static void pass(void *data, uint8_t *bytes, size_t len)
{
    struct bytes *passed = data;
    FUZZ_EXPECT(bytes_reserve(passed, len) == 0);
    bytes_put(passed, bytes, len);
}

static enum http_reason guard(const uint8_t *data, size_t size, size_t step, struct bytes *passed)
{
    struct h2_guard guard;
    h2_guard_init(&guard, pass, passed);
    for (size_t at = 0; at < size && !guard.reason; at += step) {
        size_t len = size - at < step ? size - at : step;
        uint8_t *piece = malloc(len);
        FUZZ_EXPECT(piece != NULL);
        memcpy(piece, data + at, len);
        h2_guard_receive(&guard, piece, len);
        free(piece);
    }
    enum http_reason reason = guard.reason;
    h2_guard_finish(&guard);
    return reason;
}

/* The first byte: how long the pieces are. The preface comes before the rest. */
void fuzz_guard(const uint8_t *data, size_t size)
{
    struct bytes whole = { 0 }, cut = { 0 }, input = { 0 };
    if (size == 0)
        return;
    FUZZ_EXPECT(bytes_reserve(&input, H2_MAGIC_LEN + size) == 0);
    bytes_put(&input, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", H2_MAGIC_LEN);
    bytes_put(&input, data + 1, size - 1);
    enum http_reason reason = guard(input.data, input.len, input.len, &whole);
    enum http_reason reason_cut = guard(input.data, input.len, 1 + data[0], &cut);
    FUZZ_EXPECT(reason == reason_cut);
    if (!reason)
        FUZZ_EXPECT(whole.len == cut.len && memcmp(whole.data, cut.data, cut.len) == 0);
    bytes_finish(&input);
    bytes_finish(&whole);
    bytes_finish(&cut);
}
