/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVERY_NS      (NS / 100)
#define CALM_AFTER_NS (1 * NS) /* from then on everything is to be as it was */
#define CONNECTIONS   2        /* to the server */

static struct path paths[CONNECTIONS];
static struct connection connections[CONNECTIONS];
static struct probe *own;
static uint64_t load_ends_ns;
static bool is_asked[PROBED];

static void answered(enum probed what, uint64_t asked_ns)
{
    uint64_t now = now_ns();
    is_asked[what] = false;
    if (now < load_ends_ns)
        samples_add(&own->during[what], now - asked_ns);
    else if (now > load_ends_ns + CALM_AFTER_NS)
        samples_add(&own->after[what], now - asked_ns);
}

static void on_call_answered(struct connection *connection, const struct stream *stream, uint32_t error_code)
{
    enum probed what = connection == &connections[PROBED_HEALTH] ? PROBED_HEALTH : PROBED_CALL;
    (void)error_code;
    if (stream->status == 0)
        answered(what, stream->sent_ns);
    else
        is_asked[what] = false;
}

/* A process that ends with this one. */
static bool is_child(void)
{
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return child == 0;
}

/* ---- the process that gives back each byte ---- */

static int start_echo(void)
{
    int pair[2];
    char byte;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        die("socketpair");
    if (!is_child()) {
        close(pair[1]);
        return pair[0];
    }
    close(pair[0]);
    while (read(pair[1], &byte, 1) == 1 && write(pair[1], &byte, 1) == 1)
        ;
    _exit(0);
}

/* ---- the process that asks ---- */

static void ask(int echo, uint64_t asked_ns[static PROBED])
{
    static uint64_t next_ns[PROBED];
    for (enum probed what = 0; what < PROBED; what++) {
        uint64_t now = now_ns();
        if (is_asked[what] || now < next_ns[what] || (what < CONNECTIONS && connections[what].is_over))
            continue;
        next_ns[what] = now + EVERY_NS;
        asked_ns[what] = now;
        is_asked[what] = true;
        if (what < CONNECTIONS)
            client_submit(&connections[what], &paths[what], 0);
        else if (write(echo, "", 1) != 1)
            die("echo");
    }
}

static void tell(int fd, const struct samples *samples)
{
    size_t len = samples->n * sizeof *samples->us;
    if (write(fd, &samples->n, sizeof samples->n) != sizeof samples->n)
        die("pipe");
    for (size_t told = 0; told < len;) {
        ssize_t n = write(fd, (const char *)samples->us + told, len - told);
        if (n <= 0)
            die("pipe");
        told += (size_t)n;
    }
}

_Noreturn static void run(int fd)
{
    struct pollfd fds[CONNECTIONS + 1] = { [CONNECTIONS] = { .fd = start_echo(), .events = POLLIN } };
    uint64_t asked_ns[PROBED] = { 0 };
    char byte;
    client_on_answered(on_call_answered);
    for (size_t i = 0; i < CONNECTIONS; i++)
        client_connect(&connections[i]);
    while (now_ns() < load_ends_ns + PROBE_AFTER_NS) {
        ask(fds[CONNECTIONS].fd, asked_ns);
        client_turn(connections, fds, CONNECTIONS, 1, 1);
        if (fds[CONNECTIONS].revents & POLLIN && read(fds[CONNECTIONS].fd, &byte, 1) == 1)
            answered(PROBED_ECHO, asked_ns[PROBED_ECHO]);
    }
    for (enum probed what = 0; what < PROBED; what++) {
        tell(fd, &own->during[what]);
        tell(fd, &own->after[what]);
    }
    _exit(0);
}

void probe_start(struct probe *probe, const struct path *call, uint64_t ends_ns)
{
    int ends[2];
    if (pipe(ends))
        die("pipe");
    *probe = (struct probe){ .fd = ends[0] };
    own = probe;
    load_ends_ns = ends_ns;
    paths[PROBED_HEALTH] = (struct path){ .path = "/grpc.health.v1.Health/Check", .len = 5 };
    paths[PROBED_CALL] = *call;
    if (is_child()) {
        close(ends[0]);
        run(ends[1]);
    }
    close(ends[1]);
}

/* ---- what it tells ---- */

static void read_all(int fd, void *to, size_t len)
{
    for (size_t n_read = 0; n_read < len;) {
        ssize_t n = read(fd, (char *)to + n_read, len - n_read);
        if (n <= 0)
            die("the probe tells nothing");
        n_read += (size_t)n;
    }
}

static void hear(int fd, struct samples *samples)
{
    read_all(fd, &samples->n, sizeof samples->n);
    samples->us = malloc((samples->n + 1) * sizeof *samples->us);
    if (!samples->us)
        die("malloc");
    read_all(fd, samples->us, samples->n * sizeof *samples->us);
}

void probe_end(struct probe *probe)
{
    for (enum probed what = 0; what < PROBED; what++) {
        hear(probe->fd, &probe->during[what]);
        hear(probe->fd, &probe->after[what]);
    }
    close(probe->fd);
}
