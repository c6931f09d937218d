/* SPDX-License-Identifier: MIT
 *
 * A call: one RPC from the decoded request to the end of its answer. Handlers and continuations see nothing
 * else of the daemon.
 *
 *   FREE ──▶ RUNNING ─▶ ANSWERED ─▶ FREE
 *    │ ▲       ▲ │ ▲          ▲
 *    ▼ │       │ ▼ │          │
 *   HELD ──────┘ WAITING ─────┴─────▶ ABANDONED ─▶ FREE
 *
 * HELD: not begun yet, because the database is overloaded (call/admission.h).
 * WAITING: for the database, a hash, a timer, or the peer. A call that is ended from outside while it waits
 * (its peer has gone, its deadline has passed, the daemon stops) is answered, if the peer is still there.
 * Then, if the work that it waited for cannot be withdrawn, it stays ABANDONED until that work comes back.
 *
 * A handler returns an `enum next`, which only two kinds of functions make: those that answer (reply_*,
 * call_fail, stream_end) and those that promise an answer (sql_*, password_*, stream_send_*). Ignoring one is
 * an error of the compiler. So a path that forgets to answer, answers twice or with the wrong type does not
 * compile, and a REPLIED or WAITING written by hand aborts the process at once.
 *
 * Memory: the request, rows and everything from call_alloc live until the call is over; in a stream, what is
 * allocated after its first message lives only until the next one has been sent (call/stream.h). Handlers
 * free nothing. Everything here runs on the loop thread.
 */
#ifndef CALL_CALL_H
#define CALL_CALL_H

#include <pb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/timers.h"
#include "call/account.h"
#include "call/admission.h"
#include "call/context.h"
#include "call/method.h"
#include "db/query.h"

/* Bytes of a status message. Percent-encoded in trailing metadata each byte may take three, and some clients
 * close the whole connection, with every other call on it, when the metadata exceed 8 KB. */
#define MESSAGE_LEN_MAX 1024

#define CALL_MUST_USE __attribute__((warn_unused_result))

/* The codes of gRPC (grpc/status.h) that svcd answers with. */
enum status {
    STATUS_OK = 0,
    STATUS_CANCELLED = 1,
    STATUS_INVALID_ARGUMENT = 3,
    STATUS_DEADLINE_EXCEEDED = 4,
    STATUS_NOT_FOUND = 5,
    STATUS_PERMISSION_DENIED = 7,
    STATUS_RESOURCE_EXHAUSTED = 8,
    STATUS_FAILED_PRECONDITION = 9,
    STATUS_ABORTED = 10,
    STATUS_UNIMPLEMENTED = 12,
    STATUS_INTERNAL = 13,
    STATUS_UNAVAILABLE = 14,
    STATUS_UNAUTHENTICATED = 16,
};

typedef void(sql_continuation)(void); /* any continuation; cast back to its type before it is called */
typedef enum next(sql_then)(struct call *call, sql_continuation *then, const void *rows, size_t n);

/* Where a call comes from and where its answer goes: an edge in the daemon, the test itself in test/rpc. A
 * transport starts a call (call_start in call/entry.h, or stream_open for a dialogue), may say that the peer
 * has gone (call_cancel), and is given the answer:
 *
 *   unary      reply | end             then over
 *   streams    send* end               then over; after each send, stream_sent once the peer has taken it
 *
 * A call whose peer has gone gets neither reply nor end, only `over`. None of these functions may start,
 * cancel or end a call from within. */
struct call_transport {
    bool is_internal; /* a job or command, not a peer: errors carry the database server's own words */
    /* The one message of a unary call, status OK. The bytes are valid during this call only: copy them. */
    void (*reply)(struct call *call, const uint8_t *bytes, size_t len);
    /* The answer ends without a (further) message. Status OK: a stream has ended. */
    void (*end)(struct call *call, enum status status, const char *message, unsigned retry_after_ms);
    /* A stream's next message. The transport calls stream_sent() on a later turn of the loop, when the peer's
     * flow control has let it go, unless the call is over by then. */
    void (*send)(struct call *call, const uint8_t *bytes, size_t len);
    /* A dialogue's next request is wanted; the transport calls stream_received() on a later turn. */
    void (*receive)(struct call *call);
    /* A unary call is held back (true), or has begun or ended (false). The transport should stop reading from
     * a peer that has many calls held back. NULL: the transport does not need to know. */
    void (*held)(struct call *call, bool is_held);
    /* Asked before a held call begins: whether its peer takes answers at the moment. NULL: always. */
    bool (*is_wanted)(const struct call *call);
    /* Once, last: the call is FREE, and the transport may use it again. */
    void (*over)(struct call *call);
    /* The address at the other end of the connection; false: unknown. */
    bool (*peer)(struct call *call, struct ip *ip);
    /* See call_certificate_names(); NULL: this transport has no client certificates. */
    const char *(*certificate_names)(struct call *call);
    /* The peer's metadata of this key, several values joined by commas, in the call's memory; NULL: none. */
    const char *(*metadata)(struct call *call, const char *key);
};

