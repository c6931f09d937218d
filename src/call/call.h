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
 * HELD: not begun, for there is more to do than can be done (call/admission.h).
 * WAITING: for the database, a hash, time, the peer. A call that is ended from outside while it waits (its
 * peer has gone, its deadline has come, the daemon stops) is answered, if there is anyone to answer; it is
 * ABANDONED while what it waited for cannot be taken back, and comes back to nobody.
 *
 * A handler returns an `enum next`. It comes out of nothing but the functions that answer (reply_*,
 * call_fail, stream_end) or that promise to (sql_*, password_*, stream_send_*), and none may be ignored, nor
 * what a handler's own functions made of it: a path that forgets to answer, answers twice or with the wrong
 * type does not compile, and a hand-made REPLIED or WAITING aborts at once.
 *
 * Memory: the request, rows and whatever call_alloc hands out live until the call is over; in a stream, what
 * is handed out after its first message only until the next one has been sent (call/stream.h). Handlers free
 * nothing. Everything here runs on the loop thread.
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

/* Bytes. In trailing metadata each may take three, and there are clients to whom all metadata together may
 * have no more than 8 KB, or the connection ends under every other call. */
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

typedef void(sql_continuation)(void); /* any continuation; cast back before it is called */
typedef enum next(sql_then)(struct call *call, sql_continuation *then, const void *rows, size_t n);

/* Where a call came from and its answer goes: an edge in the daemon, the test itself in test/rpc. A transport
 * starts a call (call_start in call/entry.h, or stream_open for a dialogue), may say that the peer has gone
 * (call_cancel), and is told of the answer:
 *
 *   unary      reply | end             then over
 *   streams    send* end               then over; after each send, stream_sent once the peer has taken it
 *
 * A call whose peer has gone gets neither reply nor end, only `over`. None of these may start, cancel or end
 * a call before it has returned. */
struct call_transport {
    bool is_internal; /* no peer: may be told what the server said */
    /* The one message of a unary call, status OK. The bytes are the caller's: copy them. */
    void (*reply)(struct call *call, const uint8_t *bytes, size_t len);
    /* The answer ends without a (further) message. OK: a stream has come to its end. */
    void (*end)(struct call *call, enum status status, const char *message, unsigned retry_after_ms);
    /* A stream's next message. Calls stream_sent() on a later turn, when the peer's flow control has let it
     * go, unless the call is over by then. */
    void (*send)(struct call *call, const uint8_t *bytes, size_t len);
    /* A dialogue's next request is wanted: calls stream_received() on a later turn. */
    void (*receive)(struct call *call);
    /* A unary call is held back, and then is not any more, for whatever reason: whoever has many held back is
     * to be read no further. NULL: nobody wants to know. */
    void (*held)(struct call *call, bool is_held);
    /* Asked before a call that is held back begins: false, for its peer takes no answers now. NULL: it does.
     */
    bool (*is_wanted)(const struct call *call);
    /* Once, last: the call is FREE, and the transport may use it again. */
    void (*over)(struct call *call);
    /* The address at the other end of the connection; false: unknown. */
    bool (*peer)(struct call *call, struct ip *ip);
    /* See call_certificate_names(); NULL: nobody shows certificates here. */
    const char *(*certificate_names)(struct call *call);
    /* What the peer sent under a key, several values joined by commas, in the call's memory; NULL: nothing.
     */
    const char *(*metadata)(struct call *call, const char *key);
};

/* See call_mark(). */
struct call_mark {
    struct arena_mark arena;
    struct held_result *results;
};

