/* SPDX-License-Identifier: MIT
 *
 * What src/call/account.c and call_log.c do for each call, not done: linked in their place (ld's --wrap), so
 * that the benchmark can tell what they cost.
 */
#include "call/account.h"
#include "call/call_log.h"

void __wrap_account_begun(struct call_account *own, const struct rpc_method *method);
void __wrap_account_received(struct call_account *own, size_t len);
void __wrap_account_sent(struct call_account *own, size_t len);
bool __wrap_account_answered(struct call_account *own, unsigned status, uint64_t *took_ns);
void __wrap_account_waited(struct call_account *own, enum account_wait wait, uint64_t ns);
uint64_t __wrap_account_query(struct call_account *own, const struct query *query, bool is_failed);
void __wrap_call_log_answered(struct call *call, unsigned status, uint64_t took_ns);
void __wrap_call_log_statement(struct call *call, uint64_t took_ns);

void __wrap_account_begun(struct call_account *own, const struct rpc_method *method)
{
    (void)method;
    own->of = NULL;
    own->request_id[0] = '\0';
}

void __wrap_account_received(struct call_account *own, size_t len)
{
    (void)own, (void)len;
}

void __wrap_account_sent(struct call_account *own, size_t len)
{
    (void)own, (void)len;
}

bool __wrap_account_answered(struct call_account *own, unsigned status, uint64_t *took_ns)
{
    (void)own, (void)status, (void)took_ns;
    return false;
}

void __wrap_account_waited(struct call_account *own, enum account_wait wait, uint64_t ns)
{
    (void)own, (void)wait, (void)ns;
}

uint64_t __wrap_account_query(struct call_account *own, const struct query *query, bool is_failed)
{
    (void)own, (void)query, (void)is_failed;
    return 0;
}

void __wrap_call_log_answered(struct call *call, unsigned status, uint64_t took_ns)
{
    (void)call, (void)status, (void)took_ns;
}

void __wrap_call_log_statement(struct call *call, uint64_t took_ns)
{
    (void)call, (void)took_ns;
}
