/* SPDX-License-Identifier: MIT
 *
 * Debian's nanopb is built without UTF-8 validation, and decoded text ends at its first NUL; so text is
 * checked in the encoded bytes.
 */
#include "call/request.h"

#include <pb_common.h>
#include <pb_decode.h>
#include <string.h>

#include "base/text.h"

static const struct rpc_text *text_field(const struct rpc_text *fields, size_t n, uint32_t tag)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].tag == tag)
            return &fields[i];
    return NULL;
}

static const char *text_problem(const uint8_t *text, size_t len)
{
    if (memchr(text, 0, len))
        return "has a NUL character; text may not";
    return text_is_utf8(text, len) ? NULL : "is not valid UTF-8";
}

static const char *check_fields(const struct rpc_text *fields, size_t n, const uint8_t *bytes,
                                size_t bytes_len, struct arena *arena);

static const char *check_field(const struct rpc_text *field, const uint8_t *bytes, size_t len,
                               struct arena *arena)
{
    const char *problem;
    if (field->fields)
        problem = check_fields(field->fields, field->fields_n, bytes, len, arena);
    else
        problem = text_problem(bytes, len);
    if (!problem)
        return NULL;
    const char *message = arena_printf(arena, field->fields ? "%s.%s" : "%s: %s", field->name, problem);
    return message ? message : problem;
}

/* The recursion is bounded: as deep as the message types are nested, and none contains itself. */
static const char *check_fields(const struct rpc_text *fields, size_t n, const uint8_t *bytes,
                                size_t bytes_len, struct arena *arena)
{
    pb_istream_t stream = pb_istream_from_buffer(bytes, bytes_len);
    pb_wire_type_t type;
    uint32_t tag, len;
    bool end;
    while (n && pb_decode_tag(&stream, &type, &tag, &end)) {
        const struct rpc_text *field = type == PB_WT_STRING ? text_field(fields, n, tag) : NULL;
        if (!field) {
            if (!pb_skip_field(&stream, type))
                return NULL;
            continue;
        }
        if (!pb_decode_varint32(&stream, &len) || len > stream.bytes_left)
            return NULL;
        const char *problem = check_field(field, stream.state, len, arena);
        if (problem)
            return problem;
        if (!pb_read(&stream, NULL, len))
            return NULL;
    }
    return NULL;
}

const char *request_check_text(const struct rpc_method *method, const uint8_t *bytes, size_t len,
                               struct arena *arena)
{
    return check_fields(method->text, method->text_n, bytes, len, arena);
}

const char *request_check_enums(const struct rpc_method *method, const void *request, struct arena *arena)
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
                arena_printf(arena, "%s: %d is none of %s", field->name, value, field->meaning);
            return message ? message : "an enum value that is none";
        }
    }
    return NULL;
}

bool request_has_secret(const struct rpc_method *method)
{
    for (size_t i = 0; i < method->text_n; i++)
        if (method->text[i].is_secret)
            return true;
    return false;
}

void request_wipe_secrets(const struct rpc_method *method, void *request)
{
    for (size_t i = 0; i < method->text_n; i++) {
        pb_field_iter_t field;
        if (method->text[i].is_secret && pb_field_iter_begin(&field, method->request_fields, request) &&
            pb_field_iter_find(&field, method->text[i].tag) && field.pData)
            explicit_bzero(field.pData, strlen(field.pData));
    }
}
