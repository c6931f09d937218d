/* SPDX-License-Identifier: MIT
 *
 * TryLogin: who gets in, with what kind of row, and that nobody else learns anything.
 */
#include "harness.h"

#include <crypt.h>

#define PASSWORD "correct horse"
#define U_U      "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" /* of the password U*U */

#define LOGIN(email, secret)                                                                                 \
    (&(account_package_AuthenticateRequest){ .username = (email), .password = (secret) })

static const account_package_AuthenticateReply *try_login(char *email, char *password)
{
    return rpc_ok(RPC_TRY_LOGIN, LOGIN(email, password));
}

/* An account of that e-mail and crypt string, which may be NULL. */
static int account_with_hash(const char *email, const char *crypt)
{
    int account = make_account(make_area("Here"));
    db_run("UPDATE account SET email = %s, passwordhash = convert_to(%s, 'UTF8') WHERE accountid = %d",
           db_quote(email), crypt ? db_quote(crypt) : "NULL", account);
    return account;
}

static void logs_in(char *email, char *password, int account)
{
    const account_package_AuthenticateReply *reply = try_login(email, password);
    ck_assert_msg(reply->status && reply->has_id, "%s cannot log in with %s", email, password);
    ck_assert_int_eq(reply->id, account);
}

static void does_not_log_in(char *email, char *password)
{
    const account_package_AuthenticateReply *reply = rpc_ok_unchanged(RPC_TRY_LOGIN, LOGIN(email, password));
    ck_assert_msg(!reply->status && !reply->has_id, "%s logs in with %s", email, password);
}

START_TEST(who_registered_logs_in_and_gets_the_id)
{
    const account_package_RegistrationReply *reply = rpc_ok(
        RPC_REGISTER_USER, &(account_package_RegistrationRequest){ .name = "Ada",
                                                                   .email = "ada@example.com",
                                                                   .password = PASSWORD,
                                                                   .has_dateOfBirth = true,
                                                                   .businessAreaId = make_area("Here") });
    ck_assert(reply->status && reply->has_accountId);
    const account_package_AuthenticateReply *login =
        rpc_ok_unchanged(RPC_TRY_LOGIN, LOGIN("ada@example.com", PASSWORD));
    ck_assert(login->status && login->has_id);
    ck_assert_int_eq(login->id, reply->accountId);
}
END_TEST

/* The vector is libxcrypt's own; $2a$, $2b$ and $2y$ are one for plain ASCII. */
START_TEST(bcrypt_rows_of_every_variant_log_in)
{
    static const char *const crypts[] = { "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", U_U,
                                          "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" };
    for (size_t i = 0; i < sizeof crypts / sizeof *crypts; i++) {
        char email[] = "legacy0@example.com";
        email[6] = (char)('0' + i);
        int account = account_with_hash(email, crypts[i]);
        does_not_log_in(email, "U*V");
        logs_in(email, "U*U", account);
    }
}
END_TEST

START_TEST(bcrypt_of_cost_12_as_the_python_backend_wrote_it_logs_in)
{
    struct crypt_data data = { 0 };
    const char *crypt = crypt_r("test", "$2b$12$abcdefghijklmnopqrstuu", &data);
    int account = account_with_hash("test@gmail.com", crypt);
    logs_in("test@gmail.com", "test", account);
}
END_TEST

START_TEST(argon2_rows_log_in_whatever_their_cost)
{
    int account =
        account_with_hash("argon@example.com", "$argon2id$v=19$m=8192,t=1,p=1$Stx92voV9+yDxUdHEZ/4Iw$"
                                               "iT9bYZ/H7Gp70C0l3NdxTYI0z/GajgGAX+JcUHb+bzw");
    does_not_log_in("argon@example.com", "Correct horse");
    logs_in("argon@example.com", PASSWORD, account);
    account = account_with_hash("argon2i@example.com", "$argon2i$v=19$m=8192,t=3,p=1$IAy81SWU0v4lkV1vhlnrXg$"
                                                       "f34vRbT+A4UcnTDlwfa22kVYwENFI9yptGrzfzKLJso");
    logs_in("argon2i@example.com", PASSWORD, account);
}
END_TEST

