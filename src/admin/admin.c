/* SPDX-License-Identifier: MIT
 *
 * The least of HTTP/1.1 that operators' tools need: GET and HEAD, one request a connection, answered whole
 * and closed. So there is nothing to keep in step, and nothing of a peer's that grows: a request fits its
 * buffer, connections are few, the oldest gives way to a new one, and each has CONNECTION_MS.
 *
 *   READING ── the request is whole ──▶ WRITING ── written ──▶ CLOSING
 */
#include "admin/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>

#include "admin/pages.h"
#include "admin/request.h"
#include "base/container_of.h"
#include "observe/log.h"

#define BACKLOG         64
#define CONNECTIONS_MAX 32
#define CONNECTION_MS   10000
#define SWEEP_MS        1000

struct admin_connection {
    uv_tcp_t tcp;
    struct admin *admin;
    enum { READING, WRITING, CLOSING } state;
    uint64_t since_ms;
    char request[ADMIN_REQUEST_MAX];
    size_t request_len;
    struct bytes head, body;
    uv_write_t write;
    TAILQ_ENTRY(admin_connection) link;
};

struct admin {
    struct admin_view view;
    struct admin_token token;
    uv_tcp_t listeners[ADDRESS_LIST_MAX];
    size_t listeners_n;
    uv_timer_t sweep;
    bool stopping;
    TAILQ_HEAD(connection_list, admin_connection) connections; /* oldest first */
    unsigned connections_n;
};

/* ---- the end of a connection ---- */

static void on_closed(uv_handle_t *handle)
{
    struct admin_connection *connection = container_of(handle, struct admin_connection, tcp);
    bytes_finish(&connection->head);
    bytes_finish(&connection->body);
    free(connection);
}

static void connection_close(struct admin_connection *connection)
{
    if (connection->state == CLOSING)
        return;
    connection->state = CLOSING;
    TAILQ_REMOVE(&connection->admin->connections, connection, link);
    connection->admin->connections_n--;
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void on_sweep(uv_timer_t *sweep)
{
    struct admin *admin = sweep->data;
    struct admin_connection *connection = TAILQ_FIRST(&admin->connections), *next;
    for (; connection; connection = next) {
        next = TAILQ_NEXT(connection, link);
        if (uv_now(sweep->loop) - connection->since_ms >= CONNECTION_MS)
            connection_close(connection);
    }
}

/* ---- the answer ---- */

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    connection_close(container_of(write, struct admin_connection, write));
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = { { 200, "OK" },
                    { 400, "Bad Request" },
                    { 401, "Unauthorized" },
                    { 403, "Forbidden" },
                    { 404, "Not Found" },
                    { 405, "Method Not Allowed" },
                    { 431, "Request Header Fields Too Large" },
                    { 503, "Service Unavailable" } };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Error";
}

static void respond(struct admin_connection *connection, int status, const char *content_type, bool is_head)
{
    char head[1024];
    const char *more = status == 401   ? "WWW-Authenticate: Bearer realm=\"svcd\"\r\n"
                                         "WWW-Authenticate: Basic realm=\"svcd: the token is the password\"\r\n"
                       : status == 405 ? "Allow: GET, HEAD\r\n"
                                       : "";
    int len =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
                 "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
                 "Referrer-Policy: no-referrer\r\nContent-Security-Policy: %s\r\n%s\r\n",
                 status, reason_of(status), content_type, connection->body.len, admin_content_policy(), more);
    connection->state = WRITING;
    uv_read_stop((uv_stream_t *)&connection->tcp);
    if (bytes_reserve(&connection->head, (size_t)len)) {
        connection_close(connection);
        return;
    }
    bytes_put(&connection->head, head, (size_t)len);
    const uv_buf_t parts[] = { uv_buf_init((char *)connection->head.data, (unsigned)connection->head.len),
                               uv_buf_init((char *)connection->body.data, (unsigned)connection->body.len) };
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, parts, is_head ? 1 : 2, on_written))
        connection_close(connection);
}

static void refuse(struct admin_connection *connection, int status, const char *why)
{
    if (!bytes_reserve(&connection->body, strlen(why)))
        bytes_put(&connection->body, why, strlen(why));
    respond(connection, status, "text/plain; charset=utf-8", false);
}

static void answer(struct admin_connection *connection, const struct admin_request *request)
{
    struct admin *admin = connection->admin;
    const struct admin_page *page = admin_page_find(request->path, request->path_len);
    if (!request->is_get && !request->is_head)
        refuse(connection, 405, "GET and HEAD only\n");
    else if (!admin->token.is_set && !admin_request_is_for_here(request))
        refuse(connection, 403, "the host of the request is a name; without a token it must be an address\n");
    else if (admin->token.is_set && !(page && page->is_open) && !admin_token_fits(&admin->token, request))
        refuse(connection, 401, "a token is needed (admin.token_file)\n");
    else if (!page)
        refuse(connection, 404, "no such page\n");
    else {
        int status = page->write(&admin->view, &connection->body);
        respond(connection, status, page->content_type, request->is_head);
    }
}

