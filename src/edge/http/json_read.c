/* SPDX-License-Identifier: MIT
 *
 * JSON text to a protobuf message: walks the text once, finds each field in the descriptor and writes its
 * value at once. It is not a library's tree because a tree forgets where in the text a value stood and has no
 * number beyond int64 (README's table of dependencies has the figures).
 */

#include "edge/http/json_reader.h"
#include "edge/http/json_time.h"
#include "edge/http/json_wire.h"

#define VALUE_MAX_LEN (WIRE_VARINT_MAX_LEN * 2) /* of a tag with a number, or with a length */

static int read_message(struct json_reader *r, const struct message_desc *desc);

static void put_tag(struct json_reader *r, const struct field_desc *field, enum wire_type type)
{
    wire_put_varint(r->out, (uint64_t)field->number << 3 | type);
}

static int read_embedded(struct json_reader *r, const struct field_desc *field)
{
    size_t start = json_open_length(r);
    int rc = read_message(r, field->message);
    return rc ? rc : json_close_length(r, start);
}

static int read_value(struct json_reader *r, const struct field_desc *field, bool *is_default)
{
    int rc = json_make_room(r, VALUE_MAX_LEN);
    *is_default = false;
    if (rc)
        return rc;
    return field->type == FIELD_MESSAGE ? read_embedded(r, field) : json_read_scalar(r, field, is_default);
}

static int enter(struct json_reader *r)
{
    if (r->depth == JSON_DEPTH_MAX)
        return json_fail(r, r->at, "more than %d objects and lists stand within each other", JSON_DEPTH_MAX);
    r->depth++;
    r->at++;
    json_skip_space(r);
    return 0;
}

/* Writes a value with its tag; a default value only if keep_default. */
static int read_tagged(struct json_reader *r, const struct field_desc *field, bool keep_default)
{
    size_t before = r->out->len;
    bool is_default;
    int rc = json_make_room(r, VALUE_MAX_LEN);
    if (rc)
        return rc;
    put_tag(r, field, wire_type_of(field->type));
    rc = read_value(r, field, &is_default);
    if (!rc && is_default && !keep_default)
        r->out->len = before;
    return rc;
}

/* The elements of a list; the reader is behind the opening bracket. */
static int read_elements(struct json_reader *r, const struct field_desc *field)
{
    struct json_step *step = &r->path[r->path_n - 1];
    bool is_default;
    if (json_peek(r) == ']')
        return 0;
    for (step->index = 0;; step->index++) {
        int rc = field->packed ? read_value(r, field, &is_default) : read_tagged(r, field, true);
        if (rc)
            return rc;
        json_skip_space(r);
        if (json_peek(r) == ']')
            break;
        if (json_peek(r) != ',')
            return json_fail_syntax(r, r->at, "',' or ']' after a list's value");
        r->at++;
        json_skip_space(r);
    }
    step->index = JSON_NO_INDEX;
    return 0;
}

static int read_list(struct json_reader *r, const struct field_desc *field)
{
    if (json_peek(r) != '[')
        return json_fail_value(r, r->at, "a list");
    int rc = json_make_room(r, VALUE_MAX_LEN);
    if (!rc)
        rc = enter(r);
    if (rc)
        return rc;
    size_t before = r->out->len, start = 0;
    if (field->packed) {
        put_tag(r, field, WIRE_LEN);
        start = json_open_length(r);
    }
    rc = read_elements(r, field);
    if (rc)
        return rc;
    r->depth--;
    r->at++;
    if (!field->packed)
        return 0;
    if (r->out->len == start) {
        r->out->len = before;
        return 0;
    }
    return json_close_length(r, start);
}

static bool is_named(const struct field_desc *field, struct json_span name)
{
    return (field->json_name_len == name.len && memcmp(field->json_name, name.text, name.len) == 0) ||
           (field->name_len == name.len && memcmp(field->name, name.text, name.len) == 0);
}

/* Most texts have the fields in the descriptor's order, so the search begins with the next one. */
static const struct field_desc *find_field(const struct message_desc *desc, size_t next,
                                           struct json_span name)
{
    for (size_t i = 0; i < desc->fields_n; i++) {
        size_t at = next + i < desc->fields_n ? next + i : next + i - desc->fields_n;
        if (is_named(&desc->fields[at], name))
            return &desc->fields[at];
    }
    return NULL;
}

struct object {
    const struct message_desc *desc;
    size_t next;    /* index of the field after the one that was read last */
    uint64_t named; /* a bit for each field whose name has come */
    uint64_t set;   /* likewise, with a value that is not null */
};

