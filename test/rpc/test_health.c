/* SPDX-License-Identifier: MIT
 *
 * grpc.health.v1, and what the daemon says while its database is away.
 */
#include "harness.h"

#include <libpq-fe.h>

#include "call/request.h"
#include "db/pool.h"

#define SERVING     grpc_health_v1_HealthCheckResponse_ServingStatus_SERVING
#define NOT_SERVING grpc_health_v1_HealthCheckResponse_ServingStatus_NOT_SERVING

#define CHECK(name) (&(grpc_health_v1_HealthCheckRequest){ .service = (char *)(name) })

static void is(grpc_health_v1_HealthCheckResponse_ServingStatus status, const char *service)
{
    const grpc_health_v1_HealthCheckResponse *reply = rpc_ok(RPC_CHECK, CHECK(service));
    ck_assert_int_eq(reply->status, status);
}

START_TEST(the_daemon_and_each_of_its_services_are_serving)
{
    static const char *const names[] = { NULL,
                                         "",
                                         "account_package.AccountService",
                                         "matching_package.MatchingService",
                                         "meeting_package.MeetingService",
                                         "feedback_package.FeedbackService",
                                         "other_package.OtherService",
                                         "grpc.health.v1.Health" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        is(SERVING, names[i]);
    for (size_t i = 0; i < rpc_services_n; i++)
        is(SERVING, rpc_services[i]);
}
END_TEST

START_TEST(an_unknown_service_is_not_found)
{
    static const char *const names[] = { "nobody",
                                         "account_package",
                                         "AccountService",
                                         "account_package.AccountService/TryLogin",
                                         "account_package.accountservice",
                                         " " };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        rpc_fails(STATUS_NOT_FOUND, "service", RPC_CHECK, CHECK(names[i]));
}
END_TEST

START_TEST(a_draining_daemon_is_not_serving_but_answers)
{
    harness_context()->draining = true;
    is(NOT_SERVING, "");
    is(NOT_SERVING, "meeting_package.MeetingService");
    rpc_fails(STATUS_NOT_FOUND, "service", RPC_CHECK, CHECK("nobody"));
    const account_package_ListSkillsReply *reply = rpc_ok(RPC_LIST_SKILLS, &(google_protobuf_Empty){ 0 });
    ck_assert_uint_eq(reply->skills_count, 0);
}
END_TEST

Suite *health_suite(void)
{
    Suite *suite = suite_create("health");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, the_daemon_and_each_of_its_services_are_serving);
    tcase_add_test(tcase, an_unknown_service_is_not_found);
    tcase_add_test(tcase, a_draining_daemon_is_not_serving_but_answers);
    return suite;
}
