/* SPDX-License-Identifier: MIT
 *
 * Looks at each frame of a peer before nghttp2 does, and bounds what nghttp2 would not, or would end the
 * whole connection for:
 *
 *   headers over several frames   are held back until they are whole: bounded in length, number of frames and
 *                                 time, and a text in them that is too long is cut out, for nghttp2 would
 *                                 give up all other calls for it
 *   priorities in headers         are taken out: HTTP/2 has forgotten them (RFC 9113), and for a stream that
 *                                 depends on itself nghttp2 would give up all other calls, too
 *   frames that ask for nothing   spend patience: pings, settings, priorities, empty data, windows. Time
 *                                 gives some back, and what we send gives more: clients that probe beside
 *                                 data and update windows never run out
 *
 * It knows no session: what may pass is handed on.
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

/* Frames of the rebuilt block; nghttp2 is told to take so many. */
#define H2_CONTINUATIONS_MAX 16

struct h2_guard {
    void (*pass)(void *data, uint8_t *bytes, size_t len);
    void *data;

    size_t magic_left; /* of the preface */
    size_t left;       /* of the present frame's payload */
    uint8_t head[H2_HEAD_LEN];
    size_t head_len; /* of a frame's head that has begun to arrive */

    bool is_holding, is_last; /* the frame that is held at present ends them */
    uint32_t stream_id;       /* whose headers are held */
    uint8_t flags;            /* of their first frame */
    size_t first_len;         /* its payload's length */
    unsigned frames_n;
    uint64_t held_since_ns;
    struct bytes block;        /* payloads */
    uint32_t oversized_stream; /* from whose headers something was cut out */

    int64_t patience;
    uint64_t patience_at_ns;

    enum http_reason reason; /* why nothing passes any more */
    const char *detail;
};

void h2_guard_init(struct h2_guard *guard, void (*pass)(void *data, uint8_t *bytes, size_t len), void *data);
void h2_guard_finish(struct h2_guard *guard);

/* Bytes from the peer; `pass` is called for what may pass, in pieces. Once guard->reason is set, nothing is.
 */
void h2_guard_receive(struct h2_guard *guard, uint8_t *bytes, size_t len);

/* Spends patience for what only a session can see, or gives some back. */
void h2_guard_spend(struct h2_guard *guard, int64_t much, enum http_reason reason);
void h2_guard_earn(struct h2_guard *guard, int64_t much);

#endif
