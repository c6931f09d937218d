/* SPDX-License-Identifier: MIT */
#include "call/once.h"

#include <string.h>
#include <uv.h>

#include "call/delay.h"
#include "call/once_record.h"
#include "call/request.h"
#include "call/request_digest.h"
#include "call/sql.h"
#include "db/record.h"

/* The constraint that a write violates if its key has been used before. */
#define ANSWERED_BEFORE "kept_answer_pkey"
#define ATTEMPTS_MAX    8  /* of a call whose key other calls keep using at the same time */
#define ID_LEN          16 /* bytes: half of a SHA-256 digest is stored */

/* A row of `kept_answers`. */
struct kept {
    struct sql_bytes digest, before, rows, answer;
};

enum sent { OWN, READ, WRITTEN };

struct once {
    enum next (*handler)(struct call *call, const void *request);
    uint8_t id[ID_LEN], digest[ID_LEN];
    bool has_looked;
    bool is_in_the_way; /* a write failed because of a row with this key */
    unsigned attempts;
    enum sent sent; /* the statement under way, or the last one */
    int32_t step;   /* writes of this run of the handler so far, replayed ones included */
    const struct kept *kept;
    size_t kept_n;
    struct sql_bytes told;        /* the entries of kept[step].before that are still to be replayed */
    struct once_record record;    /* the column `before` of the next write, as it grows */
    struct sql_bytes last_before; /* that of the last write */
    /* Rows that are being replayed, and the continuation that gets them. */
    sql_then *then_typed;
    sql_continuation *then;
    struct sql_bytes records;
    /* The handler's answer, while a statement of ours runs before it is sent. */
    struct sql_bytes reply;
    bool is_failing;
    enum status status;
    unsigned retry_after_ms;
    const char *message;
};

static struct once *once_of(const struct call *call)
{
    return call->kept;
}

/* ---- statements on kept_answer ---- */

static struct sql_bytes id_of(const struct once *once)
{
    return (struct sql_bytes){ .data = once->id, .len = ID_LEN };
}

static struct sql_bytes request_of(const struct once *once)
{
    return (struct sql_bytes){ .data = once->digest, .len = ID_LEN };
}

static struct sql_bytes recorded(const struct once *once)
{
    return (struct sql_bytes){ .data = once->record.data, .len = once->record.len };
}

static void begin_own(struct call *call, const char *name)
{
    once_of(call)->sent = OWN;
    sql_begin(call, statement_named(name));
    sql_bind_bytea(call, id_of(once_of(call)));
}

/* ---- beginning, and beginning again ---- */

static void tell_next(struct once *once)
{
    bool is_kept = (size_t)once->step < once->kept_n;
    once->told = is_kept ? once_record_entries(once->kept[once->step].before) : (struct sql_bytes){ 0 };
}

static enum next run(struct call *call)
{
    struct once *once = once_of(call);
    if (call->at_end)
        call->at_end(call);
    call->at_end = NULL;
    call->locals = NULL;
    once->step = 0;
    once->record.len = 0;
    tell_next(once);
    return once->handler(call, call->request);
}

static enum next old_forgotten(struct call *call, sql_continuation *none, const void *rows, size_t n)
{
    (void)none;
    (void)rows;
    (void)n;
    return run(call);
}

/* A row made the write fail, but kept_answers does not return it: so it has outlived its time. */
static enum next forget_old(struct call *call)
{
    begin_own(call, "forget_old_answers");
    return sql_send(call, old_forgotten, NULL);
}

static enum next answer_as_kept(struct call *call, sql_continuation *none, const void *rows, size_t n)
{
    const struct kept *kept = once_of(call)->kept;
    (void)none;
    (void)rows;
    (void)n;
    return kept->answer.data ? call_reply_bytes(call, kept->answer) : run(call);
}

static enum next looked(struct call *call, sql_continuation *none, const void *rows, size_t n)
{
    struct once *once = once_of(call);
    bool is_in_the_way = once->is_in_the_way;
    once->is_in_the_way = false;
    (void)none;
    once->has_looked = true;
    once->kept = rows;
    once->kept_n = n;
    if (n == 0)
        return is_in_the_way ? forget_old(call) : run(call);
    if (once->kept->digest.len != ID_LEN || memcmp(once->kept->digest.data, once->digest, ID_LEN) != 0)
        return call_fail(
            call, STATUS_INVALID_ARGUMENT,
            "idempotency-key: it came with another request before; a new request wants a new key");
    if (!call->context->standbys)
        return answer_as_kept(call, NULL, NULL, 0);
    /* A client that reads from standbys needs a WAL position (svcd-position) with this answer as well; any
     * write returns one, even if it changes no row. */
    begin_own(call, "forget_old_answers");
    return sql_send(call, answer_as_kept, NULL);
}

