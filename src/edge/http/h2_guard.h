/* SPDX-License-Identifier: MIT
 *
 * A filter in front of nghttp2, which sees each frame of the peer first. It limits what nghttp2 does not
 * limit, and repairs what nghttp2 would end the whole connection, with all its calls, for:
 *
 *   headers in several frames     are held back until they are complete, limited in length, number of frames
 *                                 and time; a field longer than nghttp2 accepts is cut out
 *   priorities in HEADERS         are removed: RFC 9113 has deprecated them, and nghttp2 ends the connection
 *                                 for a stream that depends on itself
 *   frames without effect         (pings, settings, priorities, empty data, window updates) are paid from a
 *                                 token bucket, our patience with the peer. It fills with time and with what
 *                                 we send, so that clients that ping beside data, or update windows, never
 *                                 empty it
 *
 * It does not know the session: what may pass is handed to a function.
 */
#ifndef EDGE_HTTP_H2_GUARD_H
#define EDGE_HTTP_H2_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "edge/http/reason.h"

#define H2_HEAD_LEN  ((size_t)9)
#define H2_MAGIC_LEN ((size_t)24)

/* Frames that a held header block is rebuilt into at most; nghttp2 is told to accept as many. */
#define H2_CONTINUATIONS_MAX 16

struct h2_guard {
    void (*pass)(void *data, uint8_t *bytes, size_t len);
    void *data;

    size_t magic_left; /* bytes of the preface to come */
    size_t left;       /* bytes of the current frame's payload to come */
    uint8_t head[H2_HEAD_LEN];
    size_t head_len; /* bytes of the frame header that have come */

    /* The header block that is held. */
    bool is_holding, is_last; /* is_last: the current frame ends the block */
    uint32_t stream_id;
    uint8_t flags;    /* of its first frame */
    size_t first_len; /* of that frame's payload */
    unsigned frames_n;
    uint64_t held_since_ns;
    struct bytes block;        /* the payloads so far */
    uint32_t oversized_stream; /* the last stream that a field was cut out of */

    int64_t patience; /* left in the bucket, as of: */
    uint64_t patience_at_ns;

    enum http_reason reason; /* set: nothing passes any more, for this reason */
    const char *detail;
};

void h2_guard_init(struct h2_guard *guard, void (*pass)(void *data, uint8_t *bytes, size_t len), void *data);
void h2_guard_finish(struct h2_guard *guard);

/* Takes bytes from the peer, and calls `pass` for what may pass, in pieces. Once guard->reason is set,
 * nothing passes. */
void h2_guard_receive(struct h2_guard *guard, uint8_t *bytes, size_t len);

/* Takes tokens for what only the session can see; puts some back. */
void h2_guard_spend(struct h2_guard *guard, int64_t much, enum http_reason reason);
void h2_guard_earn(struct h2_guard *guard, int64_t much);

#endif
