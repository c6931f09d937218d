/* SPDX-License-Identifier: MIT
 *
 * Load that does not wait for answers: calls are due at a rate whatever becomes of those before, and wait
 * here only where the server's stream limit or its window holds them back. h2load, which asks again when it
 * was answered, cannot show what happens beyond capacity.
 *
 *     open_loop PORT CONNECTIONS STREAMS RATE SECONDS DEADLINE_MS PATH REQUEST_HEX WEIGHT...
 *
 * RATE 0: as many as STREAMS allow, always (closed loop), by which capacity is measured. STREAMS 0: what the
 * server allows. DEADLINE_MS 0: none; else what was not sent within it is given up here. On a connection of
 * its own a probe asks Health/Check and the first PATH in turn every 10 ms, and for 2 s after the load has
 * ended. Prints one JSON object.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CODES         17
#define PATHS_MAX     16
#define NS            UINT64_C(1000000000)
#define PROBE_NS      (NS / 100)
#define AFTER_NS      (2 * NS)
#define CALM_AFTER_NS (1 * NS) /* from then on everything is to be as it was */
#define WARM_NS       (1 * NS) /* not counted */
#define REQUEST_MAX   4096

struct samples {
    uint32_t *us;
    size_t n, size;
};

struct path {
    const char *path;
    uint8_t request[REQUEST_MAX];
    size_t len;
    unsigned weight;
    uint64_t sent, given_up, codes[CODES], refused_streams, resets;
    struct samples ok, failed;
};

struct stream {
    struct path *path;
    uint64_t sent_ns;
    size_t taken;
    int status;
    struct stream *next;
};

struct connection {
    nghttp2_session *session;
    int fd;
    unsigned active;
    bool is_probe, is_over;
};

static struct path paths[PATHS_MAX + 1]; /* the last: health */
static size_t paths_n;
static struct path *const health = &paths[PATHS_MAX];
static struct stream *free_streams;
static struct samples probes[2], calm[2]; /* health, the first path */
static char authority[32];
static unsigned deadline_ms;
static uint64_t began_ns, ends_ns;
static bool is_probing;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "open_loop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void add(struct samples *samples, uint64_t ns)
{
    if (samples->n == samples->size) {
        samples->size = samples->size ? samples->size * 2 : 65536;
        samples->us = realloc(samples->us, samples->size * sizeof *samples->us);
        if (!samples->us)
            die("realloc");
    }
    samples->us[samples->n++] = (uint32_t)(ns / 1000);
}

/* ---- one call ---- */

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                       nghttp2_data_source *source, void *data)
{
    struct stream *stream = source->ptr;
    size_t len = stream->path->len - stream->taken;
    (void)session, (void)id, (void)data;
    len = len < room ? len : room;
    memcpy(out, stream->path->request + stream->taken, len);
    stream->taken += len;
    if (stream->taken == stream->path->len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
                         NGHTTP2_NV_FLAG_NONE };
}

static void submit(struct connection *connection, struct path *path, uint64_t left_ns)
{
    struct stream *stream = free_streams;
    char timeout[24];
    if (stream)
        free_streams = stream->next;
    else
        stream = malloc(sizeof *stream);
    if (!stream)
        die("malloc");
    *stream = (struct stream){ .path = path, .sent_ns = now_ns(), .status = -1 };
    snprintf(timeout, sizeof timeout, "%lluu", (unsigned long long)(left_ns / 1000));
    const nghttp2_nv headers[] = {
        nv(":method", "POST"),       nv(":scheme", "http"), nv(":path", path->path),
        nv(":authority", authority), nv("te", "trailers"),  nv("content-type", "application/grpc"),
        nv("grpc-timeout", timeout),
    };
    const nghttp2_data_provider body = { .source.ptr = stream, .read_callback = on_read };
    size_t n = sizeof headers / sizeof *headers - (left_ns == 0);
    if (nghttp2_submit_request(connection->session, NULL, headers, n, &body, stream) < 0)
        die("submit");
    connection->active++;
    path->sent++;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *data)
{
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags, (void)data, (void)len;
    if (stream && name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
        stream->status = atoi((const char *)value);
    return 0;
}

static void on_probe_closed(const struct stream *stream, uint64_t now)
{
    size_t which = stream->path == health ? 0 : 1;
    is_probing = false;
    if (stream->status != 0)
        return;
    if (now < ends_ns)
        add(&probes[which], now - stream->sent_ns);
    else if (now > ends_ns + CALM_AFTER_NS)
        add(&calm[which], now - stream->sent_ns);
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t code, void *data)
{
    struct connection *connection = data;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    uint64_t now = now_ns();
    if (!stream)
        return 0;
    struct path *path = stream->path;
    connection->active--;
    if (connection->is_probe)
        on_probe_closed(stream, now);
    else if (now > began_ns + WARM_NS && now < ends_ns) {
        if (stream->status >= 0 && stream->status < CODES)
            path->codes[stream->status]++;
        else if (code == NGHTTP2_REFUSED_STREAM)
            path->refused_streams++;
        else
            path->resets++;
        add(stream->status == 0 ? &path->ok : &path->failed, now - stream->sent_ns);
    }
    stream->next = free_streams;
    free_streams = stream;
    return 0;
}

/* ---- a connection ---- */

static void connect_to(struct connection *connection, int port, nghttp2_session_callbacks *callbacks)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1;
    const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 } };
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof address))
        die("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    if (nghttp2_session_client_new(&connection->session, callbacks, connection))
        die("session");
    nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 1);
    nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, 1 << 30);
}

