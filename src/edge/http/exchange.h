/* SPDX-License-Identifier: MIT
 *
 * An exchange: one request with its answer. A carrier creates it when headers begin to arrive, and fills it;
 * once they are whole a page answers it, or its protocol makes a call of it, whose transport it then is. It
 * is over when its carrier has let go of it (the answer is written, or the peer has gone) and its call is
 * over, whichever is last.
 *
 *   HEADERS ─▶ RECEIVING ─▶ ANSWERING ─▶ ANSWERED ─▶ FREE
 *      │           └───────────────────────▲  │
 *      └──────────────────────────────────────┴──▶ (gone, at any time)
 *
 * RECEIVING: the request is not whole, or a call runs and has not said anything. ANSWERING: something has
 * been said, more is to come. ANSWERED: all has been said, though not all of it may be written.
 */
#ifndef EDGE_HTTP_EXCHANGE_H
#define EDGE_HTTP_EXCHANGE_H

#include "base/bytes.h"
#include "call/call.h"
#include "edge/http/connection.h"
#include "edge/http/protocol.h"
#include "edge/http/text.h"

#define FIELDS_INLINE   16
#define ANSWER_FIELDS   16
#define HEADERS_LEN_MAX ((size_t)65536) /* names, values and 32 bytes for each, as HTTP/2 counts */

/* A header field of a request. The carrier keeps the text until the exchange is over; `held` is for it. */
struct http_field {
    struct http_text name, value; /* the name in lower case */
    void *held[2];
};

/* One of an answer. The text is constant, or in the exchange's memory (exchange_text). */
struct answer_field {
    struct http_text name, value;
    bool is_unique; /* not worth a place in the carrier's tables */
};

struct answer_fields {
    struct answer_field items[ANSWER_FIELDS];
    size_t n;
};

enum exchange_state {
    EXCHANGE_FREE,
    EXCHANGE_HEADERS,
    EXCHANGE_RECEIVING,
    EXCHANGE_ANSWERING,
    EXCHANGE_ANSWERED,
};

struct exchange {
    struct call call; /* FREE unless there is one */
    struct http_edge *edge;
    struct http_connection *connection; /* NULL once it is closed */
    const struct http_protocol *protocol;
    const struct http_codec *codec;
    const struct http_page *page;
    enum exchange_state state;

    /* The request. */
    struct http_text verb, scheme, authority, path, query; /* path without the query, which is without '?' */
    struct http_field *fields;                             /* without the above */
    size_t fields_n, fields_size;
    struct http_field fields_inline[FIELDS_INLINE];
    size_t headers_len;
    uint64_t began_ns;
    bool is_complete;   /* the request is whole */
    bool is_short;      /* of memory: a field of the request, or a message of the answer, is lost */
    bool has_too_much;  /* of headers */
    const uint8_t *in;  /* body that no message was made of yet: */
    size_t in_len;      /* `kept`, or while it is being read where the carrier read it */
    struct bytes kept;  /* a copy of what has to wait */
    bool is_wanted;     /* the next message of a dialogue */
    size_t held_len;    /* of the message, which its call has copied to be held back */
    bool is_called;     /* call_start or stream_open has been called; */
    bool is_call_over;  /* and it is over */
    unsigned encoding;  /* the protocol's: how messages are compressed */
    bool is_unwrapped;  /* the protocol's: `in` has been taken out of what wraps all of it */
    const char *origin; /* of the page that may read the answer; NULL: of no other than our own */

    /* The answer. */
    bool has_head; /* status and fields are set */
    int status;
    struct answer_fields head, trailers;
    struct bytes body;
    size_t body_taken;   /* of it, by the carrier */
    bool is_sending;     /* a stream's message; it goes on when the carrier has taken the body */
    bool has_own_length; /* the whole body is there, and its length may be told */
    struct arena arena;  /* of text in fields */

    /* The carrier's. */
    bool is_gone;    /* it has let go of the exchange */
    bool is_begun;   /* writing it */
    bool is_stalled; /* it has nothing to write */
    int32_t stream_id;
    void *held[4]; /* with the pseudo-headers */
    unsigned held_n;
    int64_t content_length; /* announced; -1: not */
    uint64_t received;      /* bytes of body */
    size_t charged;         /* to the connection */
    struct timer timer;     /* until the request is whole */
    bool is_busy, is_later, is_touched;
    LIST_ENTRY(exchange) link;                    /* connection->exchanges */
    TAILQ_ENTRY(exchange) later_link, touch_link; /* edge->later; edge->touched, or edge->free */
};