static enum next look(struct call *call)
{
    if (++once_of(call)->attempts > ATTEMPTS_MAX)
        return call_fail(call, STATUS_ABORTED, "others call with the same idempotency-key; try again");
    begin_own(call, "kept_answers");
    return sql_send(call, looked, NULL);
}

/* ---- statements of the handler ---- */

static enum next rows_told(struct call *call)
{
    struct once *once = once_of(call);
    const struct statement *statement = call->query.statement;
    struct sql_bytes records = once->records;
    long n = records_count(records);
    char *rows = n < 0 ? NULL : call_alloc(call, (size_t)n, statement->row_size);
    for (long i = 0; rows && i < n; i++)
        if (record_read(&records, statement, &call->arena, rows + (size_t)i * statement->row_size))
            rows = NULL;
    bool is_enough = statement->returns == SQL_MANY || n == 1 || (n == 0 && statement->returns != SQL_ONE);
    if (!rows || !is_enough)
        return call_fail(call, STATUS_INTERNAL, "what is kept under this idempotency-key cannot be read");
    if (statement->lane != LANE_READ) {
        once->sent = WRITTEN;
        once->last_before = once->kept[once->step].before;
        once->step++;
        tell_next(once);
    }
    return once->then_typed(call, once->then, rows, (size_t)n);
}

/* Replays to the handler the rows that it got the first time. */
static enum next tell(struct call *call, sql_then *then_typed, sql_continuation *then)
{
    struct once *once = once_of(call);
    if (!once_record_take(&once->told, call->query.statement, once->kept[once->step].rows, &once->records))
        return call_fail(call, STATUS_INTERNAL, "what is kept under this idempotency-key was done otherwise");
    once->then_typed = then_typed;
    once->then = then;
    return call_delay(call, uv_hrtime(), rows_told);
}

static enum next write_once(struct call *call, sql_then *then_typed, sql_continuation *then)
{
    struct once *once = once_of(call);
    const struct statement *statement = call->query.statement;
    if (once_record_write(call, &once->record, statement))
        return call_no_memory(call);
    once->sent = WRITTEN;
    once->last_before = recorded(once);
    call->query.statement = statement->keyed;
    sql_bind_bytea(call, id_of(once));
    sql_bind_integer(call, once->step + 1);
    sql_bind_bytea(call, request_of(once));
    sql_bind_bytea(call, once->last_before);
    return sql_send(call, then_typed, then);
}

/* A read must first look for a kept answer: the handler would otherwise see other rows than the first time. A
 * write need not: its +key statement fails if there is one. */
static enum next execute(struct call *call, sql_then *then_typed, sql_continuation *then)
{
    struct once *once = once_of(call);
    bool is_courtesy = call->otherwise != NULL;
    once->sent = OWN;
    if (is_courtesy || call->out_of_memory)
        return sql_send(call, then_typed, then);
    if ((size_t)once->step < once->kept_n)
        return tell(call, then_typed, then);
    if (call->query.statement->keyed)
        return write_once(call, then_typed, then);
    if (!once->has_looked)
        return look(call);
    once->sent = READ;
    return sql_send(call, then_typed, then);
}

static int arrived(struct call *call, const struct query_outcome *outcome)
{
    struct once *once = once_of(call);
    if (once->sent == READ)
        return once_record_read(call, &once->record, outcome);
    if (once->sent == WRITTEN) {
        once->step++;
        once->record = (struct once_record){ 0 };
    }
    return 0;
}

/* Another call with this key was first: look up its answer. */
static bool failed(struct call *call, const struct query_outcome *outcome, enum next *next)
{
    if (!outcome->constraint || strcmp(outcome->constraint, ANSWERED_BEFORE) != 0)
        return false;
    once_of(call)->is_in_the_way = true;
    *next = look(call);
    return true;
}

/* ---- answers ---- */

static enum next reply_kept(struct call *call, sql_continuation *none, const void *rows, size_t n)
{
    struct once *once = once_of(call);
    (void)none;
    (void)rows;
    (void)n;
    call->keeper = NULL;
    return call_reply_bytes(call, once->reply);
}

