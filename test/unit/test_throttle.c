/* SPDX-License-Identifier: MIT
 *
 * The throttle under a clock of the test's own: its rates, who can be shut out by whom, and its fixed memory.
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "login/password.h"
#include "login/throttle.h"

#define SECOND_US 1000000

static struct config config;
static struct throttle *throttle;
static int64_t now_us;
static struct throttle_ticket ticket;

static void set_up(void)
{
    ck_assert_int_eq(password_init(), 0);
    config = (struct config){ .throttle = { .email_per_minute = 6,
                                            .email_burst = 10,
                                            .address_per_minute = 60,
                                            .address_burst = 100,
                                            .stranger_per_minute = 1,
                                            .stranger_burst = 3,
                                            .known_per_minute = 6,
                                            .known_burst = 5,
                                            .entries = 4096 } };
    now_us = 1000 * (int64_t)SECOND_US;
    throttle = NULL;
}

static void create(void)
{
    ck_assert_int_eq(throttle_create(&throttle, &config), 0);
}

static void tear_down(void)
{
    throttle_destroy(throttle);
}

static struct ip ip(const char *text)
{
    struct ip parsed;
    ck_assert_int_eq(ip_parse(&parsed, text, strlen(text)), 0);
    return parsed;
}

/* Milliseconds to wait; 0: admitted. The attempt fails unless the test settles its ticket. */
static int attempt(const char *email, const char *client)
{
    struct ip address;
    if (client)
        address = ip(client);
    return throttle_admit(throttle, now_us, email, client ? &address : NULL, &ticket);
}

static void must_log_in(const char *email, const char *client)
{
    ck_assert_int_eq(attempt(email, client), 0);
    throttle_succeeded(throttle, now_us, &ticket);
}

/* How many attempts in a row are admitted. */
static int attempts(const char *email, const char *client)
{
    int n = 0;
    while (attempt(email, client) == 0)
        ck_assert_int_lt(++n, 100000);
    return n;
}

static const char *numbered_client(int i)
{
    static char text[32];
    snprintf(text, sizeof text, "10.%d.%d.%d", i >> 16 & 255, i >> 8 & 255, i & 255);
    return text;
}

/* A different client each time, so that only the e-mail's own bucket is emptied. */
static void attack(const char *email)
{
    for (int i = 0; i < 200; i++)
        (void)attempt(email, numbered_client(i));
}

START_TEST(failures_of_one_email_are_limited_to_a_burst_and_then_a_rate)
{
    config.throttle.stranger_burst = 1;
    config.throttle.stranger_per_minute = 1;
    create();
    /* The burst, and one that the client has as a stranger. */
    ck_assert_int_eq(attempts("a@b", "192.0.2.1"), 11);
    ck_assert_int_eq(attempt("a@b", "192.0.2.1"), 10001);
    now_us += 9999 * 1000;
    ck_assert_int_eq(attempt("a@b", "192.0.2.1"), 2);
    now_us += 1000;
    ck_assert_int_eq(attempts("a@b", "192.0.2.1"), 1);
    int n = 0;
    for (int second = 0; second < 3600; second++, now_us += SECOND_US)
        n += attempt("a@b", "192.0.2.1") == 0;
    ck_assert_int_ge(n, 6 * 60 + 60 - 2);
    ck_assert_int_le(n, 6 * 60 + 60);
}
END_TEST

START_TEST(waiting_as_long_as_told_is_enough)
{
    create();
    attempts("a@b", "192.0.2.1");
    int wait_ms = attempt("a@b", "192.0.2.1");
    ck_assert_int_gt(wait_ms, 0);
    now_us += wait_ms * 1000;
    ck_assert_int_eq(attempt("a@b", "192.0.2.1"), 0);
}
END_TEST

START_TEST(failures_of_one_client_are_limited_whatever_the_email)
{
    create();
    int n = 0;
    char email[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(email, sizeof email, "%d@b", i);
        n += attempt(email, "192.0.2.1") == 0;
    }
    ck_assert_int_eq(n, 100);
    ck_assert_int_eq(attempt("x@b", "192.0.2.2"), 0);
    now_us += SECOND_US;
    ck_assert_int_eq(attempts("y@b", "192.0.2.1"), 1);
}
END_TEST

START_TEST(clients_of_one_v6_64_are_one_client_and_of_two_are_two)
{
    create();
    for (int i = 0; i < 1000; i++) {
        char email[32], client[32];
        snprintf(email, sizeof email, "%d@b", i);
        snprintf(client, sizeof client, "2001:db8:0:1::%x", i);
        (void)attempt(email, client);
    }
    ck_assert_int_gt(attempt("new@b", "2001:db8:0:1:ffff::"), 0);
    ck_assert_int_eq(attempt("new@b", "2001:db8:0:2::"), 0);
}
END_TEST

