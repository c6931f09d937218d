/* SPDX-License-Identifier: MIT
 *
 * What each mistake in the configuration says: its place, what is wrong, and what would be right.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "config/config_keys.h"
#include "unit/config_kit.h"

#define HOSTS                                                                                                \
    "names, addresses (without brackets) or folders of sockets, separated by commas, at most 32, or nothing"

START_TEST(every_mistake_of_a_file_is_told_with_its_line)
{
    given_file("early = 1\n"
               "[server]\n"
               "listn = 127.0.0.1:1\n"
               "max_connections = many\n"
               "max_connections_per_address = 1\n"
               "max_connections_per_address = 2\n"
               "gibberish and more\n"
               "listen = 127.0.0.1\n"
               "[drain\n"
               "[data base]\nname = x\n"
               "[password]\nargon2_memory_kib = 19455\nscheme = md5\nbcrypt_cost = -12\n"
               "[throttle]\ntrusted_proxies = 10.0.0.1/8\nfrobnication = 2\n"
               "[database]\nport = 0\n");
    must_fail_with("f:1: early stands before any [section]; write one above it\n"
                   "f:3: unknown key server.listn; did you mean server.listen?\n"
                   "f:4: server.max_connections = \"many\" is not valid; expected a whole number of "
                   "connections from 1 to 1000000\n"
                   "f:6: server.max_connections_per_address stands in line 5 already; keep one of them\n"
                   "f:7: \"gibberish ...\" is neither [section] nor key = value\n"
                   "f:8: server.listen = \"127.0.0.1\" is not valid; expected ADDRESS:PORT, "
                   "http://ADDRESS:PORT, https://ADDRESS:PORT or unix:/PATH, separated by commas, at most 32 "
                   "(127.0.0.1:50051, [::1]:50051; port 0: any free one)\n"
                   "f:9: the section has no closing bracket; write it as [section]\n"
                   "f:11: unknown key \"data base.name\"; did you mean database.name?\n"
                   "f:13: password.argon2_memory_kib = \"19455\" is not valid; expected a whole number of "
                   "KiB from 19456 to 262144\n"
                   "f:14: password.scheme = \"md5\" is not valid; expected argon2id or bcrypt\n"
                   "f:15: password.bcrypt_cost = \"-12\" is not valid; expected a whole number of doublings "
                   "from 10 to 14\n"
                   "f:17: throttle.trusted_proxies = \"10.0.0.1/8\" is not valid; expected ADDRESS or "
                   "ADDRESS/BITS, separated by "
                   "commas, at most 32 (10.0.0.0/8, 2001:db8::1; no bits set after BITS), or nothing\n"
                   "f:18: unknown key throttle.frobnication; the keys are listed in svcd.conf(5)\n"
                   "f:20: database.port = \"0\" is not valid; expected a port from 1 to 65535, or one for "
                   "each host, separated by commas, or nothing for libpq's default\n");
}
END_TEST

START_TEST(lines_that_are_too_long_or_hold_nul_are_told)
{
    static char text[6000];
    memset(text, 'x', sizeof text);
    memcpy(text, "[database]\nname = ", 18);
    memcpy(text + 5000, "\nuser = a\0b\n", 12);
    memcpy(text + 5012, "[log]\nlevel = loud\n", 19);
    write_bytes(file_path, text, 5031);
    source.file = file_path;
    must_fail_with("f:2: the line is longer than 4095 bytes; shorten it\n"
                   "f:3: the line holds a NUL byte; remove it\n"
                   "f:5: log.level = \"loud\" is not valid; expected error, warn, info or debug\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_told)
{
    source.file = file_path;
    must_fail_with("f: No such file or directory; give a readable file with --config\n");
    source.file = folder;
    ck_assert_int_eq(load(), UV_EINVAL);
    ck_assert_ptr_nonnull(strstr(config_errors, ": cannot be read; is it a file?\n"));
}
END_TEST

START_TEST(mistakes_of_environment_and_options_name_the_variable_or_option)
{
    char *environment[] = { "POSTGRES_PORT=70000", "MEETING_SERVICE_PORT=x", NULL };
    const char *settings[] = { "server.listn=1", "nonsense", "drain.lame_ms=",
                               "x.y=secret",     ".=",       "server=a.b" };
    given_dotenv("A=1\nACCOUNT_SERVICE_ADDRESS='no such host'\nB=2\n");
    source.environment = environment;
    source.settings = settings;
    source.n_settings = sizeof settings / sizeof settings[0];
    must_fail_with("POSTGRES_PORT: database.port = \"70000\" is not valid; expected a port from 1 to 65535, "
                   "or one for each host, separated by commas, or nothing for libpq's default\n"
                   ".env:2: ACCOUNT_SERVICE_ADDRESS and ACCOUNT_SERVICE_PORT make \"no such host:50051\", "
                   "which names a host that "
                   "cannot be found; expected an address (127.0.0.1) and a port (50051)\n"
                   "MEETING_SERVICE_PORT: MEETING_SERVICE_ADDRESS and MEETING_SERVICE_PORT make "
                   "\"127.0.0.1:x\", which is not "
                   "valid; expected an address (127.0.0.1) and a port (50051)\n"
                   "--set server.listn: unknown key server.listn; did you mean server.listen?\n"
                   "--set: \"nonsense\" is not section.key=value\n"
                   "--set drain.lame_ms: drain.lame_ms = \"\" is not valid; expected a whole number of "
                   "milliseconds from 0 to "
                   "600000\n"
                   "--set x.y: unknown key x.y; the keys are listed in svcd.conf(5)\n"
                   "--set: \".\" is not section.key=value\n"
                   "--set: \"server\" is not section.key=value\n");
}
END_TEST

START_TEST(a_url_in_the_wrong_place_is_told_without_its_password)
{
    const char *settings[] = { "database.host=postgres://u:secret@db/svcd",
                               "log.otlp=http://u:se@cret@c:4318/x@y?key=secret" };
    source.settings = settings;
    source.n_settings = sizeof settings / sizeof settings[0];
    must_fail_with(
        "--set database.host: database.host = \"postgres://********@db/svcd\" is not valid; expected " HOSTS
        "; ports are set by database.port\n"
        "--set log.otlp: log.otlp = \"http://********@c:4318/x@y?********\" is not valid; expected "
        "http://HOST or "
        "https://HOST, with :PORT and /PATH or without, or nothing\n");
    settings[0] = settings[1] = "database.name=postgres://u:secret@db/svcd";
    must_fail_with(
        "database.name: is a URL; expected the database's name: host, port, user and password have keys "
        "of their own\n");
    settings[0] = settings[1] = "database.name=host=db dbname=svcd password=secret";
    must_fail_with("database.name: is a connection string; expected the database's name: host, port, user "
                   "and password have keys of their own\n");
}
END_TEST

START_TEST(a_value_that_is_not_valid_is_told_without_what_may_be_a_password)
{
    static const struct {
        const char *value, *told;
    } cases[] = {
        { "u:secret@c:4318", "********@c:4318" },
        { "//u:secret@c:4318", "********@c:4318" },
        { "u:se/cret@c", "********@c" },
        { "http://u:se/cret@c", "http://********@c" },
        { "http://a, http://u:secret@c", "http://********@c" },
        { "c:4318/x?key=secret", "c:4318/x?********" },
        { "@daily", "@daily" },
        { "0 0 ? * *", "0 0 ? * *" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char setting[64], expected[256];
        const char *settings[] = { setting };
        snprintf(setting, sizeof setting, "log.otlp=%s", cases[i].value);
        snprintf(expected, sizeof expected,
                 "--set log.otlp: log.otlp = \"%s\" is not valid; expected http://HOST or https://HOST, with "
                 ":PORT and /PATH or without, or nothing\n",
                 cases[i].told);
        source.settings = settings;
        source.n_settings = 1;
        must_fail_with(expected);
    }
}
END_TEST

START_TEST(addresses_that_cannot_both_be_listened_on_are_told)
{
    const char *settings[] = { "server.listen=127.0.0.1:1, http://0.0.0.0:1, [::1]:2",
                               "admin.listen=[::1]:2, 127.0.0.1:2" };
    source.settings = settings;
    source.n_settings = 2;
    must_fail_with("server.listen: 0.0.0.0:1 (http) and 127.0.0.1:1 (grpc of server.listen) cannot both be "
                   "listened on; expected a port for each\n"
                   "admin.listen: [::1]:2 (http) and [::1]:2 (grpc of server.listen) cannot both be listened "
                   "on; expected a port for each\n");
    settings[0] = "server.listen=127.0.0.1:0, http://127.0.0.1:0, http://[::]:1, 127.0.0.1:1";
    must_load();
}
END_TEST

START_TEST(keys_that_contradict_each_other_are_told)
{
    given_file("[database]\nreconnect_min_ms = 600\n");
    must_fail_with(
        "database.reconnect_min_ms: 600 is above database.reconnect_max_ms, 500; expected at most that\n");
}
END_TEST

START_TEST(a_path_that_no_socket_can_have_is_told_as_that)
{
    char setting[200] = "server.listen=unix:/";
    memset(setting + strlen(setting), 'x', 106);
    const char *settings[] = { setting };
    source.settings = settings;
    source.n_settings = 1;
    must_load();
    memset(setting + strlen(setting), 'x', 1);
    ck_assert_int_eq(load(), UV_EINVAL);
    ck_assert_ptr_nonnull(
        strstr(config_errors, " has a path of over 107 bytes, which no socket can have; expected "));
}
END_TEST

START_TEST(a_key_is_suggested_only_if_it_is_near_what_was_written)
{
    static const struct {
        const char *written, *meant;
    } cases[] = {
        { "log.levle", "log.level" },
        { "server.level", "log.level" },
        { "tls.cert", "tls.certificate" },
        { "tls.key", "tls.private_key" },
        { "database.hostname", "database.host" },
        { "database.username", "database.user" },
        { "database.dbname", "database.name" },
        { "drain.timeout", "drain.timeout_ms" },
        { "database.ssl", NULL },
        { "tls.foo", NULL },
        { "log.file", NULL },
        { "x.y", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char setting[64], expected[256];
        const char *settings[] = { setting }, *written = cases[i].written, *meant = cases[i].meant;
        snprintf(setting, sizeof setting, "%s=x", written);
        snprintf(expected, sizeof expected, "--set %s: unknown key %s; %s%s%s\n", written, written,
                 meant ? "did you mean " : "the keys are listed in svcd.conf(5)", meant ? meant : "",
                 meant ? "?" : "");
        source.settings = settings;
        source.n_settings = 1;
        must_fail_with(expected);
    }
}
END_TEST

START_TEST(a_host_is_refused_with_a_port_brackets_blanks_quotes_or_user)
{
    static const char *const bad[] = { "localhost:5432", "[::1]",   "[::1]:5432", "db 5432", "a b",
                                       "\"db\"",         "user@db", "db/svcd",    "host=db", "a,b:5432",
                                       "192.0.2.1:5432", "a;b" };
    static const char *const good[] = { "localhost", "db_1.example.org",      "192.0.2.1",
                                        "::1",       "fe80::1%eth0",          "/run/postgresql",
                                        "@svcd",     "a, /run/my folder ,::1" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int is_read = 0; is_read < 2; is_read++) {
            char setting[64], expected[400];
            const char *settings[] = { setting }, *key = is_read ? "database.read_host" : "database.host";
            snprintf(setting, sizeof setting, "%s=%s", key, bad[i]);
            snprintf(expected, sizeof expected, "; expected " HOSTS "; ports are set by database.%sport\n",
                     is_read ? "read_" : "");
            source.settings = settings;
            source.n_settings = 1;
            ck_assert_msg(load() == UV_EINVAL, "%s was taken", setting);
            ck_assert_msg(strstr(config_errors, expected), "%s", config_errors);
        }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char setting[64];
        const char *settings[] = { setting };
        snprintf(setting, sizeof setting, "database.host=%s", good[i]);
        source.settings = settings;
        must_load();
    }
}
END_TEST

START_TEST(more_hosts_than_are_used_are_refused)
{
    char setting[128] = "database.host=a";
    const char *settings[] = { setting };
    source.settings = settings;
    source.n_settings = 1;
    for (int n = 1; n < 32; n++)
        strcat(setting, ",a");
    must_load();
    strcat(setting, ",a");
    ck_assert_int_eq(load(), UV_EINVAL);
    ck_assert_ptr_nonnull(strstr(config_errors, " has too many parts; expected " HOSTS));
}
END_TEST

START_TEST(libpqs_variable_of_an_address_is_for_one_host_only)
{
    char *environment[] = { "PGHOSTADDR=192.0.2.1", "PGHOST=db", NULL };
    const char *settings[] = { "database.user=x" };
    source.environment = environment;
    source.settings = settings;
    source.n_settings = 1;
    must_load();
    settings[0] = "database.host=a";
    must_load();
    static const char *const several[] = { "database.host=a,b", "database.read_host=a" };
    for (size_t i = 0; i < 2; i++) {
        settings[0] = several[i];
        must_fail_with(
            "PGHOSTADDR: PGHOSTADDR is the address of one host, and there are several; expected it "
            "unset, with addresses in database.host and database.read_host instead of names\n");
    }
    settings[0] = "database.user=x";
    environment[1] = "PGHOST=a,b";
    ck_assert_int_eq(load(), UV_EINVAL);
    environment[0] = "PGHOSTADDR=db.example";
    environment[1] = NULL;
    must_fail_with("PGHOSTADDR: PGHOSTADDR \"db.example\" is not an address; expected one (192.0.2.1)\n");
}
END_TEST

/* ---- files as other programs write them, and what is no file of ours ---- */

