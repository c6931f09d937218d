/* SPDX-License-Identifier: MIT
 *
 * Load that does not wait for answers: calls are due at a rate whatever becomes of those before, and wait
 * here only where the server's stream limit or its window holds them back. h2load, which asks again when it
 * was answered, cannot show what happens beyond capacity.
 *
 *     open_loop PORT CONNECTIONS STREAMS RATE SECONDS DEADLINE_MS PATH REQUEST_HEX WEIGHT...
 *
 * RATE 0: as many as STREAMS allow, always (closed loop), by which capacity is measured. STREAMS 0: what the
 * server allows. DEADLINE_MS 0: none; else what was not sent within it is given up here. Meanwhile, and for
 * 2 s after the load has ended, a process beside it looks what Health/Check and the first PATH take
 * (probe.h). Prints one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h2_client.h"
#include "probe.h"

#define CODES     17
#define PATHS_MAX 16
#define WARM_NS   (1 * NS) /* not counted */

static struct path paths[PATHS_MAX];
static size_t paths_n;
static unsigned deadline_ms;
static uint64_t began_ns, ends_ns;

static void on_call_answered(struct connection *connection, const struct stream *stream, uint32_t error_code)
{
    struct path *path = stream->path;
    uint64_t now = now_ns();
    (void)connection;
    if (now <= began_ns + WARM_NS || now >= ends_ns)
        return;
    if (stream->status >= 0 && stream->status < CODES)
        path->codes[stream->status]++;
    else if (error_code == NGHTTP2_REFUSED_STREAM)
        path->refused_streams++;
    else
        path->resets++;
    samples_add(stream->status == 0 ? &path->ok : &path->failed, now - stream->sent_ns);
}

/* ---- the load ---- */

static struct path *next_path(void)
{
    static uint64_t turn;
    unsigned sum = 0;
    for (size_t i = 0; i < paths_n; i++)
        sum += paths[i].weight;
    /* Spread evenly: a step that has no divisor in common with small sums. */
    unsigned at = (unsigned)(turn++ * 7919 % sum);
    size_t i = 0;
    while (at >= paths[i].weight)
        at -= paths[i++].weight;
    return &paths[i];
}

