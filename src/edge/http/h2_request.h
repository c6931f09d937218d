/* SPDX-License-Identifier: MIT
 *
 * The receiving side of HTTP/2's streams: headers and bodies become exchanges.
 */
#ifndef EDGE_HTTP_H2_REQUEST_H
#define EDGE_HTTP_H2_REQUEST_H

#include "edge/http/h2_session.h"

/* nghttp2's callbacks; `data` is the session's struct h2. */
int h2_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data);
int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                 nghttp2_rcbuf *value, uint8_t flags, void *data);
int h2_on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes, size_t len,
               void *data);

/* A header block is complete: of a request, or its trailers. */
void h2_on_headers_whole(struct h2 *h2, const nghttp2_frame *frame);
/* The peer has ended the stream's request (END_STREAM). */
void h2_on_whole(struct h2 *h2, struct exchange *exchange);
/* Reopens the withheld part of the connection's window, unless its budget is used up. */
void h2_give_back(struct h2 *h2);
/* For struct http_carrier. */
void h2_consumed(struct exchange *exchange, size_t len);

#endif
