/* SPDX-License-Identifier: MIT
 *
 * The checks that every request passes before its handler sees it: text is UTF-8 without NUL, enums have a
 * known value. Works on messages, not on calls. Loop thread only.
 */
#ifndef CALL_REQUEST_H
#define CALL_REQUEST_H

#include "base/arena.h"
#include "call/method.h"

/* Each returns NULL, or what is wrong, as constant text or in the arena. Malformed bytes pass the first
 * check: the decoder reports them. */
const char *request_check_text(const struct rpc_method *method, const uint8_t *bytes, size_t len,
                               struct arena *arena);
const char *request_check_enums(const struct rpc_method *method, const void *request, struct arena *arena);

/* Whether the method's request has a secret field (see struct rpc_text). */
bool request_has_secret(const struct rpc_method *method);
/* Overwrites the secret fields of a decoded request. */
void request_wipe_secrets(const struct rpc_method *method, void *request);

#endif
