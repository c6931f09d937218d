/* SPDX-License-Identifier: MIT
 *
 * An exchange: one request and its answer. A carrier creates it when headers begin to arrive, and fills it.
 * When the headers are complete, a page answers it, or its protocol starts a call, of which the exchange is
 * the transport from then on. It is freed when both its carrier has let go of it (the answer is written, or
 * the peer has gone) and its call is over.
 *
 *   HEADERS ─▶ RECEIVING ─▶ ANSWERING ─▶ ANSWERED ─▶ FREE
 *      │           └───────────────────────▲  │
 *      └──────────────────────────────────────┴──▶ (gone, at any time)
 *
 * RECEIVING: the request is incomplete, or its call runs and has not answered yet. ANSWERING: the call has
 * answered a part, and more follows. ANSWERED: the answer is complete, though it may not be written yet.
 */
#ifndef EDGE_HTTP_EXCHANGE_H
#define EDGE_HTTP_EXCHANGE_H

#include "base/bytes.h"
#include "base/container_of.h"
#include "call/call.h"
#include "edge/http/connection.h"
#include "edge/http/protocol.h"
#include "edge/http/text.h"

#define FIELDS_INLINE   8
#define ANSWER_FIELDS   16
#define HEADERS_LEN_MAX ((size_t)65536) /* names, values and 32 bytes for each, as HTTP/2 counts */

/* A header field of a request. The carrier owns the text, and keeps it until the exchange is over; `held` is
 * the carrier's. */
struct http_field {
    struct http_text name, value; /* the name in lower case */
    void *held[2];
};

/* A header field of an answer. The text is constant, or in the exchange's arena (exchange_text). */
struct answer_field {
    struct http_text name, value;
    bool is_unique; /* hardly ever repeats: HPACK is not to put it into its dynamic table */
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

/* What an exchange needs for its call and its answer. */
struct exchange_run {
    struct call call; /* in state FREE until it is started */
    struct exchange *exchange;
    struct answer_fields head, trailers;
    struct bytes body;
    SLIST_ENTRY(exchange_run) link; /* edge->runs */
};

/* What is known of a call whose exchange is parked. */
struct parked_call {
    const struct rpc_method *method;
    uint64_t deadline_ns;
    struct caller *caller;
    uint64_t judged;
};

struct exchange {
    struct exchange_run *run; /* NULL: it is parked, see exchange_run.c; not once it is called or answered */
    struct parked_call parked;
    struct http_edge *edge;
    struct http_connection *connection; /* NULL once it is closed */
    const struct http_protocol *protocol;
    const struct http_codec *codec;
    const struct http_page *page;
    enum exchange_state state;

    /* The request. */
    struct http_text verb, scheme, authority, path, query; /* path without the query, which is without '?' */
    struct http_field *fields;                             /* all others */
    size_t fields_n, fields_size;
    struct http_field fields_inline[FIELDS_INLINE];
    size_t headers_len;
    uint64_t began_ns;
    bool is_complete;   /* headers and body have come whole */
    bool is_short;      /* out of memory: a field of the request, or a message of the answer, is lost */
    bool has_too_much;  /* more headers than HEADERS_LEN_MAX */
    const uint8_t *in;  /* the part of the body that has not been used yet: in `kept`, or, during a read, */
    size_t in_len;      /* where the carrier has it */
    struct bytes kept;  /* a copy of the body that has to wait for more */
    bool is_wanted;     /* a dialogue's handler waits for the next message */
    size_t held_len;    /* bytes of the message that the call keeps while it is held back */
    bool is_called;     /* call_start or stream_open has been called */
    bool is_call_over;  /* the call has ended since */
    unsigned encoding;  /* for the protocol: how messages are compressed */
    bool is_unwrapped;  /* for the protocol: base64 or the like around the whole body is decoded */
    const char *origin; /* the other origin that may read the answer (CORS); NULL: none */

    /* The answer. */
    bool has_head; /* status and fields are set */
    int status;
    size_t body_taken;   /* bytes of its body that the carrier has taken */
    bool is_sending;     /* it is a message of a stream, which continues when the carrier has taken it */
    bool has_own_length; /* the body is complete, so that content-length may be sent */
    struct arena arena;  /* holds text for the fields */

