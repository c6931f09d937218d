/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/container_of.h"
#include "call/entry.h"
#include "call/request.h"
#include "call/stream.h"
#include "config/load.h"
#include "db/params.h"
#include "db/pool.h"
#include "hash_gate.h"
#include "login/hash_pool.h"
#include "login/throttle.h"

#define WAIT_MAX_MS 280000 /* twenty hashes take minutes under valgrind */

/* Everything of one test. Check runs each in a process of its own. */
static struct {
    struct config config;
    struct config login_config;
    bool has_peer;
    struct ip peer;
    const char *forwarded_for;
    const char *key;
    struct database_params owner_params, params;
    uv_loop_t loop;
    struct timers timers;
    uv_timer_t timer;
    bool timer_fired;
    struct context context;
    struct pool pool;
    struct pool_options pool_options;
    unsigned connect_ms;    /* how long the pool took */
    struct pool other_pool; /* the test's own choice */
    bool has_other_pool;
    struct test_call *calls;
    unsigned unanswered;
} harness;

struct test_call {
    struct call call;
    struct sent sent;
    const pb_msgdesc_t *reply_fields;
    size_t reply_size;
    bool has_peer;
    struct ip peer;
    const char *forwarded_for;
    const char *key;
    bool is_sending;
    unsigned given_n; /* messages that rpc_next() has returned */
    struct test_call *next;
};

/* ---- calls ---- */

static struct test_call *test_call_of(struct call *call)
{
    return container_of(call, struct test_call, call);
}

static void release(struct test_call *test)
{
    if (test->sent.reply)
        pb_release(test->reply_fields, test->sent.reply);
    free(test->sent.reply);
}

/* Makes sent.reply of sent.bytes. */
static void decode(struct test_call *test)
{
    release(test);
    test->sent.reply = calloc(1, test->reply_size);
    pb_istream_t stream = pb_istream_from_buffer(test->sent.bytes, test->sent.len);
    ck_assert_msg(pb_decode(&stream, test->reply_fields, test->sent.reply), "the reply cannot be decoded");
}

static void on_reply(struct call *call, const uint8_t *bytes, size_t len)
{
    struct test_call *test = test_call_of(call);
    ck_assert_msg(!test->sent.answered && !test->sent.dropped, "answered after its end");
    test->sent.answered = true;
    test->sent.len = len;
    test->sent.bytes = keep(bytes, len);
    decode(test);
    harness.unanswered--;
}

/* Stays on its way until rpc_take(). */
static void on_send(struct call *call, const uint8_t *bytes, size_t len)
{
    struct test_call *test = test_call_of(call);
    ck_assert_msg(!test->sent.answered && !test->sent.over, "a message after the end");
    ck_assert_msg(!test->is_sending, "a message while another is on its way");
    test->is_sending = true;
    test->sent.messages_n++;
    test->sent.len = len;
    test->sent.bytes = keep(bytes, len);
}

static void on_end(struct call *call, enum status status, const char *message, unsigned retry_after_ms)
{
    struct test_call *test = test_call_of(call);
    ck_assert_msg(!test->sent.answered && !test->sent.dropped, "answered after its end");
    test->sent.answered = true;
    test->sent.status = status;
    test->sent.message = keep_text(message);
    test->sent.retry_after_ms = retry_after_ms;
    harness.unanswered--;
}

static void on_over(struct call *call)
{
    struct test_call *test = test_call_of(call);
    ck_assert_msg(!test->sent.over, "over twice");
    test->sent.over = true;
    if (test->sent.answered)
        return;
    test->sent.dropped = true;
    harness.unanswered--;
}

static bool peer_of(struct call *call, struct ip *ip)
{
    *ip = test_call_of(call)->peer;
    return test_call_of(call)->has_peer;
}

static const char *metadata_of(struct call *call, const char *key)
{
    if (strcmp(key, "idempotency-key") == 0)
        return test_call_of(call)->key;
    return strcmp(key, "x-forwarded-for") == 0 ? test_call_of(call)->forwarded_for : NULL;
}

static const struct call_transport transport = { .reply = on_reply,
                                                 .end = on_end,
                                                 .send = on_send,
                                                 .over = on_over,
                                                 .peer = peer_of,
                                                 .metadata = metadata_of };

