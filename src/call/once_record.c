/* SPDX-License-Identifier: MIT */
#include "call/once_record.h"

#include <endian.h>
#include <string.h>
#include <uv.h>

#include "db/record.h"

#define NONCE_LEN 8          /* bytes */
#define WRITE     UINT32_MAX /* the `len` of a write's entry */

/* Followed by the statement's name and the records. Numbers are in network byte order. */
struct entry {
    uint32_t name_len;
    uint32_t len; /* bytes of the records */
};

/* ---- writing ---- */

static int put(struct call *call, struct once_record *record, const void *bytes, size_t len)
{
    if (record->len + len > record->size) {
        size_t size = 2 * (record->len + len);
        uint8_t *grown = call_alloc(call, 1, size);
        if (!grown)
            return UV_ENOMEM;
        if (record->len)
            memcpy(grown, record->data, record->len);
        record->data = grown;
        record->size = size;
    }
    if (bytes)
        memcpy(record->data + record->len, bytes, len);
    record->len += len;
    return 0;
}

/* The nonce distinguishes this call's row from one that another call stores under the same key later. */
static int put_entry(struct call *call, struct once_record *record, const struct statement *statement,
                     uint32_t len)
{
    uint8_t nonce[NONCE_LEN];
    size_t name_len = strlen(statement->name);
    struct entry entry = { .name_len = htobe32((uint32_t)name_len), .len = htobe32(len) };
    if (record->len == 0 &&
        (uv_random(NULL, NULL, nonce, sizeof nonce, 0, NULL) || put(call, record, nonce, sizeof nonce)))
        return UV_ENOMEM;
    return put(call, record, &entry, sizeof entry) ? UV_ENOMEM : put(call, record, statement->name, name_len);
}

int once_record_read(struct call *call, struct once_record *record, const struct query_outcome *outcome)
{
    size_t len = records_len(outcome);
    int rc = put_entry(call, record, call->query.statement, (uint32_t)len);
    if (!rc)
        rc = put(call, record, NULL, len);
    if (!rc)
        records_write(outcome, record->data + record->len - len);
    return rc;
}

int once_record_write(struct call *call, struct once_record *record, const struct statement *statement)
{
    return put_entry(call, record, statement, WRITE);
}

int once_record_answer(struct call *call, struct once_record *record, const struct statement *statement)
{
    return put_entry(call, record, statement, 0);
}

/* ---- reading ---- */

static void skip(struct sql_bytes *bytes, size_t len)
{
    bytes->data += len;
    bytes->len -= len;
}

struct sql_bytes once_record_entries(struct sql_bytes before)
{
    if (before.len < NONCE_LEN)
        return (struct sql_bytes){ 0 };
    skip(&before, NONCE_LEN);
    return before;
}

bool once_record_take(struct sql_bytes *entries, const struct statement *statement, struct sql_bytes rows,
                      struct sql_bytes *records)
{
    struct entry entry;
    size_t name_len = strlen(statement->name), head_len = sizeof entry + name_len;
    if (entries->len < head_len)
        return false;
    memcpy(&entry, entries->data, sizeof entry);
    bool is_write = be32toh(entry.len) == WRITE;
    size_t len = is_write ? 0 : be32toh(entry.len);
    if (be32toh(entry.name_len) != name_len ||
        memcmp(entries->data + sizeof entry, statement->name, name_len) != 0 || len > entries->len - head_len)
        return false;
    *records = is_write ? rows : (struct sql_bytes){ .data = entries->data + head_len, .len = len };
    skip(entries, head_len + len);
    return true;
}
