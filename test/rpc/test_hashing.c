/* SPDX-License-Identifier: MIT
 *
 * Password hashes as logins use them: how many are computed, when outdated ones are renewed, when a failure
 * is answered, and what happens when more logins come than can be hashed. Computations are counted, not
 * timed, and held at a gate while a test looks.
 */
#include "harness.h"

#include <string.h>
#include <uv.h>

#include "call/request.h"
#include "hash_gate.h"
#include "login/hash_pool.h"
#include "login/password.h"

#define RIGHT "correct horse"
#define WRONG "battery staple"
#define OWNER "owner@example.com"

#define QUICK "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e" /* of RIGHT, 1 ms */
#define SLOW  "$2b$12$abcdefghijklmnopqrstuuFDJRuYeKkCzo3Wy7h8SxhBSHBAHiPK2" /* likewise, 200 ms */
#define ARGON2                                                                                               \
    "$argon2id$v=19$m=8192,t=1,p=1$Stx92voV9+yDxUdHEZ/4Iw$iT9bYZ/H7Gp70C0l3NdxTYI0z/GajgGAX+JcUHb+bzw"
#define ARGON2I                                                                                              \
    "$argon2i$v=19$m=8192,t=3,p=1$IAy81SWU0v4lkV1vhlnrXg$f34vRbT+A4UcnTDlwfa22kVYwENFI9yptGrzfzKLJso"

#define BCRYPT  "password.scheme=bcrypt", "password.bcrypt_cost=10"
#define AT_ONCE "password.failure_floor_ms=0"

#define configure(...) harness_configure((const char *const[]){ __VA_ARGS__, NULL })

static void make_owner(const char *crypt)
{
    int account = make_account(make_area("Here"));
    db_run("UPDATE account SET email = '" OWNER
           "', passwordhash = convert_to(%s, 'UTF8') WHERE accountid = %d",
           crypt ? db_quote(crypt) : "NULL", account);
}

static const char *stored(void)
{
    return db_text("SELECT convert_from(passwordhash, 'UTF8') FROM account WHERE email = '" OWNER "'");
}

static struct sent *log_in(const char *email, const char *password)
{
    account_package_AuthenticateRequest request = { .username = (char *)email, .password = (char *)password };
    return rpc_send(RPC_TRY_LOGIN, &request);
}

static struct sent *log_in_within(unsigned deadline_ms)
{
    static const char bytes[] = "\x0A\x11" OWNER "\x12\x0D" RIGHT;
    return rpc_send_bytes(RPC_TRY_LOGIN, bytes, sizeof bytes - 1, deadline_ms);
}

static bool was_granted(struct sent *sent)
{
    ck_assert_msg(sent->answered && sent->status == STATUS_OK, "%d: %s", sent->status, sent->message);
    return ((const account_package_AuthenticateReply *)sent->reply)->status;
}

static bool is_granted(const char *email, const char *password)
{
    struct sent *sent = log_in(email, password);
    rpc_wait(sent);
    return was_granted(sent);
}

static struct hash_pool_stats stats(void)
{
    struct hash_pool_stats now;
    hash_pool_stats(harness_context()->hash_pool, &now);
    return now;
}

/* ---- one computation a login ---- */

START_TEST(every_login_computes_exactly_one_hash)
{
    static const char *const crypts[] = { QUICK, SLOW, ARGON2, ARGON2I,
                                          "x",   "",   NULL,   "$2b$31$CCCCCCCCCCCCCCCCCCCCC." };
    for (size_t i = 0; i < sizeof crypts / sizeof *crypts; i++) {
        configure(AT_ONCE, BCRYPT);
        make_owner(crypts[i]);
        uint64_t before = password_n_verifications();
        is_granted(OWNER, WRONG);
        ck_assert_uint_eq(password_n_verifications(), before + 1);
        is_granted(OWNER, RIGHT);
        ck_assert_uint_eq(password_n_verifications(), before + 2);
        is_granted(OWNER, text_of(2000, "x"));
        ck_assert_uint_eq(password_n_verifications(), before + 3);
        db_run("TRUNCATE account CASCADE");
    }
    uint64_t before = password_n_verifications();
    ck_assert(!is_granted("nobody@example.com", WRONG));
    ck_assert_uint_eq(password_n_verifications(), before + 1);
}
END_TEST

