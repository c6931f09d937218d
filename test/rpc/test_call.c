/* SPDX-License-Identifier: MIT
 *
 * What every request goes through before its handler: bytes, text, enums.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "call/request.h"

/* ---- text that is none ---- */

static void bytes_fail(enum status status, const char *words, const void *bytes, size_t len)
{
    struct sent *sent = rpc_send_bytes(RPC_TRY_LOGIN, bytes, len, 0);
    rpc_wait(sent);
    ck_assert_int_eq(sent->status, status);
    ck_assert_msg(strstr(sent->message, words), "the message \"%s\" lacks \"%s\"", sent->message, words);
}

START_TEST(a_nul_in_text_is_an_invalid_argument_that_names_the_field)
{
    bytes_fail(STATUS_INVALID_ARGUMENT, "username",
               "\x0A\x03"
               "a\0b\x12\x01p",
               8);
    bytes_fail(STATUS_INVALID_ARGUMENT, "password",
               "\x0A\x01"
               "a\x12\x03p\0q",
               8);
    bytes_fail(STATUS_INVALID_ARGUMENT, "NUL", "\x0A\x01\0", 3);
}
END_TEST

START_TEST(invalid_utf8_is_an_invalid_argument_that_names_the_field)
{
    bytes_fail(STATUS_INVALID_ARGUMENT, "username: is not valid UTF-8", "\x0A\x02\xC3\x28", 4);
    bytes_fail(STATUS_INVALID_ARGUMENT, "password: is not valid UTF-8", "\x12\x03\xED\xA0\x80", 5);
}
END_TEST

/* A field may come twice, and the last counts; the first must be text all the same. */
START_TEST(text_is_checked_wherever_the_field_occurs)
{
    bytes_fail(STATUS_INVALID_ARGUMENT, "username", "\x0A\x01\xFF\x0A\x01z", 6);
    bytes_fail(STATUS_INVALID_ARGUMENT, "username", "\x0A\x01z\x0A\x01\xFF", 6);
}
END_TEST

START_TEST(bytes_that_are_no_message_are_an_internal_error)
{
    bytes_fail(STATUS_INTERNAL, "cannot be decoded",
               "\x0A\x7F"
               "abc",
               5); /* text longer than the message */
    bytes_fail(STATUS_INTERNAL, "cannot be decoded", "\x0A", 1);
    bytes_fail(STATUS_INTERNAL, "cannot be decoded", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 12);
    bytes_fail(STATUS_INTERNAL, "cannot be decoded", "\x08\x05", 2); /* an integer where text belongs */
}
END_TEST

START_TEST(unknown_fields_are_passed_over)
{
    struct sent *sent = rpc_send_bytes(RPC_TRY_LOGIN, "\x98\x06\x05\xA2\x06\x02\xFF\xFE", 8, 0);
    rpc_wait(sent);
    ck_assert_int_eq(sent->status, STATUS_OK);
}
END_TEST

START_TEST(a_profile_type_that_is_none_is_an_invalid_argument)
{
    int account = make_mentor(make_area("Here"), "");
    rpc_fails(STATUS_INVALID_ARGUMENT, "targetProfileType: 2", RPC_GET_NOTIFICATIONS,
              &(account_package_NotificationsRequest){ .userid = account,
                                                       .targetProfileType = (account_package_ProfileType)2 });
    rpc_fails(STATUS_INVALID_ARGUMENT, "profileType: 7", RPC_UPDATE_PROFILE_DETAILS,
              &(account_package_UpdateProfileDetailsRequest){
                  .userid = account, .profileType = (account_package_ProfileType)7 });
}
END_TEST

/* ---- whatever comes ---- */

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
    for (; value > 0x7F; value >>= 7)
        *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

static uint64_t random_integer(void)
{
    static const uint64_t values[] = {
        0, 1, 2, 1001, 1002, 1003, 60, 10080, UINT64_MAX, UINT64_C(1) << 31, UINT64_C(1) << 63
    };
    return random() % 4 ? values[(size_t)random() % (sizeof values / sizeof *values)]
                        : (uint64_t)random() << random() % 34;
}

