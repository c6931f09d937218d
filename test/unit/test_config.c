/* SPDX-License-Identifier: MIT
 *
 * The configuration: what wins over what, and that etc/svcd.conf tells the truth.
 */
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "config/config_keys.h"
#include "unit/config_kit.h"

static void must_listen_on(const char *expected)
{
    char all[1024] = "";
    for (size_t i = 0; i < config.server.listen.n; i++) {
        char text[ADDRESS_TEXT_LEN];
        address_format((struct sockaddr *)&config.server.listen.items[i].socket, text);
        strcat(all, i ? " " : "");
        if (config.server.listen.items[i].scheme != SCHEME_GRPC)
            strcat(strcat(all, scheme_name(config.server.listen.items[i].scheme)), "://");
        strcat(all, text);
    }
    ck_assert_str_eq(all, expected);
}

START_TEST(without_any_source_the_defaults_hold)
{
    must_load();
    must_listen_on("127.0.0.1:50051");
    ck_assert_int_eq(config.server.max_message_bytes, 262144);
    ck_assert_str_eq(config.database.host, "");
    ck_assert_str_eq(config.database.password, "");
    ck_assert_int_eq(config.password.scheme, PASSWORD_ARGON2ID);
    ck_assert_int_eq(config.password.argon2_memory_kib, 19456);
    ck_assert_uint_eq(config.throttle.trusted_proxies.n, 0);
    ck_assert_int_eq(config.log.level, LOG_LEVEL_INFO);
}
END_TEST

START_TEST(each_source_wins_over_the_one_before)
{
    char *environment[] = { "POSTGRES_USER=environment", "POSTGRES_HOST=environment", NULL };
    const char *settings[] = { "database.host=set" };
    given_file("[database]\nname = file\nport = 5433\nuser = file\nhost = file\n");
    given_dotenv("POSTGRES_PORT=5434\nPOSTGRES_USER=dotenv\nPOSTGRES_HOST=dotenv\n");
    source.environment = environment;
    source.settings = settings;
    source.n_settings = 1;
    must_load();
    ck_assert_str_eq(config.database.name, "file");
    ck_assert_str_eq(config.database.port, "5434");
    ck_assert_str_eq(config.database.user, "environment");
    ck_assert_str_eq(config.database.host, "set");
}
END_TEST

START_TEST(an_empty_variable_is_as_good_as_none)
{
    char *environment[] = { "POSTGRES_USER=", "POSTGRES_HOST=", "ACCOUNT_SERVICE_PORT=", NULL };
    given_file("[database]\nuser = file\n");
    given_dotenv("POSTGRES_HOST=dotenv\nPOSTGRES_USER=\n");
    source.environment = environment;
    must_load();
    ck_assert_str_eq(config.database.user, "file");
    ck_assert_str_eq(config.database.host, "dotenv");
    must_listen_on("127.0.0.1:50051");
}
END_TEST

