/* SPDX-License-Identifier: MIT */
#include "call/call_log.h"

#include "call/call.h"
#include "call/origin.h"
#include "config/config.h"
#include "db/statement.h"
#include "observe/log.h"

#define CODE(status) (1u << (status))

/* Failures that are svcd's, not the caller's. */
static const unsigned ours = CODE(STATUS_DEADLINE_EXCEEDED) | CODE(STATUS_RESOURCE_EXHAUSTED) |
                             CODE(STATUS_INTERNAL) | CODE(STATUS_UNAVAILABLE);

static bool is_slow(const struct call *call, uint64_t took_ns)
{
    const struct config *config = call->context->config;
    return config->log.calls >= LOG_CALLS_SLOW && took_ns >= (uint64_t)config->log.slow_ms * 1000000;
}

static void tell(struct call *call, struct log_site *site, enum log_level level, unsigned status,
                 uint64_t took_ns)
{
    const struct call_account *account = &call->account;
    log_write(site, level, "call",
              LOG_FIELDS(
                  log_str("method", call->method ? call->method->path : "unknown"),
                  log_str("code", grpc_code_name(status)), log_ms("duration_ms", (int64_t)took_ns / 1000),
                  log_ms("queue_ms", (int64_t)account->waited_ns[WAIT_QUEUE] / 1000),
                  log_ms("database_ms", (int64_t)account->waited_ns[WAIT_DATABASE] / 1000),
                  log_ms("hash_ms", (int64_t)account->waited_ns[WAIT_HASH] / 1000),
                  log_str("peer", call_peer_text(call)), log_str("certificate", call_certificate_names(call)),
                  log_str("caller", call->caller ? call_caller(call) : NULL), call_log_ids(call),
                  log_int("received_bytes", (int64_t)account->received_len),
                  log_int("sent_bytes", (int64_t)account->sent_len)));
}

/* With log.calls = all every call is logged; otherwise the lines are rate-limited for each status code. */
void call_log_answered(struct call *call, unsigned status, uint64_t took_ns)
{
    static struct log_site sites[GRPC_CODES];
    enum log_calls calls = call->context->config->log.calls;
    enum log_level level = ours & CODE(status) ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;
    bool is_wanted =
        calls == LOG_CALLS_ALL || (calls != LOG_CALLS_NONE && status != STATUS_OK) || is_slow(call, took_ns);
    if (is_wanted && log_wants(level))
        tell(call, calls == LOG_CALLS_ALL ? NULL : &sites[status], level, status, took_ns);
}

void call_log_statement(struct call *call, uint64_t took_ns)
{
    const struct statement *statement = call->query.statement;
    if (!call->transport->is_internal && is_slow(call, took_ns)) /* jobs may take their time */
        log_warn("slow statement", log_str("statement", statement->name), log_str("file", statement->file),
                 log_int("line", statement->line), log_ms("database_ms", (int64_t)took_ns / 1000),
                 log_str("method", call->method->path), call_log_ids(call));
}