void rpc_set_peer(const char *address, const char *forwarded_for)
{
    harness.has_peer = address != NULL;
    if (address)
        ck_assert_int_eq(ip_parse(&harness.peer, address, strlen(address)), 0);
    harness.forwarded_for = forwarded_for ? keep_text(forwarded_for) : NULL;
}

void rpc_set_key(const char *key)
{
    harness.key = key ? keep_text(key) : NULL;
}

static const struct rpc_method *method_of(const char *path)
{
    for (size_t i = 0; i < rpc_methods_n; i++)
        if (strcmp(rpc_methods[i].path, path) == 0)
            return &rpc_methods[i];
    ck_abort_msg("%s is not registered", path);
    return NULL;
}

struct sent *rpc_send_bytes(const char *path, const pb_msgdesc_t *request_fields,
                            const pb_msgdesc_t *reply_fields, size_t reply_size, const void *bytes,
                            size_t len, unsigned deadline_ms)
{
    (void)request_fields;
    struct test_call *test = calloc(1, sizeof *test);
    *test =
        (struct test_call){ .reply_fields = reply_fields, .reply_size = reply_size, .next = harness.calls };
    test->call.method = method_of(path);
    test->call.transport = &transport;
    test->call.context = &harness.context;
    test->call.deadline_ns = deadline_ms ? uv_hrtime() + deadline_ms * UINT64_C(1000000) : UINT64_MAX;
    test->has_peer = harness.has_peer;
    test->peer = harness.peer;
    test->forwarded_for = harness.forwarded_for;
    test->key = harness.key;
    test->sent.call = test;
    harness.calls = test;
    harness.unanswered++;
    call_start(&test->call, bytes, len);
    return &test->sent;
}

struct sent *rpc_send(const char *path, const pb_msgdesc_t *request_fields, const pb_msgdesc_t *reply_fields,
                      size_t reply_size, const void *request)
{
    size_t len;
    ck_assert(pb_get_encoded_size(&len, request_fields, request));
    uint8_t *bytes = malloc(len + 1);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, len);
    ck_assert_msg(pb_encode(&stream, request_fields, request), "the request cannot be encoded");
    struct sent *sent = rpc_send_bytes(path, request_fields, reply_fields, reply_size, bytes, len, 0);
    free(bytes);
    return sent;
}

/* uv_run() looks at timers before it polls: once this one has fired it is not to wait for others. */
static void on_timer(uv_timer_t *timer)
{
    harness.timer_fired = true;
    uv_stop(timer->loop);
}

static void timer_start(unsigned ms)
{
    harness.timer_fired = false;
    uv_update_time(&harness.loop);
    uv_timer_start(&harness.timer, on_timer, ms, 0);
}

void rpc_wait(struct sent *sent)
{
    timer_start(WAIT_MAX_MS);
    while (!sent->answered && !harness.timer_fired)
        uv_run(&harness.loop, UV_RUN_ONCE);
    ck_assert_msg(sent->answered, "no answer");
    uv_timer_stop(&harness.timer);
}

void rpc_wait_all(void)
{
    timer_start(WAIT_MAX_MS);
    while (harness.unanswered > 0 && !harness.timer_fired)
        uv_run(&harness.loop, UV_RUN_ONCE);
    ck_assert_msg(harness.unanswered == 0, "%u calls without an answer", harness.unanswered);
    uv_timer_stop(&harness.timer);
}

void rpc_take(struct sent *sent)
{
    struct test_call *test = sent->call;
    ck_assert_msg(test->is_sending, "nothing is on its way");
    test->is_sending = false;
    stream_sent(&test->call);
}

const void *rpc_next(struct sent *sent)
{
    struct test_call *test = sent->call;
    if (!sent->over && test->is_sending && test->given_n == sent->messages_n)
        rpc_take(sent);
    timer_start(WAIT_MAX_MS);
    while (!sent->over && test->given_n == sent->messages_n && !harness.timer_fired)
        uv_run(&harness.loop, UV_RUN_ONCE);
    uv_timer_stop(&harness.timer);
    if (sent->over)
        return NULL;
    ck_assert_msg(test->given_n < sent->messages_n, "no message");
    test->given_n = sent->messages_n;
    decode(test);
    return sent->reply;
}

void rpc_cancel(struct sent *sent)
{
    struct test_call *test = sent->call;
    call_cancel(&test->call);
}

