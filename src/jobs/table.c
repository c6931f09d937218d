/* SPDX-License-Identifier: MIT */
#include "jobs/table.h"

#include <string.h>

#include "jobs/forget_answers.h"
#include "jobs/update_models.h"
#include "statements.h"

/* For jobs that consist of their last statement only. */
static enum next commit_only(struct call *call, const void *nothing)
{
    (void)nothing;
    return job_commit(call, NULL);
}

/* The statement and configuration keys that follow from a job's name. */
#define NAMED(name)                                                                                          \
    .run = sql_run_##name, .schedule = offsetof(struct config, jobs.name),                                   \
    .enabled = offsetof(struct config, jobs.name##_enabled)

const struct job jobs[] = {
    { .name = "update-models", .begin = update_models_begin, NAMED(update_models) },
    { .name = "suggest-workshops", .begin = commit_only, NAMED(suggest_workshops) },
    { .name = "forget-answers", .begin = forget_answers_begin, NAMED(forget_answers) },
};
const size_t jobs_n = sizeof jobs / sizeof *jobs;

const struct job *job_find(const char *name)
{
    for (size_t i = 0; i < jobs_n; i++)
        if (strcmp(jobs[i].name, name) == 0)
            return &jobs[i];
    return NULL;
}