START_TEST(registrations_count_for_their_client_only)
{
    create();
    ck_assert_int_eq(attempts(NULL, "192.0.2.1"), 100);
    ck_assert_int_gt(attempt("a@b", "192.0.2.1"), 0);
    ck_assert_int_eq(attempt(NULL, "192.0.2.2"), 0);
    /* Of an unknown client there is nothing to count. */
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(attempt(NULL, NULL), 0);
}
END_TEST

START_TEST(successes_cost_nothing)
{
    create();
    for (int i = 0; i < 1000; i++)
        must_log_in("a@b", "192.0.2.1");
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(attempt(NULL, "192.0.2.1"), 0);
        throttle_succeeded(throttle, now_us, &ticket);
    }
    ck_assert_int_eq(attempts("c@b", "192.0.2.1"), 13);
}
END_TEST

START_TEST(attempts_that_looked_at_no_password_cost_nothing)
{
    create();
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(attempt("a@b", "192.0.2.1"), 0);
        throttle_untried(throttle, &ticket);
    }
    /* Nor did they make the client a known one. */
    ck_assert_int_eq(attempts("a@b", "192.0.2.1"), 13);
    ck_assert_uint_eq(throttle_stats(throttle)->n_charged[THROTTLE_KNOWN], 0);
}
END_TEST

START_TEST(attempts_that_run_at_once_count_before_they_fail)
{
    create();
    struct throttle_ticket running[64];
    struct ip client = ip("192.0.2.1");
    int n = 0;
    for (int i = 0; i < 64; i++)
        n += throttle_admit(throttle, now_us, "a@b", &client, &running[n]) == 0;
    ck_assert_int_eq(n, 13);
    for (int i = 0; i < n; i++)
        throttle_succeeded(throttle, now_us, &running[i]);
    ck_assert_int_eq(attempt("a@b", "192.0.2.1"), 0);
}
END_TEST

START_TEST(an_attacker_cannot_shut_out_a_client_that_was_in_before)
{
    create();
    must_log_in("victim@b", "192.0.2.1");
    attack("victim@b");
    ck_assert_int_eq(attempts("victim@b", "192.0.2.1"), 5 + 3);
    for (int minute = 0; minute < 60; minute++) {
        now_us += 60 * (int64_t)SECOND_US;
        attack("victim@b");
        must_log_in("victim@b", "192.0.2.1");
    }
}
END_TEST

START_TEST(an_attacker_cannot_shut_out_a_client_below_its_own_limit)
{
    create();
    attack("victim@b");
    ck_assert_int_eq(attempts("victim@b", "192.0.2.1"), 3);
    now_us += 60 * (int64_t)SECOND_US;
    attack("victim@b");
    must_log_in("victim@b", "192.0.2.1");
}
END_TEST

START_TEST(a_client_over_its_limit_still_gets_in_where_it_was_before)
{
    create();
    must_log_in("a@b", "192.0.2.1");
    attempts(NULL, "192.0.2.1");
    ck_assert_int_gt(attempt("c@b", "192.0.2.1"), 0);
    must_log_in("a@b", "192.0.2.1");
}
END_TEST

START_TEST(a_known_client_is_known_at_that_email_only)
{
    create();
    must_log_in("own@b", "192.0.2.1");
    attack("victim@b");
    ck_assert_int_eq(attempts("victim@b", "192.0.2.1"), 3);
    ck_assert_uint_eq(throttle_stats(throttle)->n_charged[THROTTLE_KNOWN], 0);
}
END_TEST

START_TEST(an_unknown_client_is_limited_by_email_and_never_becomes_known)
{
    create();
    ck_assert_int_eq(attempts("a@b", NULL), 13);
    ck_assert_int_eq(attempt("c@b", NULL), 0);
    throttle_succeeded(throttle, now_us, &ticket);
    ck_assert_int_eq(attempts("c@b", NULL), 13);
}
END_TEST

START_TEST(a_rate_of_zero_is_no_limit)
{
    config.throttle.email_per_minute = 0;
    config.throttle.address_per_minute = 0;
    create();
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(attempt("a@b", "192.0.2.1"), 0);
}
END_TEST

