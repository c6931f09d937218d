/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whoever makes the file has it. */
bool runner_takes(const char *name)
{
    const char *share = getenv("SVCD_SHARE");
    if (!share)
        return true;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", share, name);
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* SUITES names those that are wanted; without it, all are. */
static bool is_chosen(const char *name)
{
    const char *suites = getenv("SUITES"), *only = getenv("CK_RUN_SUITE");
    size_t len = strlen(name);
    for (const char *at = suites; at && (at = strstr(at, name)); at += len)
        if ((at == suites || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    return !suites && (!only || strcmp(only, name) == 0);
}

static void run_suite(const struct named_suite *suite, int *n_run, int *n_failed)
{
    SRunner *runner = srunner_create(suite->make());
    srunner_run_all(runner, CK_SILENT);
    *n_run += srunner_ntests_run(runner);
    *n_failed += srunner_ntests_failed(runner);
    printf("%-16s ", suite->name);
    srunner_print(runner, CK_ENV);
    fflush(stdout);
    srunner_free(runner);
}

/* Another program of tests may have those that SUITES names. */
static bool is_any_chosen(const struct named_suite *suites, size_t n)
{
    if (!getenv("SUITES"))
        return true;
    for (size_t i = 0; i < n; i++)
        if (is_chosen(suites[i].name))
            return true;
    return false;
}

int run_suites(const struct named_suite *suites, size_t n)
{
    /* What is said of a suite is written at once, for others may write there, too. */
    static char buffer[65536];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    int n_run = 0, n_failed = 0;
    setenv("CK_DEFAULT_TIMEOUT", "300", false); /* for what hangs, on a machine however busy */
    for (size_t i = 0; i < n; i++)
        if (is_chosen(suites[i].name) && runner_takes(suites[i].name))
            run_suite(&suites[i], &n_run, &n_failed);
    if (!is_any_chosen(suites, n)) {
        printf("none of these suites is here: %s; there are", getenv("SUITES"));
        for (size_t i = 0; i < n; i++)
            printf(" %s", suites[i].name);
        printf("\n");
    }
    printf("%d passed, %d failed\n", n_run - n_failed, n_failed);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