const void *rpc_ok(const char *path, const pb_msgdesc_t *request_fields, const pb_msgdesc_t *reply_fields,
                   size_t reply_size, const void *request)
{
    struct sent *sent = rpc_send(path, request_fields, reply_fields, reply_size, request);
    rpc_wait(sent);
    ck_assert_msg(sent->status == STATUS_OK, "%s: status %d: %s", path, sent->status, sent->message);
    return sent->reply;
}

const void *rpc_ok_unchanged(const char *path, const pb_msgdesc_t *request_fields,
                             const pb_msgdesc_t *reply_fields, size_t reply_size, const void *request)
{
    const char *before = db_state();
    const void *reply = rpc_ok(path, request_fields, reply_fields, reply_size, request);
    ck_assert_str_eq(before, db_state());
    return reply;
}

void rpc_fails(enum status status, const char *words, const char *path, const pb_msgdesc_t *request_fields,
               const pb_msgdesc_t *reply_fields, size_t reply_size, const void *request)
{
    const char *before = db_state();
    struct sent *sent = rpc_send(path, request_fields, reply_fields, reply_size, request);
    rpc_wait(sent);
    ck_assert_msg(sent->status == status, "%s: status %d (%s), expected %d", path, sent->status,
                  sent->message, status);
    ck_assert_msg(sent->message && strstr(sent->message, words), "%s: the message \"%s\" lacks \"%s\"", path,
                  sent->message, words);
    ck_assert_str_eq(before, db_state());
}

struct context *harness_context(void)
{
    return &harness.context;
}

uv_loop_t *harness_loop(void)
{
    return &harness.loop;
}

const struct pool_options *harness_pool_options(void)
{
    return &harness.pool_options;
}

unsigned harness_connect_ms(void)
{
    return harness.connect_ms;
}

void harness_let_take_their_time(enum lane number)
{
    struct pool_lane *lane = &harness_context()->pool->lanes[number];
    for (unsigned i = 0; i < lane->conns_n; i++)
        lane->conns[i].backend_pid = 0;
}

struct pool *harness_use_pool(const struct pool_options *options)
{
    ck_assert(!harness.has_other_pool);
    ck_assert_int_eq(pool_start(&harness.other_pool, &harness.loop, options), 0);
    harness.has_other_pool = true;
    harness.context.pool = &harness.other_pool;
    return &harness.other_pool;
}

void harness_run_until(const bool *flag)
{
    timer_start(WAIT_MAX_MS);
    while (!*flag && !harness.timer_fired)
        uv_run(&harness.loop, UV_RUN_ONCE);
    ck_assert_msg(*flag, "it did not happen");
    uv_timer_stop(&harness.timer);
}

long harness_n_blocked(const char *kind)
{
    return db_int("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ ' svcd ' AND "
                  "wait_event_type = 'Lock' AND coalesce(wait_event = nullif(%s, ''), true)",
                  db_quote(kind ? kind : ""));
}

void harness_run_until_blocked(const char *kind, long n)
{
    for (uint64_t begun_ns = uv_hrtime(); uv_hrtime() - begun_ns < WAIT_MAX_MS * UINT64_C(1000000);) {
        if (harness_n_blocked(kind) >= n)
            return;
        harness_run_ms(5);
    }
    ck_abort_msg("fewer than %ld backends wait for a lock", n);
}

void harness_run_until_hashing(int n_running, int n_queued)
{
    struct hash_pool_stats stats = { 0 };
    for (uint64_t begun_ns = uv_hrtime(); uv_hrtime() - begun_ns < WAIT_MAX_MS * UINT64_C(1000000);) {
        hash_pool_stats(harness.context.hash_pool, &stats);
        if (stats.n_running == n_running && stats.n_queued == n_queued)
            return;
        harness_run_ms(1);
    }
    ck_abort_msg("%d hashes run and %d wait, not %d and %d", stats.n_running, stats.n_queued, n_running,
                 n_queued);
}

void harness_run_ms(unsigned ms)
{
    timer_start(ms);
    while (!harness.timer_fired)
        uv_run(&harness.loop, UV_RUN_ONCE);
}

/* ---- set-up and tear-down ---- */

/* More than pool_is_available() asks for: one that still prepares its statements would wait for a test's
 * locks. */