START_TEST(all_types_are_read_from_a_file)
{
    given_file("; comment\n"
               "[server]\n"
               "listen = 0.0.0.0:50051 , [::1]:0,192.0.2.7:1\n"
               "  idle_timeout_ms = 0\r\n"
               "[password]\nscheme = bcrypt\n"
               "[throttle]\ntrusted_proxies = 10.0.0.0/8, 2001:db8::/32, 192.0.2.1\n"
               "[log]\nlevel=debug\n"
               "[database]\npassword = a;b ; c # d = e\n");
    must_load();
    must_listen_on("0.0.0.0:50051 [::1]:0 192.0.2.7:1");
    ck_assert_int_eq(config.server.idle_timeout_ms, 0);
    ck_assert_int_eq(config.password.scheme, PASSWORD_BCRYPT);
    ck_assert_uint_eq(config.throttle.trusted_proxies.n, 3);
    ck_assert_int_eq(config.log.level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(config.database.password, "a;b ; c # d = e");
}
END_TEST

START_TEST(hosts_and_ports_are_lists_of_equal_length_or_one_port_for_all)
{
    char *environment[] = { "POSTGRES_HOST=a, b ,c", "POSTGRES_PORT=1, 2,3", NULL };
    source.environment = environment;
    must_load();
    ck_assert_str_eq(config.database.host, "a,b,c");
    ck_assert_str_eq(config.database.port, "1,2,3");
    environment[1] = "POSTGRES_PORT=5432";
    must_load();
    ck_assert_str_eq(config.database.port, "5432");
    environment[1] = "POSTGRES_PORT=1,2";
    must_fail_with("database.port: \"1,2\" is 2 ports for 3 hosts; expected one, or one for each\n");
}
END_TEST

START_TEST(addresses_of_the_four_services_become_listeners_without_duplicates)
{
    char *environment[] = { "ACCOUNT_SERVICE_ADDRESS=127.0.0.1",
                            "ACCOUNT_SERVICE_PORT=50061",
                            "MATCHING_SERVICE_PORT=50061",
                            "MEETING_SERVICE_ADDRESS=::1",
                            "FEEDBACK_SERVICE_ADDRESS=[::1]",
                            "FEEDBACK_SERVICE_PORT=50061",
                            NULL };
    source.environment = environment;
    must_load();
    must_listen_on("127.0.0.1:50061 [::1]:50051 [::1]:50061");
}
END_TEST

START_TEST(service_addresses_add_to_a_configured_listen_but_replace_the_default)
{
    char *environment[] = { "ACCOUNT_SERVICE_ADDRESS=0.0.0.0", NULL };
    source.environment = environment;
    must_load();
    must_listen_on("0.0.0.0:50051");
    given_file("[server]\nlisten = 127.0.0.1:50051, 127.0.0.1:6000\n");
    must_load();
    must_listen_on("127.0.0.1:6000 0.0.0.0:50051");
}
END_TEST

START_TEST(a_set_listen_drops_listeners_of_the_environment)
{
    char *environment[] = { "ACCOUNT_SERVICE_PORT=50061", NULL };
    const char *settings[] = { "server.listen=127.0.0.1:0" };
    source.environment = environment;
    source.settings = settings;
    source.n_settings = 1;
    must_load();
    must_listen_on("127.0.0.1:0");
}
END_TEST

START_TEST(what_is_listened_on_says_how_clients_speak)
{
    const char *settings[] = {
        "server.listen=grpc://127.0.0.1:1,http://127.0.0.1:2,https://[::1]:3,unix:/run/svcd, unix:/run/svcd",
        "tls.certificate=/etc/svcd/tls.pem",
        "tls.private_key=/etc/svcd/tls.key",
    };
    source.settings = settings;
    source.n_settings = 3;
    must_load();
    must_listen_on("127.0.0.1:1 http://127.0.0.1:2 https://[::1]:3 http://unix:/run/svcd");
}
END_TEST

START_TEST(a_host_name_listens_on_its_addresses)
{
    const char *settings[] = { "server.listen=localhost:50051" };
    source.settings = settings;
    source.n_settings = 1;
    must_load();
    ck_assert_uint_ge(config.server.listen.n, 1);
}
END_TEST

START_TEST(a_password_may_stand_in_a_file_of_its_own)
{
    write_bytes(dotenv_path, "se cret\n", 8);
    char setting[128];
    snprintf(setting, sizeof setting, "database.password_file=%s", dotenv_path);
    const char *settings[] = { setting, "database.tls=require" };
    source.settings = settings;
    source.n_settings = 2;
    must_load();
    ck_assert_str_eq(config.database.password, "se cret");
    ck_assert_str_eq(config.database.tls, "require");
}
END_TEST

START_TEST(finishing_twice_or_nothing_is_fine)
{
    must_load();
    config_finish(&config);
    config_finish(&config);
    config_finish(NULL);
    ck_assert_ptr_null(config.database.password);
}
END_TEST

START_TEST(every_default_is_valid_and_every_key_has_a_section)
{
    must_load();
    size_t section = 0;
    for (size_t i = 0; i < config_keys_n; i++) {
        const struct config_key *key = &config_keys[i];
        ck_assert_ptr_eq(config_key_find(key->section, key->name), key);
        while (section < config_sections_n && strcmp(config_sections[section].name, key->section) != 0)
            section++;
        ck_assert_msg(section < config_sections_n,
                      "%s.%s: config_sections has no such section, or keys of another one between",
                      key->section, key->name);
    }
}
END_TEST

START_TEST(the_shipped_file_loads)
{
    source.file = "etc/svcd.conf";
    must_load();
}
END_TEST

static bool ip_in(const char *ip_text, const char *network_text)
{
    struct network_list list = { .n = 1 };
    struct ip ip;
    ck_assert_int_eq(network_parse(&list.items[0], network_text), 0);
    ck_assert_int_eq(ip_parse(&ip, ip_text, strlen(ip_text)), 0);
    return network_list_contains(&list, &ip);
}

/* ---- what worked with version 0.1 ---- */

#define OF_0_1(name) "test/data/config-0.1/" name

START_TEST(a_file_of_version_0_1_with_every_key_loads_and_means_the_same)
{
    source.file = OF_0_1("svcd.conf");
    must_load();
    must_listen_on("127.0.0.1:50051");
    ck_assert_int_eq(config.server.max_connections, 10000);
    ck_assert_int_eq(config.server.max_message_bytes, 262144);
    ck_assert_int_eq(config.server.idle_timeout_ms, 300000);
    ck_assert_int_eq(config.database.queue_limit, 10000);
    ck_assert_int_eq(config.database.reconnect_max_ms, 500);
    ck_assert_int_eq(config.password.scheme, PASSWORD_ARGON2ID);
    ck_assert_int_eq(config.password.argon2_memory_kib, 19456);
    ck_assert_int_eq(config.password.failure_floor_ms, 500);
    ck_assert_int_eq(config.throttle.known_burst, 100);
    ck_assert_int_eq(config.drain.lame_ms, 1000);
}
END_TEST

START_TEST(environment_files_of_the_python_backend_load_and_mean_the_same)
{
    static const char *const files[] = { OF_0_1("plain.env"), OF_0_1("quoted.env"), OF_0_1("windows.env") };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        source.dotenv = files[i];
        must_load();
        must_listen_on("127.0.0.1:50051 127.0.0.1:50052 127.0.0.1:50053 127.0.0.1:50054");
        ck_assert_str_eq(config.database.host, "localhost");
        ck_assert_str_eq(config.database.port, "5432");
        ck_assert_str_eq(config.database.user, "postgres");
        ck_assert_str_eq(config.database.password, "secret");
        ck_assert_str_eq(config.database.name, "mentoring");
    }
}
END_TEST

