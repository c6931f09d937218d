/* SPDX-License-Identifier: MIT
 *
 * The registration table that tools/protoc-gen-svcd makes of proto/: what methods there are, how their
 * requests are decoded and checked, and which handler they go to.
 */
#ifndef CALL_METHOD_H
#define CALL_METHOD_H

#include <pb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;

/* What a handler returns; see call/call.h. Wherever one comes from, gcc lets none be ignored; clang takes the
 * attribute in later standards only. */
#ifdef __clang__
#define NEXT_MUST_USE
#else
#define NEXT_MUST_USE [[nodiscard]]
#endif
enum NEXT_MUST_USE next { REPLIED, WAITING };

enum method_kind {
    METHOD_UNARY,
    METHOD_SERVER_STREAM, /* one request, any number of messages */
    METHOD_DIALOGUE,      /* both stream: each request is answered by one message before the next is read */
};

/* A text field of a request, or a message in it that has some. */
struct rpc_text {
    uint32_t tag;
    const char *name;
    const struct rpc_text *fields; /* of the message; NULL: text */
    size_t fields_n;
    bool is_secret;   /* nobody but its handler may see it */
    bool is_optional; /* empty is not the same as none */
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
    enum method_kind kind;
    enum next (*handle)(struct call *call, const void *request);
    const bool *writes; /* NULL: it does not */
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

#endif
