/* SPDX-License-Identifier: MIT
 *
 * What every request goes through before its handler: bytes, text, enums.
 */
#include "harness.h"

#include <string.h>

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
    return suite;
}