START_TEST(a_file_in_utf_16_is_told_once)
{
    static const char little[] = "\xff\xfe[\0l\0o\0g\0]\0\n\0x\0\n\0",
                      big[] = "\xfe\xff\0[\0l\0o\0g\0]\0\n\0x";
    source.file = file_path;
    write_bytes(file_path, little, sizeof little - 1);
    must_fail_with("f: is UTF-16; save it as UTF-8\n");
    write_bytes(file_path, big, sizeof big - 1);
    must_fail_with("f: is UTF-16; save it as UTF-8\n");
}
END_TEST

START_TEST(what_stands_behind_a_section_or_a_carriage_return_is_not_ignored)
{
    given_file(
        "[server] max_connections = 7\n[log] ; comment\r\n[tls]\t# comment\n[jobs]\rupdate_models = x\n");
    must_fail_with("f:1: something follows the section; write it on a line of its own\n"
                   "f:4: the line holds a carriage return; end lines by line feeds\n");
}
END_TEST

START_TEST(quotes_and_comments_that_make_a_value_invalid_are_named)
{
    given_file("[server]\nmax_connections = \"7\"\nexplorer = 'yes'\nkeepalive_ms = 1000 # ms\n[log]\nlevel "
               "= info ; c\n"
               "[database]\nname = a # b\nport = 7\"\n");
    must_fail_with(
        "f:2: server.max_connections = \"\"7\"\" is not valid, because quotes count as part of the "
        "value; expected a whole number of connections from 1 to 1000000\n"
        "f:3: server.explorer = \"'yes'\" is not valid, because quotes count as part of the value; "
        "expected no or yes\n"
        "f:4: server.keepalive_ms = \"1000 # ms\" is not valid, because a comment needs a line of its "
        "own; expected a whole number of milliseconds from 0 to 86400000\n"
        "f:6: log.level = \"info ; c\" is not valid, because a comment needs a line of its own; expected "
        "error, warn, info or debug\n"
        "f:9: database.port = \"7\"\" is not valid; expected a port from 1 to 65535, or one for each "
        "host, separated by commas, or nothing for libpq's default\n");
}
END_TEST

