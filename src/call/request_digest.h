/* SPDX-License-Identifier: MIT
 *
 * By what a request is known again: equal for equal messages, whichever codec and field order they came in,
 * and whether or not what is at its default was said. Secrets are left out of it.
 */
#ifndef CALL_REQUEST_DIGEST_H
#define CALL_REQUEST_DIGEST_H

#include "base/arena.h"
#include "base/digest.h"
#include "call/method.h"

/* Of a decoded request, from which empty text that means none is removed. Returns 0 or UV_ENOMEM. */
int request_digest(const struct rpc_method *method, void *request, struct arena *arena,
                   uint8_t digest[static DIGEST_LEN]);

#endif
