/* SPDX-License-Identifier: MIT
 *
 * nanopb encodes fields in the order of their numbers and leaves out those at their default, so its encoding
 * of a decoded message is canonical; except that it encodes empty text behind a pointer, which is therefore
 * removed first.
 */
#include "call/request_digest.h"

#include <pb_common.h>
#include <pb_encode.h>
#include <stdlib.h>
#include <uv.h>

#define SECRETS_MAX 8

static void remove_empty(const struct rpc_text *fields, size_t n, const pb_msgdesc_t *desc, void *message);

static void remove_empty_within(const struct rpc_text *text, const pb_field_iter_t *field)
{
    pb_size_t n = PB_HTYPE(field->type) == PB_HTYPE_REPEATED ? *(const pb_size_t *)field->pSize : 1;
    for (pb_size_t i = 0; field->pData && i < n; i++)
        remove_empty(text->fields, text->fields_n, field->submsg_desc,
                     (char *)field->pData + (size_t)i * field->data_size);
}

static void remove_empty(const struct rpc_text *fields, size_t n, const pb_msgdesc_t *desc, void *message)
{
    for (size_t i = 0; i < n; i++) {
        pb_field_iter_t field;
        if (!pb_field_iter_begin(&field, desc, message) || !pb_field_iter_find(&field, fields[i].tag))
            continue;
        if (fields[i].fields) {
            remove_empty_within(&fields[i], &field);
            continue;
        }
        char **text = field.pField;
        bool is_one = PB_HTYPE(field.type) == PB_HTYPE_SINGULAR && PB_ATYPE(field.type) == PB_ATYPE_POINTER;
        if (!is_one || fields[i].is_optional || !*text || **text)
            continue;
        free(*text);
        *text = NULL;
    }
}

/* Exchanges the secret fields with `hidden`: the first time takes them out, the second puts them back. */
static void swap_secrets(const struct rpc_method *method, void *request, char *hidden[static SECRETS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < method->text_n && n < SECRETS_MAX; i++) {
        pb_field_iter_t field;
        if (!method->text[i].is_secret || !pb_field_iter_begin(&field, method->request_fields, request) ||
            !pb_field_iter_find(&field, method->text[i].tag))
            continue;
        char **text = field.pField, *held = *text;
        *text = hidden[n];
        hidden[n++] = held;
    }
}

static bool encode(const pb_msgdesc_t *fields, const void *request, struct arena *arena, uint8_t **bytes,
                   size_t *len)
{
    if (!pb_get_encoded_size(len, fields, request))
        return false;
    *bytes = arena_alloc(arena, *len);
    if (!*bytes)
        return false;
    pb_ostream_t stream = pb_ostream_from_buffer(*bytes, *len);
    return pb_encode(&stream, fields, request);
}

int request_digest(const struct rpc_method *method, void *request, struct arena *arena,
                   uint8_t digest[static DIGEST_LEN])
{
    char *hidden[SECRETS_MAX] = { NULL };
    uint8_t *bytes;
    size_t len;
    remove_empty(method->text, method->text_n, method->request_fields, request);
    swap_secrets(method, request, hidden);
    bool is_encoded = encode(method->request_fields, request, arena, &bytes, &len);
    swap_secrets(method, request, hidden);
    if (!is_encoded)
        return UV_ENOMEM;
    digest_of(digest, bytes, len);
    return 0;
}
