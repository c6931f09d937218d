/* SPDX-License-Identifier: MIT
 *
 * Debian's nanopb is built without UTF-8 validation and ends text at a NUL, so text is looked at in the bytes
 * themselves.
 */
#include "call/request.h"

#include <pb_common.h>
#include <pb_decode.h>
#include <string.h>

#include "base/text.h"

static const struct rpc_text *text_field(const struct rpc_method *method, uint32_t tag)
{
    for (size_t i = 0; i < method->text_n; i++)
        if (method->text[i].tag == tag)
            return &method->text[i];
    return NULL;
}

static const char *text_problem(const uint8_t *text, size_t len)
{
    if (memchr(text, 0, len))
        return "has a NUL character; text may not";
    return text_is_utf8(text, len) ? NULL : "is not valid UTF-8";
}

const char *rpc_check_text(const struct rpc_method *method, const uint8_t *bytes, size_t len,
                           struct call *call)
{
    pb_istream_t stream = pb_istream_from_buffer(bytes, len);
    pb_wire_type_t type;
    uint32_t tag, text_len;
    bool end;
    while (method->text_n && pb_decode_tag(&stream, &type, &tag, &end)) {
        const struct rpc_text *field = type == PB_WT_STRING ? text_field(method, tag) : NULL;
        if (!field) {
            if (!pb_skip_field(&stream, type))
                return NULL;
            continue;
        }
        if (!pb_decode_varint32(&stream, &text_len) || text_len > stream.bytes_left)
            return NULL;
        const char *problem = text_problem(stream.state, text_len);
        if (problem) {
            const char *message = call_printf(call, "%s: %s", field->name, problem);
            return message ? message : problem;
        }
        if (!pb_read(&stream, NULL, text_len))
            return NULL;
    }
    return NULL;
}

const char *rpc_check_enums(const struct rpc_method *method, const void *request, struct call *call)
{
    for (size_t i = 0; i < method->enums_n; i++) {
        const struct rpc_enum *field = &method->enums[i];
        int32_t value;
        memcpy(&value, (const char *)request + field->offset, sizeof value);
        bool known = false;
        for (size_t v = 0; v < field->values_n; v++)
            known |= field->values[v] == value;
        if (!known) {
            const char *message =
                call_printf(call, "%s: %d is none of %s", field->name, value, field->meaning);
            return message ? message : "an enum value that is none";
        }
    }
    return NULL;
}

static bool is_secret(const struct rpc_text *field)
{
    return strcmp(field->name, "password") == 0;
}

bool rpc_has_secret(const struct rpc_method *method)
{
    for (size_t i = 0; i < method->text_n; i++)
        if (is_secret(&method->text[i]))
            return true;
    return false;
}

void rpc_wipe_secrets(const struct rpc_method *method, void *request)
{
    for (size_t i = 0; i < method->text_n; i++) {
        pb_field_iter_t field;
        if (is_secret(&method->text[i]) && pb_field_iter_begin(&field, method->request_fields, request) &&
            pb_field_iter_find(&field, method->text[i].tag) && field.pData)
            explicit_bzero(field.pData, strlen(field.pData));
    }
}

enum next rpc_decode_failed(struct call *call, const char *why)
{
    if (strcmp(why, "realloc failed") == 0)
        return call_no_memory(call);
    /* Well-formed, but beyond the field's type: nanopb does not truncate as other implementations do, and
     * neither do we. */
    if (strcmp(why, "integer too large") == 0)
        return call_fail(call, STATUS_INVALID_ARGUMENT,
                         "an integer or enum field is out of its type's range");
    if (strcmp(why, "too many array entries") == 0)
        return call_fail(call, STATUS_INVALID_ARGUMENT, "a list has more than %d entries", (int)PB_SIZE_MAX);
    return call_fail(call, STATUS_INTERNAL, "the request cannot be decoded: %s", why);
}