/* See call_mark(). */
struct call_mark {
    struct arena_mark arena;
    struct held_result *results;
};

/* Intercepts a handler's statements and its answer; for idempotency keys, see call/once.h. */
struct call_keeper {
    /* In place of sql_execute(). */
    enum next (*execute)(struct call *call, sql_then *then_typed, sql_continuation *then);
    /* Rows have arrived, before the handler's continuation gets them. 0 or UV_ENOMEM. */
    int (*arrived)(struct call *call, const struct query_outcome *outcome);
    /* The server refused a statement; the handler replies; the handler fails. True: the keeper took over, and
     * *next is what to return. False: go on as if there were no keeper. */
    bool (*failed)(struct call *call, const struct query_outcome *outcome, enum next *next);
    bool (*reply)(struct call *call, struct sql_bytes reply, enum next *next);
    bool (*fail)(struct call *call, enum status status, unsigned retry_after_ms, const char *message,
                 enum next *next);
};

enum call_state { CALL_FREE, CALL_HELD, CALL_RUNNING, CALL_WAITING, CALL_ANSWERED, CALL_ABANDONED };

struct call {
    const struct rpc_method *method;
    const struct call_transport *transport;
    struct context *context;
    uint64_t deadline_ns; /* uv_hrtime(); UINT64_MAX: none */
    enum call_state state;
    struct timer deadline; /* runs while the call is WAITING or HELD */
    struct held held;      /* HELD: its place in line */
    /* WAITING: withdraws the work. False: it cannot be withdrawn, and will come back by itself. */
    bool (*withdraw)(struct call *call);
    void *locals; /* the handler's own data, for its continuations */
    struct call_account account;
    struct trace *trace;               /* of a sampled call; see call/trace.h */
    const char *wrong;                 /* what is wrong with the request; see check_keep() */
    void (*at_end)(struct call *call); /* set by a handler; runs once when the call is over in any way */
    void *waits_on;                    /* what the call waits for; for withdraw */
    void *request;                     /* decoded, in the arena; what it points to is nanopb's */
    struct arena arena;
    struct held_result *results; /* kept because rows that the handler has seen point into them */
    struct result *replied_from; /* see call_reply_as_others() */
    unsigned waits;              /* how often it has waited */
    bool knows_client;           /* the handler has asked for the client's address */
    struct caller *caller;       /* who makes the call; NULL: callers are not identified */
    uint64_t judged;             /* the generation of access that let it in; 0: not judged yet */
    bool is_entered;             /* counted as one of its caller's running calls */
    struct query query;          /* the statement under way; one at a time */
    struct position position;    /* WAL position of its last write, where known; see call_trailers() */
    bool is_stale;               /* it read rows that may be older than database.read_max_lag_ms */
    size_t params_n;             /* parameters bound so far */
    bool out_of_memory;          /* a parameter or a metadata value could not be stored */
    sql_then *then_typed;
    sql_continuation *then;
    enum next (*otherwise)(struct call *call); /* see sql_may_fail() */
    const struct call_keeper *keeper;          /* NULL: none */
    void *kept;                                /* the keeper's own data */

    /* See call/signal.h. */
    LIST_ENTRY(call) signal_link;
    enum next (*signal_then)(struct call *call);

    /* Streams: see call/stream.h. */
    LIST_ENTRY(call) stream_link; /* in context->streams */
    enum next (*stream_then)(struct call *call);
    struct call_mark stream_mark; /* what outlives a message */
    uint64_t messages_n;          /* sent so far, or being sent */
};

/* ---- for handlers ---- */

