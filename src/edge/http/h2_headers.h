/* SPDX-License-Identifier: MIT
 *
 * What HTTP wants of header fields, for requests over HTTP/2. nghttp2's own checks are switched off, for they
 * refuse what clients of gRPC do send: a missing :authority, `te` of any form or none, blanks in values.
 * What stays refused is what could mean one thing to us and another to a proxy before us.
 */
#ifndef EDGE_HTTP_H2_HEADERS_H
#define EDGE_HTTP_H2_HEADERS_H

#include "edge/http/exchange.h"

enum header_use {
    HEADER_DROPPED,
    HEADER_PSEUDO, /* exchange->verb, path, scheme or authority is its value */
    HEADER_FIELD,  /* it has been added to the exchange */
};

/* A field of a request's headers, in the order in which they come: what has become of it, so that its text is
 * kept. Sets *wrong where it is against the rules: the stream is to be reset with PROTOCOL_ERROR. */
enum header_use h2_header(struct exchange *exchange, const struct http_field *field, const char **wrong);

/* All have come: NULL, or what is wrong. */
const char *h2_headers_whole(struct exchange *exchange);

/* A field of trailers: NULL, or what is wrong. Trailers of requests mean nothing to calls. */
const char *h2_trailer(const struct http_field *field);

#endif
