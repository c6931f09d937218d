/* SPDX-License-Identifier: MIT
 *
 * A connection of our own edge: the socket, its one read and one write a turn, its time, its budget, its end.
 * What the bytes mean is its carrier's matter. Nobody else closes a connection: others call connection_end or
 * connection_leave, always with a reason.
 *
 *   OPENING ─▶ SERVING ─▶ LEAVING ─▶ LINGERING ─▶ CLOSED
 *      │          └──────────────────────▲   │       ▲
 *      └─────────────────────────────────┴───┴───────┘
 *
 * OPENING: nothing is known of the peer's protocol yet. LEAVING: no new exchanges, those that are go on.
 * LINGERING: all has been said and the sending side is closed; what the peer still sends is thrown away for a
 * moment, for closing a socket with unread bytes would take back what has just been sent. CLOSED: freed at
 * the end of the turn.
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

#define HANDSHAKES_AWAY_MAX 2 /* so that one is signed while another comes back */

#define OPENING_BYTES 24 /* the longest that a carrier needs to see of a connection to recognise it */

struct http_connection {
    struct http_edge *edge;
    const struct http_site *site;
    const struct http_carrier *carrier; /* NULL while OPENING */
    void *session;                      /* the carrier's */
    struct tls *tls;                    /* between it and the socket; NULL: nothing, or it is lent */
    struct handshake *handshake;        /* to whom; NULL: it is not */
    bool is_extra;                      /* see edge/peers.h: it is answered health only */
    bool is_first;                      /* nothing of TLS has come */
    bool has_greeted;                   /* TLS has answered something */
    bool awaits_proxy;                  /* nothing has come of what a proxy says first, or not all */
    struct bytes proxy;                 /* of that */
    enum connection_state state;
    enum http_reason reason;   /* of its end, once that is decided */
    const char *reason_detail; /* constant, or NULL */
    struct watch watch;        /* of its socket */
    bool has_ip;
    bool has_peer_ended;  /* it sends nothing more, but is owed an answer; */
    bool has_read_all;    /* and all that it has sent is read */
    bool awaits_end;      /* LINGERING, and our sending side is open: the peer has said that it closes */
    bool has_peer_closed; /* nothing can be written any more */
    bool is_paused;       /* its carrier wants nothing read for now */
    bool is_ending;       /* for `reason`, at the end of the turn */
    struct ip ip;         /* the peer's, or whom a proxy speaks for */

    uint8_t opening[OPENING_BYTES]; /* first bytes, until a carrier has recognised them */
    size_t opening_len;
    struct bytes out;   /* what the socket did not take */
    size_t out_charged; /* of what it takes */
    size_t out_sent;    /* of it */
    size_t buffered;    /* bytes kept for this connection, in all its exchanges */
    size_t lingered;    /* bytes thrown away */

    /* What its peer was told when it came holds for it, whatever is configured since. */
    size_t message_max;
    unsigned streams_max;

    LIST_HEAD(, exchange) exchanges;
    unsigned exchanges_n; /* that are not over, those whose peer has reset them included */
    unsigned held_n;      /* whose call is held back */
    unsigned calls_n;     /* unary calls under way: these end by themselves */
    unsigned busy_n;      /* whose request is complete, and not yet answered: such a connection is not idle */

    struct timer timer; /* the next thing that is due, or earlier */
    uint64_t opened_ns, idle_since_ns, age_at_ns, state_since_ns;
    uint64_t read_ns;       /* something came */
    uint64_t taken_ns;      /* the peer took of an answer, while LEAVING */
    uint64_t asked_ns;      /* for a sign of life; 0: not since it came */
    uint64_t over_since_ns; /* its budget, without anything being written since; 0: it is not */
    bool is_slowed;         /* not read while all keep much; then, since the last look: */
    size_t taken_len;       /* what the peer took of answers, */
    size_t body_len;        /* and sent of requests; */
    unsigned stuck_looks;   /* and in so many looks it did too little of what it should */
    bool is_dirty;
    bool is_shaking; /* in edge->shaking, and not polled for reading */
    TAILQ_ENTRY(http_connection) link, dirty_link, shaking_link;
};

/* Takes a connected, non-blocking socket, which is closed if this fails. ip NULL: it has none. */
void connection_create(struct http_edge *edge, int fd, const struct ip *ip, const struct http_site *site);

/* It has something to write: its carrier is asked at the end of the turn. */
void connection_wants_write(struct http_connection *connection);

