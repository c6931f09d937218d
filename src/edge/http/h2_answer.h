/* SPDX-License-Identifier: MIT
 *
 * The sending side of HTTP/2's streams: an exchange's head, body and trailers become frames.
 */
#ifndef EDGE_HTTP_H2_ANSWER_H
#define EDGE_HTTP_H2_ANSWER_H

#include <nghttp2/nghttp2.h>

#include "edge/http/exchange.h"

/* For struct http_carrier. */
void h2_answer(struct exchange *exchange);

/* nghttp2's callback. */
int h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                    nghttp2_data_source *source, void *data);

#endif
