/* SPDX-License-Identifier: MIT
 *
 * Requests, from their bytes through all checks to the first statement of the handler (which finds the
 * database away).
 */
#include <string.h>
#include <uv.h>

#include "base/container_of.h"
#include "call/call.h"
#include "call/entry.h"
#include "call/stream.h"
#include "fuzz.h"

struct fuzzed {
    struct call call;
    bool is_answered, is_over, wants_next;
};

static struct fuzzed *fuzzed_of(struct call *call)
{
    return container_of(call, struct fuzzed, call);
}

static void on_reply(struct call *call, const uint8_t *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    FUZZ_EXPECT(!fuzzed_of(call)->is_answered);
    fuzzed_of(call)->is_answered = true;
}

static void on_end(struct call *call, enum status status, const char *message, unsigned retry_after_ms)
{
    (void)retry_after_ms;
    FUZZ_EXPECT(!fuzzed_of(call)->is_answered);
    FUZZ_EXPECT(status != STATUS_INTERNAL || strstr(message, "the request cannot be decoded"));
    FUZZ_EXPECT(strlen(message) <= MESSAGE_LEN_MAX);
    fuzzed_of(call)->is_answered = true;
}

static void on_send(struct call *call, const uint8_t *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    FUZZ_EXPECT(!fuzzed_of(call)->is_answered);
}

static void on_receive(struct call *call)
{
    fuzzed_of(call)->wants_next = true;
}

static void on_over(struct call *call)
{
    FUZZ_EXPECT(!fuzzed_of(call)->is_over);
    fuzzed_of(call)->is_over = true;
}

static bool peer_of(struct call *call, struct ip *ip)
{
    (void)call;
    return ip_parse(ip, "192.0.2.1", 9) == 0;
}

static const struct call_transport transport = {
    .reply = on_reply, .end = on_end, .send = on_send, .receive = on_receive, .over = on_over, .peer = peer_of
};

static void start(struct call *call, uint8_t *bytes, size_t len)
{
    if (call->method->kind != METHOD_DIALOGUE) {
        call_start(call, bytes, len);
        return;
    }
    stream_open(call);
    if (fuzzed_of(call)->wants_next && !fuzzed_of(call)->is_over)
        stream_received(call, bytes, len);
}

/* The first byte: which method. */
void fuzz_request(const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    struct context *context = fuzz_context();
    struct fuzzed *fuzzed = calloc(1, sizeof *fuzzed);
    uint8_t *bytes = (uint8_t *)fuzz_text(data + 1, size - 1);
    FUZZ_EXPECT(fuzzed != NULL);
    fuzzed->call = (struct call){ .method = &rpc_methods[data[0] % rpc_methods_n],
                                  .transport = &transport,
                                  .context = context,
                                  .deadline_ns = UINT64_MAX };
    start(&fuzzed->call, bytes, size - 1);
    if (!fuzzed->is_over)
        call_cancel(&fuzzed->call);
    while (!fuzzed->is_over)
        uv_run(context->loop, UV_RUN_ONCE);
    call_finish(&fuzzed->call);
    free(fuzzed);
    free(bytes);
}
