/* SPDX-License-Identifier: MIT
 *
 * What calls cost and how they ended: counted for the metrics and the status page, and a line of the log
 * where log.calls wants one. Loop thread only.
 */
#ifndef CALL_ACCOUNT_H
#define CALL_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observe/grpc_codes.h"
#include "observe/histogram.h"

struct query;
struct rpc_method;

#define REQUEST_ID_MAX 128

/* Whom a call waited for. */
enum account_wait { WAIT_QUEUE, WAIT_DATABASE, WAIT_HASH, ACCOUNT_WAITS };
extern const char *const account_wait_names[ACCOUNT_WAITS];

/* All calls' of one method. */
struct method_account {
    uint64_t begun, received, sent;
    uint64_t handled[GRPC_CODES];
    uint64_t waited_ns[ACCOUNT_WAITS];
    struct histogram seconds;
};

/* A call's own. */
struct call_account {
    struct method_account *of; /* NULL: a job, nobody's call; or it has been answered */
    uint64_t begun_ns;         /* uv_hrtime() */
    uint64_t waited_ns[ACCOUNT_WAITS];
    size_t received_len, sent_len;       /* bytes of messages */
    char request_id[REQUEST_ID_MAX + 1]; /* "": not asked for yet; see call_request_id() */
    char trace_id[33];                   /* "": as the caller says; see call_trace_id() */
};

/* All executions' of one statement. */
struct statement_account {
    uint64_t n, sum_ns, failed;
};

/* ---- for the call layer ---- */

void account_begun(struct call_account *own, const struct rpc_method *method);
void account_received(struct call_account *own, size_t len);
void account_sent(struct call_account *own, size_t len);
/* How it ended for its peer; let pass if it has before. Returns how long that took, 0 for nobody's. */
uint64_t account_answered(struct call_account *own, unsigned status);
/* What it waited for is here. */
void account_waited(struct call_account *own, enum account_wait wait, uint64_t ns);
/* A call that was answered before it was one; method NULL: there is none of that name. */
void account_refused(const struct rpc_method *method, unsigned status);
/* A query has come back, with rows or without. Returns how long the database took. */
uint64_t account_query(struct call_account *own, const struct query *query, bool is_failed);

/* ---- for edges ---- */

/* What it has of a call before, names too, is no longer so. */
void account_reset(struct call_account *own);

/* ---- for whoever shows it ---- */

/* By number in rpc_methods, one more for methods that there are none of; NULL: out of memory. */
const struct method_account *account_of_method(size_t number);
const struct statement_account *account_of_statement(size_t number);
uint64_t account_running(void);

void account_tell_metrics(void);

#endif