/* The peer has taken some of an answer. */
void connection_has_read(struct http_connection *connection, size_t len);

/* Ends it at the end of the turn, after what its carrier has to say; exchanges are gone then. The first
 * reason counts. `detail` is constant, for the log. Safe inside a parser's callback. */
void connection_end(struct http_connection *connection, enum http_reason reason, const char *detail);

/* Ends it gracefully: the carrier says so, and when its last exchange is over it is ended. One that has not
 * said yet what it wants has just come, and may: during a drain it leaves after that. */
void connection_leave(struct http_connection *connection, enum http_reason reason);

/* Whether calls are served on it: one that is extra becomes ordinary if there is room now. */
bool connection_is_ordinary(struct http_connection *connection);
/* Nothing has come. */
bool connection_is_silent(const struct http_connection *connection);

/* Bytes more or less are kept on its behalf. */
void connection_charge(struct http_connection *connection, ssize_t bytes);
/* It is to let go of some before it gets more. */
bool connection_is_over_budget(const struct http_connection *connection);
/* A new exchange: not while it, or with it all together, are over their budget. */
bool connection_may_begin(const struct http_connection *connection);
/* So much of what it asks for is held back that nothing more is read from it. */
bool connection_is_held_back(const struct http_connection *connection);

/* An exchange's request is complete, or all of its answer is there. */
void connection_busy(struct http_connection *connection);
void connection_idle(struct http_connection *connection);

/* ---- for server.c, at the end of a turn ---- */

/* Writes once, and ends it if that is due. */
void connection_flush(struct http_connection *connection);

/* Handshakes of TLS that wait go on, one after another, until the turn has taken its time with them, or
 * enough are away. */
void connections_shake(struct http_edge *edge);
/* Some wait, and not for those that are away. */
bool connections_may_shake(const struct http_edge *edge);

/* Says its end and closes it at once, to have its descriptor back. */
void connection_give_way(struct http_connection *connection);

/* At once, whatever state it is in. It is there until connections_free_gone(). */
void connection_close(struct http_connection *connection);
void connections_free_gone(struct http_edge *edge);

/* ---- pressure.c ---- */

/* More is kept than before. */
void pressure_grown(struct http_edge *edge);
/* At the end of a turn, before connections are written. */
void pressure_end_turn(struct http_edge *edge);
/* A connection is closed. */
void pressure_closed(struct http_connection *connection);
void pressure_stop(struct http_edge *edge);

/* Nothing more is read from it for now. */
bool pressure_slows(const struct http_connection *connection);
/* Nor are calls of it begun that were held back: it does not read what is answered. */
bool pressure_holds_back(const struct http_connection *connection);
/* How much is read of one at once. */
size_t pressure_read_len(const struct http_edge *edge);
/* No exchange can be begun, not even to refuse it. */
bool pressure_is_hopeless(const struct http_edge *edge);

#define PRESSURE_REFUSAL "the server keeps as much as it may (server.max_buffered_bytes); try again soon"
#define PRESSURE_WAIT_MS 500 /* after which to */

/* ---- among the parts: connection.c, _time.c, _write.c, _read.c, _handshake.c ---- */

void connection_move(struct http_connection *connection, enum connection_state to);
/* `out` has grown or shrunk. */
void connection_charge_out(struct http_connection *connection);
/* Sets its timer to what is due next. */
void connection_arm(struct http_connection *connection);
/* Gives `out` a buffer if it has none and there is a spare one. */
void connection_borrow_out(struct http_connection *connection);
/* Asks the loop for what it waits for. */
void connection_poll(struct http_connection *connection);
void connection_on_event(struct watch *watch, uint32_t events);
/* Its handshake waits for its turn no more. */
void connection_unshake(struct http_connection *connection);
/* To a thread its TLS, for what has come, which is copied. */
void connection_lend(struct http_connection *connection, const uint8_t *bytes, size_t len);
/* It is closed: what is lent is destroyed when it comes back. */
void connection_forget_lent(struct http_connection *connection);
/* What came through its TLS, or its handshake's part. */
void connection_decipher(struct http_connection *connection, const uint8_t *bytes, size_t len);
/* Nothing more is sent. */
void connection_shut(struct http_connection *connection);
/* Send what the carrier did not fill. True: all of it went, and there may be more to say. */
bool connection_send_plain(struct http_connection *connection, const uint8_t *bytes, size_t len);
/* Through TLS: it appends to what is kept, which is then sent. */
bool connection_send_encrypted(struct http_connection *connection, const uint8_t *plain, size_t len);

#endif