static int read_name(struct json_reader *r, struct object *object, const struct field_desc **field)
{
    const char *at = r->at;
    struct json_span name;
    if (json_peek(r) != '"')
        return json_fail_syntax(r, at, "a field's name in quotation marks");
    int rc = json_read_string(r, &name);
    if (rc)
        return rc;
    *field = find_field(object->desc, object->next, name);
    if (!*field)
        return json_fail_name(r, at, name.text, name.len, object->desc);
    size_t i = (size_t)(*field - object->desc->fields);
    if (object->named >> i & 1)
        return json_fail(r, at, "the field \"%s\" is named twice", (*field)->json_name);
    object->named |= UINT64_C(1) << i;
    object->next = i + 1 < object->desc->fields_n ? i + 1 : 0;
    return 0;
}

static int check_oneof(struct json_reader *r, const char *at, struct object *object,
                       const struct field_desc *field)
{
    for (size_t i = 0; i < object->desc->fields_n; i++) {
        const struct field_desc *other = &object->desc->fields[i];
        if (object->set >> i & 1 && other->oneof == field->oneof)
            return json_fail(r, at, "only one of \"%s\" and \"%s\" may be set", other->json_name,
                             field->json_name);
    }
    return 0;
}

static int read_field(struct json_reader *r, struct object *object)
{
    const struct field_desc *field = NULL;
    int rc = read_name(r, object, &field);
    if (rc || !field)
        return rc;
    json_skip_space(r);
    if (json_peek(r) != ':')
        return json_fail_syntax(r, r->at, "':' after a field's name");
    r->at++;
    json_skip_space(r);
    if (json_take_word(r, "null"))
        return 0;
    rc = field->oneof ? check_oneof(r, r->at, object, field) : 0;
    if (rc)
        return rc;
    object->set |= UINT64_C(1) << (field - object->desc->fields);
    r->path[r->path_n++] = (struct json_step){ field, JSON_NO_INDEX };
    rc = field->repeated ? read_list(r, field) : read_tagged(r, field, field->presence);
    if (!rc)
        r->path_n--;
    return rc;
}

static int read_object(struct json_reader *r, const struct message_desc *desc)
{
    struct object object = { .desc = desc };
    if (json_peek(r) != '{')
        return json_fail_value(r, r->at, "an object");
    int rc = enter(r);
    if (rc)
        return rc;
    while (json_peek(r) != '}') {
        rc = read_field(r, &object);
        if (rc)
            return rc;
        json_skip_space(r);
        if (json_peek(r) == '}')
            break;
        if (json_peek(r) != ',')
            return json_fail_syntax(r, r->at, "',' or '}' after a field's value");
        r->at++;
        json_skip_space(r);
        if (json_peek(r) != '"')
            return json_fail_syntax(r, r->at, "a field's name in quotation marks");
    }
    r->depth--;
    r->at++;
    return 0;
}

static int read_time(struct json_reader *r)
{
    static const char what[] = "a time such as \"2026-01-31T12:00:00Z\" (RFC 3339, in the years 1 to 9999)";
    const char *at = r->at;
    struct json_span text;
    int64_t seconds;
    int32_t nanos;
    if (json_peek(r) != '"')
        return json_fail_value(r, at, what);
    int rc = json_read_string(r, &text);
    if (rc)
        return rc;
    if (!json_time_parse(text.text, text.len, &seconds, &nanos))
        return json_fail_value(r, at, what);
    rc = json_make_room(r, VALUE_MAX_LEN * 2);
    if (rc)
        return rc;
    if (seconds) {
        bytes_put_byte(r->out, 1 << 3 | WIRE_VARINT);
        wire_put_varint(r->out, (uint64_t)seconds);
    }
    if (nanos) {
        bytes_put_byte(r->out, 2 << 3 | WIRE_VARINT);
        wire_put_varint(r->out, (uint64_t)nanos);
    }
    return 0;
}

static int read_message(struct json_reader *r, const struct message_desc *desc)
{
    return desc->form == MESSAGE_TIMESTAMP ? read_time(r) : read_object(r, desc);
}

int json_to_message(const struct message_desc *desc, const char *text, size_t len, struct bytes *out,
                    size_t max, struct json_error *error)
{
    struct json_reader r;
    r.text = r.at = text;
    r.end = text + len;
    r.out = out;
    r.start = out->len;
    r.max = max;
    r.depth = 0;
    r.path_n = 0; /* the path itself need not be cleared: steps are written before they are read */
    r.error = error;
    json_skip_space(&r);
    int rc = read_message(&r, desc);
    json_skip_space(&r);
    if (!rc && r.at < r.end)
        rc = json_fail_syntax(&r, r.at, "nothing more after the message");
    if (!rc && out->len - r.start > max)
        rc = json_fail_size(&r);
    if (rc)
        out->len = r.start;
    return rc;
}