START_TEST(registering_a_taken_email_computes_a_hash_too)
{
    make_owner(QUICK);
    account_package_RegistrationRequest request = {
        .name = "Ada", .email = OWNER, .password = RIGHT, .has_dateOfBirth = true, .businessAreaId = 1001
    };
    const account_package_RegistrationReply *reply = rpc_ok_unchanged(RPC_REGISTER_USER, &request);
    ck_assert(!reply->status);
    ck_assert_uint_eq(stats().n_made, 1);
}
END_TEST

START_TEST(bcrypt_refuses_to_hash_more_than_the_72_bytes_that_it_sees)
{
    configure(BCRYPT);
    account_package_RegistrationRequest request = { .name = "Ada",
                                                    .email = OWNER,
                                                    .password = text_of(73, "x"),
                                                    .has_dateOfBirth = true,
                                                    .businessAreaId = make_area("Here") };
    rpc_fails(STATUS_INVALID_ARGUMENT, "72 bytes", RPC_REGISTER_USER, &request);
    request.password = text_of(72, "x");
    const account_package_RegistrationReply *reply = rpc_ok(RPC_REGISTER_USER, &request);
    ck_assert(reply->status);
    ck_assert_int_eq(strncmp(stored(), "$2b$10$", 7), 0);
    ck_assert(is_granted(OWNER, request.password));
}
END_TEST

/* ---- renewal ---- */