START_TEST(a_million_emails_and_clients_take_no_more_memory)
{
    create();
    size_t len = throttle_memory_len(throttle);
    ck_assert_uint_ge(len, 4096 * 96);
    ck_assert_uint_le(len, 4096 * 96 + 4096);
    size_t before = mallinfo2().uordblks;
    char email[64];
    for (int i = 0; i < 1000000; i++, now_us += 100) {
        snprintf(email, sizeof email, "%d@example.com", i);
        struct ip client = { .bytes = { 0x20, 0x01, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };
        if (throttle_admit(throttle, now_us, email, &client, &ticket) == 0 && i % 16 == 0)
            throttle_succeeded(throttle, now_us, &ticket);
    }
    ck_assert_uint_eq(mallinfo2().uordblks, before);
    ck_assert_uint_eq(throttle_memory_len(throttle), len);
}
END_TEST

START_TEST(a_flood_of_emails_does_not_wash_an_emptied_bucket_away)
{
    create();
    attack("victim@b");
    char email[64];
    for (int i = 0; i < 100000; i++) {
        snprintf(email, sizeof email, "%d@example.com", i);
        (void)attempt(email, numbered_client(1000 + i));
    }
    ck_assert_int_eq(attempts("victim@b", "192.0.2.1"), 3);
}
END_TEST

START_TEST(clients_of_one_account_do_not_push_out_those_of_others)
{
    int admitted = 0;
    for (int tries = 0; tries < 4 && admitted != 5 + 3; tries++) { /* of 512 places both have one by chance */
        throttle_destroy(throttle);
        create();
        must_log_in("victim@b", "192.0.2.1");
        for (int i = 0; i < 100000; i++)
            must_log_in("attacker@b", numbered_client(i));
        attack("victim@b");
        admitted = attempts("victim@b", "192.0.2.1");
    }
    ck_assert_int_eq(admitted, 5 + 3);
}
END_TEST

/* Entries move a few at a time, or when they are asked for, which comes to the same. */
static void resize(int n_entries, bool moves_first)
{
    config.throttle.entries = n_entries;
    ck_assert_int_eq(throttle_prepare(throttle, n_entries), 0);
    throttle_take(throttle, &config);
    ck_assert_int_eq((int)throttle_entries(throttle), n_entries);
    while (moves_first && !throttle_move(throttle, 10))
        ;
}

START_TEST(tables_of_another_size_know_who_owes_what_and_who_is_known)
{
    static const int sizes[] = { 65536, 1024, 4096, 4096, 1048576, 1024 };
    config.throttle.stranger_per_minute = 1;
    create();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char victim[32], owner[32], stranger[32];
        snprintf(victim, sizeof victim, "victim%zu@b", i);
        snprintf(owner, sizeof owner, "192.0.2.%zu", i + 1);
        snprintf(stranger, sizeof stranger, "198.51.100.%zu", i + 1);
        must_log_in(victim, owner);
        attack(victim);
        ck_assert_int_eq(attempts(victim, stranger), 3);
        resize(sizes[i], i % 2);
        ck_assert_int_gt(attempt(victim, stranger), 0);
        must_log_in(victim, owner);
        while (!throttle_move(throttle, 1000))
            ;
        ck_assert_int_gt(attempt(victim, stranger), 0);
        ck_assert_int_eq(attempts(victim, owner), 5 + 3);
        now_us += 3600 * (int64_t)SECOND_US;
        ck_assert_int_eq(attempt(victim, stranger), 0); /* and nobody owes for ever */
    }
}
END_TEST

START_TEST(larger_tables_forget_nobody)
{
    enum { EMAILS = 2000 };
    char email[32];
    config.throttle.entries = 16384;
    config.throttle.email_burst = config.throttle.stranger_burst = 1;
    create();
    int n_known = 0, n_after = 0;
    for (int i = 0; i < EMAILS; i++) {
        snprintf(email, sizeof email, "%d@b", i);
        must_log_in(email, numbered_client(i));
    }
    for (int turn = 0; turn < 2; turn++) { /* a few of one set may have pushed out each other */
        for (int i = 0; i < EMAILS; i++) {
            snprintf(email, sizeof email, "%d@b", i);
            uint64_t before = throttle_stats(throttle)->n_charged[THROTTLE_KNOWN];
            must_log_in(email, numbered_client(i));
            *(turn ? &n_after : &n_known) += throttle_stats(throttle)->n_charged[THROTTLE_KNOWN] > before;
        }
        if (turn == 0)
            resize(131072, false);
    }
    ck_assert_int_gt(n_known, EMAILS / 2);
    ck_assert_int_ge(n_after, n_known);
}
END_TEST

START_TEST(smaller_tables_keep_those_who_owe_most)
{
    char email[32];
    config.throttle.entries = 65536;
    create();
    for (int i = 0; i < 20000; i++) {
        snprintf(email, sizeof email, "%d@example.com", i);
        (void)attempt(email, numbered_client(1000 + i));
    }
    attack("victim@b");
    resize(1024, true);
    ck_assert_uint_le(throttle_memory_len(throttle), 1024 * 96 + 4096);
    ck_assert_int_eq(attempts("victim@b", "192.0.2.1"), 3);
}
END_TEST

