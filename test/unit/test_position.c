/* SPDX-License-Identifier: MIT */
#include "db/position.h"

#include <uv.h>

START_TEST(what_is_written_is_read_again)
{
    static const struct position some[] = { { 1, 0 }, { 3, 0x16B3748 }, { INT32_MAX, UINT64_MAX } };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        char text[POSITION_TEXT_LEN];
        struct position read;
        position_format(some[i], text);
        ck_assert_int_eq(position_parse(text, &read), 0);
        ck_assert_uint_eq(read.timeline, some[i].timeline);
        ck_assert_uint_eq(read.lsn, some[i].lsn);
    }
}
END_TEST

START_TEST(nothing_else_is_a_position)
{
    static const char *const bad[] = { "",
                                       "1",
                                       ":0/0",
                                       "1:",
                                       "1:0",
                                       "1:/0",
                                       "1:0/",
                                       "0:0/1",
                                       "-1:0/1",
                                       "+1:0/1",
                                       " 1:0/1",
                                       "1: 0/1",
                                       "1:0/1 ",
                                       "1:0/0x1",
                                       "1:0x1/1",
                                       "1:g/1",
                                       "1:0/100000000",
                                       "2147483648:0/1",
                                       "1:0/1,1:0/1",
                                       "99999999999999999999:0/1",
                                       "1:0/00000000000000000001" };
    struct position position;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(position_parse(bad[i], &position) == UV_EINVAL, "\"%s\" was taken", bad[i]);
}
END_TEST

START_TEST(a_state_holds_what_came_before_it_on_its_own_timeline_or_before_a_later_one_began)
{
    struct server_state state = { .at = { .timeline = 3, .lsn = 1000 }, .after = 1, .began = 500 };
    const struct {
        struct position position;
        bool is_reached;
    } cases[] = {
        { { 3, 1000 }, true }, { { 3, 1001 }, false }, { { 4, 1 }, false },
        { { 2, 500 }, true },  { { 2, 501 }, false },  { { 1, 500 }, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(position_is_reached(cases[i].position, &state) == cases[i].is_reached, "case %zu", i);
    state.after = 2; /* where timeline 2 began was not asked */
    ck_assert(!position_is_reached((struct position){ 1, 1 }, &state));
    state.after = 1;
    state.began = 0; /* nor known */
    ck_assert(!position_is_reached((struct position){ 2, 1 }, &state));
}
END_TEST

Suite *position_suite(void)
{
    Suite *suite = suite_create("position");
    TCase *tcase = tcase_create("position");
    tcase_add_test(tcase, what_is_written_is_read_again);
    tcase_add_test(tcase, nothing_else_is_a_position);
    tcase_add_test(tcase, a_state_holds_what_came_before_it_on_its_own_timeline_or_before_a_later_one_began);
    suite_add_tcase(suite, tcase);
    return suite;
}
