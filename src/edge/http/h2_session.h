/* SPDX-License-Identifier: MIT
 *
 * Shared by the files of the HTTP/2 carrier: h2.c (the session), h2_request.c (streams in), h2_answer.c
 * (streams out).
 */
#ifndef EDGE_HTTP_H2_SESSION_H
#define EDGE_HTTP_H2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "edge/http/exchange.h"
#include "edge/http/h2_guard.h"

#define H2_RESET_COST 4 /* of the peer's patience, for resetting a call right after it began */

struct h2 {
    nghttp2_session *session;
    struct http_connection *connection;
    struct h2_guard guard;
    struct timer leaving;      /* the second GOAWAY is due, though the PING before it is not answered */
    bool is_leaving, has_left; /* the first GOAWAY has been sent; the second one */
    size_t queued;             /* bytes in nghttp2's queue that are counted in the budget */
    size_t withheld;           /* bytes by which the window is not reopened while over the budget */
    uint8_t *out;              /* the buffer that is being filled */
    size_t out_len;
    char why[120]; /* what nghttp2 said of an error */
};

/* The exchange of a stream; NULL: it has none, or none any more. */
struct exchange *h2_find(nghttp2_session *session, int32_t stream_id);
/* Releases nghttp2's buffers with the text of an exchange's fields. */
void h2_release(struct exchange *exchange);
/* Separates a stream from its exchange. */
void h2_let_go(struct h2 *h2, struct exchange *exchange);
/* Takes what an nghttp2 function returned: ends the connection if it ran out of memory. */
void h2_check(struct h2 *h2, int rc);
void h2_reset(struct h2 *h2, int32_t stream_id, uint32_t code);

#endif