START_TEST(a_section_written_twice_or_with_blanks_is_told)
{
    given_file("[server]\nserver.max_connections = 7\n[ server ]\nmax_connections = 7\n");
    must_fail_with("f:2: unknown key server.server.max_connections; did you mean server.max_connections?\n"
                   "f:4: unknown key \" server .max_connections\"; did you mean server.max_connections?\n");
}
END_TEST

START_TEST(neither_controls_nor_rubbish_are_shown_as_they_are)
{
    given_file("[server]\n\x1b[31m = 3\nexplorer = \x07\xc3\xa4\xff\xc2\x9bK\n");
    must_fail_with(
        "f:2: unknown key server.\\x1b[31m; the keys are listed in svcd.conf(5)\n"
        "f:3: server.explorer = \"\\x07\u00e4\\xff\\xc2\\x9bK\" is not valid; expected no or yes\n");
}
END_TEST

START_TEST(a_long_value_is_cut_and_of_many_mistakes_the_first_are_told)
{
    static char text[4000 + 60 * 8];
    strcpy(text, "[server]\nexplorer = ");
    memset(text + strlen(text), 'y', 3000);
    for (int i = 0; i < 60; i++)
        strcat(text, "\nrubbish");
    given_file(text);
    ck_assert_int_eq(load(), UV_EINVAL);
    ck_assert_ptr_nonnull(strstr(config_errors, "yyy\u2026\" is not valid; expected no or yes\n"));
    size_t lines = 0;
    for (const char *c = config_errors; *c; c++)
        lines += *c == '\n';
    ck_assert_uint_eq(lines, 51);
    ck_assert_ptr_nonnull(strstr(config_errors, "\nthere are 11 more mistakes\n"));
}
END_TEST