static uint8_t *put_text(uint8_t *out)
{
    static const char *const texts[] = {
        "", "Skill", "p1@example.com", "\xC3\xA9", "\x08\x80\xF8\xD1\xF3\x7F", "\x08\x05\x10\x07", "\xFF", "a"
    };
    const char *text = texts[random() % 8];
    size_t len = random() % 30 ? strlen(text) : strlen(text) + 1;
    out = put_varint(out, len);
    memcpy(out, text, len);
    return out + len;
}

/* Mostly a message with fields such as requests have; now and then damaged. Returns its length, less than
 * 200. */
static size_t random_message(uint8_t *bytes)
{
    uint8_t *out = bytes;
    for (long fields = random() % 7; fields > 0; fields--) {
        unsigned number = 1 + (unsigned)random() % 6;
        switch (random() % 8) {
        case 0:
            out = put_varint(out, number << 3 | 5); /* a float of any bits */
            for (int i = 0; i < 4; i++)
                *out++ = (uint8_t)random();
            break;
        case 1:
        case 2:
        case 3:
            out = put_varint(out, number << 3 | 2);
            out = put_text(out);
            break;
        default:
            out = put_varint(out, number << 3);
            out = put_varint(out, random_integer());
        }
    }
    size_t len = (size_t)(out - bytes);
    if (len > 0 && random() % 4 == 0)
        bytes[(size_t)random() % len] = (uint8_t)random();
    return random() % 10 ? len : len / 2;
}

static bool is_allowed(enum status status)
{
    return status == STATUS_OK || status == STATUS_INVALID_ARGUMENT || status == STATUS_NOT_FOUND ||
           status == STATUS_FAILED_PRECONDITION || status == STATUS_RESOURCE_EXHAUSTED ||
           status == STATUS_INTERNAL;
}

/* Of every unary method; an INTERNAL error may only say that the bytes are no message. */
START_TEST(whatever_bytes_come_they_get_one_answer_that_the_rules_allow)
{
    int here = make_area("Here"), there = make_area("There");
    make_skill("Skill");
    make_mentor(here, "1001");
    make_assignment(make_mentor(there, "1001"), make_mentee(here, "1001"));
    srandom(3);
    int methods_ok = 0;
    for (size_t i = 0; i < rpc_methods_n; i++) {
        if (rpc_methods[i].kind != METHOD_UNARY)
            continue;
        int n_ok = 0, n = request_has_secret(&rpc_methods[i]) ? 10 : 300; /* hashes cost time */
        struct sent *sent[300];
        for (int k = 0; k < n; k++) {
            uint8_t bytes[200];
            size_t len = random_message(bytes);
            sent[k] = rpc_send_bytes(rpc_methods[i].path, NULL, google_protobuf_Empty_fields,
                                     sizeof(google_protobuf_Empty), bytes, len, 0);
        }
        rpc_wait_all();
        for (int k = 0; k < n; k++) {
            ck_assert_msg(is_allowed(sent[k]->status), "%s: status %d: %s", rpc_methods[i].path,
                          sent[k]->status, sent[k]->message);
            ck_assert_msg(sent[k]->status != STATUS_INTERNAL || strstr(sent[k]->message, "cannot be decoded"),
                          "%s: %s", rpc_methods[i].path, sent[k]->message);
            n_ok += sent[k]->status == STATUS_OK;
        }
        methods_ok += n_ok > 0;
    }
    ck_assert_int_gt(methods_ok, 12); /* or the messages are not what they should be */
}
END_TEST

Suite *call_suite(void)
{
    Suite *suite = suite_create("call");
    TCase *tcase = harness_case(suite, "requests");
    tcase_add_test(tcase, a_nul_in_text_is_an_invalid_argument_that_names_the_field);
    tcase_add_test(tcase, invalid_utf8_is_an_invalid_argument_that_names_the_field);
    tcase_add_test(tcase, text_is_checked_wherever_the_field_occurs);
    tcase_add_test(tcase, bytes_that_are_no_message_are_an_internal_error);
    tcase_add_test(tcase, unknown_fields_are_passed_over);
    tcase_add_test(tcase, a_profile_type_that_is_none_is_an_invalid_argument);
    tcase_add_test(tcase, whatever_bytes_come_they_get_one_answer_that_the_rules_allow);
    return suite;
}
