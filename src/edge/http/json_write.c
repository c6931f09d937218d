/* SPDX-License-Identifier: MIT
 *
 * A protobuf message to JSON text: walks the bytes once and writes each field as it comes.
 */
#include <uv.h>

#include "edge/http/json.h"
#include "edge/http/json_print.h"
#include "edge/http/json_time.h"
#include "edge/http/json_wire.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fixed fields are copied as they are");

struct input {
    const uint8_t *at, *end;
};

struct writer {
    struct bytes *out;
    size_t start, max;
    unsigned depth;
};

static int write_message(struct writer *w, const struct message_desc *desc, struct input in);

/* The length is checked before each piece is added, so the text exceeds max by one value at most. */
static int make_room(struct writer *w, size_t len)
{
    if (w->out->len - w->start > w->max)
        return UV_EMSGSIZE;
    return bytes_reserve(w->out, len);
}

/* ---- the bytes ---- */

static bool take_varint(struct input *in, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool take_fixed(struct input *in, size_t len, uint64_t *value)
{
    *value = 0;
    if ((size_t)(in->end - in->at) < len)
        return false;
    memcpy(value, in->at, len);
    in->at += len;
    return true;
}

static bool take_number(struct input *in, enum wire_type type, uint64_t *value)
{
    return type == WIRE_VARINT ? take_varint(in, value) : take_fixed(in, type == WIRE_FIXED64 ? 8 : 4, value);
}

static bool take_piece(struct input *in, struct input *piece)
{
    uint64_t len;
    if (!take_varint(in, &len) || len > (size_t)(in->end - in->at))
        return false;
    *piece = (struct input){ in->at, in->at + len };
    in->at += len;
    return true;
}

static bool skip(struct input *in, uint64_t type)
{
    struct input piece;
    uint64_t value;
    switch (type) {
    case WIRE_LEN:
        return take_piece(in, &piece);
    case WIRE_VARINT:
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        return take_number(in, (enum wire_type)type, &value);
    default:
        return false;
    }
}

static int write_enum(struct writer *w, const struct enum_desc *desc, uint64_t bits)
{
    for (size_t i = 0; i < desc->values_n; i++) {
        if (desc->values[i].number != (int32_t)bits)
            continue;
        size_t len = strlen(desc->values[i].name);
        int rc = bytes_reserve(w->out, len + 2);
        if (rc)
            return rc;
        bytes_put_byte(w->out, '"');
        bytes_put(w->out, desc->values[i].name, len);
        bytes_put_byte(w->out, '"');
        return 0;
    }
    json_put_number(w->out, FIELD_ENUM, bits);
    return 0;
}

static int write_number(struct writer *w, const struct field_desc *field, uint64_t bits)
{
    int rc = make_room(w, JSON_NUMBER_MAX_LEN);
    if (rc)
        return rc;
    if (field->type == FIELD_ENUM)
        return write_enum(w, field->enumeration, bits);
    json_put_number(w->out, field->type, bits);
    return 0;
}

/* ---- messages ---- */

static int write_time(struct writer *w, struct input in)
{
    uint64_t tag, value, parts[2] = { 0 };
    while (in.at < in.end) {
        if (!take_varint(&in, &tag))
            return UV_EINVAL;
        if (tag == (1 << 3 | WIRE_VARINT) || tag == (2 << 3 | WIRE_VARINT)) {
            if (!take_varint(&in, &value))
                return UV_EINVAL;
            parts[(tag >> 3) - 1] = value;
        } else if (!skip(&in, tag & 7)) {
            return UV_EINVAL;
        }
    }
    char text[JSON_TIME_SIZE];
    size_t len = json_time_print((int64_t)parts[0], (int32_t)parts[1], text);
    if (!len)
        return UV_EINVAL;
    bytes_put_byte(w->out, '"');
    bytes_put(w->out, text, len);
    bytes_put_byte(w->out, '"');
    return 0;
}

/* Writes a value of any type, except those of a packed list. */
static int write_value(struct writer *w, const struct field_desc *field, struct input *in)
{
    enum wire_type type = wire_type_of(field->type);
    struct input piece;
    uint64_t bits;
    if (type != WIRE_LEN)
        return take_number(in, type, &bits) ? write_number(w, field, bits) : UV_EINVAL;
    int rc = make_room(w, JSON_NUMBER_MAX_LEN);
    if (rc)
        return rc;
    if (!take_piece(in, &piece))
        return UV_EINVAL;
    if (field->type == FIELD_STRING)
        return json_put_utf8(w->out, piece.at, (size_t)(piece.end - piece.at));
    if (field->type == FIELD_BYTES)
        return json_put_base64(w->out, piece.at, (size_t)(piece.end - piece.at));
    return write_message(w, field->message, piece);
}

static int write_packed(struct writer *w, const struct field_desc *field, struct input *in, bool *first)
{
    enum wire_type type = wire_type_of(field->type);
    struct input piece;
    uint64_t bits;
    if (!take_piece(in, &piece))
        return UV_EINVAL;
    for (; piece.at < piece.end; *first = false) {
        int rc = make_room(w, JSON_NUMBER_MAX_LEN);
        if (rc)
            return rc;
        if (!*first)
            bytes_put_byte(w->out, ',');
        if (!take_number(&piece, type, &bits))
            return UV_EINVAL;
        rc = write_number(w, field, bits);
        if (rc)
            return rc;
    }
    return 0;
}

/* Writes a whole list, packed or not; `in` is behind its first tag. */
static int write_list(struct writer *w, const struct field_desc *field, uint64_t tag, struct input *in)
{
    bool first = true;
    int rc = make_room(w, JSON_NUMBER_MAX_LEN);
    if (rc)
        return rc;
    bytes_put_byte(w->out, '[');
    for (;;) {
        if ((tag & 7) == WIRE_LEN && wire_type_of(field->type) != WIRE_LEN) {
            rc = write_packed(w, field, in, &first);
        } else {
            rc = make_room(w, JSON_NUMBER_MAX_LEN);
            if (!rc && !first)
                bytes_put_byte(w->out, ',');
            if (!rc)
                rc = (tag & 7) == wire_type_of(field->type) ? write_value(w, field, in) : UV_EINVAL;
            first = false;
        }
        if (rc)
            return rc;
        struct input next = *in;
        if (in->at == in->end || !take_varint(&next, &tag) || tag >> 3 != field->number)
            break;
        *in = next;
    }
    rc = bytes_reserve(w->out, 1);
    if (!rc)
        bytes_put_byte(w->out, ']');
    return rc;
}

static int write_field(struct writer *w, const struct field_desc *field, uint64_t tag, bool first,
                       struct input *in)
{
    int rc = make_room(w, field->json_name_len + (size_t)8);
    if (rc)
        return rc;
    if (!first)
        bytes_put_byte(w->out, ',');
    bytes_put_byte(w->out, '"');
    bytes_put(w->out, field->json_name, field->json_name_len);
    bytes_put(w->out, "\":", 2);
    if (field->repeated)
        return write_list(w, field, tag, in);
    return (tag & 7) == wire_type_of(field->type) ? write_value(w, field, in) : UV_EINVAL;
}

static int write_fields(struct writer *w, const struct message_desc *desc, struct input in)
{
    size_t n = 0; /* index of the next field that may come: they are in the order of their numbers */
    bool first = true;
    uint64_t tag, last = 0;
    while (in.at < in.end) {
        if (!take_varint(&in, &tag) || tag >> 3 == 0 || tag >> 3 <= last)
            return UV_EINVAL;
        while (n < desc->fields_n && desc->fields[n].number < tag >> 3)
            n++;
        if (n == desc->fields_n || desc->fields[n].number != tag >> 3) {
            if (!skip(&in, tag & 7))
                return UV_EINVAL;
            continue;
        }
        int rc = write_field(w, &desc->fields[n], tag, first, &in);
        if (rc)
            return rc;
        first = false;
        last = tag >> 3;
    }
    return 0;
}

static int write_message(struct writer *w, const struct message_desc *desc, struct input in)
{
    if (desc->form == MESSAGE_TIMESTAMP)
        return write_time(w, in);
    if (w->depth == JSON_DEPTH_MAX)
        return UV_EINVAL;
    w->depth++;
    bytes_put_byte(w->out, '{');
    int rc = write_fields(w, desc, in);
    w->depth--;
    if (!rc)
        rc = bytes_reserve(w->out, 1);
    if (!rc)
        bytes_put_byte(w->out, '}');
    return rc;
}

int json_from_message(const struct message_desc *desc, const uint8_t *bytes, size_t len, struct bytes *out,
                      size_t max)
{
    struct writer w = { .out = out, .start = out->len, .max = max };
    int rc = make_room(&w, JSON_NUMBER_MAX_LEN);
    if (!rc)
        rc = write_message(&w, desc, (struct input){ bytes, len ? bytes + len : bytes });
    if (!rc && out->len - w.start > max)
        rc = UV_EMSGSIZE;
    if (rc)
        out->len = w.start;
    return rc;
}
