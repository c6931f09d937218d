/* SPDX-License-Identifier: MIT */
#include "edge/http/inflate.h"

#include <limits.h>
#include <string.h>
#include <strings.h>
#include <uv.h>
#include <zlib.h>

#define STEP_LEN ((size_t)16384)

static const struct {
    const char *name;
    int window_bits; /* of inflateInit2(): 15, and 16 more for gzip's header */
} encodings[] = {
    [ENCODING_IDENTITY] = { "identity", 0 },
    [ENCODING_GZIP] = { "gzip", 15 + 16 },
    [ENCODING_DEFLATE] = { "deflate", 15 },
};

enum encoding encoding_parse(const char *text, size_t len)
{
    for (enum encoding i = 0; i < ENCODING_UNKNOWN; i++)
        if (strlen(encodings[i].name) == len && strncasecmp(encodings[i].name, text, len) == 0)
            return i;
    return ENCODING_UNKNOWN;
}

/* One byte more than max is asked for: if it comes, the message is too long. */
static int inflate_all(z_stream *stream, struct bytes *out, size_t max)
{
    for (;;) {
        size_t room = max + 1 - out->len;
        if (bytes_reserve(out, room < STEP_LEN ? room : STEP_LEN))
            return UV_ENOMEM;
        size_t free_len = out->size - out->len;
        stream->next_out = out->data + out->len;
        stream->avail_out = (uInt)(room < free_len ? room : free_len);
        size_t asked = stream->avail_out;
        int rc = inflate(stream, Z_NO_FLUSH);
        out->len += asked - stream->avail_out;
        if (out->len > max)
            return UV_EMSGSIZE;
        if (rc == Z_STREAM_END)
            return stream->avail_in == 0 ? 0 : UV_EINVAL;
        if (rc == Z_MEM_ERROR)
            return UV_ENOMEM;
        if (rc != Z_OK || (stream->avail_in == 0 && stream->avail_out > 0))
            return UV_EINVAL;
    }
}

int inflate_message(enum encoding encoding, const uint8_t *bytes, size_t len, struct bytes *out, size_t max)
{
    z_stream stream = { .next_in = (uint8_t *)bytes, .avail_in = (uInt)len };
    if (len > UINT_MAX || inflateInit2(&stream, encodings[encoding].window_bits) != Z_OK)
        return UV_ENOMEM;
    out->len = 0;
    int rc = inflate_all(&stream, out, max);
    inflateEnd(&stream);
    return rc;
}
