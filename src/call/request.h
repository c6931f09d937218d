/* SPDX-License-Identifier: MIT
 *
 * The registration table that tools/protoc-gen-svcd makes of proto/, and the checks that every request passes
 * before its handler sees it: text is UTF-8 without NUL, enums have a known value.
 */
#ifndef CALL_REQUEST_H
#define CALL_REQUEST_H

#include "call/call.h"

/* A text field at the top level of a request. */
struct rpc_text {
    uint32_t tag;
    const char *name;
};

struct rpc_enum {
    const char *name;
    size_t offset; /* in the request struct */
    const int32_t *values;
    size_t values_n;
    const char *meaning; /* "MENTEE = 0, MENTOR = 1", for the message */
};

struct rpc_method {
    const char *path; /* "/package.Service/Method" */
    enum next (*handle)(struct call *call, const void *request);
    const pb_msgdesc_t *request_fields;
    size_t request_size;
    const pb_msgdesc_t *reply_fields;
    size_t reply_size;
    const struct rpc_text *text;
    size_t text_n;
    const struct rpc_enum *enums;
    size_t enums_n;
};

/* Generated. */
extern const struct rpc_method rpc_methods[];
extern const size_t rpc_methods_n;
extern const char *const rpc_services[]; /* "package.Service", those without methods too */
extern const size_t rpc_services_n;

/* Each returns NULL, or what is wrong in the call's memory. Bytes that are no message pass the first one:
 * decoding finds them. */
const char *rpc_check_text(const struct rpc_method *method, const uint8_t *bytes, size_t len,
                           struct call *call);
const char *rpc_check_enums(const struct rpc_method *method, const void *request, struct call *call);

/* Whether a request has a field that nobody but its handler may see: text called "password". */
bool rpc_has_secret(const struct rpc_method *method);
/* Overwrites such fields of a decoded request. */
void rpc_wipe_secrets(const struct rpc_method *method, void *request);

/* Answers for a request that nanopb could not decode. */
CALL_MUST_USE enum next rpc_decode_failed(struct call *call, const char *why);

#endif