static void receive(struct connection *connection)
{
    static uint8_t in[65536];
    ssize_t len = recv(connection->fd, in, sizeof in, 0);
    if (len < 0 && errno == EAGAIN)
        return;
    if (len <= 0 || nghttp2_session_mem_recv(connection->session, in, (size_t)len) < 0)
        connection->is_over = true;
}

/* nghttp2 is asked for no more than the socket takes, so that what waits, waits in it as calls. */
static void send_some(struct connection *connection)
{
    static uint8_t out[65536 + 32768];
    size_t len = 0;
    struct pollfd writable = { .fd = connection->fd, .events = POLLOUT };
    if (!nghttp2_session_want_write(connection->session) || poll(&writable, 1, 0) <= 0)
        return;
    while (len < 65536) {
        const uint8_t *bytes;
        ssize_t n = nghttp2_session_mem_send(connection->session, &bytes);
        if (n <= 0)
            break;
        memcpy(out + len, bytes, (size_t)n);
        len += (size_t)n;
    }
    for (size_t sent = 0; sent < len && !connection->is_over;) {
        ssize_t n = send(connection->fd, out + sent, len - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n;
        else if (errno == EAGAIN)
            poll(&writable, 1, 1000);
        else
            connection->is_over = true;
    }
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
        submit(connection, next_path(), left_ns ? left_ns - age_ns : 0);
        done++;
    }
    return rate > 0 ? due - done : 0;
}

static void probe(struct connection *connection)
{
    static uint64_t next_ns;
    static unsigned turn;
    uint64_t now = now_ns();
    if (is_probing || now < next_ns || connection->is_over)
        return;
    next_ns = now + PROBE_NS;
    is_probing = true;
    submit(connection, turn++ % 2 ? &paths[0] : health, 0);
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
    *health = (struct path){ .path = "/grpc.health.v1.Health/Check", .len = 5 };
}

static void turn(struct connection *all, struct pollfd *fds, unsigned n, int timeout_ms)
{
    for (unsigned i = 0; i < n; i++) {
        if (!all[i].is_over)
            send_some(&all[i]);
        bool wants = !all[i].is_over && nghttp2_session_want_write(all[i].session);
        fds[i] = (struct pollfd){ .fd = all[i].is_over ? -1 : all[i].fd,
                                  .events = (short)(POLLIN | (wants ? POLLOUT : 0)) };
    }
    poll(fds, n, timeout_ms);
    for (unsigned i = 0; i < n; i++)
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
            receive(&all[i]);
}

int main(int argc, char **argv)
{
    if (argc < 10) {
        fprintf(stderr, "usage: open_loop PORT CONNECTIONS STREAMS RATE SECONDS DEADLINE_MS PATH REQUEST_HEX "
                        "WEIGHT...\n");
        return 2;
    }
    int port = atoi(argv[1]);
    unsigned n = (unsigned)atoi(argv[2]), streams = (unsigned)atoi(argv[3]);
    double rate = atof(argv[4]), seconds = atof(argv[5]);
    deadline_ms = (unsigned)atoi(argv[6]);
    read_paths(argv + 7);
    snprintf(authority, sizeof authority, "127.0.0.1:%d", port);
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks))
        die("callbacks");
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
    struct connection *all = calloc(n + 1, sizeof *all);
    struct pollfd *fds = calloc(n + 1, sizeof *fds);
    if (!all || !fds)
        die("calloc");
    all[n].is_probe = true;
    for (unsigned i = 0; i <= n; i++)
        connect_to(&all[i], port, callbacks);
    began_ns = now_ns();
    ends_ns = began_ns + (uint64_t)(seconds * 1e9);
    uint64_t waiting = 0;
    while (now_ns() < ends_ns + AFTER_NS) {
        if (now_ns() < ends_ns)
            waiting = send_due(all, n, streams, rate);
        probe(&all[n]);
        turn(all, fds, n + 1, 1);
    }
    unsigned closed = 0;
    for (unsigned i = 0; i <= n; i++)
        closed += all[i].is_over;
    printf("{\"waiting\": %llu, \"closed\": %u, \"paths\": {", (unsigned long long)waiting, closed);
    for (size_t i = 0; i < paths_n; i++) {
        printf("%s", i ? ", " : "");
        print_path(&paths[i], seconds - (double)WARM_NS / 1e9);
    }
    printf("}, ");
    print_samples("health", &probes[0]);
    printf(", ");
    print_samples("probe", &probes[1]);
    printf(", ");
    print_samples("health_after", &calm[0]);
    printf(", ");
    print_samples("probe_after", &calm[1]);
    printf("}\n");
    return 0;
}