/* ---- the request ---- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    struct admin_connection *connection = container_of(handle, struct admin_connection, tcp);
    *buf = uv_buf_init(connection->request + connection->request_len,
                       (unsigned)(sizeof connection->request - connection->request_len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    struct admin_connection *connection = container_of(stream, struct admin_connection, tcp);
    struct admin_request request;
    if (n < 0 && n != UV_ENOBUFS) {
        connection_close(connection);
        return;
    }
    connection->request_len += n > 0 ? (size_t)n : 0;
    switch (admin_request_parse(&request, connection->request, connection->request_len)) {
    case ADMIN_REQUEST_MORE:
        if (connection->request_len == sizeof connection->request)
            refuse(connection, 431, "the request is too long\n");
        break;
    case ADMIN_REQUEST_BAD:
        refuse(connection, 400, "this is no request of HTTP/1\n");
        break;
    case ADMIN_REQUEST_WHOLE:
        answer(connection, &request);
        break;
    }
    if (connection->state != READING)
        explicit_bzero(connection->request, sizeof connection->request); /* it may hold the token */
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct admin *admin = listener->data;
    struct admin_connection *connection = status ? NULL : calloc(1, sizeof *connection);
    if (!connection)
        return;
    if (admin->connections_n == CONNECTIONS_MAX)
        connection_close(TAILQ_FIRST(&admin->connections));
    connection->admin = admin;
    connection->since_ms = uv_now(listener->loop);
    uv_tcp_init(listener->loop, &connection->tcp);
    TAILQ_INSERT_TAIL(&admin->connections, connection, link);
    admin->connections_n++;
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) ||
        uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read))
        connection_close(connection);
}

/* ---- start and stop ---- */

static int listen_on(struct admin *admin, uv_loop_t *loop, const struct address *address)
{
    uv_tcp_t *tcp = &admin->listeners[admin->listeners_n];
    struct sockaddr_storage bound = { 0 };
    int len = sizeof bound;
    char text[ADDRESS_TEXT_LEN];
    const struct sockaddr *socket = (const struct sockaddr *)&address->socket;
    int rc = uv_tcp_init(loop, tcp);
    if (rc)
        return rc;
    admin->listeners_n++;
    tcp->data = admin;
    rc = uv_tcp_bind(tcp, socket, socket->sa_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
    if (!rc)
        rc = uv_listen((uv_stream_t *)tcp, BACKLOG, on_connection);
    if (!rc)
        rc = uv_tcp_getsockname(tcp, (struct sockaddr *)&bound, &len);
    address_format(rc ? socket : (struct sockaddr *)&bound, text);
    if (rc)
        log_error("cannot listen for operators", log_str("address", text), log_error_code(rc));
    else
        log_info("status page", log_str("address", text));
    return rc;
}

int admin_start(struct admin **out, uv_loop_t *loop, const struct admin_options *options)
{
    const struct config *config = options->config;
    *out = NULL;
    if (config->admin.listen.n == 0)
        return 0;
    struct admin *admin = calloc(1, sizeof *admin);
    if (!admin)
        return UV_ENOMEM;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    TAILQ_INIT(&admin->connections);
    admin->view.options = *options;
    admin->view.started_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    *out = admin; /* also on failure, which ends the process */
    int rc = admin_token_read(&admin->token, config->admin.token_file);
    if (rc)
        log_error("cannot read admin.token_file", log_str("file", config->admin.token_file),
                  log_error_code(rc));
    if (!rc)
        rc = history_start(&admin->view.history, loop);
    if (!rc)
        rc = uv_timer_init(loop, &admin->sweep);
    admin->sweep.data = admin;
    if (!rc)
        rc = uv_timer_start(&admin->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    for (size_t i = 0; i < config->admin.listen.n && !rc; i++)
        rc = listen_on(admin, loop, &config->admin.listen.items[i]);
    return rc;
}

void admin_stop(struct admin *admin)
{
    if (!admin)
        return;
    for (size_t i = 0; i < admin->listeners_n; i++)
        uv_close((uv_handle_t *)&admin->listeners[i], NULL);
    while (!TAILQ_EMPTY(&admin->connections))
        connection_close(TAILQ_FIRST(&admin->connections));
    uv_close((uv_handle_t *)&admin->sweep, NULL);
    history_stop(&admin->view.history);
}

void admin_destroy(struct admin *admin)
{
    if (!admin)
        return;
    history_finish(&admin->view.history);
    explicit_bzero(&admin->token, sizeof admin->token);
    free(admin);
}
