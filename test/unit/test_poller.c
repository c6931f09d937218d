/* SPDX-License-Identifier: MIT */
#include "base/poller.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/container_of.h"

struct end {
    struct watch watch;
    struct end *closes; /* when it is called for */
    int peer_fd;
    unsigned called_n;
    uint32_t events;
};

static void close_end(struct end *end)
{
    poller_forget(&end->watch);
    close(end->watch.fd);
    close(end->peer_fd);
}

static void on_event(struct watch *watch, uint32_t events)
{
    struct end *end = container_of(watch, struct end, watch);
    end->called_n++;
    end->events = events;
    if (end->closes && end->closes->watch.is_known)
        close_end(end->closes);
}

static void open_end(struct end *end, struct end *closes)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    *end = (struct end){ .watch = { .fd = pair[0], .on_event = on_event },
                         .peer_fd = pair[1],
                         .closes = closes };
}

START_TEST(a_socket_is_called_for_as_long_as_what_it_waits_for_lasts)
{
    static struct poller poller;
    struct end end;
    uv_loop_t loop;
    uv_loop_init(&loop);
    ck_assert_int_eq(poller_init(&poller, &loop), 0);
    open_end(&end, NULL);
    ck_assert_int_eq(poller_want(&poller, &end.watch, EPOLLIN), 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(end.called_n, 0);
    ck_assert_int_eq(write(end.peer_fd, "x", 1), 1);
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(end.called_n, 2);
    ck_assert_uint_eq(end.events, EPOLLIN);
    ck_assert_int_eq(poller_want(&poller, &end.watch, 0), 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(end.called_n, 2);
    shutdown(end.peer_fd, SHUT_RDWR); /* which is told in any case */
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(end.called_n, 3);
    ck_assert_uint_eq(end.events & EPOLLHUP, EPOLLHUP);
    close_end(&end);
    poller_finish(&poller);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

START_TEST(a_socket_that_another_ones_event_has_closed_is_not_called_for)
{
    static struct poller poller;
    struct end ends[2];
    uv_loop_t loop;
    uv_loop_init(&loop);
    ck_assert_int_eq(poller_init(&poller, &loop), 0);
    for (unsigned i = 0; i < 2; i++) {
        open_end(&ends[i], &ends[1 - i]);
        ck_assert_int_eq(poller_want(&poller, &ends[i].watch, EPOLLIN), 0);
        ck_assert_int_eq(write(ends[i].peer_fd, "x", 1), 1);
    }
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(ends[0].called_n + ends[1].called_n, 1);
    close_end(ends[0].called_n ? &ends[0] : &ends[1]);
    poller_finish(&poller);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

/* Ends that have something to be told of, of which the last goes first. */
static void open_ends(struct poller *poller, uv_loop_t *loop, struct end *ends, unsigned n)
{
    uv_loop_init(loop);
    ck_assert_int_eq(poller_init(poller, loop), 0);
    for (unsigned i = 0; i < n; i++) {
        open_end(&ends[i], NULL);
        ends[i].watch.goes_first = i == n - 1;
        ck_assert_int_eq(poller_want(poller, &ends[i].watch, EPOLLIN), 0);
        ck_assert_int_eq(write(ends[i].peer_fd, "x", 1), 1);
    }
}

static void close_ends(struct poller *poller, uv_loop_t *loop, struct end *ends, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        close_end(&ends[i]);
    poller_finish(poller);
    uv_run(loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(loop), 0);
}

START_TEST(more_sockets_than_a_turn_takes_have_their_turn)
{
    static struct poller poller;
    static struct end ends[POLLER_DUE + 50];
    enum { N = POLLER_DUE + 50 };
    uv_loop_t loop;
    open_ends(&poller, &loop, ends, N);
    poller.turn_ns = UINT64_C(600000000000);
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    for (unsigned i = 0; i < N; i++)
        ck_assert_uint_ge(ends[i].called_n, 1);
    close_ends(&poller, &loop, ends, N);
}
END_TEST

START_TEST(where_there_is_no_time_sockets_take_turns_and_one_that_goes_first_waits_for_none)
{
    static struct poller poller;
    static struct end ends[5];
    enum { N = 5, TURNS = 8 };
    uv_loop_t loop;
    open_ends(&poller, &loop, ends, N);
    poller.turn_ns = 0;
    for (unsigned turn = 1; turn <= TURNS; turn++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        ck_assert_uint_eq(ends[N - 1].called_n, turn);
    }
    for (unsigned i = 0; i < N - 1; i++)
        ck_assert_uint_eq(ends[i].called_n, TURNS / (N - 1));
    close_ends(&poller, &loop, ends, N);
}
END_TEST

START_TEST(a_socket_in_line_is_not_called_for_what_it_does_not_want_any_more)
{
    static struct poller poller;
    static struct end ends[3];
    uv_loop_t loop;
    open_ends(&poller, &loop, ends, 3);
    poller.turn_ns = 0;
    uv_run(&loop, UV_RUN_NOWAIT);
    struct end *waiting = ends[0].called_n ? &ends[1] : &ends[0];
    ck_assert_int_eq(poller_want(&poller, &waiting->watch, 0), 0);
    for (int i = 0; i < 4; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(waiting->called_n, 0);
    close_ends(&poller, &loop, ends, 3);
}
END_TEST

Suite *poller_suite(void)
{
    Suite *suite = suite_create("poller");
    TCase *tcase = tcase_create("poller");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_socket_is_called_for_as_long_as_what_it_waits_for_lasts);
    tcase_add_test(tcase, a_socket_that_another_ones_event_has_closed_is_not_called_for);
    tcase_add_test(tcase, more_sockets_than_a_turn_takes_have_their_turn);
    tcase_add_test(tcase, where_there_is_no_time_sockets_take_turns_and_one_that_goes_first_waits_for_none);
    tcase_add_test(tcase, a_socket_in_line_is_not_called_for_what_it_does_not_want_any_more);
    return suite;
}
