/* SPDX-License-Identifier: MIT
 *
 * A step of a TLS handshake on a thread, for servers whose key takes long to sign with. The connection lends
 * its struct tls to the thread, and has none until it is back:
 *
 *   connection->tls ── connection_lend ──▶ the thread's ── on_shaken ──▶ connection->tls, and it goes on
 *                                                              └── the connection is closed ──▶ destroyed
 *
 * Meanwhile the connection is not read, so what its peer sends waits in the kernel. It can end like any other
 * that is OPENING: by its timeout, because its peer leaves, or because the server stops. The thread touches
 * nothing but the tls it was lent and the buffers for its input and output. The SSL_CTX is shared by many
 * connections; OpenSSL makes that safe by locks and counts the references to it.
 *
 * The threads are those of libuv's pool. At most HANDSHAKES_AWAY_MAX handshakes are there; others wait in the
 * queue edge->shaking. Only shake() and settle() run on a thread.
 */
#include <stdlib.h>
#include <sys/resource.h>

#include "edge/http/connection.h"

#define THREAD_NICE 5 /* see settle() */

struct handshake {
    uv_work_t work;
    struct http_edge *edge;
    struct http_connection *connection; /* NULL: it has been closed */
    /* The thread's, until on_shaken(). */
    struct tls *tls;
    struct bytes in, out;
    size_t in_left;
    enum tls_rc rc;
};

/* Lowers this thread's priority once, so that the loop goes first where cores are few. With nice 5 handshakes
 * still get a third of the loop's share (the kernel's weights are 335 and 1024). */
static void settle(void)
{
    static _Thread_local bool is_settled;
    if (!is_settled)
        (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + THREAD_NICE);
    is_settled = true;
}

static void shake(uv_work_t *work)
{
    struct handshake *handshake = work->data;
    settle();
    handshake->rc = tls_shake(handshake->tls, handshake->in.data, handshake->in.len, &handshake->in_left,
                              &handshake->out);
}

static void destroy(struct handshake *handshake)
{
    bytes_finish(&handshake->in);
    bytes_finish(&handshake->out);
    free(handshake);
}

static void say(struct http_connection *connection, const struct bytes *said)
{
    connection_borrow_out(connection);
    if (bytes_reserve(&connection->out, said->len)) {
        connection->has_peer_closed = true; /* bytes are lost, so nothing may be sent after them */
        connection_end(connection, REASON_MEMORY, NULL);
        return;
    }
    bytes_put(&connection->out, said->data, said->len);
    connection_charge_out(connection);
    connection->has_greeted |= said->len > 0;
}

static void take_back(struct http_connection *connection, struct handshake *handshake)
{
    connection->tls = handshake->tls;
    connection->handshake = NULL;
    if (connection->state >= CONNECTION_LINGERING)
        return;
    say(connection, &handshake->out);
    if (handshake->rc == TLS_FAILED)
        connection_end(connection, REASON_TLS, tls_failure(connection->tls));
    else if (!connection->is_ending && tls_is_open(connection->tls))
        connection_decipher(connection, handshake->in.data + handshake->in.len - handshake->in_left,
                            handshake->in_left);
    connection_wants_write(connection); /* the flush polls it again */
}

static void on_shaken(uv_work_t *work, int status)
{
    struct handshake *handshake = work->data;
    (void)status; /* none is cancelled */
    handshake->edge->handshakes_away_n--;
    if (handshake->connection)
        take_back(handshake->connection, handshake);
    else
        tls_destroy(handshake->tls);
    destroy(handshake);
}

void connection_lend(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    struct http_edge *edge = connection->edge;
    struct handshake *handshake = calloc(1, sizeof *handshake);
    if (!handshake || bytes_reserve(&handshake->in, len)) {
        free(handshake);
        connection_end(connection, REASON_MEMORY, NULL);
        return;
    }
    handshake->work.data = handshake;
    handshake->edge = edge;
    handshake->connection = connection;
    handshake->tls = connection->tls;
    bytes_put(&handshake->in, bytes, len);
    if (uv_queue_work(edge->loop, &handshake->work, shake, on_shaken)) {
        destroy(handshake);
        connection_end(connection, REASON_MEMORY, NULL);
        return;
    }
    connection->tls = NULL;
    connection->handshake = handshake;
    edge->handshakes_away_n++;
    connection_wants_write(connection); /* the flush stops polling it for reading */
}

void connection_forget_lent(struct http_connection *connection)
{
    if (connection->handshake)
        connection->handshake->connection = NULL;
    connection->handshake = NULL;
}
