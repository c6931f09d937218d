/* SPDX-License-Identifier: MIT
 *
 * What a turn of the loop does at most.
 */
#include "harness.h"

#include <libpq-fe.h>
#include <poll.h>
#include <uv.h>

#include "db/pool.h"

/* Until the server has answered on every connection that carries something: turns of the loop would take it.
 */
static void wait_for_results(struct pool *pool)
{
    for (enum lane number = 0; number < LANES; number++)
        for (unsigned i = 0; i < pool->lanes[number].conns_n; i++) {
            struct conn *conn = &pool->lanes[number].conns[i];
            struct pollfd socket = { .fd = PQsocket(conn->pg), .events = POLLIN };
            if (conn->state == CONN_BUSY)
                ck_assert_int_eq(poll(&socket, 1, 60000), 1);
        }
}

START_TEST(where_there_is_no_time_a_turn_handles_what_one_connection_brings_and_the_next_what_another_does)
{
    enum { CALLS = 3 };
    struct pool *pool = harness_context()->pool;
    int mentee = make_mentee(make_area("Here"), "");
    struct sent *sent[CALLS] = {
        rpc_send(RPC_ACCOUNT_PROFILES, &(account_package_ProfilesRequest){ .userid = mentee }),
        rpc_send(RPC_ADD_DEV_FEEDBACK, &(feedback_package_AddDevFeedbackRequest){ .content = "good" }),
        rpc_send(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION,
                 &(meeting_package_TogglePlansOfActionCompletionRequest){ .planid = 1 }),
    };
    pool->results_ns = 0;
    pool_send_all(pool);
    for (int n = 1; n <= CALLS; n++) {
        int answered_n = 0;
        wait_for_results(pool);
        uv_run(harness_loop(), UV_RUN_NOWAIT);
        for (int i = 0; i < CALLS; i++)
            answered_n += sent[i]->answered;
        ck_assert_int_eq(answered_n, n);
    }
}
END_TEST

Suite *turns_suite(void)
{
    Suite *suite = suite_create("turns");
    TCase *tcase = harness_case(suite, "turns");
    tcase_add_test(
        tcase,
        where_there_is_no_time_a_turn_handles_what_one_connection_brings_and_the_next_what_another_does);
    return suite;
}
