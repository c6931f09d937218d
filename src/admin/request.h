/* SPDX-License-Identifier: MIT
 *
 * A request of HTTP/1 as operators' tools send it, and whether it may be answered.
 */
#ifndef ADMIN_REQUEST_H
#define ADMIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define ADMIN_REQUEST_MAX 8192
#define ADMIN_TOKEN_MAX   256

/* Parts of the text that was parsed. */
struct admin_request {
    bool is_get, is_head;
    const char *path, *host, *authorization; /* path without a query; the others NULL if not sent */
    size_t path_len, host_len, authorization_len;
};

enum admin_parsed { ADMIN_REQUEST_MORE, ADMIN_REQUEST_BAD, ADMIN_REQUEST_WHOLE };

/* Only the head is looked at: what has a body is not answered anyway. */
enum admin_parsed admin_request_parse(struct admin_request *request, const char *text, size_t len);

/* Whether the request names an address or localhost as its host: a page elsewhere whose name was made to lead
 * here cannot make a browser do that. */
bool admin_request_is_for_here(const struct admin_request *request);

struct admin_token {
    bool is_set;
    char text[ADMIN_TOKEN_MAX + 1];
    size_t len;
};

/* The first line of the file; none is needed where the name is empty. UV_EINVAL: it is empty or too long; or
 * another UV_E* code. */
int admin_token_read(struct admin_token *token, const char *file);

/* `Bearer TOKEN`, or for browsers `Basic` with any name and the token as password. Takes the same time
 * whatever is wrong. */
bool admin_token_fits(const struct admin_token *token, const struct admin_request *request);

#endif
