/* SPDX-License-Identifier: MIT
 *
 * What goes out on the streams of an HTTP/2 session: an exchange's head, body and trailers become frames.
 */
#ifndef EDGE_HTTP_H2_ANSWER_H
#define EDGE_HTTP_H2_ANSWER_H

#include "edge/http/exchange.h"

/* For struct http_carrier. */
void h2_answer(struct exchange *exchange);

#endif
