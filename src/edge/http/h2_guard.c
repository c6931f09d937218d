/* SPDX-License-Identifier: MIT */
#include "edge/http/h2_guard.h"

#include <string.h>
#include <uv.h>

#include "edge/http/hpack_cut.h"

#define BLOCK_MAX       ((size_t)196608)      /* bytes of held headers: three times HEADERS_LEN_MAX */
#define BLOCK_FRAMES    128                   /* HEADERS and CONTINUATION frames of them */
#define BLOCK_NS        UINT64_C(10000000000) /* in which they must be complete */
#define FRAME_MAX       ((size_t)16384)       /* bytes of a payload: HTTP/2's default, which we leave */
#define PATIENCE_MAX    4000                  /* tokens in the bucket; most frames cost one */
#define PATIENCE_PER_S  200
#define FLAG_END_STREAM 1
#define FLAG_ACK        1
#define FLAG_END        4 /* END_HEADERS */
#define FLAG_PADDED     8
#define FLAG_PRIORITY   0x20

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};

void h2_guard_init(struct h2_guard *guard, void (*pass)(void *data, uint8_t *bytes, size_t len), void *data)
{
    *guard = (struct h2_guard){ .pass = pass,
                                .data = data,
                                .magic_left = H2_MAGIC_LEN,
                                .patience = PATIENCE_MAX,
                                .patience_at_ns = uv_hrtime() };
}

void h2_guard_finish(struct h2_guard *guard)
{
    bytes_finish(&guard->block);
}

static void refuse(struct h2_guard *guard, enum http_reason reason, const char *detail)
{
    if (guard->reason)
        return;
    guard->reason = reason;
    guard->detail = detail;
}

/* ---- patience ---- */

void h2_guard_earn(struct h2_guard *guard, int64_t much)
{
    guard->patience += much;
    if (guard->patience > PATIENCE_MAX)
        guard->patience = PATIENCE_MAX;
}

/* Refills the bucket for the time that has passed. Called when it is empty, to spare looks at the clock. */
static void rest(struct h2_guard *guard)
{
    uint64_t now_ns = uv_hrtime();
    uint64_t rested = (now_ns - guard->patience_at_ns) / (UINT64_C(1000000000) / PATIENCE_PER_S);
    h2_guard_earn(guard, rested < PATIENCE_MAX ? (int64_t)rested : PATIENCE_MAX);
    guard->patience_at_ns = now_ns;
}

void h2_guard_spend(struct h2_guard *guard, int64_t much, enum http_reason reason)
{
    guard->patience -= much;
    if (guard->patience >= 0)
        return;
    rest(guard);
    if (guard->patience < 0)
        refuse(guard, reason, NULL);
}

static void spend_for(struct h2_guard *guard, uint8_t type, uint8_t flags, size_t len)
{
    switch (type) {
    case HEADERS:
    case CONTINUATION:
        return;
    case DATA:
        if (len > 0 || flags & FLAG_END_STREAM)
            return;
        break;
    case RST_STREAM:
        h2_guard_spend(guard, 1, REASON_RESETS);
        return;
    case SETTINGS:
        h2_guard_spend(guard, flags & FLAG_ACK ? 1 : 4, REASON_FLOOD);
        return;
    default:
        break;
    }
    h2_guard_spend(guard, 1, REASON_FLOOD);
}

/* ---- headers over several frames ---- */

static void hold(struct h2_guard *guard, uint32_t stream_id, uint8_t flags, size_t len)
{
    guard->is_holding = true;
    guard->stream_id = stream_id;
    guard->flags = flags;
    guard->first_len = len;
    guard->frames_n = 1;
    guard->held_since_ns = uv_hrtime();
    guard->block.len = 0;
}

static void hold_more(struct h2_guard *guard, const uint8_t *bytes, size_t len)
{
    if (guard->block.len + len > BLOCK_MAX)
        refuse(guard, REASON_HEADERS, "over 196608 bytes");
    else if (bytes_reserve(&guard->block, len))
        refuse(guard, REASON_MEMORY, NULL);
    else
        bytes_put(&guard->block, bytes, len);
}

static void pass_frame(struct h2_guard *guard, uint8_t type, uint8_t flags, uint8_t *bytes, size_t len)
{
    uint8_t head[H2_HEAD_LEN] = { (uint8_t)(len >> 16),
                                  (uint8_t)(len >> 8),
                                  (uint8_t)len,
                                  type,
                                  flags,
                                  (uint8_t)(guard->stream_id >> 24),
                                  (uint8_t)(guard->stream_id >> 16),
                                  (uint8_t)(guard->stream_id >> 8),
                                  (uint8_t)guard->stream_id };
    guard->pass(guard->data, head, sizeof head);
    if (len)
        guard->pass(guard->data, bytes, len);
}

