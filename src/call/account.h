/* SPDX-License-Identifier: MIT
 *
 * Accounting: how many calls there were of each method, how they ended, how long they took and what they
 * waited for; likewise for each SQL statement. Read by the metrics and the status page. Loop thread only.
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

/* What a call waited for. */
enum account_wait { WAIT_QUEUE, WAIT_DATABASE, WAIT_HASH, ACCOUNT_WAITS };
extern const char *const account_wait_names[ACCOUNT_WAITS];

/* The totals of one method's calls. */
struct method_account {
    uint64_t begun, received, sent;
    uint64_t handled[GRPC_CODES];
    uint64_t waited_ns[ACCOUNT_WAITS];
    struct histogram seconds;
};

/* The figures of one call. */
struct call_account {
    struct method_account *of; /* NULL: a job or command, which no client called; or already answered */
    uint64_t begun_ns;         /* uv_hrtime() */
    uint64_t waited_ns[ACCOUNT_WAITS];
    size_t received_len, sent_len;       /* bytes of messages */
    char request_id[REQUEST_ID_MAX + 1]; /* "": call_request_id() has not filled it in yet */
    char trace_id[33];                   /* of a sampled call; "": not sampled, see call_trace_id() */
};

/* ---- for the call layer ---- */

void account_begun(struct call_account *own, const struct rpc_method *method);
void account_received(struct call_account *own, size_t len);
void account_sent(struct call_account *own, size_t len);
/* The call has been answered with this status: counts it and says how long it took. False: nothing was
 * counted, as it was counted before or is no client's call. */
bool account_answered(struct call_account *own, unsigned status, uint64_t *took_ns);
/* Adds time that the call waited. */
void account_waited(struct call_account *own, enum account_wait wait, uint64_t ns);
/* Counts a call that was refused before it began; method NULL: the client named one that does not exist. */
void account_refused(const struct rpc_method *method, unsigned status);
/* A query has come back, with rows or an error. Returns how long the database took (ns). */
uint64_t account_query(struct call_account *own, const struct query *query, bool is_failed);

/* ---- for edges ---- */

/* Forgets the figures and ids of the previous call in the same memory. */
void account_reset(struct call_account *own);

/* ---- for metrics and the status page ---- */

/* By index in rpc_methods; the index rpc_methods_n stands for all methods that do not exist. NULL: out of
 * memory. */
const struct method_account *account_of_method(size_t number);
uint64_t account_running(void);

void account_tell_metrics(void);

#endif
