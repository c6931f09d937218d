/* SPDX-License-Identifier: MIT
 *
 * One POST at a time to one URL, by libcurl on the loop. Names are looked up on a thread of libcurl's, so
 * nothing here waits. Redirects are not followed, and proxies of the environment are not used.
 *
 * Loop thread only.
 */
#ifndef TRACE_HTTP_POST_H
#define TRACE_HTTP_POST_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define HTTP_ANSWER_KEPT 4096

struct http_post;

/* How it ended: the answer's status, or 0 and why there is none. Never before http_post_send() has returned.
 */
typedef void(http_posted)(void *data, int status, const char *why);

/* `ca` is a file of certificates that https:// is verified by, in place of the system's; "": these. 0, or a
 * UV_E* code and nothing is left. */
int http_post_create(struct http_post **post, uv_loop_t *loop, const char *url, const char *ca,
                     const char *content_type, http_posted *on_posted, void *data);
/* For on_posted: how the answer began, and in *len how much of it that is, at most HTTP_ANSWER_KEPT. */
const uint8_t *http_post_answer(const struct http_post *post, size_t *len);
/* The body stays the caller's, and must stay until on_posted. 0 or a UV_E* code. */
int http_post_send(struct http_post *post, const uint8_t *body, size_t len, unsigned timeout_ms);
/* Drops what is under way, without on_posted, and closes the handles; the memory goes when the loop has
 * closed them. NULL is let pass. */
void http_post_destroy(struct http_post *post);

#endif