START_TEST(a_file_whose_name_is_empty_and_a_password_file_that_is_empty_are_told)
{
    source.file = "";
    must_fail_with("--config: No such file or directory; give a readable file with --config\n");
    const char *settings[] = { "database.password_file=/dev/null" };
    source = (struct config_source){ .settings = settings, .n_settings = 1 };
    must_fail_with(
        "database.password_file: /dev/null: the first line is empty; give a readable file whose first "
        "line is the password\n");
}
END_TEST

Suite *config_mistakes_suite(void)
{
    Suite *suite = suite_create("config_mistakes");
    TCase *tcase = tcase_create("config_mistakes");
    tcase_add_checked_fixture(tcase, config_set_up, config_tear_down);
    tcase_add_test(tcase, every_mistake_of_a_file_is_told_with_its_line);
    tcase_add_test(tcase, lines_that_are_too_long_or_hold_nul_are_told);
    tcase_add_test(tcase, a_file_that_cannot_be_read_is_told);
    tcase_add_test(tcase, mistakes_of_environment_and_options_name_the_variable_or_option);
    tcase_add_test(tcase, a_url_in_the_wrong_place_is_told_without_its_password);
    tcase_add_test(tcase, a_value_that_is_not_valid_is_told_without_what_may_be_a_password);
    tcase_add_test(tcase, addresses_that_cannot_both_be_listened_on_are_told);
    tcase_add_test(tcase, keys_that_contradict_each_other_are_told);
    tcase_add_test(tcase, a_path_that_no_socket_can_have_is_told_as_that);
    tcase_add_test(tcase, a_key_is_suggested_only_if_it_is_near_what_was_written);
    tcase_add_test(tcase, a_host_is_refused_with_a_port_brackets_blanks_quotes_or_user);
    tcase_add_test(tcase, more_hosts_than_are_used_are_refused);
    tcase_add_test(tcase, a_file_in_utf_16_is_told_once);
    tcase_add_test(tcase, what_stands_behind_a_section_or_a_carriage_return_is_not_ignored);
    tcase_add_test(tcase, quotes_and_comments_that_make_a_value_invalid_are_named);
    tcase_add_test(tcase, a_section_written_twice_or_with_blanks_is_told);
    tcase_add_test(tcase, neither_controls_nor_rubbish_are_shown_as_they_are);
    tcase_add_test(tcase, a_long_value_is_cut_and_of_many_mistakes_the_first_are_told);
    tcase_add_test(tcase, a_file_whose_name_is_empty_and_a_password_file_that_is_empty_are_told);
    tcase_add_test(tcase, libpqs_variable_of_an_address_is_for_one_host_only);
    suite_add_tcase(suite, tcase);
    return suite;
}