/* Stands between a call's handler and what it asks for or answers: see call/once.h. */
struct call_keeper {
    /* Of sql_execute(). */
    enum next (*execute)(struct call *call, sql_then *then_typed, sql_continuation *then);
    /* Rows are here that the handler is given next. 0 or UV_ENOMEM. */
    int (*arrived)(struct call *call, const struct query_outcome *outcome);
    /* The server refused; an answer. Each of these returns false: go on as if there were no keeper. */
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
    struct timer deadline; /* runs while the call waits, or is held */
    struct held held;      /* HELD: its place in line */
    /* WAITING: takes the work back; false: it will come back by itself. */
    bool (*withdraw)(struct call *call);
    void *locals; /* a handler's, for its continuations */
    struct call_account account;
    struct trace *trace;               /* of a sampled call; see call/trace.h */
    const char *wrong;                 /* with the request; see check_keep() */
    void (*at_end)(struct call *call); /* a handler's, run once when the call is over, however it ended */
    void *waits_on;                    /* for withdraw */
    void *request;                     /* decoded, in the arena; what it points to is nanopb's */
    struct arena arena;
    struct held_result *results; /* whose text rows of earlier continuations point to */
    struct result *replied_from; /* see call_reply_as_others() */
    unsigned waits;              /* how often it waited */
    bool knows_client;           /* asked for its address */
    struct caller *caller;       /* who makes it; NULL: nobody was asked */
    uint64_t judged;             /* the generation of access under which it may; 0: not yet */
    bool is_entered;             /* and is counted with its caller */
    struct query query;          /* the SQL under way; one at a time */
    struct position position;    /* of its last write, where that is told; see call_trailers() */
    bool is_stale;               /* something that it read may be older than the configuration allows */
    size_t params_n;             /* bound so far */
    bool out_of_memory;          /* while binding */
    sql_then *then_typed;
    sql_continuation *then;
    enum next (*otherwise)(struct call *call); /* see sql_may_fail() */
    const struct call_keeper *keeper;          /* NULL: none */
    void *kept;                                /* the keeper's */

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

/* Text that the peer sent, in quotes, for a message: its first 200 characters. NULL counts as empty. */
const char *call_quote(struct call *call, const char *text);

/* The decoded request, for continuations. */
const void *call_request(const struct call *call);

/* The name of who makes the call, as the file of callers has it; "" where nobody was asked. */
const char *call_caller(const struct call *call);

/* The client's address: the peer's, or the one that a trusted proxy speaks for. False: unknown. */
bool call_client(struct call *call, struct ip *client);

/* Answers with a status and a message that says what was wrong and what would be right. What was sent is told
 * by call_quote; a message over MESSAGE_LEN_MAX is cut. */
CALL_MUST_USE enum next call_fail(struct call *call, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* RESOURCE_EXHAUSTED or UNAVAILABLE with the time after which a retry makes sense (grpc-retry-pushback-ms).
 */
CALL_MUST_USE enum next call_push_back(struct call *call, enum status status, unsigned retry_after_ms,
                                       const char *message);
CALL_MUST_USE enum next call_no_memory(struct call *call);

/* ---- for generated code ---- */

/* Encodes `reply` (a nanopb struct) and answers a unary call with it. */
CALL_MUST_USE enum next call_reply(struct call *call, const pb_msgdesc_t *fields, const void *reply);
/* The same with a reply that is encoded already. */
CALL_MUST_USE enum next call_reply_bytes(struct call *call, struct sql_bytes reply);
/* Answers with the method's reply as it is while nothing is set in it: false, none, nothing. */
CALL_MUST_USE enum next call_reply_empty(struct call *call);

/* ---- for what calls wait on (sql, hashing, delay, signal, stream) ---- */

/* The answer will come from a continuation. `withdraw` as in struct call. */
CALL_MUST_USE enum next call_wait(struct call *call, bool (*withdraw)(struct call *call));
/* What the call waited for is here. True: the continuation may run, and what it returns goes to call_settle,
 * which may end the call and is the last to touch it. False: the call was abandoned, and is over by now. */
bool call_wake(struct call *call);
void call_settle(struct call *call, enum next next);
/* Where a method's request has no fields, and a call asked neither for its client nor for anything before
 * these rows, its reply is made of the rows alone: so of the calls that share them the first encodes it, and
 * the others, whose handlers are not asked again, are given the same bytes. False: this is the first, or
 * there is more to the reply. */
bool call_reply_as_others(struct call *call, struct result *shared);
/* How many have been, in this process. */
uint64_t call_n_replied_as_others(void);
/* Keeps a result until the call is over. 0 or UV_ENOMEM. */
int call_hold_result(struct call *call, struct result *result);

/* ---- for transports ---- */

/* The peer has gone: nothing is started any more, and nothing sent. Let pass unless the call waits or is
 * held. The call may be over before this returns. */
void call_cancel(struct call *call);
/* Ends a call that waits or is held, with this status; let pass otherwise. As above. */
void call_end(struct call *call, enum status status, const char *message);
/* Ends it because its deadline has passed, which a transport may find before its own timer does. As above. */
void call_expire(struct call *call);
/* For call_transport.metadata: another value after those so far (NULL: none), behind a comma, in the call's
 * memory. */
const char *call_join(struct call *call, const char *values, const char *text, size_t len);
/* What goes into the trailing metadata of its answer, whatever that is; the texts are the call's. How many.
 */
#define CALL_TRAILERS_MAX 2
struct call_trailer {
    const char *name;
    char value[POSITION_TEXT_LEN];
};
size_t call_trailers(const struct call *call, struct call_trailer trailers[static CALL_TRAILERS_MAX]);
/* Frees what a call keeps for its next use. */
void call_finish(struct call *call);

/* ---- for entry.c and stream.c ---- */

/* Begins a FREE call: RUNNING, and known to the context if it is a stream. */
void call_begin(struct call *call);
/* Holds a FREE call back with its request, or not: false, for there is no memory. */
bool call_hold(struct call *call, const uint8_t *bytes, size_t len);
/* Takes a HELD call out of the line and begins it. */
void call_begin_held(struct call *call);
/* A message's bytes, in the call's memory or in a buffer that the next use overwrites. Returns 0, or
 * UV_ENOMEM or UV_EPROTO: return call_encode_failed(). */
int call_encode(struct call *call, const pb_msgdesc_t *fields, const void *message, struct sql_bytes *out);
CALL_MUST_USE enum next call_encode_failed(struct call *call, int rc);
/* What is kept in a call's memory so far; call_forget lets go of what was kept after it, and of the request
 * where that was. */
struct call_mark call_mark(const struct call *call);
void call_forget(struct call *call, struct call_mark mark);

#endif
