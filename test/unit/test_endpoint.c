/* SPDX-License-Identifier: MIT
 *
 * Names of the database's hosts, resolved off the loop.
 */
#include <stdbool.h>
#include <string.h>
#include <uv.h>

#include "db/endpoint.h"

static uv_loop_t loop;
static struct endpoints found;
static bool is_found;

static void on_found(void *data, const struct endpoints *endpoints)
{
    ck_assert_ptr_eq(data, &found);
    found = *endpoints;
    is_found = true;
}

static void set_up(void)
{
    is_found = false;
    ck_assert_int_eq(uv_loop_init(&loop), 0);
}

static void tear_down(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static struct lookup *start(const char *hosts, const char *address, const char *ports)
{
    struct lookup *lookup;
    ck_assert_int_eq(lookup_start(&lookup, &loop, hosts, address, ports, "", on_found, &found), 0);
    ck_assert_msg(!is_found, "told before the call had returned");
    return lookup;
}

static void look_up(const char *hosts, const char *ports)
{
    start(hosts, "", ports);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(is_found);
}

static void ck_is(size_t i, const char *host, const char *address, const char *port)
{
    ck_assert_uint_lt(i, found.n);
    ck_assert_str_eq(found.items[i].host, host);
    ck_assert_str_eq(found.items[i].address, address);
    ck_assert_str_eq(found.items[i].port, port);
}

START_TEST(addresses_and_sockets_need_no_resolver)
{
    look_up("192.0.2.1,/run/postgresql,::1,", "5432,5433");
    ck_assert_uint_eq(found.n, 4);
    ck_is(0, "192.0.2.1", "192.0.2.1", "5432");
    ck_is(1, "/run/postgresql", "", "5433");
    ck_is(2, "::1", "::1", "5433");
    ck_is(3, "", "", "5433");
}
END_TEST

START_TEST(a_name_is_every_address_it_has)
{
    look_up("localhost,192.0.2.1", "1,2");
    ck_assert_uint_ge(found.n, 2);
    for (size_t i = 0; i + 1 < found.n; i++) {
        ck_assert_str_eq(found.items[i].host, "localhost");
        ck_assert_str_eq(found.items[i].port, "1");
        ck_assert(strcmp(found.items[i].address, "127.0.0.1") == 0 ||
                  strcmp(found.items[i].address, "::1") == 0);
    }
    ck_is(found.n - 1, "192.0.2.1", "192.0.2.1", "2");
}
END_TEST

START_TEST(a_name_that_is_none_is_told_with_the_reason)
{
    look_up("nobody.invalid", "5432");
    ck_assert_uint_eq(found.n, 0);
    ck_assert_msg(strstr(found.error, "nobody.invalid cannot be resolved"), "%s", found.error);
}
END_TEST

START_TEST(a_host_whose_address_is_given_is_not_looked_up)
{
    start("nobody.invalid", "192.0.2.1", "5432");
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(found.n, 1);
    ck_is(0, "nobody.invalid", "192.0.2.1", "5432");
}
END_TEST

START_TEST(what_is_known_of_an_endpoint_is_told_once)
{
    static const struct {
        struct endpoint endpoint;
        const char *text;
    } cases[] = {
        { { "db", "192.0.2.1", "5432" }, "db (192.0.2.1), port 5432" },
        { { "192.0.2.1", "192.0.2.1", "5432" }, "192.0.2.1, port 5432" },
        { { "/run/postgresql", "", "" }, "/run/postgresql" },
        { { "", "::1", "" }, "::1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[ENDPOINT_TEXT_LEN];
        endpoint_format(&cases[i].endpoint, text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(a_lookup_that_nobody_waits_for_any_more_ends_by_itself)
{
    for (int i = 0; i < 50; i++) {
        lookup_abandon(start("localhost", "", "5432"));
        lookup_abandon(start("192.0.2.1", "", "5432"));
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(!is_found);
    lookup_abandon(NULL);
}
END_TEST

Suite *endpoint_suite(void)
{
    Suite *suite = suite_create("endpoint");
    TCase *tcase = tcase_create("lookup");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, addresses_and_sockets_need_no_resolver);
    tcase_add_test(tcase, a_name_is_every_address_it_has);
    tcase_add_test(tcase, a_name_that_is_none_is_told_with_the_reason);
    tcase_add_test(tcase, a_host_whose_address_is_given_is_not_looked_up);
    tcase_add_test(tcase, what_is_known_of_an_endpoint_is_told_once);
    tcase_add_test(tcase, a_lookup_that_nobody_waits_for_any_more_ends_by_itself);
    suite_add_tcase(suite, tcase);
    return suite;
}
