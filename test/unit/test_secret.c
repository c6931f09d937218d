/* SPDX-License-Identifier: MIT */
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

static char path[] = "/tmp/svcd-secret.XXXXXX";
static char line[16];

static int read_of(const char *bytes, size_t len)
{
    strcpy(path, "/tmp/svcd-secret.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
    memset(line, 'x', sizeof line);
    int rc = secret_read(line, sizeof line, path);
    unlink(path);
    return rc;
}

START_TEST(it_is_the_first_line_without_its_end)
{
    static const char *const files[][2] = { { "secret", "secret" },
                                            { "secret\n", "secret" },
                                            { "secret\r\n", "secret" },
                                            { " se cret \nmore\n", " se cret " },
                                            { "", "" },
                                            { "\n", "" },
                                            { "\r\nmore", "" },
                                            { "a\rb\n", "a\rb" },
                                            { "\xef\xbb\xbfsecret\r\n", "secret" },
                                            { "\xef\xbb\xbf\n", "" },
                                            { "\xef\xbbsecret", "\xef\xbbsecret" },
                                            { "15 bytes so far", "15 bytes so far" } };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ck_assert_int_eq(read_of(files[i][0], strlen(files[i][0])), 0);
        ck_assert_str_eq(line, files[i][1]);
    }
}
END_TEST

START_TEST(what_cannot_be_it_is_told_and_nothing_of_it_stays)
{
    char empty[sizeof line] = "";
    ck_assert_int_eq(read_of("16 bytes, so one too many", 25), UV_E2BIG);
    ck_assert_mem_eq(line, empty, sizeof line);
    ck_assert_int_eq(read_of("se\0cret\n", 8), UV_EILSEQ);
    ck_assert_mem_eq(line, empty, sizeof line);
    ck_assert_int_eq(secret_read(line, sizeof line, "/nowhere/at/all"), UV_ENOENT);
    ck_assert_int_eq(secret_read(line, sizeof line, "/"), UV_EISDIR);
    ck_assert_str_ne(secret_read_error(UV_E2BIG), secret_read_error(UV_EILSEQ));
}
END_TEST

START_TEST(a_pipe_need_not_be_closed_after_the_line)
{
    strcpy(path, "/tmp/svcd-secret.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    char fifo[sizeof path + 5];
    snprintf(fifo, sizeof fifo, "%s/fifo", path);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    FILE *writer = fopen(fifo, "w+");
    fputs("secret\n", writer);
    fflush(writer);
    ck_assert_int_eq(secret_read(line, sizeof line, fifo), 0);
    ck_assert_str_eq(line, "secret");
    fclose(writer);
    unlink(fifo);
    rmdir(path);
}
END_TEST

Suite *secret_suite(void)
{
    Suite *suite = suite_create("secret");
    TCase *test = tcase_create("secret");
    tcase_add_test(test, it_is_the_first_line_without_its_end);
    tcase_add_test(test, what_cannot_be_it_is_told_and_nothing_of_it_stays);
    tcase_add_test(test, a_pipe_need_not_be_closed_after_the_line);
    suite_add_tcase(suite, test);
    return suite;
}