/* n zeroed elements, or NULL: return call_no_memory(). */
void *call_alloc(struct call *call, size_t n, size_t size);
/* Text in the call's memory, printf-style; NULL when there is none. */
char *call_printf(struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Quotes text that the peer sent, for a message: at most 200 characters of it. NULL counts as empty. */
const char *call_quote(struct call *call, const char *text);

/* The decoded request, for continuations. */
const void *call_request(const struct call *call);

/* The caller's name, as the file of callers has it; "" where callers are not identified. */
const char *call_caller(const struct call *call);

/* The client's address: the peer's, or the one that a trusted proxy speaks for. False: unknown. */
bool call_client(struct call *call, struct ip *client);

/* Answers with a status and a message that says what was wrong and what would be right. Quote what the peer
 * sent with call_quote. A message over MESSAGE_LEN_MAX is cut. */
CALL_MUST_USE enum next call_fail(struct call *call, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Like call_fail, also with the time after which a retry makes sense (grpc-retry-pushback-ms); 0: none. */
CALL_MUST_USE enum next call_push_back(struct call *call, enum status status, unsigned retry_after_ms,
                                       const char *message);
CALL_MUST_USE enum next call_no_memory(struct call *call);

/* ---- for generated code ---- */

/* Encodes `reply` (a nanopb struct) and answers a unary call with it. */
CALL_MUST_USE enum next call_reply(struct call *call, const pb_msgdesc_t *fields, const void *reply);
/* The same with a reply that is already encoded. */
CALL_MUST_USE enum next call_reply_bytes(struct call *call, struct sql_bytes reply);
/* Answers with the method's reply with every field at its default. */
CALL_MUST_USE enum next call_reply_empty(struct call *call);

/* ---- for what calls wait on (sql, hashing, delay, signal, stream) ---- */

/* The answer will come from a continuation. `withdraw` as in struct call. */
CALL_MUST_USE enum next call_wait(struct call *call, bool (*withdraw)(struct call *call));
/* What the call waited for has come. True: run the continuation and give what it returns to call_settle,
 * which may end the call: do not touch it afterwards. False: the call was abandoned, and is over by now. */
bool call_wake(struct call *call);
void call_settle(struct call *call, enum next next);
/* Several calls may share one query's result. If the method's request has no fields, and the call has asked
 * neither for its client nor for anything before these rows, its reply depends on the rows alone: so the
 * first of the sharing calls encodes it, and the others are answered with the same bytes, without their
 * handler. False: this is the first, or the reply depends on more. */
bool call_reply_as_others(struct call *call, struct result *shared);
/* How many calls this process has answered so. */
uint64_t call_n_replied_as_others(void);
/* Keeps a result until the call is over (its rows' text points into it). 0 or UV_ENOMEM. */
int call_hold_result(struct call *call, struct result *result);

/* ---- for transports ---- */

/* The peer has gone: the call starts and sends nothing more. Does nothing unless the call is WAITING or HELD.
 * The call may be over before this returns. */
void call_cancel(struct call *call);
/* Ends a call that is WAITING or HELD with this status; does nothing otherwise. The call may be over before
 * this returns. */
void call_end(struct call *call, enum status status, const char *message);
/* call_end() because the deadline has passed, which a transport may notice before the call's own timer. */
void call_expire(struct call *call);
/* For call_transport.metadata: appends another value, after a comma, to those so far (NULL: none). Returns
 * text in the call's memory; NULL without memory, and then call->out_of_memory distinguishes that from a
 * value that was not sent. */
const char *call_join(struct call *call, const char *values, const char *text, size_t len);
/* The trailing metadata that the answer carries, whatever its status; returns how many. */
#define CALL_TRAILERS_MAX 2
struct call_trailer {
    const char *name;
    char value[POSITION_TEXT_LEN];
};
size_t call_trailers(const struct call *call, struct call_trailer trailers[static CALL_TRAILERS_MAX]);
/* Frees what a call keeps for its next use. */
void call_finish(struct call *call);

/* ---- for entry.c and stream.c ---- */

/* Begins a FREE or HELD call: it is RUNNING, and in context->streams if it is a stream. */
void call_begin(struct call *call);
/* Holds back a FREE call with a copy of its request. False: no memory, and the call is still FREE. */
bool call_hold(struct call *call, const uint8_t *bytes, size_t len);
/* Takes a HELD call out of the line and begins it. */
void call_begin_held(struct call *call);
/* Encodes a message, into the call's memory or a buffer that the next use overwrites. Returns 0, or UV_ENOMEM
 * or UV_EPROTO, which the caller hands to call_encode_failed(). */
int call_encode(struct call *call, const pb_msgdesc_t *fields, const void *message, struct sql_bytes *out);
CALL_MUST_USE enum next call_encode_failed(struct call *call, int rc);
/* A mark in the call's memory. call_forget frees everything allocated or kept after the mark; with a zeroed
 * mark everything, the request included. */
struct call_mark call_mark(const struct call *call);
void call_forget(struct call *call, struct call_mark mark);

#endif