    /* For the carrier. */
    bool is_gone;    /* the carrier has let go of the exchange */
    bool is_begun;   /* the carrier has begun to write the answer */
    bool is_stalled; /* the carrier waits for more of the answer */
    int32_t stream_id;
    void *held[4]; /* what keeps the texts of the pseudo-headers alive */
    unsigned held_n;
    int64_t content_length; /* as the request announces it; -1: it does not */
    uint64_t received;      /* bytes of body so far */
    size_t charged;         /* bytes counted against the connection's budget */
    struct timer timer;     /* for the request to be complete */
    bool is_busy, is_later, is_touched;
    LIST_ENTRY(exchange) link;                    /* connection->exchanges */
    TAILQ_ENTRY(exchange) later_link, touch_link; /* edge->later; edge->touched, or edge->free */
};

/* ---- for carriers ---- */

/* NULL: out of memory. */
struct exchange *exchange_create(struct http_connection *connection);
/* Adds a header field. 0 or UV_ENOMEM. Too many of them are refused by exchange_begin(). */
int exchange_add_field(struct exchange *exchange, const struct http_field *field);
/* The headers are complete. It may be answered before this returns. */
void exchange_begin(struct exchange *exchange);
/* A piece of the body, which must stay valid until exchanges_keep(). */
void exchange_receive(struct exchange *exchange, const uint8_t *bytes, size_t len);
/* The body is complete. */
void exchange_received(struct exchange *exchange);
/* To be called after each read, before the read buffer is reused: copies what exchanges still need of it, and
 * starts the timeout of requests that are incomplete. */
void exchanges_keep(struct http_edge *edge);
/* The carrier has taken `len` more bytes of the answer's body. */
void exchange_taken(struct exchange *exchange, size_t len);
/* The carrier lets go of the exchange: the answer is written, or the peer has gone. The exchange may be freed
 * before this returns. Calling it again is harmless while the exchange exists. */
void exchange_gone(struct exchange *exchange);
/* The same for all exchanges of a connection that is being closed. */
void exchange_gone_all(struct http_connection *connection);
/* Ends the streams of a connection with UNAVAILABLE, since they may last for ever; only_idle: only dialogues
 * that wait for their peer. */
void exchange_end_streams(struct http_connection *connection, bool only_idle);

/* The method that is asked for; NULL: none. */
static inline const struct rpc_method *exchange_method(const struct exchange *exchange)
{
    return exchange->run ? exchange->run->call.method : exchange->parked.method;
}

/* ---- for protocols and pages ---- */

/* The first field of this name (in lower case) in the request; NULL: there is none. */
const struct http_field *exchange_field(const struct exchange *exchange, const char *name);
/* Selects the codec of this name, for a protocol's `accepts`. False: there is none. */
bool exchange_set_codec(struct exchange *exchange, const char *name, size_t len);
/* Formats text, printf-style, that lives as long as the exchange. NULL: out of memory. */
const char *exchange_text(struct exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets the answer's HTTP status, and drops header fields set before. */
void exchange_head(struct exchange *exchange, int status);
/* name and value must live as long as the exchange. A NULL value, or a field beyond ANSWER_FIELDS, is left
 * out. */
void exchange_head_field(struct exchange *exchange, const char *name, const char *value);
void exchange_trailer(struct exchange *exchange, const char *name, const char *value);
/* The same, for a value that hardly ever repeats. */
void exchange_trailer_unique(struct exchange *exchange, const char *name, const char *value);

/* Ends the call with this status, or refuses the request before there is a call; said as the protocol does.
 */
void exchange_fail(struct exchange *exchange, enum status status, const char *message);
/* Gives the whole answer at once, without a protocol: a page, or an error of HTTP's own (404, 415). The body
 * is copied. Fields added by exchange_head_field() before this are kept. */
void exchange_answer(struct exchange *exchange, int status, const char *content_type, const void *body,
                     size_t len);

/* ---- shared by the files that exchange.c lists only ---- */

extern const struct call_transport exchange_transport;

static inline struct exchange *exchange_of(const struct call *call)
{
    return container_of(call, struct exchange_run, call)->exchange;
}

/* Gives a new exchange its run. False: no memory. */
bool exchange_take_run(struct exchange *exchange);
void exchange_run_destroy(struct exchange_run *run);
/* Makes it ready for another request. */
void exchange_run_reset(struct exchange_run *run);
/* Empties a buffer that is kept for reuse, and frees it if it is large. */
void exchange_trim(struct bytes *bytes);
/* It waits for more of its request: gives its run away, if there is reason to save memory. */
void exchange_park(struct exchange *exchange);
/* The opposite. False: no memory, and the connection ends. */
bool exchange_unpark(struct exchange *exchange);
/* To be called before anything else is done with an exchange that may be parked. False as above. */
static inline bool exchange_wake(struct exchange *exchange)
{
    return exchange->run || exchange_unpark(exchange);
}
/* Frees the runs that are kept for reuse. */
void exchange_runs_free(struct http_edge *edge);

void exchange_move(struct exchange *exchange, enum exchange_state to);
/* Counts what it has allocated now against the connection's budget. */
void exchange_recharge(struct exchange *exchange);
void exchange_set_busy(struct exchange *exchange, bool is_busy);
/* Takes it off edge->touched. */
void exchange_untouch(struct exchange *exchange);
/* Has exchange_go_on() called at the end of the turn. */
void exchange_go_on_later(struct exchange *exchange);
/* Frees it if both carrier and call are done with it. */
void exchange_try_free(struct exchange *exchange);
/* Tells the carrier that a part of the answer, or the rest of it, is ready. */
void exchange_say(struct exchange *exchange, bool is_all);
/* Completes the answer with the call's status, as the protocol expresses it. */
void exchange_say_end(struct exchange *exchange, enum status status, const char *message,
                      unsigned retry_after_ms);
/* Refuses the request, or ends its call, because all connections together buffer too much. */
void exchange_push_back(struct exchange *exchange);
/* Whether nothing can be added to the answer: it is complete, or the carrier has let go. */
bool exchange_has_said_all(const struct exchange *exchange);
/* exchange_answer() with a line of plain text. */
void exchange_answer_text(struct exchange *exchange, int status, const char *text);

/* ---- for server.c ---- */

/* Continues a stream whose message was taken, or whose next request has come. */
void exchange_go_on(struct exchange *exchange);
/* Frees the recycled exchanges. */
void exchanges_free(struct http_edge *edge);

#endif