START_TEST(networks_contain_their_addresses_and_no_others)
{
    ck_assert(ip_in("10.255.0.1", "10.0.0.0/8"));
    ck_assert(!ip_in("11.0.0.0", "10.0.0.0/8"));
    ck_assert(ip_in("192.0.2.129:443", "192.0.2.128/25"));
    ck_assert(!ip_in("192.0.2.127", "192.0.2.128/25"));
    ck_assert(ip_in("::ffff:10.1.2.3", "10.0.0.0/8"));
    ck_assert(ip_in("[2001:db8:1::]:443", "2001:db8::/32"));
    ck_assert(!ip_in("2001:db9::", "2001:db8::/32"));
    ck_assert(ip_in("192.0.2.1", "0.0.0.0/0"));
    ck_assert(!ip_in("2001:db9::", "0.0.0.0/0"));
    ck_assert(ip_in("192.0.2.1", "::/0"));

    struct network network;
    const char *const bad[] = { "",           "/8",     "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x",
                                "10.1.0.0/8", "::/129", "localhost" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(network_parse(&network, bad[i]) == UV_EINVAL, "\"%s\" was taken", bad[i]);
}
END_TEST

START_TEST(a_site_is_a_whole_v4_address_or_a_v6_64)
{
    struct ip a, b, c, d;
    ip_parse(&a, "2001:db8:1:2:3:4:5:6", 20);
    ip_parse(&b, "2001:db8:1:2::", 14);
    ip_parse(&c, "192.0.2.1", 9);
    ip_keep_site(&a);
    d = c;
    ip_keep_site(&d);
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert_mem_eq(&c, &d, sizeof c);
}
END_TEST

Suite *config_suite(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");
    tcase_add_checked_fixture(tcase, config_set_up, config_tear_down);
    tcase_add_test(tcase, without_any_source_the_defaults_hold);
    tcase_add_test(tcase, each_source_wins_over_the_one_before);
    tcase_add_test(tcase, an_empty_variable_is_as_good_as_none);
    tcase_add_test(tcase, all_types_are_read_from_a_file);
    tcase_add_test(tcase, hosts_and_ports_are_lists_of_equal_length_or_one_port_for_all);
    tcase_add_test(tcase, addresses_of_the_four_services_become_listeners_without_duplicates);
    tcase_add_test(tcase, service_addresses_add_to_a_configured_listen_but_replace_the_default);
    tcase_add_test(tcase, a_set_listen_drops_listeners_of_the_environment);
    tcase_add_test(tcase, what_is_listened_on_says_how_clients_speak);
    tcase_add_test(tcase, a_host_name_listens_on_its_addresses);
    tcase_add_test(tcase, a_password_may_stand_in_a_file_of_its_own);
    tcase_add_test(tcase, finishing_twice_or_nothing_is_fine);
    tcase_add_test(tcase, every_default_is_valid_and_every_key_has_a_section);
    tcase_add_test(tcase, the_shipped_file_loads);
    tcase_add_test(tcase, a_file_of_version_0_1_with_every_key_loads_and_means_the_same);
    tcase_add_test(tcase, environment_files_of_the_python_backend_load_and_mean_the_same);
    tcase_add_test(tcase, networks_contain_their_addresses_and_no_others);
    tcase_add_test(tcase, a_site_is_a_whole_v4_address_or_a_v6_64);
    suite_add_tcase(suite, tcase);
    return suite;
}
