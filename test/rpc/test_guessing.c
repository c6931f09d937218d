/* SPDX-License-Identifier: MIT
 *
 * Guessing passwords: who is refused when, by e-mail and by address, and who is let through all the same. The
 * buckets themselves are test/unit/test_throttle.c's.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "hash_gate.h"
#include "login/password.h"
#include "login/throttle.h"

/* bcrypt of RIGHT, 1 ms */
#define QUICK "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
#define RIGHT "correct horse"
#define WRONG "battery staple"
#define OWNER "owner@example.com"

#define HOME     "198.51.100.1" /* the owner's */
#define ATTACKER "203.0.113.66"
#define PROXY    "10.0.0.1"

/* A few at once and hardly more later, so that no test depends on the clock. */
static const char *const few[] = { "throttle.email_burst=4",
                                   "throttle.email_per_minute=1",
                                   "throttle.stranger_burst=1",
                                   "throttle.stranger_per_minute=1",
                                   "throttle.known_burst=2",
                                   "throttle.known_per_minute=1",
                                   "throttle.address_burst=8",
                                   "throttle.address_per_minute=1",
                                   "throttle.trusted_proxies=10.0.0.0/8",
                                   "password.failure_floor_ms=0",
                                   "password.scheme=bcrypt",
                                   "password.bcrypt_cost=10",
                                   NULL };

static int area;

static int make_owner(void)
{
    int account = make_account(area);
    db_run("UPDATE account SET email = '" OWNER "', passwordhash = '" QUICK "' WHERE accountid = %d",
           account);
    return account;
}

static void begin(void)
{
    harness_configure(few);
    area = make_area("Here");
    make_owner();
}

static struct sent *log_in(const char *email, const char *password)
{
    account_package_AuthenticateRequest request = { .username = (char *)email, .password = (char *)password };
    struct sent *sent = rpc_send(RPC_TRY_LOGIN, &request);
    rpc_wait(sent);
    return sent;
}

static void gets_in(const char *email, const char *password)
{
    struct sent *sent = log_in(email, password);
    ck_assert_msg(sent->status == STATUS_OK, "refused: %s", sent->message);
    ck_assert(((const account_package_AuthenticateReply *)sent->reply)->status);
}

static void is_wrong(const char *email, const char *password)
{
    struct sent *sent = log_in(email, password);
    ck_assert_msg(sent->status == STATUS_OK, "refused: %s", sent->message);
    ck_assert_uint_eq(sent->len, 0);
}

/* No hash is computed, and the answer says when to come back. */
static void is_refused(const char *email, const char *password)
{
    uint64_t before = password_n_verifications();
    struct sent *sent = log_in(email, password);
    ck_assert_int_eq(sent->status, STATUS_RESOURCE_EXHAUSTED);
    ck_assert_uint_gt(sent->retry_after_ms, 1000);
    ck_assert_uint_le(sent->retry_after_ms, 60001);
    ck_assert_uint_eq(password_n_verifications(), before);
}

/* Fails until nothing is left of what everyone shares at this e-mail, and of the attacker's own. */
static void attack(const char *email)
{
    rpc_set_peer(ATTACKER, NULL);
    for (int i = 0; i < 5; i++)
        is_wrong(email, WRONG);
    is_refused(email, WRONG);
}

START_TEST(an_email_whose_allowance_is_used_up_is_refused_known_or_not)
{
    begin();
    attack(OWNER);
    rpc_set_peer("203.0.113.67", NULL);
    is_wrong("nobody@example.com", WRONG);
    harness_configure(few);
    attack("nobody@example.com");
}
END_TEST

START_TEST(the_right_password_is_refused_like_a_wrong_one)
{
    begin();
    attack(OWNER);
    is_refused(OWNER, RIGHT);
}
END_TEST

START_TEST(a_login_that_succeeds_costs_nothing)
{
    begin();
    rpc_set_peer(HOME, NULL);
    for (int i = 0; i < 30; i++)
        gets_in(OWNER, RIGHT);
}
END_TEST

START_TEST(an_address_that_logged_in_before_gets_through_an_attack)
{
    begin();
    rpc_set_peer(HOME, NULL);
    gets_in(OWNER, RIGHT);
    attack(OWNER);
    rpc_set_peer(HOME, NULL);
    for (int i = 0; i < 5; i++)
        gets_in(OWNER, RIGHT);
}
END_TEST

