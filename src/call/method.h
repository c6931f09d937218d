/* SPDX-License-Identifier: MIT
 *
 * The registration table that tools/protoc-gen-svcd generates from proto/: which methods there are, how their
 * requests are decoded and checked, and which handler each goes to. Constant; any thread.
 */
#ifndef CALL_METHOD_H
#define CALL_METHOD_H

#include <pb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;

/* What a handler returns; see call/call.h. gcc warns of any ignored value of this type; clang knows the
 * attribute only in later C standards. */
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

/* A text field of a request, or a message field that contains text fields. */
struct rpc_text {
    uint32_t tag;
    const char *name;
    const struct rpc_text *fields; /* a message's text fields; NULL: this field is text itself */
    size_t fields_n;
    bool is_secret;   /* only the handler may see it; never logged */
    bool is_optional; /* `optional` in the .proto: an empty text differs from none */
};

struct rpc_enum {
    const char *name;
    size_t offset; /* in the request struct */
    const int32_t *values;
    size_t values_n;
    const char *meaning; /* "MENTEE = 0, MENTOR = 1", for the error message */
};

struct rpc_method {
    const char *path; /* "/package.Service/Method" */
    enum method_kind kind;
    enum next (*handle)(struct call *call, const void *request);
    const bool *writes; /* NULL: the method only reads */
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
extern const char *const rpc_services[]; /* "package.Service", including those without methods */
extern const size_t rpc_services_n;

#endif