START_TEST(unknown_emails_wrong_passwords_and_unusable_hashes_get_the_same_bytes)
{
    account_with_hash("known@example.com", U_U);
    account_with_hash("unusable@example.com", "x");
    account_with_hash("none@example.com", NULL);
    char *const emails[] = { "known@example.com", "unknown@example.com", "unusable@example.com",
                             "none@example.com", "" };
    for (size_t i = 0; i < sizeof emails / sizeof *emails; i++) {
        struct sent *sent = rpc_send(RPC_TRY_LOGIN, LOGIN(emails[i], "wrong password"));
        rpc_wait(sent);
        ck_assert_int_eq(sent->status, STATUS_OK);
        ck_assert_uint_eq(sent->len, 0); /* proto3: status false, no id */
    }
}
END_TEST

START_TEST(a_row_whose_hash_is_none_fails_the_login_and_breaks_nothing)
{
    static const char *const crypts[] = {
        "",
        "x",
        "plain text password",
        "$1$abcdefgh$eiByw.TRVOsr8x7H9rXjn/",
        "$2b$05$tooshort",
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW ",
        "$argon2id$v=19$m=4194304,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg",
        "$argon2id$",
        "$argon2d$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg",
        "\xC3\xA9",
    };
    enum { N = sizeof crypts / sizeof *crypts };
    struct sent *sent[N];
    for (size_t i = 0; i < N; i++)
        account_with_hash(db_text("SELECT 'odd%zu@example.com'", i), crypts[i]);
    const char *before = db_state();
    for (size_t i = 0; i < N; i++)
        sent[i] = rpc_send(RPC_TRY_LOGIN, LOGIN((char *)db_text("SELECT 'odd%zu@example.com'", i), "U*U"));
    rpc_wait_all();
    for (size_t i = 0; i < N; i++) {
        ck_assert_int_eq(sent[i]->status, STATUS_OK);
        ck_assert_msg(sent[i]->len == 0, "%s logs in", crypts[i]);
    }
    ck_assert_str_eq(before, db_state());
}
END_TEST

START_TEST(emails_are_compared_exactly)
{
    int account = account_with_hash("Ada@Example.com", U_U);
    does_not_log_in("ada@example.com", "U*U");
    does_not_log_in("Ada@Example.com ", "U*U");
    does_not_log_in("Ada@Example.co_", "U*U");
    logs_in("Ada@Example.com", "U*U", account);
}
END_TEST

/* As the Python library did; what comes after byte 72 does not count. */
START_TEST(a_bcrypt_row_sees_the_first_72_bytes_of_a_password)
{
    struct crypt_data data = { 0 };
    char *first = text_of(72, "p"), *longer = text_of(90, "p"), *shorter = text_of(71, "p");
    int account =
        account_with_hash("long@example.com", crypt_r(first, "$2b$05$abcdefghijklmnopqrstuu", &data));
    logs_in("long@example.com", longer, account);
    does_not_log_in("long@example.com", shorter);
}
END_TEST

START_TEST(a_login_is_false_whatever_the_length_of_its_text)
{
    account_with_hash("known@example.com", U_U);
    does_not_log_in("known@example.com", text_of(1024, "x"));
    does_not_log_in("known@example.com", text_of(1025, "x"));
    does_not_log_in("known@example.com", text_of(10001, "x"));
    does_not_log_in(text_of(321, "x"), "U*U");
    does_not_log_in(text_of(10001, "x"), "U*U");
}
END_TEST

Suite *login_suite(void)
{
    Suite *suite = suite_create("login");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, who_registered_logs_in_and_gets_the_id);
    tcase_add_test(tcase, bcrypt_rows_of_every_variant_log_in);
    tcase_add_test(tcase, bcrypt_of_cost_12_as_the_python_backend_wrote_it_logs_in);
    tcase_add_test(tcase, argon2_rows_log_in_whatever_their_cost);
    tcase_add_test(tcase, unknown_emails_wrong_passwords_and_unusable_hashes_get_the_same_bytes);
    tcase_add_test(tcase, a_row_whose_hash_is_none_fails_the_login_and_breaks_nothing);
    tcase_add_test(tcase, emails_are_compared_exactly);
    tcase_add_test(tcase, a_bcrypt_row_sees_the_first_72_bytes_of_a_password);
    tcase_add_test(tcase, a_login_is_false_whatever_the_length_of_its_text);
    return suite;
}