START_TEST(a_size_that_was_prepared_and_given_up_changes_nothing)
{
    create();
    attack("victim@b");
    ck_assert_int_eq(throttle_prepare(throttle, 65536), 0);
    throttle_forgo(throttle);
    ck_assert_uint_eq(throttle_entries(throttle), 4096);
    ck_assert_int_eq(attempts("victim@b", "192.0.2.1"), 3);
    ck_assert(throttle_move(throttle, 1));
    ck_assert_int_eq(throttle_prepare(throttle, 65536), 0);
    throttle_take(throttle, &config); /* again while the one before has not moved */
    ck_assert_int_eq(throttle_prepare(throttle, 1024), 0);
    throttle_take(throttle, &config);
    ck_assert_uint_eq(throttle_entries(throttle), 1024);
    ck_assert_int_eq(attempts("victim@b", "192.0.2.2"), 3);
}
END_TEST

static void must_be_client(const char *peer_text, const char *forwarded_for, const char *expected)
{
    struct network_list trusted = { .n = 2 };
    ck_assert_int_eq(network_parse(&trusted.items[0], "10.0.0.0/8"), 0);
    ck_assert_int_eq(network_parse(&trusted.items[1], "2001:db8::/32"), 0);
    struct ip peer = ip(peer_text), client;
    bool is_known = ip_of_client(&client, &peer, forwarded_for, &trusted);
    ck_assert_int_eq(is_known, expected != NULL);
    if (expected) {
        struct ip wanted = ip(expected);
        ck_assert_mem_eq(&client, &wanted, sizeof client);
    }
}

START_TEST(only_trusted_proxies_are_believed_whom_they_speak_for)
{
    must_be_client("192.0.2.1", NULL, "192.0.2.1");
    must_be_client("192.0.2.1", "198.51.100.7", "192.0.2.1");
    must_be_client("10.0.0.1", "198.51.100.7", "198.51.100.7");
    must_be_client("2001:db8::1", " [2001:db9::7]:4711 ", "2001:db9::7");
    /* What a client wrote itself stands to the left of what the proxy added. */
    must_be_client("10.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7");
    must_be_client("10.0.0.1", "nonsense, 198.51.100.7,10.0.0.2 ,\t10.0.0.3", "198.51.100.7");
    must_be_client("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3");
    must_be_client("10.0.0.1", NULL, NULL);
    must_be_client("10.0.0.1", "", NULL);
    must_be_client("10.0.0.1", "unknown", NULL);
    must_be_client("10.0.0.1", "198.51.100.7, unknown", NULL);
    must_be_client("10.0.0.1", "198.51.100.7,", NULL);
    must_be_client("10.0.0.1", ", 10.0.0.2", NULL);
}
END_TEST

Suite *throttle_suite(void)
{
    Suite *suite = suite_create("throttle");
    TCase *tcase = tcase_create("throttle");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, failures_of_one_email_are_limited_to_a_burst_and_then_a_rate);
    tcase_add_test(tcase, waiting_as_long_as_told_is_enough);
    tcase_add_test(tcase, failures_of_one_client_are_limited_whatever_the_email);
    tcase_add_test(tcase, clients_of_one_v6_64_are_one_client_and_of_two_are_two);
    tcase_add_test(tcase, registrations_count_for_their_client_only);
    tcase_add_test(tcase, successes_cost_nothing);
    tcase_add_test(tcase, attempts_that_looked_at_no_password_cost_nothing);
    tcase_add_test(tcase, attempts_that_run_at_once_count_before_they_fail);
    tcase_add_test(tcase, an_attacker_cannot_shut_out_a_client_that_was_in_before);
    tcase_add_test(tcase, an_attacker_cannot_shut_out_a_client_below_its_own_limit);
    tcase_add_test(tcase, a_client_over_its_limit_still_gets_in_where_it_was_before);
    tcase_add_test(tcase, a_known_client_is_known_at_that_email_only);
    tcase_add_test(tcase, an_unknown_client_is_limited_by_email_and_never_becomes_known);
    tcase_add_test(tcase, a_rate_of_zero_is_no_limit);
    tcase_add_test(tcase, a_million_emails_and_clients_take_no_more_memory);
    tcase_add_test(tcase, a_flood_of_emails_does_not_wash_an_emptied_bucket_away);
    tcase_add_test(tcase, clients_of_one_account_do_not_push_out_those_of_others);
    tcase_add_test(tcase, tables_of_another_size_know_who_owes_what_and_who_is_known);
    tcase_add_test(tcase, larger_tables_forget_nobody);
    tcase_add_test(tcase, smaller_tables_keep_those_who_owe_most);
    tcase_add_test(tcase, a_size_that_was_prepared_and_given_up_changes_nothing);
    tcase_add_test(tcase, only_trusted_proxies_are_believed_whom_they_speak_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