static bool all_connections_are_up(void)
{
    for (int lane = 0; lane < LANES; lane++)
        if (harness.pool.lanes[lane].up < harness.pool_options.connections[lane])
            return false;
    return true;
}

static void start_pool(void)
{
    harness.pool_options = (struct pool_options){
        .conn = { .keywords = harness.params.keywords,
                  .values = harness.params.values,
                  .statement_timeout_ms = harness.params.statement_timeout_ms,
                  .lock_wait_ms = 15000, /* tests hold locks for as long as they like */
                  .connect_timeout_ms = 5000,
                  .answer_timeout_ms = 30000,
                  .reconnect_min_ms = 20,
                  .reconnect_max_ms = 100 },
        .connections = { [LANE_READ] = 2, [LANE_INSERT] = 1, [LANE_WRITE] = 4, [LANE_CONTROL] = 1 },
        .queue_max = 10000,
    };
    harness.context.pool = &harness.pool;
    uint64_t begun_ns = uv_hrtime();
    ck_assert_int_eq(pool_start(&harness.pool, &harness.loop, &harness.pool_options), 0);
    timer_start(WAIT_MAX_MS);
    while (!all_connections_are_up() && !harness.timer_fired)
        uv_run(&harness.loop, UV_RUN_ONCE);
    ck_assert_msg(all_connections_are_up(), "the database cannot be reached");
    uv_timer_stop(&harness.timer);
    harness.connect_ms = (unsigned)((uv_hrtime() - begun_ns) / 1000000);
}

static void stop_logins(void)
{
    ck_assert(hash_pool_stop(harness.context.hash_pool, WAIT_MAX_MS));
    hash_pool_destroy(harness.context.hash_pool);
    throttle_destroy(harness.context.throttle);
    config_finish(&harness.login_config);
}

void harness_configure(const char *const *settings)
{
    struct config_source source = { .settings = settings };
    while (settings[source.n_settings])
        source.n_settings++;
    stop_logins();
    ck_assert_int_eq(config_load(&harness.login_config, &source, stderr), 0);
    harness.context.config = &harness.login_config;
    struct password_policy policy;
    password_policy_set(&policy, &harness.login_config);
    struct hash_pool_options options = { .policy = &policy,
                                         .n_workers = harness.login_config.password.workers,
                                         .queue_limit = harness.login_config.password.queue_limit,
                                         .on_begin = hash_gate_pass };
    ck_assert_int_eq(hash_pool_start(&harness.context.hash_pool, &harness.loop, &options), 0);
    ck_assert_int_eq(throttle_create(&harness.context.throttle, &harness.login_config), 0);
}

static void set_up(void)
{
    extern char **environ;
    memset(&harness, 0, sizeof harness);
    struct config_source source = { .environment = environ };
    ck_assert_int_eq(config_load(&harness.config, &source, stderr), 0);
    database_params_set(&harness.owner_params, &harness.config);
    database_params_set(&harness.params, &harness.config);
    world_serve_as(&harness.params);
    harness.context.loop = &harness.loop;
    world_open(&harness.owner_params);
    uv_loop_init(&harness.loop);
    ck_assert_int_eq(timers_init(&harness.timers, &harness.loop), 0);
    harness.context.timers = &harness.timers;
    uv_timer_init(&harness.loop, &harness.timer);
    ck_assert_int_eq(password_init(), 0);
    hash_gate_open();
    harness_configure((const char *const[]){ "password.workers=2", "password.queue_limit=1000", NULL });
    start_pool();
}

static void tear_down(void)
{
    pool_stop(&harness.pool);
    if (harness.has_other_pool && !harness.other_pool.stopping)
        pool_stop(&harness.other_pool);
    stop_logins();
    timers_finish(&harness.timers);
    uv_close((uv_handle_t *)&harness.timer, NULL);
    uv_run(&harness.loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&harness.loop), 0);
    pool_finish(&harness.pool);
    pool_finish(&harness.other_pool);
    while (harness.calls) {
        struct test_call *test = harness.calls;
        harness.calls = test->next;
        release(test);
        call_finish(&test->call);
        free(test);
    }
    world_close();
    config_finish(&harness.config);
}

TCase *harness_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 300);
    suite_add_tcase(suite, tcase);
    return tcase;
}
