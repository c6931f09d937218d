/* SPDX-License-Identifier: MIT
 *
 * A digest that recognizes a repeated request: equal for equal messages, whatever codec and field order they
 * came in, and whether or not fields at their default were sent. Secrets do not enter it.
 */
#ifndef CALL_REQUEST_DIGEST_H
#define CALL_REQUEST_DIGEST_H

#include "base/arena.h"
#include "base/digest.h"
#include "call/method.h"

/* The digest of a decoded request. Changes the request: empty text that means the same as none is freed and
 * set to NULL. Returns 0 or UV_ENOMEM. */
int request_digest(const struct rpc_method *method, void *request, struct arena *arena,
                   uint8_t digest[static DIGEST_LEN]);

#endif
