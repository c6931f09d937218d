/* SPDX-License-Identifier: MIT
 *
 * Streams as the call layer keeps them, on the one that there is: Health.Watch. What clients see of it is in
 * test/e2e/test_streams.py.
 */
#include "harness.h"

#include <string.h>

#include "call/signal.h"
#include "call/stream.h"
#include "call/task.h"

#define SERVING     "\x08\x01"
#define NOT_SERVING "\x08\x02"

static struct sent *watch(void)
{
    return rpc_send(RPC_WATCH, &(grpc_health_v1_HealthCheckRequest){ 0 });
}

/* Health is another from now on, and whoever watches is told. */
static void set_draining(bool draining)
{
    harness_context()->draining = draining;
    signal_raise(&harness_context()->health_changed);
}

static void ck_last(const struct sent *sent, unsigned messages_n, const char *bytes)
{
    ck_assert_uint_eq(sent->messages_n, messages_n);
    ck_assert_uint_eq(sent->len, 2);
    ck_assert_mem_eq(sent->bytes, bytes, 2);
}

START_TEST(a_message_is_sent_at_once_and_then_at_each_change)
{
    struct sent *sent = watch();
    ck_last(sent, 1, SERVING);
    rpc_take(sent);
    set_draining(false); /* the same as before */
    ck_assert_uint_eq(sent->messages_n, 1);
    set_draining(true);
    ck_last(sent, 2, NOT_SERVING);
    rpc_take(sent);
    rpc_cancel(sent);
    ck_assert(sent->over && !sent->answered);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_sent_one_message_and_then_what_is_true)
{
    struct sent *sent = watch();
    for (int i = 0; i < 1000; i++)
        set_draining(i % 2 == 0);
    ck_last(sent, 1, SERVING);
    rpc_take(sent); /* it changed and changed back: nothing to tell */
    ck_assert_uint_eq(sent->messages_n, 1);
    set_draining(true);
    ck_last(sent, 2, NOT_SERVING);
    rpc_cancel(sent);
}
END_TEST

START_TEST(messages_come_one_after_another_until_the_end)
{
    struct sent *sent = watch();
    const grpc_health_v1_HealthCheckResponse *message = rpc_next(sent);
    ck_assert_int_eq(message->status, grpc_health_v1_HealthCheckResponse_ServingStatus_SERVING);
    set_draining(true);
    message = rpc_next(sent);
    ck_assert_int_eq(message->status, grpc_health_v1_HealthCheckResponse_ServingStatus_NOT_SERVING);
    streams_end(harness_context(), STATUS_UNAVAILABLE, "the server is stopping");
    ck_assert_ptr_null(rpc_next(sent));
    ck_assert_int_eq(sent->status, STATUS_UNAVAILABLE);
    ck_assert_uint_eq(sent->messages_n, 2);
}
END_TEST

START_TEST(a_long_stream_keeps_the_memory_of_one_message)
{
    struct sent *sent = watch();
    struct call *call = sent->call; /* its first member */
    rpc_take(sent);
    struct arena_mark early = arena_mark(&call->arena);
    for (int i = 1; i <= 10000; i++) {
        set_draining(i % 2);
        rpc_take(sent);
        set_draining(i % 2);
    }
    struct arena_mark late = arena_mark(&call->arena);
    ck_assert_ptr_eq(early.block, late.block);
    ck_assert_uint_eq(early.used, late.used);
    ck_assert_uint_eq(sent->messages_n, 10001);
    rpc_cancel(sent);
}
END_TEST

START_TEST(the_daemons_end_is_told_to_every_stream_whatever_it_waits_for)
{
    struct sent *sending = watch(), *waiting = watch();
    rpc_take(waiting);
    ck_assert_uint_eq(harness_context()->streams_n, 2);
    streams_end(harness_context(), STATUS_UNAVAILABLE, "the server is stopping");
    ck_assert_uint_eq(harness_context()->streams_n, 0);
    ck_assert(sending->over && waiting->over);
    ck_assert_int_eq(sending->status, STATUS_UNAVAILABLE);
    ck_assert_str_eq(waiting->message, "the server is stopping");
    set_draining(true);
    ck_assert_uint_eq(waiting->messages_n, 1);
}
END_TEST

START_TEST(a_stream_ends_at_its_deadline)
{
    struct sent *sent = rpc_send_bytes(RPC_WATCH, "", 0, 50);
    rpc_take(sent);
    rpc_wait(sent);
    ck_assert_int_eq(sent->status, STATUS_DEADLINE_EXCEEDED);
    ck_assert(sent->over);
}
END_TEST

/* ---- what is no stream ---- */

static const char *told;

static enum next end_it(struct call *call, const void *nothing)
{
    (void)nothing;
    return stream_end(call);
}

static void on_ended(struct task *task, const char *error)
{
    (void)task;
    told = error ? keep_text(error) : "nothing";
}

START_TEST(a_call_that_is_no_stream_is_not_ended_as_one)
{
    static struct task task;
    told = NULL;
    task_start(&task, harness_context(), "test", end_it, NULL, on_ended);
    ck_assert_str_eq(told, "the call was ended without its reply");
    task_finish(&task);
}
END_TEST

Suite *stream_suite(void)
{
    Suite *suite = suite_create("stream");
    TCase *tcase = harness_case(suite, "watch");
    tcase_add_test(tcase, a_message_is_sent_at_once_and_then_at_each_change);
    tcase_add_test(tcase, a_peer_that_does_not_read_is_sent_one_message_and_then_what_is_true);
    tcase_add_test(tcase, messages_come_one_after_another_until_the_end);
    tcase_add_test(tcase, a_long_stream_keeps_the_memory_of_one_message);
    tcase_add_test(tcase, the_daemons_end_is_told_to_every_stream_whatever_it_waits_for);
    tcase_add_test(tcase, a_stream_ends_at_its_deadline);
    tcase_add_test(tcase, a_call_that_is_no_stream_is_not_ended_as_one);
    return suite;
}