static unsigned streams_of(const struct connection *connection, unsigned wanted)
{
    unsigned allowed =
        nghttp2_session_get_remote_settings(connection->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return wanted && wanted < allowed ? wanted : allowed < 100000 ? allowed : 1;
}

/* Returns how many are due and could not be sent. */
static uint64_t send_due(struct connection *connections, unsigned n, unsigned streams, double rate)
{
    static uint64_t done;
    static unsigned turn;
    uint64_t now = now_ns(), due = rate > 0 ? (uint64_t)(rate * (double)(now - began_ns) / 1e9) : UINT64_MAX;
    for (unsigned full = 0; done < due && full < n;) {
        uint64_t age_ns = rate > 0 ? now - began_ns - (uint64_t)((double)done / rate * 1e9) : 0;
        uint64_t left_ns = deadline_ms * UINT64_C(1000000);
        if (left_ns && age_ns >= left_ns) {
            next_path()->given_up++;
            done++;
            continue;
        }
        struct connection *connection = &connections[turn++ % n];
        if (connection->is_over || connection->active >= streams_of(connection, streams)) {
            full++;
            continue;
        }
        full = 0;
        client_submit(connection, next_path(), left_ns ? left_ns - age_ns : 0);
        done++;
    }
    return rate > 0 ? due - done : 0;
}

/* ---- what came of it ---- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_samples(const char *name, struct samples *samples)
{
    if (samples->n)
        qsort(samples->us, samples->n, sizeof *samples->us, compare);
    const uint32_t *us = samples->us;
    size_t n = samples->n;
    printf("\"%s\": {\"n\": %zu, \"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u}", name, n, n ? us[n / 2] : 0,
           n ? us[n * 99 / 100] : 0, n ? us[n - 1] : 0);
}

static void print_path(struct path *path, double seconds)
{
    printf("\"%s\": {\"sent\": %llu, \"given_up\": %llu, \"ok_per_s\": %.1f, \"refused_streams\": %llu, "
           "\"resets\": %llu, \"codes\": {",
           path->path, (unsigned long long)path->sent, (unsigned long long)path->given_up,
           (double)path->codes[0] / seconds, (unsigned long long)path->refused_streams,
           (unsigned long long)path->resets);
    const char *comma = "";
    for (int i = 0; i < CODES; i++)
        if (path->codes[i]) {
            printf("%s\"%d\": %llu", comma, i, (unsigned long long)path->codes[i]);
            comma = ", ";
        }
    printf("}, ");
    print_samples("ok", &path->ok);
    printf(", ");
    print_samples("failed", &path->failed);
    printf("}");
}

static void print_all(struct probe *probe, uint64_t waiting, unsigned closed, double seconds)
{
    printf("{\"waiting\": %llu, \"closed\": %u, \"paths\": {", (unsigned long long)waiting, closed);
    for (size_t i = 0; i < paths_n; i++) {
        printf("%s", i ? ", " : "");
        print_path(&paths[i], seconds - (double)WARM_NS / 1e9);
    }
    printf("}");
    for (enum probed what = 0; what < PROBED; what++) {
        static const char *const names[][2] = { [PROBED_HEALTH] = { "health", "health_after" },
                                                [PROBED_CALL] = { "probe", "probe_after" },
                                                [PROBED_ECHO] = { "echo", "echo_after" } };
        printf(", ");
        print_samples(names[what][0], &probe->during[what]);
        printf(", ");
        print_samples(names[what][1], &probe->after[what]);
    }
    printf("}\n");
}

static void read_paths(char **arguments)
{
    for (; arguments[0] && arguments[1] && arguments[2] && paths_n < PATHS_MAX; arguments += 3) {
        struct path *path = &paths[paths_n++];
        size_t len = strlen(arguments[1]) / 2;
        path->path = arguments[0];
        path->weight = (unsigned)atoi(arguments[2]);
        if (len > REQUEST_MAX - 5)
            die("a request is too long");
        for (size_t i = 0; i < len; i++)
            sscanf(arguments[1] + 2 * i, "%2hhx", &path->request[5 + i]);
        path->request[3] = (uint8_t)(len >> 8);
        path->request[4] = (uint8_t)len;
        path->len = 5 + len;
    }
}

int main(int argc, char **argv)
{
    if (argc < 10) {
        fprintf(stderr, "usage: open_loop PORT CONNECTIONS STREAMS RATE SECONDS DEADLINE_MS PATH REQUEST_HEX "
                        "WEIGHT...\n");
        return 2;
    }
    unsigned n = (unsigned)atoi(argv[2]), streams = (unsigned)atoi(argv[3]);
    double rate = atof(argv[4]), seconds = atof(argv[5]);
    deadline_ms = (unsigned)atoi(argv[6]);
    read_paths(argv + 7);
    client_init(atoi(argv[1]));
    client_on_answered(on_call_answered);
    began_ns = now_ns();
    ends_ns = began_ns + (uint64_t)(seconds * 1e9);
    struct probe probe;
    probe_start(&probe, &paths[0], ends_ns);
    struct connection *all = calloc(n, sizeof *all);
    struct pollfd *fds = calloc(n, sizeof *fds);
    if (!all || !fds)
        die("calloc");
    for (unsigned i = 0; i < n; i++)
        client_connect(&all[i]);
    uint64_t waiting = 0;
    while (now_ns() < ends_ns + PROBE_AFTER_NS) {
        if (now_ns() < ends_ns)
            waiting = send_due(all, n, streams, rate);
        client_turn(all, fds, n, 0, 1);
    }
    unsigned closed = 0;
    for (unsigned i = 0; i < n; i++)
        closed += all[i].is_over;
    probe_end(&probe);
    print_all(&probe, waiting, closed, seconds);
    return 0;
}