START_TEST(a_login_renews_an_outdated_hash)
{
    static const char *const outdated[] = { QUICK, SLOW, ARGON2, ARGON2I };
    for (size_t i = 0; i < sizeof outdated / sizeof *outdated; i++) {
        make_owner(outdated[i]);
        ck_assert(is_granted(OWNER, RIGHT));
        const char *renewed = stored();
        ck_assert_int_eq(strncmp(renewed, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
        ck_assert(is_granted(OWNER, RIGHT));
        ck_assert(!is_granted(OWNER, WRONG));
        ck_assert_str_eq(stored(), renewed);
        db_run("TRUNCATE account CASCADE");
    }
}
END_TEST

START_TEST(a_login_that_fails_renews_nothing)
{
    make_owner(QUICK);
    ck_assert(!is_granted(OWNER, WRONG));
    ck_assert_str_eq(stored(), QUICK);
}
END_TEST

START_TEST(no_argon2_hash_is_renewed_to_bcrypt)
{
    configure(BCRYPT);
    make_owner(ARGON2);
    ck_assert(is_granted(OWNER, RIGHT));
    ck_assert_str_eq(stored(), ARGON2);
}
END_TEST

START_TEST(under_scheme_bcrypt_a_login_renews_other_costs)
{
    configure(BCRYPT);
    make_owner(QUICK);
    ck_assert(is_granted(OWNER, RIGHT));
    ck_assert_int_eq(strncmp(stored(), "$2b$10$", 7), 0);
    ck_assert(is_granted(OWNER, RIGHT));
}
END_TEST

START_TEST(a_hash_that_was_changed_while_the_old_one_was_verified_stays)
{
    make_owner(ARGON2);
    hash_gate_close();
    struct sent *sent = log_in(OWNER, RIGHT);
    harness_run_until_hashing(1, 0);
    db_run("UPDATE account SET passwordhash = '" QUICK "'");
    hash_gate_open();
    rpc_wait(sent);
    ck_assert(was_granted(sent));
    ck_assert_str_eq(stored(), QUICK);
}
END_TEST

START_TEST(a_renewal_that_fails_does_not_fail_the_login)
{
    make_owner(QUICK);
    db_run("CREATE FUNCTION test.refuse() RETURNS trigger LANGUAGE plpgsql AS "
           "$$BEGIN RAISE 'not today'; END$$; CREATE TRIGGER refuse BEFORE UPDATE ON account EXECUTE "
           "FUNCTION test.refuse()");
    ck_assert(is_granted(OWNER, RIGHT));
    ck_assert_str_eq(stored(), QUICK);
}
END_TEST

START_TEST(a_renewal_waits_for_nobody)
{
    static const char *const locks[] = { "SELECT FROM account FOR UPDATE", "LOCK account IN SHARE MODE" };
    make_owner(QUICK);
    for (size_t i = 0; i < sizeof locks / sizeof *locks; i++) {
        struct pg_conn *other = db_hold(locks[i]);
        ck_assert(is_granted(OWNER, RIGHT));
        ck_assert_str_eq(stored(), QUICK);
        db_let_go(other);
    }
    ck_assert(is_granted(OWNER, RIGHT));
    ck_assert_str_ne(stored(), QUICK);
}
END_TEST

/* ---- the floor under failures ---- */

START_TEST(no_failure_is_answered_before_the_floor)
{
    configure("password.failure_floor_ms=400", BCRYPT);
    make_owner(QUICK);
    const char *const emails[] = { OWNER, "nobody@example.com" };
    for (size_t i = 0; i < 2; i++) {
        uint64_t begun_ns = uv_hrtime();
        ck_assert(!is_granted(emails[i], WRONG));
        ck_assert_uint_ge(uv_hrtime() - begun_ns, 400000000);
    }
}
END_TEST

static int64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Whatever the hash was: a slow one that begins now would be done so much later. */
START_TEST(while_a_hash_stands_still_for_a_busy_loop_failures_wait_longer)
{
    enum { FLOOR_NS = 100000000, BUSY_NS = 75000000 };
    char workers[32];
    snprintf(workers, sizeof workers, "password.workers=%u", uv_available_parallelism());
    configure(workers, "password.failure_floor_ms=100", BCRYPT);
    const char *const crypts[] = { QUICK, SLOW, NULL };
    for (size_t i = 0; i < 3; i++) {
        make_owner(crypts[i]);
        uint64_t begun_ns = uv_hrtime();
        struct sent *sent = log_in(OWNER, WRONG);
        while (stats().n_running == 0 && stats().n_verified == i)
            harness_run_ms(0);
        for (int64_t from_ns = thread_cpu_ns(); thread_cpu_ns() - from_ns < BUSY_NS;)
            ;
        rpc_wait(sent);
        ck_assert(!was_granted(sent));
        ck_assert_uint_ge(uv_hrtime() - begun_ns, FLOOR_NS + 2 * BUSY_NS);
        db_run("TRUNCATE account CASCADE");
    }
}
END_TEST

START_TEST(a_success_is_not_held_back_nor_by_failures_that_are)
{
    configure("password.failure_floor_ms=10000", "password.workers=1", BCRYPT);
    make_owner(QUICK);
    struct sent *failures[5];
    for (size_t i = 0; i < 5; i++)
        failures[i] = log_in(OWNER, WRONG);
    ck_assert(is_granted(OWNER, RIGHT));
    ck_assert_int_eq(stats().n_running + stats().n_queued, 0);
    ck_assert_uint_eq(stats().n_verified, 6);
    for (size_t i = 0; i < 5; i++) {
        ck_assert(!failures[i]->answered);
        rpc_cancel(failures[i]);
        ck_assert(failures[i]->dropped);
    }
}
END_TEST

/* ---- more logins than can be hashed ---- */

START_TEST(a_full_queue_refuses_and_says_when_to_come_back)
{
    configure("password.workers=1", "password.queue_limit=2", AT_ONCE);
    make_owner(QUICK);
    hash_gate_close();
    struct sent *sent[4];
    sent[0] = log_in(OWNER, RIGHT);
    harness_run_until_hashing(1, 0);
    sent[1] = log_in(OWNER, RIGHT);
    sent[2] = log_in(OWNER, RIGHT);
    harness_run_until_hashing(1, 2);
    uint64_t before = password_n_verifications();
    sent[3] = log_in(OWNER, RIGHT);
    rpc_wait(sent[3]);
    ck_assert_int_eq(sent[3]->status, STATUS_RESOURCE_EXHAUSTED);
    ck_assert_uint_gt(sent[3]->retry_after_ms, 0);
    ck_assert_uint_eq(password_n_verifications(), before);
    hash_gate_open();
    rpc_wait_all();
    for (size_t i = 0; i < 3; i++)
        ck_assert(was_granted(sent[i]));
}
END_TEST

START_TEST(other_rpcs_are_answered_while_the_queue_is_full)
{
    configure("password.workers=1", "password.queue_limit=2", AT_ONCE);
    make_owner(QUICK);
    hash_gate_close();
    log_in(OWNER, RIGHT);
    harness_run_until_hashing(1, 0);
    log_in(OWNER, RIGHT);
    log_in(OWNER, RIGHT);
    harness_run_until_hashing(1, 2);
    for (int i = 0; i < 10; i++)
        rpc_ok(RPC_LIST_SKILLS, &(google_protobuf_Empty){ 0 });
    ck_assert_int_eq(stats().n_queued, 2);
    hash_gate_open();
    rpc_wait_all();
}
END_TEST

START_TEST(a_login_that_cannot_be_hashed_before_its_deadline_is_refused_and_not_begun)
{
    configure("password.workers=1", AT_ONCE);
    make_owner(QUICK);
    hash_gate_close();
    struct sent *first = log_in(OWNER, RIGHT);
    harness_run_until_hashing(1, 0);
    struct sent *late;
    unsigned deadline_ms = 50;
    do { /* a slow machine may not even queue it in time */
        late = log_in_within(deadline_ms *= 2);
        while (!late->answered && stats().n_queued == 0)
            harness_run_ms(1);
    } while (late->answered);
    harness_run_ms(deadline_ms);
    hash_gate_open();
    rpc_wait_all();
    ck_assert(was_granted(first));
    ck_assert_int_eq(late->status, STATUS_DEADLINE_EXCEEDED);
    ck_assert_uint_eq(stats().n_verified, 1);
    ck_assert_uint_eq(stats().n_refused_late + stats().n_cancelled, 1); /* whoever noticed first */
}
END_TEST

START_TEST(a_login_that_is_cancelled_while_it_waits_is_skipped)
{
    configure("password.workers=1", AT_ONCE);
    make_owner(QUICK);
    hash_gate_close();
    struct sent *first = log_in(OWNER, RIGHT);
    harness_run_until_hashing(1, 0);
    struct sent *second = log_in(OWNER, RIGHT);
    harness_run_until_hashing(1, 1);
    rpc_cancel(second);
    hash_gate_open();
    rpc_wait_all();
    ck_assert(was_granted(first));
    ck_assert(second->dropped);
    ck_assert_uint_eq(stats().n_verified, 1);
    ck_assert_uint_eq(stats().n_cancelled, 1);
}
END_TEST

START_TEST(logins_are_hashed_in_the_order_of_their_arrival)
{
    configure("password.workers=1", AT_ONCE);
    make_owner(QUICK);
    hash_gate_close();
    struct sent *sent[4];
    for (size_t i = 0; i < 4; i++) {
        sent[i] = log_in(OWNER, RIGHT);
        harness_run_until_hashing(1, (int)i);
    }
    for (size_t i = 0; i < 4; i++) {
        hash_gate_let(1);
        rpc_wait(sent[i]);
        for (size_t later = i + 1; later < 4; later++)
            ck_assert(!sent[later]->answered);
    }
    hash_gate_open();
}
END_TEST

/* ---- what is left of a password ---- */

START_TEST(the_password_of_a_request_is_overwritten)
{
    char password[] = RIGHT, email[] = OWNER;
    account_package_AuthenticateRequest request = { .username = email, .password = password };
    for (size_t i = 0; i < rpc_methods_n; i++)
        if (strcmp(rpc_methods[i].path, "/account_package.AccountService/TryLogin") == 0) {
            ck_assert(request_has_secret(&rpc_methods[i]));
            request_wipe_secrets(&rpc_methods[i], &request);
        }
    for (size_t i = 0; i < sizeof password; i++)
        ck_assert_int_eq(password[i], 0);
    ck_assert_str_eq(email, OWNER);
}
END_TEST

Suite *hashing_suite(void)
{
    Suite *suite = suite_create("hashing");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, every_login_computes_exactly_one_hash);
    tcase_add_test(tcase, registering_a_taken_email_computes_a_hash_too);
    tcase_add_test(tcase, bcrypt_refuses_to_hash_more_than_the_72_bytes_that_it_sees);
    tcase_add_test(tcase, a_login_renews_an_outdated_hash);
    tcase_add_test(tcase, a_login_that_fails_renews_nothing);
    tcase_add_test(tcase, no_argon2_hash_is_renewed_to_bcrypt);
    tcase_add_test(tcase, under_scheme_bcrypt_a_login_renews_other_costs);
    tcase_add_test(tcase, a_hash_that_was_changed_while_the_old_one_was_verified_stays);
    tcase_add_test(tcase, a_renewal_that_fails_does_not_fail_the_login);
    tcase_add_test(tcase, a_renewal_waits_for_nobody);
    tcase_add_test(tcase, no_failure_is_answered_before_the_floor);
    tcase_add_test(tcase, while_a_hash_stands_still_for_a_busy_loop_failures_wait_longer);
    tcase_add_test(tcase, a_success_is_not_held_back_nor_by_failures_that_are);
    tcase_add_test(tcase, a_full_queue_refuses_and_says_when_to_come_back);
    tcase_add_test(tcase, other_rpcs_are_answered_while_the_queue_is_full);
    tcase_add_test(tcase, a_login_that_cannot_be_hashed_before_its_deadline_is_refused_and_not_begun);
    tcase_add_test(tcase, a_login_that_is_cancelled_while_it_waits_is_skipped);
    tcase_add_test(tcase, logins_are_hashed_in_the_order_of_their_arrival);
    tcase_add_test(tcase, the_password_of_a_request_is_overwritten);
    return suite;
}
