/* SPDX-License-Identifier: MIT
 *
 * A connection of the HTTP edge: its socket, which is read once and written once per turn, its timeouts, its
 * budget of buffered bytes, its end. What the bytes mean is up to its carrier. Only connection*.c close it:
 * others ask for that by connection_end or connection_leave, always with a reason.
 *
 *   OPENING ─▶ SERVING ─▶ LEAVING ─▶ LINGERING ─▶ CLOSED
 *      │          └──────────────────────▲   │       ▲
 *      └─────────────────────────────────┴───┴───────┘
 *
 * OPENING: the carrier has not been recognised yet. LEAVING: graceful shutdown; no new exchanges, those in
 * flight are finished. LINGERING: everything is sent and our sending side is closed; what the peer still
 * sends is read and discarded for a moment, because closing a socket with unread bytes makes the kernel send
 * a reset, which may destroy the answer on its way. CLOSED: freed at the end of the turn.
 */
#ifndef EDGE_HTTP_CONNECTION_H
#define EDGE_HTTP_CONNECTION_H

#include "edge/http/carrier.h"
#include "edge/http/edge.h"
#include "edge/http/tls.h"

enum connection_state {
    CONNECTION_OPENING,
    CONNECTION_SERVING,
    CONNECTION_LEAVING,
    CONNECTION_LINGERING,
    CONNECTION_CLOSED,
};

#define HANDSHAKES_AWAY_MAX 2 /* on threads at once: one is signed while another comes back */

#define OPENING_BYTES 24 /* enough to recognise a carrier: the length of HTTP/2's connection preface */

struct http_connection {
    struct http_edge *edge;
    const struct http_site *site;
    const struct http_carrier *carrier; /* NULL while OPENING */
    void *session;                      /* the carrier's */
    struct tls *tls;                    /* NULL: plain text, or a thread has it for the handshake */
    struct handshake *handshake;        /* the one on a thread; NULL: none is */
    bool is_extra;                      /* beyond max_connections: answered health only (edge/peers.h) */
    bool is_unwanted;                   /* its listener was closed before it had said anything */
    bool is_first;                      /* no TLS byte has come yet */
    bool has_greeted;                   /* TLS has sent its first bytes */
    bool awaits_proxy;                  /* the PROXY protocol's header is not complete */
    struct bytes proxy;                 /* what has come of that header */
    enum connection_state state;
    enum http_reason reason;   /* why it ends, once that is decided */
    const char *reason_detail; /* constant, or NULL */
    struct watch watch;        /* of its socket */
    bool has_ip;
    bool has_peer_ended;  /* the peer has closed its sending side, and an answer is outstanding */
    bool has_unread_end;  /* the same, but that is found by reading on, once it is read again */
    bool has_read_all;    /* with has_peer_ended: everything up to that end has been read */
    bool awaits_end;      /* LINGERING with our sending side open: the peer has announced that it closes */
    bool has_peer_closed; /* writing is impossible */
    bool is_paused;       /* the carrier wants nothing to be read for now */
    bool is_ending;       /* for `reason`, at the end of the turn */
    struct ip ip;         /* the peer's; behind a trusted proxy, the client's */

    uint8_t opening[OPENING_BYTES]; /* the first bytes, until a carrier has recognised them */
    size_t opening_len;
    struct bytes out;   /* what the socket has not accepted yet */
    size_t out_charged; /* bytes of `out` that are counted in `buffered` */
    size_t out_sent;    /* bytes of `out` that are sent */
    size_t buffered;    /* bytes kept for this connection and all its exchanges: its use of the budget */
    size_t lingered;    /* bytes discarded while LINGERING */

    /* The limits that its peer was told at the start; a reload does not change them. */
    size_t message_max;
    unsigned streams_max;
    size_t soft_limit; /* of `buffered`: its budget, by these limits */

    LIST_HEAD(, exchange) exchanges;
    unsigned exchanges_n; /* not over yet; streams that the peer has reset stay until their call is over */
    unsigned held_n;      /* of them, those whose call is held back */
    unsigned calls_n;     /* unary calls in flight, which end without the peer's help */
    unsigned busy_n;      /* complete requests without an answer yet; while there are any it is not idle */

    struct timer timer; /* fires when the next timeout is due, or earlier */
    uint64_t opened_ns, idle_since_ns, age_at_ns, state_since_ns;
    uint64_t read_ns;       /* when bytes last came */
    uint64_t moved_ns;      /* when it last read of an answer or sent of a request; kept while LEAVING */
    uint64_t asked_ns;      /* when it was pinged; 0: something has come since */
    uint64_t over_since_ns; /* over its budget, and nothing was written since then; 0: within it */
    /* For pressure.c, while the edge is not CALM: */
    bool is_slowed;       /* it is not read for now */
    size_t taken_len;     /* bytes of answers that the peer has read since the last look */
    size_t body_len;      /* bytes of requests that it has sent since then */
    unsigned stuck_looks; /* looks in a row at which it had made too little progress */
    bool is_dirty;        /* in edge->dirty */
    bool is_shaking;      /* in edge->shaking, and not polled for reading */
    bool is_resuming;     /* in edge->resuming, likewise */
    TAILQ_ENTRY(http_connection) link, dirty_link, shaking_link, resuming_link;
};

/* Takes over a connected, non-blocking socket; without memory it is closed. ip NULL: a unix socket. */
void connection_create(struct http_edge *edge, int fd, const struct ip *ip, const struct http_site *site);

/* Has the carrier's `fill` called at the end of the turn. */
void connection_wants_write(struct http_connection *connection);