START_TEST(any_other_address_gets_through_an_attack_at_a_slower_rate)
{
    begin();
    attack(OWNER);
    rpc_set_peer("192.0.2.7", NULL);
    is_wrong(OWNER, WRONG);
    is_refused(OWNER, WRONG);
    rpc_set_peer("192.0.2.8", NULL);
    gets_in(OWNER, RIGHT);
}
END_TEST

START_TEST(having_logged_in_elsewhere_opens_no_other_account)
{
    begin();
    rpc_set_peer(ATTACKER, NULL);
    gets_in(OWNER, RIGHT);
    attack("victim@example.com");
}
END_TEST

START_TEST(an_address_that_failed_at_many_emails_is_refused_at_all_and_no_other_address_is)
{
    char email[32];
    begin();
    rpc_set_peer(ATTACKER, NULL);
    for (int i = 0; i < 8; i++) {
        snprintf(email, sizeof email, "p%d@example.com", i);
        is_wrong(email, WRONG);
    }
    is_refused("p9@example.com", WRONG);
    is_refused(OWNER, RIGHT);
    rpc_set_peer(HOME, NULL);
    is_wrong("p9@example.com", WRONG);
    gets_in(OWNER, RIGHT);
}
END_TEST

START_TEST(addresses_of_one_ipv6_site_count_as_one)
{
    char email[32], address[32];
    begin();
    for (int i = 0; i < 8; i++) {
        snprintf(email, sizeof email, "p%d@example.com", i);
        snprintf(address, sizeof address, "2001:db8:0:1::%d", i + 1);
        rpc_set_peer(address, NULL);
        is_wrong(email, WRONG);
    }
    rpc_set_peer("2001:db8:0:1:ffff::", NULL);
    is_refused("p9@example.com", WRONG);
    rpc_set_peer("2001:db8:0:2::1", NULL);
    is_wrong("p9@example.com", WRONG);
}
END_TEST

START_TEST(a_trusted_proxy_speaks_for_the_last_address_that_it_was_told)
{
    begin();
    for (int i = 0; i < 5; i++) {
        rpc_set_peer(PROXY, "192.0.2.1, " ATTACKER);
        is_wrong(OWNER, WRONG);
    }
    rpc_set_peer("10.9.8.7", "192.0.2.2 , " ATTACKER ",10.0.0.2");
    is_refused(OWNER, WRONG);
    rpc_set_peer(PROXY, HOME);
    gets_in(OWNER, RIGHT);
}
END_TEST

START_TEST(anyone_else_speaks_for_himself)
{
    char claimed[32];
    begin();
    for (int i = 0; i < 5; i++) {
        snprintf(claimed, sizeof claimed, "192.0.2.%d", i + 1);
        rpc_set_peer(ATTACKER, claimed);
        is_wrong(OWNER, WRONG);
    }
    rpc_set_peer(ATTACKER, HOME);
    is_refused(OWNER, WRONG);
}
END_TEST

START_TEST(a_trusted_proxy_that_does_not_say_is_exempt_from_the_limit_by_address)
{
    char email[32];
    begin();
    for (int i = 0; i < 20; i++) {
        snprintf(email, sizeof email, "p%d@example.com", i);
        rpc_set_peer(PROXY, i % 2 ? NULL : "unknown");
        is_wrong(email, WRONG);
    }
    attack(OWNER);
    rpc_set_peer(PROXY, NULL);
    is_wrong(OWNER, WRONG); /* a stranger's allowance */
    is_refused(OWNER, WRONG);
}
END_TEST

/* ---- attempts that are no guesses ---- */

START_TEST(a_login_that_never_came_to_a_hash_costs_nothing)
{
    begin();
    rpc_set_peer(HOME, NULL);
    struct pg_conn *other = db_hold("LOCK account");
    account_package_AuthenticateRequest request = { .username = OWNER, .password = WRONG };
    for (int i = 0; i < 20; i++) {
        struct sent *sent = rpc_send(RPC_TRY_LOGIN, &request);
        harness_run_ms(5); /* it waits for the database */
        rpc_cancel(sent);
    }
    db_let_go(other);
    rpc_wait_all();
    for (int i = 0; i < 5; i++)
        is_wrong(OWNER, WRONG);
    is_refused(OWNER, WRONG);
}
END_TEST

