/* SPDX-License-Identifier: MIT
 *
 * What the files of HTTP/2's carrier share: h2.c (the session), h2_request.c (what comes on a stream),
 * h2_answer.c (what goes).
 */
#ifndef EDGE_HTTP_H2_SESSION_H
#define EDGE_HTTP_H2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "edge/http/exchange.h"
#include "edge/http/h2_guard.h"

#define H2_RESET_COST 4 /* in patience, of a call that was begun a moment ago */

struct h2 {
    nghttp2_session *session;
    struct http_connection *connection;
    struct h2_guard guard;
    struct timer leaving;
    bool is_leaving, has_left; /* the first GOAWAY has been said; the second */
    size_t queued;             /* charged for what nghttp2 has yet to write */
    size_t withheld;           /* of the connection's window, while its budget is used up */
    uint8_t *out;              /* what is being filled */
    size_t out_len;
    char why[120]; /* what nghttp2 said of an error */
};

/* The exchange of a stream; NULL: there is none (any more). */
struct exchange *h2_find(nghttp2_session *session, int32_t stream_id);
/* Lets go of the text that an exchange's fields are in. */
void h2_release(struct exchange *exchange);
/* The stream has nothing to do with its exchange any more. */
void h2_let_go(struct h2 *h2, struct exchange *exchange);
/* Of what nghttp2 returned: ends the connection if there was no memory. */
void h2_check(struct h2 *h2, int rc);
void h2_reset(struct h2 *h2, int32_t stream_id, uint32_t code);

#endif
