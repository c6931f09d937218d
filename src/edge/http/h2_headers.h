/* SPDX-License-Identifier: MIT
 *
 * Checks the header fields of requests over HTTP/2. nghttp2's own checks are switched off, because they
 * refuse what gRPC clients in the field send: no :authority, any form of `te` or none, spaces around values.
 * What is still refused is what we and a proxy in front of us could understand differently (request
 * smuggling).
 */
#ifndef EDGE_HTTP_H2_HEADERS_H
#define EDGE_HTTP_H2_HEADERS_H

#include "edge/http/exchange.h"

enum header_use {
    HEADER_DROPPED,
    HEADER_PSEUDO, /* its value is exchange->verb, path, scheme or authority now */
    HEADER_FIELD,  /* it has been added to the exchange */
};

/* Takes the next field of a request's headers. Returns what became of it: unless it was dropped, the carrier
 * must keep its text. Sets *wrong if it breaks the rules: the stream is to be reset with PROTOCOL_ERROR. */
enum header_use h2_header(struct exchange *exchange, const struct http_field *field, const char **wrong);

/* To be called after the last field: NULL, or what is wrong with all of them. */
const char *h2_headers_whole(struct exchange *exchange);

/* Checks a field of a request's trailers, which are otherwise ignored: NULL, or what is wrong. */
const char *h2_trailer(const struct http_field *field);

#endif