START_TEST(hanging_up_before_the_answer_makes_no_guess_free)
{
    begin();
    rpc_set_peer(ATTACKER, NULL);
    account_package_AuthenticateRequest request = { .username = "nobody@example.com", .password = WRONG };
    for (int i = 0; i < 5; i++) {
        uint64_t before = password_n_verifications();
        hash_gate_close();
        struct sent *sent = rpc_send(RPC_TRY_LOGIN, &request);
        harness_run_until_hashing(1, 0);
        rpc_cancel(sent);
        hash_gate_open();
        rpc_wait_all();
        ck_assert(sent->dropped);
        ck_assert_uint_eq(password_n_verifications(), before + 1);
    }
    is_refused("nobody@example.com", WRONG);
}
END_TEST

/* ---- RegisterUser ---- */

static struct sent *register_user(const char *email)
{
    account_package_RegistrationRequest request = { .name = "Ada",
                                                    .email = (char *)email,
                                                    .password = RIGHT,
                                                    .has_dateOfBirth = true,
                                                    .businessAreaId = area };
    struct sent *sent = rpc_send(RPC_REGISTER_USER, &request);
    rpc_wait(sent);
    return sent;
}

static bool is_registered(const char *email)
{
    struct sent *sent = register_user(email);
    ck_assert_msg(sent->status == STATUS_OK, "refused: %s", sent->message);
    return ((const account_package_RegistrationReply *)sent->reply)->status;
}

START_TEST(asking_whether_an_email_is_taken_by_registering_it_is_limited_by_address)
{
    begin();
    rpc_set_peer(ATTACKER, NULL);
    for (int i = 0; i < 8; i++)
        ck_assert(!is_registered(OWNER));
    struct sent *sent = register_user(OWNER);
    ck_assert_int_eq(sent->status, STATUS_RESOURCE_EXHAUSTED);
    ck_assert_uint_gt(sent->retry_after_ms, 1000);
    ck_assert_int_eq(register_user("free@example.com")->status, STATUS_RESOURCE_EXHAUSTED);
    rpc_set_peer(HOME, NULL);
    ck_assert(is_registered("free@example.com"));
}
END_TEST

/* What is wrong with the name is told only if the e-mail is free. */
START_TEST(so_is_asking_with_a_request_that_is_wrong_otherwise)
{
    begin();
    rpc_set_peer(ATTACKER, NULL);
    account_package_RegistrationRequest request = {
        .name = "Ada", .email = OWNER, .password = RIGHT, .businessAreaId = area
    };
    for (int i = 0; i < 8; i++)
        rpc_ok_unchanged(RPC_REGISTER_USER, &request);
    rpc_fails(STATUS_RESOURCE_EXHAUSTED, "later", RPC_REGISTER_USER, &request);
}
END_TEST

START_TEST(registrations_that_succeed_cost_nothing)
{
    char email[32];
    begin();
    rpc_set_peer(HOME, NULL);
    for (int i = 0; i < 12; i++) {
        snprintf(email, sizeof email, "new%d@example.com", i);
        ck_assert(is_registered(email));
    }
}
END_TEST

Suite *guessing_suite(void)
{
    Suite *suite = suite_create("guessing");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, an_email_whose_allowance_is_used_up_is_refused_known_or_not);
    tcase_add_test(tcase, the_right_password_is_refused_like_a_wrong_one);
    tcase_add_test(tcase, a_login_that_succeeds_costs_nothing);
    tcase_add_test(tcase, an_address_that_logged_in_before_gets_through_an_attack);
    tcase_add_test(tcase, any_other_address_gets_through_an_attack_at_a_slower_rate);
    tcase_add_test(tcase, having_logged_in_elsewhere_opens_no_other_account);
    tcase_add_test(tcase, an_address_that_failed_at_many_emails_is_refused_at_all_and_no_other_address_is);
    tcase_add_test(tcase, addresses_of_one_ipv6_site_count_as_one);
    tcase_add_test(tcase, a_trusted_proxy_speaks_for_the_last_address_that_it_was_told);
    tcase_add_test(tcase, anyone_else_speaks_for_himself);
    tcase_add_test(tcase, a_trusted_proxy_that_does_not_say_is_exempt_from_the_limit_by_address);
    tcase_add_test(tcase, a_login_that_never_came_to_a_hash_costs_nothing);
    tcase_add_test(tcase, hanging_up_before_the_answer_makes_no_guess_free);
    tcase_add_test(tcase, asking_whether_an_email_is_taken_by_registering_it_is_limited_by_address);
    tcase_add_test(tcase, so_is_asking_with_a_request_that_is_wrong_otherwise);
    tcase_add_test(tcase, registrations_that_succeed_cost_nothing);
    return suite;
}
