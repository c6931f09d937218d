/* SPDX-License-Identifier: MIT
 *
 * An HTTP client for one POST at a time to one URL: libcurl on the loop. Names are resolved on a thread of
 * libcurl's, so nothing here blocks. Redirects are not followed; proxies of the environment are not used.
 *
 * Loop thread only.
 */
#ifndef TRACE_HTTP_POST_H
#define TRACE_HTTP_POST_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define HTTP_ANSWER_KEPT 4096 /* bytes */

struct http_post;

/* The request has ended: with an HTTP status; or with 0, and `why` says why there is no answer. Never called
 * before http_post_send() has returned. */
typedef void(http_posted)(void *data, int status, const char *why);

/* `ca` is a file of CA certificates to verify https:// with; "": the system's. Returns 0; or a UV_E* code,
 * and nothing to destroy. */
int http_post_create(struct http_post **post, uv_loop_t *loop, const char *url, const char *ca,
                     const char *content_type, http_posted *on_posted, void *data);
/* For on_posted: the first *len bytes of the answer's body, at most HTTP_ANSWER_KEPT. */
const uint8_t *http_post_answer(const struct http_post *post, size_t *len);
/* The body remains the caller's and must live until on_posted. Returns 0 or a UV_E* code. */
int http_post_send(struct http_post *post, const uint8_t *body, size_t len, unsigned timeout_ms);
/* Aborts a running request without calling on_posted, and closes the handles; the memory is freed when the
 * loop has closed them. NULL is fine. */
void http_post_destroy(struct http_post *post);

#endif