/* ---- for carriers ---- */

/* NULL: no memory. */
struct exchange *exchange_create(struct http_connection *connection);
/* Another header field. 0 or UV_ENOMEM; too much of them is noted, and refused when they are whole. */
int exchange_add_field(struct exchange *exchange, const struct http_field *field);
/* Headers are whole. It may be answered before this returns. */
void exchange_begin(struct exchange *exchange);
/* Body, which the exchange may refer to until exchanges_keep(). */
void exchange_receive(struct exchange *exchange, const uint8_t *bytes, size_t len);
/* The request is whole. */
void exchange_received(struct exchange *exchange);
/* The buffer that was given to exchange_receive is about to be used again: what is still needed is copied,
 * and what has begun and is not whole is given its time. After each read. */
void exchanges_keep(struct http_edge *edge);
/* The carrier has taken so much more of the body. */
void exchange_taken(struct exchange *exchange, size_t len);
/* The carrier will not look at it any more: the answer is written, or the peer has gone. The exchange may be
 * freed before this returns. A second time is let pass. */
void exchange_gone(struct exchange *exchange);
/* That of all exchanges of a connection that is being closed. */
void exchange_gone_all(struct http_connection *connection);
/* Ends calls with UNAVAILABLE that would keep a connection: streams, or only dialogues that wait for their
 * peer. */
void exchange_end_streams(struct http_connection *connection, bool only_idle);

/* ---- for protocols and pages ---- */

/* NULL: the request has none of this name (in lower case). The first of several. */
const struct http_field *exchange_field(const struct exchange *exchange, const char *name);
/* For a protocol's `accepts`. False: there is no codec of this name. */
bool exchange_set_codec(struct exchange *exchange, const char *name, size_t len);
/* Text in the exchange's memory, printf-style; NULL: there is none. */
const char *exchange_text(struct exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets the answer's status and takes back fields. */
void exchange_head(struct exchange *exchange, int status);
/* NAME and VALUE live as long as the exchange; a NULL value, or one too many, is left out. */
void exchange_head_field(struct exchange *exchange, const char *name, const char *value);
void exchange_trailer(struct exchange *exchange, const char *name, const char *value);
/* Text that differs each time. */
void exchange_trailer_unique(struct exchange *exchange, const char *name, const char *value);

/* Ends the call, or refuses it before there is one, in the protocol's words. */
void exchange_fail(struct exchange *exchange, enum status status, const char *message);
/* The whole answer at once, without a protocol: a page, or what HTTP itself says (404, 415). The body is
 * copied. More fields: exchange_head_field() before it. */
void exchange_answer(struct exchange *exchange, int status, const char *content_type, const void *body,
                     size_t len);

/* ---- for its other files: exchange.c says which ---- */

extern const struct call_transport exchange_transport;

void exchange_move(struct exchange *exchange, enum exchange_state to);
/* What it has allocated may have changed. */
void exchange_recharge(struct exchange *exchange);
void exchange_set_busy(struct exchange *exchange, bool is_busy);
void exchange_untouch(struct exchange *exchange);
void exchange_go_on_later(struct exchange *exchange);
/* Frees it if carrier and call are both done with it. */
void exchange_try_free(struct exchange *exchange);
/* Some of the answer, or all of it, is ready to be taken. */
void exchange_say(struct exchange *exchange, bool is_all);
/* How it ended, in its protocol's words. */
void exchange_say_end(struct exchange *exchange, enum status status, const char *message,
                      unsigned retry_after_ms);
/* Refuses it before there is a call, or ends that, when all connections keep too much. */
void exchange_push_back(struct exchange *exchange);
/* Or nobody listens any more. */
bool exchange_has_said_all(const struct exchange *exchange);
/* exchange_answer() with a line of text. */
void exchange_answer_text(struct exchange *exchange, int status, const char *text);

/* ---- for server.c ---- */

/* Streams go on whose message was taken, or whose next request is here. */
void exchange_go_on(struct exchange *exchange);
void exchanges_free(struct http_edge *edge);

#endif
