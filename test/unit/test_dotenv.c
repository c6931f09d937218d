/* SPDX-License-Identifier: MIT
 *
 * The file .env: read as python-dotenv does, and what is said of one that cannot be.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "unit/config_kit.h"

START_TEST(dotenv_is_read_as_docker_and_python_do)
{
    given_dotenv("\xef\xbb\xbf# comment\n"
                 "\n"
                 "export POSTGRES_DATABASE = \"a b\\n\\\"c\\\" # no comment\" # comment\n"
                 "  POSTGRES_USER='it\\'s\\n' \n"
                 "POSTGRES_PASSWORD=se#cret # comment\n"
                 "POSTGRES_HOST=first\r\n"
                 "POSTGRES_HOST=\"/two\nlines\"\n"
                 "NOT AN ASSIGNMENT\n"
                 "exported=1\n"
                 "POSTGRES_PORT=5432");
    must_load();
    ck_assert_str_eq(config.database.name, "a b\n\"c\" # no comment");
    ck_assert_str_eq(config.database.user, "it's\\n");
    ck_assert_str_eq(config.database.password, "se#cret");
    ck_assert_str_eq(config.database.host, "/two\nlines");
    ck_assert_str_eq(config.database.port, "5432");
}
END_TEST

START_TEST(dotenv_is_read_as_python_does_to_its_odd_corners)
{
    given_dotenv("POSTGRES_HOST=first\n"
                 "POSTGRES_HOST # stands alone: takes back\n"
                 "POSTGRES_DATABASE =\u00a0a\u00a0b\u2003# blanks that are not ASCII's\n"
                 "'POSTGRES\n_PORT' is no name\n"
                 "POSTGRES_PASSWORD=\"a\\\\\n"
                 "\\\" b\" # up to the first quote without a backslash before it\n"
                 "POSTGRES_USER='c:\\\\'\n");
    must_load();
    ck_assert_str_eq(config.database.host, "");
    ck_assert_str_eq(config.database.name, "a\u00a0b");
    ck_assert_str_eq(config.database.password, "a\\\n\" b");
    ck_assert_str_eq(config.database.user, "c:\\");
}
END_TEST

START_TEST(dotenv_replaces_references_as_python_does)
{
    static char *environment[] = { (char *)"OUTER=outside", (char *)"BASE=environment", NULL };
    source.environment = environment;
    given_dotenv("BASE=file\n"
                 "NAME='app'\n"
                 "POSTGRES_DATABASE=${NAME}_db\n"
                 "POSTGRES_USER='${OUTER}-${BASE}'\n"
                 "POSTGRES_PASSWORD=\"$NAME ${MISSING:-a b}${MISSING}${}\"\n"
                 "POSTGRES_HOST=${NAME:-other}.example # comment\n");
    must_load();
    ck_assert_str_eq(config.database.name, "app_db");
    ck_assert_str_eq(config.database.user, "outside-environment");
    ck_assert_str_eq(config.database.password, "$NAME a b");
    ck_assert_str_eq(config.database.host, "app.example");
}
END_TEST

START_TEST(dotenv_in_another_encoding_is_refused)
{
    static const char utf16[] = "\xff\xfeP\0O\0=\0x\0";
    write_bytes(dotenv_path, utf16, sizeof utf16 - 1);
    source.dotenv = dotenv_path;
    must_fail_with(".env: is UTF-16 or holds a NUL byte; save it as UTF-8\n");
}
END_TEST

START_TEST(a_file_in_another_encoding_is_an_error)
{
    given_dotenv("POSTGRES_PASSWORD=caf\xe9\n");
    must_fail_with(".env: is not UTF-8; save it as UTF-8\n");
}
END_TEST

START_TEST(lines_may_end_in_any_way)
{
    given_dotenv("POSTGRES_HOST=\"/a\r\nb\"\r\nPOSTGRES_USER=u\rPOSTGRES_DATABASE = "
                 "d\f\r\r\nPOSTGRES_PASSWORD='p'\v\n");
    ck_assert_int_eq(load(), 0);
    ck_assert_str_eq(config.database.host, "/a\nb");
    ck_assert_str_eq(config.database.user, "u");
    ck_assert_str_eq(config.database.name, "d");
    ck_assert_str_eq(config.database.password, "p");
}
END_TEST

START_TEST(a_misspelt_variable_is_warned_of_with_the_nearest)
{
    given_dotenv("POSTGRES_DATABSE=x\nPOSTGRES_PORT=5432\n");
    ck_assert_int_eq(load(), 0);
    ck_assert_ptr_nonnull(strstr(
        config_errors, "warning: POSTGRES_DATABSE is read by nobody; did you mean POSTGRES_DATABASE?"));
    static const char *const others[][2] = { { "POSTGRES_DB", "POSTGRES_DATABASE" },
                                             { "POSTGRES_PASS", "POSTGRES_PASSWORD" },
                                             { "POSTGRE_HOST", "POSTGRES_HOST" },
                                             { "postgres_port", "POSTGRES_PORT" },
                                             { "POSTGRESS_USER", "POSTGRES_USER" } };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char text[100], warning[200];
        snprintf(text, sizeof text, "%s=1\n", others[i][0]);
        snprintf(warning, sizeof warning, "warning: %s is read by nobody; did you mean %s?", others[i][0],
                 others[i][1]);
        given_dotenv(text);
        ck_assert_int_eq(load(), 0);
        ck_assert_msg(strstr(config_errors, warning) != NULL, "%s: %s", others[i][0], config_errors);
    }
    given_dotenv("PATH=/"
                 "bin\nPGHOST=db\nPGDATABASE=x\nPGPASSWORD=x\nPGPASSFILE=x\nHOST=x\nUSER=y\nPORT="
                 "3000\nSERVICE_PORT=1\n");
    ck_assert_int_eq(load(), 0);
    ck_assert_ptr_null(strstr(config_errors, "read by nobody"));
}
END_TEST

START_TEST(what_libpq_reads_from_the_environment_reaches_it_from_dotenv)
{
    unsetenv("PGSSLMODE");
    given_dotenv("PGSSLMODE=verify-full\nPATH=/nowhere\n");
    source.exports = true;
    must_load();
    ck_assert_str_eq(getenv("PGSSLMODE"), "verify-full");
    ck_assert_str_ne(getenv("PATH"), "/nowhere");
}
END_TEST

START_TEST(an_open_quote_in_dotenv_is_told_without_its_text)
{
    given_dotenv("A=1\nPOSTGRES_PASSWORD=\"secret\n");
    must_fail_with(".env:2: the quote that opens here never closes; close it\n");
}
END_TEST

START_TEST(no_dotenv_or_a_folder_of_that_name_is_fine)
{
    source.dotenv = dotenv_path;
    must_load();
    ck_assert_int_eq(mkdir(dotenv_path, 0700), 0);
    must_load();
}
END_TEST

Suite *dotenv_suite(void)
{
    Suite *suite = suite_create("dotenv");
    TCase *tcase = tcase_create("dotenv");
    tcase_add_checked_fixture(tcase, config_set_up, config_tear_down);
    tcase_add_test(tcase, dotenv_is_read_as_docker_and_python_do);
    tcase_add_test(tcase, dotenv_is_read_as_python_does_to_its_odd_corners);
    tcase_add_test(tcase, dotenv_replaces_references_as_python_does);
    tcase_add_test(tcase, dotenv_in_another_encoding_is_refused);
    tcase_add_test(tcase, a_file_in_another_encoding_is_an_error);
    tcase_add_test(tcase, lines_may_end_in_any_way);
    tcase_add_test(tcase, a_misspelt_variable_is_warned_of_with_the_nearest);
    tcase_add_test(tcase, what_libpq_reads_from_the_environment_reaches_it_from_dotenv);
    tcase_add_test(tcase, an_open_quote_in_dotenv_is_told_without_its_text);
    tcase_add_test(tcase, no_dotenv_or_a_folder_of_that_name_is_fine);
    suite_add_tcase(suite, tcase);
    return suite;
}