/* The answer of a call that wrote nothing is stored whole, unless its request holds a secret (then the answer
 * may reveal something about it). */
static bool reply(struct call *call, struct sql_bytes bytes, enum next *next)
{
    struct once *once = once_of(call);
    if (once->step > 0 || once->kept_n > 0 || request_has_secret(call->method))
        return false;
    uint8_t *copy = call_alloc(call, 1, bytes.len + 1);
    if (!copy || once_record_answer(call, &once->record, statement_named("keep_answer"))) {
        call->keeper = NULL;
        *next = call_no_memory(call);
        return true;
    }
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    once->reply = (struct sql_bytes){ .data = copy, .len = bytes.len };
    begin_own(call, "keep_answer");
    sql_bind_bytea(call, request_of(once));
    sql_bind_bytea(call, recorded(once));
    sql_bind_bytea(call, once->reply);
    *next = sql_send(call, reply_kept, NULL);
    return true;
}

static enum next error_forgotten(struct call *call, sql_continuation *none, const void *rows, size_t n)
{
    struct once *once = once_of(call);
    (void)none;
    (void)rows;
    (void)n;
    once->is_failing = false;
    if (once->kept_n > 0) { /* the error was an earlier call's: this one acts anew */
        once->kept_n = 0;
        return run(call);
    }
    call->keeper = NULL;
    return call_push_back(call, once->status, once->retry_after_ms, once->message);
}

/* Only a handler's refusal counts: it saw in the write's rows that nothing was written. Statuses by which the
 * call layer itself fails say nothing about the write. */
static bool fail(struct call *call, enum status status, unsigned retry_after_ms, const char *message,
                 enum next *next)
{
    struct once *once = once_of(call);
    bool is_refusal = status == STATUS_NOT_FOUND || status == STATUS_FAILED_PRECONDITION ||
                      status == STATUS_INVALID_ARGUMENT;
    if (!is_refusal || once->sent != WRITTEN || once->step == 0 || once->is_failing)
        return false;
    once->is_failing = true;
    once->status = status;
    once->retry_after_ms = retry_after_ms;
    once->message = message;
    struct sql_bytes before = once->last_before;
    begin_own(call, "forget_answer");
    sql_bind_integer(call, once->step);
    sql_bind_bytea(call, before);
    *next = sql_send(call, error_forgotten, NULL);
    return true;
}

static const struct call_keeper keeper = {
    .execute = execute, .arrived = arrived, .failed = failed, .reply = reply, .fail = fail
};

/* ---- keys ---- */

/* Blanks around a key do not count: HTTP/1.1 and proxies take them away. Returns the length of what is left
 * from *key on, 0 if that is no key. */
static size_t trim_key(const char **key)
{
    const char *text = *key += strspn(*key, " ");
    size_t len = strlen(text);
    while (len && text[len - 1] == ' ')
        len--;
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return 0;
    return len <= IDEMPOTENCY_KEY_MAX ? len : 0;
}

/* The newline separates the parts unambiguously: path, caller's name and key contain none. */
static int name_answer(struct call *call, const char *key, size_t key_len)
{
    struct once *once = once_of(call);
    uint8_t digest[DIGEST_LEN];
    const char *text =
        call_printf(call, "%s\n%s\n%.*s", call->method->path, call_caller(call), (int)key_len, key);
    if (!text || request_digest(call->method, call->request, &call->arena, digest))
        return UV_ENOMEM;
    memcpy(once->digest, digest, ID_LEN);
    digest_of(digest, text, strlen(text));
    memcpy(once->id, digest, ID_LEN);
    return 0;
}

enum next once_handle(struct call *call, enum next (*handler)(struct call *call, const void *request))
{
    const char *key = call->transport->metadata ? call->transport->metadata(call, "idempotency-key") : NULL;
    if (call->out_of_memory)
        return call_no_memory(call);
    if (!key)
        return handler(call, call->request);
    size_t key_len = trim_key(&key);
    if (!key_len)
        return call_fail(call, STATUS_INVALID_ARGUMENT,
                         "idempotency-key: it has 1 to %d printable characters of ASCII",
                         IDEMPOTENCY_KEY_MAX);
    struct once *once = call_alloc(call, 1, sizeof *once);
    call->kept = once;
    if (!once || name_answer(call, key, key_len))
        return call_no_memory(call);
    once->handler = handler;
    call->keeper = &keeper;
    /* Look for a kept answer first where the handler would compute an expensive hash. */
    return request_has_secret(call->method) ? look(call) : run(call);
}
