/* SPDX-License-Identifier: MIT */
#include "jobs/forget_answers.h"

#include "statements.h"

#define AT_A_TIME 5000 /* rows removed in one transaction */

static enum next answers_forgotten(struct call *call, const struct forget_answers_row *row)
{
    struct job_run *run = call->locals;
    run->rows += row->forgotten;
    if (row->forgotten == AT_A_TIME)
        return sql_forget_answers(call, AT_A_TIME, answers_forgotten);
    const char *input = call_printf(call, "%lld", (long long)run->rows);
    return input ? job_commit(call, input) : call_no_memory(call);
}

enum next forget_answers_begin(struct call *call, const void *nothing)
{
    (void)nothing;
    struct job_run *run = call->locals;
    run->rows = 0;
    return sql_forget_answers(call, AT_A_TIME, answers_forgotten);
}
