/* SPDX-License-Identifier: MIT */
#include "h2_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static nghttp2_session_callbacks *callbacks;
static on_answered *on_answer;
static struct stream *free_streams;
static struct sockaddr_in server;
static char authority[32];

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
}

void die(const char *what)
{
    fprintf(stderr, "open_loop: %s: %s\n", what, strerror(errno));
    exit(1);
}

void samples_add(struct samples *samples, uint64_t ns)
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

void client_submit(struct connection *connection, struct path *path, uint64_t left_ns)
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

static int on_closed(nghttp2_session *session, int32_t id, uint32_t code, void *data)
{
    struct connection *connection = data;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (!stream)
        return 0;
    connection->active--;
    on_answer(connection, stream, code);
    stream->next = free_streams;
    free_streams = stream;
    return 0;
}

/* ---- a connection ---- */

void client_on_answered(on_answered *answered)
{
    on_answer = answered;
}

void client_init(int port)
{
    server = (struct sockaddr_in){ .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    snprintf(authority, sizeof authority, "127.0.0.1:%d", port);
    if (nghttp2_session_callbacks_new(&callbacks))
        die("callbacks");
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
}

void client_connect(struct connection *connection)
{
    int one = 1;
    const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 } };
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&server, sizeof server))
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

void client_turn(struct connection *connections, struct pollfd *fds, unsigned n, unsigned more,
                 int timeout_ms)
{
    for (unsigned i = 0; i < n; i++) {
        if (!connections[i].is_over)
            send_some(&connections[i]);
        bool wants = !connections[i].is_over && nghttp2_session_want_write(connections[i].session);
        fds[i] = (struct pollfd){ .fd = connections[i].is_over ? -1 : connections[i].fd,
                                  .events = (short)(POLLIN | (wants ? POLLOUT : 0)) };
    }
    poll(fds, n + more, timeout_ms);
    for (unsigned i = 0; i < n; i++)
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
            receive(&connections[i]);
}