/* Takes padding and priority out of the first frame's payload. False: they would be longer than it is. */
static bool strip(struct h2_guard *guard)
{
    uint8_t *bytes = guard->block.data;
    size_t before = 0, after = 0;
    if (guard->flags & FLAG_PADDED) {
        if (guard->first_len < 1)
            return false;
        after = bytes[0];
        before = 1;
    }
    if (guard->flags & FLAG_PRIORITY)
        before += 5;
    if (before + after > guard->first_len)
        return false;
    size_t rest = guard->block.len - guard->first_len, kept = guard->first_len - before - after;
    memmove(bytes, bytes + before, kept);
    memmove(bytes + kept, bytes + guard->first_len, rest);
    guard->block.len = kept + rest;
    return true;
}

static void let_go(struct h2_guard *guard)
{
    bool has_cut;
    guard->is_holding = false;
    if (!strip(guard)) {
        refuse(guard, REASON_PROTOCOL_ERROR, "padding of headers that is longer than they are");
        return;
    }
    size_t len = hpack_cut(guard->block.data, guard->block.len, &has_cut);
    if (has_cut)
        guard->oversized_stream = guard->stream_id;
    uint8_t flags = guard->flags & FLAG_END_STREAM, type = HEADERS;
    for (size_t at = 0; type == HEADERS || at < len; type = CONTINUATION, flags = 0) {
        size_t n = len - at < FRAME_MAX ? len - at : FRAME_MAX;
        pass_frame(guard, type, (uint8_t)(at + n == len ? flags | FLAG_END : flags), guard->block.data + at,
                   n);
        at += n;
    }
    bytes_finish(&guard->block);
}

/* ---- frames ---- */

/* A frame's head is complete. True: head and payload pass; false: they are held, or refused. */
static bool on_head(struct h2_guard *guard, const uint8_t *head)
{
    uint8_t type = head[3], flags = head[4];
    uint32_t stream_id =
        ((uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8]) & 0x7fffffff;
    guard->left = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    spend_for(guard, type, flags, guard->left);
    if (guard->is_holding) {
        if (type != CONTINUATION || stream_id != guard->stream_id || guard->left > FRAME_MAX)
            refuse(guard, REASON_PROTOCOL_ERROR, "headers are broken off");
        else if (++guard->frames_n > BLOCK_FRAMES)
            refuse(guard, REASON_HEADERS, "over 128 frames");
        else if (uv_hrtime() - guard->held_since_ns > BLOCK_NS)
            refuse(guard, REASON_HEADERS, "not whole after 10 seconds");
        guard->is_last = flags & FLAG_END;
        return false;
    }
    bool is_held = !(flags & FLAG_END) || flags & FLAG_PRIORITY;
    if (type == HEADERS && is_held && stream_id && guard->left <= FRAME_MAX) {
        hold(guard, stream_id, flags, guard->left);
        guard->is_last = flags & FLAG_END;
        return false;
    }
    return true;
}

/* Collects a frame's head that comes in pieces. Returns how many of the bytes belong to it. */
static size_t collect_head(struct h2_guard *guard, const uint8_t *bytes, size_t len)
{
    size_t n = H2_HEAD_LEN - guard->head_len;
    if (n > len)
        n = len;
    memcpy(guard->head + guard->head_len, bytes, n);
    guard->head_len += n;
    return n;
}

void h2_guard_receive(struct h2_guard *guard, uint8_t *bytes, size_t len)
{
    size_t begin = 0, at = 0; /* [begin, at) may pass, and has not been passed on yet */
    while (at < len && !guard->reason) {
        size_t there = len - at;
        if (guard->magic_left) {
            size_t n = there < guard->magic_left ? there : guard->magic_left;
            guard->magic_left -= n;
            at += n;
        } else if (guard->left) {
            size_t n = there < guard->left ? there : guard->left;
            guard->left -= n;
            if (guard->is_holding) {
                hold_more(guard, bytes + at, n);
                begin = at + n;
            }
            at += n;
        } else if (guard->head_len == 0 && there >= H2_HEAD_LEN) {
            bool passes = on_head(guard, bytes + at);
            if (!passes && at > begin)
                guard->pass(guard->data, bytes + begin, at - begin);
            at += H2_HEAD_LEN;
            if (!passes)
                begin = at;
        } else {
            if (at > begin)
                guard->pass(guard->data, bytes + begin, at - begin);
            at += collect_head(guard, bytes + at, there);
            begin = at;
            if (guard->head_len < H2_HEAD_LEN)
                return;
            guard->head_len = 0;
            if (on_head(guard, guard->head))
                guard->pass(guard->data, guard->head, H2_HEAD_LEN);
        }
        if (guard->is_holding && guard->is_last && guard->left == 0 && !guard->reason)
            let_go(guard);
    }
    if (at > begin && !guard->reason)
        guard->pass(guard->data, bytes + begin, at - begin);
}
