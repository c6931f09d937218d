/* SPDX-License-Identifier: MIT
 *
 * Values of metadata: request ids, traceparent, time-outs, encodings, positions; and messages as metadata has
 * them.
 */
#include <ctype.h>
#include <string.h>

#include "call/call.h"
#include "call/origin.h"
#include "db/position.h"
#include "edge/http/exchange.h"
#include "edge/http/grpc.h"
#include "edge/http/inflate.h"
#include "edge/http/timeout.h"
#include "fuzz.h"

static const char *value;

static const char *metadata_of(struct call *call, const char *key)
{
    (void)call;
    (void)key;
    return value;
}

static const struct call_transport transport = { .metadata = metadata_of };

static void look_at_origin(struct context *context)
{
    struct call call = { .transport = &transport, .context = context, .method = &rpc_methods[0] };
    const char *id = call_request_id(&call), *trace = call_trace_id(&call);
    FUZZ_EXPECT(id && *id && strlen(id) <= REQUEST_ID_MAX);
    for (; *id; id++)
        FUZZ_EXPECT(isprint((unsigned char)*id));
    FUZZ_EXPECT(!trace || (strlen(trace) == 32 && strspn(trace, "0123456789abcdef") == 32));
    call_finish(&call);
}

static int nibble(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* What is percent-encoded is printable, and comes back. */
static void encode(const char *message)
{
    struct exchange exchange = { 0 };
    const char *encoded = grpc_percent_encode(&exchange, message);
    FUZZ_EXPECT(encoded != NULL);
    for (; *encoded; encoded++, message++) {
        FUZZ_EXPECT(isprint((unsigned char)*encoded));
        char c = *encoded;
        if (c == '%') {
            c = (char)(nibble(encoded[1]) << 4 | nibble(encoded[2]));
            encoded += 2;
        }
        FUZZ_EXPECT(c == *message);
    }
    FUZZ_EXPECT(*message == '\0');
    arena_finish(&exchange.arena);
}

/* What `svcd-after` says is what `svcd-position` would. */
static void look_at_position(const char *text)
{
    struct position position, again;
    char written[POSITION_TEXT_LEN];
    if (position_parse(text, &position))
        return;
    position_format(position, written);
    FUZZ_EXPECT(position_parse(written, &again) == 0);
    FUZZ_EXPECT(again.timeline == position.timeline && again.lsn == position.lsn);
}

void fuzz_metadata(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    uint64_t ns = 0;
    value = text;
    look_at_origin(fuzz_context());
    encode(text);
    look_at_position(text);
    if (timeout_parse_grpc(text, size, &ns) == 0)
        FUZZ_EXPECT(size >= 2 && size <= 9 && timeout_deadline_ns(ns) >= ns);
    if (timeout_parse_ms(text, size, &ns) == 0)
        FUZZ_EXPECT(size <= 10 && timeout_deadline_ns(ns) >= ns);
    encoding_parse(text, size);
    free(text);
}