/* The peer has read `len` bytes of answers. */
void connection_has_read(struct http_connection *connection, size_t len);
/* It has sent `len` bytes of a request's body. */
void connection_has_sent(struct http_connection *connection, size_t len);

/* Ends it at the end of the turn, once the carrier has written its last words; its exchanges are gone then.
 * If called twice, the first reason counts. `detail`: a constant for the log. Safe inside a parser's
 * callback. */
void connection_end(struct http_connection *connection, enum http_reason reason, const char *detail);

/* Ends it gracefully: the carrier announces it, and it ends with its last exchange. A connection that is
 * OPENING is left alone, since its first request may be on the way: in a drain it leaves after that. */
void connection_leave(struct http_connection *connection, enum http_reason reason);

/* Whether it may make calls. An extra connection becomes an ordinary one here if there is room by now. */
bool connection_is_ordinary(struct http_connection *connection);
/* No byte has come yet. */
bool connection_is_silent(const struct http_connection *connection);

/* So many bytes more (or, negative, fewer) are kept on its behalf. */
void connection_charge(struct http_connection *connection, ssize_t bytes);
/* Whether it keeps so much that nothing more is read from it or begun for it. */
bool connection_is_over_budget(const struct http_connection *connection);
/* Whether it may begin an exchange: not while its own budget or that of all connections is exceeded. */
bool connection_may_begin(const struct http_connection *connection);
/* Whether so many of its calls are held back that nothing more is read from it. */
bool connection_is_held_back(const struct http_connection *connection);

/* The request of one of its exchanges is complete; the answer of one is. */
void connection_busy(struct http_connection *connection);
void connection_idle(struct http_connection *connection);

/* ---- for server.c, at the end of a turn ---- */

/* Writes once, and ends the connection if that is due. */
void connection_flush(struct http_connection *connection);

/* Continues waiting TLS handshakes, one after another, until the turn's time for them is used up or enough of
 * them are on threads. */
void connections_shake(struct http_edge *edge);
/* Whether connections_shake() would have something to do. */
bool connections_may_shake(const struct http_edge *edge);
/* Continues those in edge->resuming, each with as much as it may read in a turn, until the turn's time for
 * them is used up. */
void connections_resume(struct http_edge *edge);

/* Sends its last words and closes it at once, to get its descriptor back. */
void connection_give_way(struct http_connection *connection);

/* Closes the socket at once, in any state. The memory stays until connections_free_gone(). */
void connection_close(struct http_connection *connection);
void connections_free_gone(struct http_edge *edge);

/* ---- pressure.c ---- */

/* edge->buffered has grown. */
void pressure_grown(struct http_edge *edge);
/* At the end of a turn, before connections are flushed. */
void pressure_end_turn(struct http_edge *edge);
/* The connection is being closed. */
void pressure_closed(struct http_connection *connection);
void pressure_stop(struct http_edge *edge);

/* Whether it is not to be read for now. */
bool pressure_slows(const struct http_connection *connection);
/* Whether its calls that are held back stay so, because it does not read its answers. */
bool pressure_holds_back(const struct http_connection *connection);
/* Whether a call of it may not begin, nor a request grow; `of_this`: bytes of `buffered` that are that call's
 * own. */
bool pressure_refuses(const struct http_connection *connection, size_t of_this);
/* The most bytes to read from it in a turn. */
size_t pressure_read_len(const struct http_connection *connection);
/* Whether there is no room even for an exchange that refuses a request. */
bool pressure_is_hopeless(const struct http_edge *edge);

#define PRESSURE_REFUSAL "the server keeps as much as it may (server.max_buffered_bytes); try again soon"
#define PRESSURE_WAIT_MS 500 /* the client is told to retry after it */

/* ---- shared by connection.c, _time.c, _write.c, _read.c and _handshake.c only ---- */

void connection_move(struct http_connection *connection, enum connection_state to);
/* Counts what `out` holds now in the budget. */
void connection_charge_out(struct http_connection *connection);
/* Sets its timer to the next timeout. */
void connection_arm(struct http_connection *connection);
/* Lends `out` the edge's spare buffer, if it has none and the spare is free. */
void connection_borrow_out(struct http_connection *connection);
/* Polls the socket for what the connection waits for now: reading, writing, both or nothing. */
void connection_poll(struct http_connection *connection);
void connection_on_event(struct watch *watch, uint32_t events);
/* Takes it out of edge->shaking. */
void connection_unshake(struct http_connection *connection);
/* Whether its TLS has kept something for its carrier that is to be handed on before more is read. */
bool connection_has_kept(const struct http_connection *connection);
/* Puts it into edge->resuming, or takes it out. */
void connection_resume(struct http_connection *connection, bool resumes);
/* Hands its TLS to a thread for the next step of the handshake, with a copy of the bytes that came. */
void connection_lend(struct http_connection *connection, const uint8_t *bytes, size_t len);
/* The connection is closing: a TLS that a thread has is destroyed when it comes back. */
void connection_forget_lent(struct http_connection *connection);
/* Feeds received bytes to its TLS: a part of the handshake, or data, which goes on to the carrier. */
void connection_decipher(struct http_connection *connection, const uint8_t *bytes, size_t len);
/* Closes the sending side of the socket. */
void connection_shut(struct http_connection *connection);
/* Sends plain bytes, and keeps in `out` what the socket does not accept. True: all went, so that the carrier
 * may be asked for more. */
bool connection_send_plain(struct http_connection *connection, const uint8_t *bytes, size_t len);
/* The same through TLS: encrypts into `out`, then sends that. */
bool connection_send_encrypted(struct http_connection *connection, const uint8_t *plain, size_t len);

#endif
