/* SPDX-License-Identifier: MIT
 *
 * `svcd hash-password`: reads one password from standard input, without echo if that is a terminal, and
 * prints the crypt string made by the configured scheme, for accounts that are not created by an RPC.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>

#include "base/text.h"
#include "commands/command.h"
#include "login/password.h"

/* One byte more than a password may have, so that password_problem() notices, plus \r\n. */
#define INPUT_MAX (PASSWORD_MAX_BYTES + 3)

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

/* Reads up to the end of the input, or at a terminal of the line. Returns the length, or a UV_E* code. */
static ssize_t read_all(char input[static INPUT_MAX], bool is_terminal)
{
    size_t len = 0;
    while (len < INPUT_MAX && !caught) {
        ssize_t n = read(STDIN_FILENO, input + len, INPUT_MAX - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        len += (size_t)n;
        if (n == 0 || (is_terminal && memchr(input, '\n', len)))
            break;
    }
    return caught ? UV_EINTR : (ssize_t)len;
}

/* Turns the echo on again however the reading ends; hence the signal handlers. */
static ssize_t read_terminal(char input[static INPUT_MAX])
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
    enum { N = sizeof numbers / sizeof *numbers };
    struct sigaction catch = { .sa_handler = on_signal }, before[N]; /* no SA_RESTART: it interrupts read() */
    struct termios loud, silent;
    if (tcgetattr(STDIN_FILENO, &loud))
        return -errno;
    for (size_t i = 0; i < N; i++)
        sigaction(numbers[i], &catch, &before[i]);
    silent = loud;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    fputs("Password: ", stderr);
    ssize_t len = read_all(input, true);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &loud);
    fputc('\n', stderr);
    for (size_t i = 0; i < N; i++)
        sigaction(numbers[i], &before[i], NULL);
    if (caught)
        raise(caught);
    return len;
}

/* A newline at the end (\n or \r\n) is not part of the password. */
static size_t without_newline(const char *input, size_t len)
{
    if (len == 0 || input[len - 1] != '\n')
        return len;
    return len > 1 && input[len - 2] == '\r' ? len - 2 : len - 1;
}

static const char *problem_of(const struct password_policy *policy, const char *password, size_t len)
{
    if (len == 0)
        return "there is no password on standard input";
    if (!text_is_utf8((const uint8_t *)password, len))
        return "the password is not UTF-8, so no login could send it; type it on a UTF-8 terminal";
    return password_problem(policy, password, len);
}

static int print_hash(const struct config *config, const char *password, size_t len)
{
    struct password_policy policy;
    char made[PASSWORD_CRYPT_BYTES];
    password_policy_set(&policy, config);
    const char *problem = problem_of(&policy, password, len);
    if (problem) {
        fprintf(stderr, "svcd: %s\n", problem);
        return EXIT_FAILURE;
    }
    int rc = password_make(&policy, password, len, made);
    if (rc) {
        fprintf(stderr, "svcd: the password could not be hashed: %s\n", uv_strerror(rc));
        return EXIT_FAILURE;
    }
    puts(made);
    return EXIT_SUCCESS;
}

static int run(const struct config *config, const struct command_line *line)
{
    (void)line;
    char input[INPUT_MAX];
    if (password_init()) {
        fputs("svcd: the system provides no random numbers\n", stderr);
        return EXIT_FAILURE;
    }
    ssize_t len = isatty(STDIN_FILENO) ? read_terminal(input) : read_all(input, false);
    if (len < 0) {
        fprintf(stderr, "svcd: the password cannot be read: %s\n", uv_strerror((int)len));
        return EXIT_FAILURE;
    }
    int status = print_hash(config, input, without_newline(input, (size_t)len));
    explicit_bzero(input, sizeof input);
    return status;
}

const struct command command_hash_password = {
    .name = "hash-password",
    .synopsis = "hash-password",
    .summary = "read a password and print the hash to store for it",
    .run = run,
};
