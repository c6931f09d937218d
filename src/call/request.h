/* SPDX-License-Identifier: MIT
 *
 * The checks that every request passes before its handler sees it: text is UTF-8 without NUL, enums have a
 * known value. They know messages, not calls.
 */
#ifndef CALL_REQUEST_H
#define CALL_REQUEST_H

#include "base/arena.h"
#include "call/method.h"

/* Each returns NULL, or what is wrong, in the arena's memory or constant. Bytes that are no message pass the
 * first one: decoding finds them. */
const char *request_check_text(const struct rpc_method *method, const uint8_t *bytes, size_t len,
                               struct arena *arena);
const char *request_check_enums(const struct rpc_method *method, const void *request, struct arena *arena);

/* Whether a request has a field that nobody but its handler may see. */
bool request_has_secret(const struct rpc_method *method);
/* Overwrites such fields of a decoded request. */
void request_wipe_secrets(const struct rpc_method *method, void *request);

#endif
