/* SPDX-License-Identifier: MIT
 *
 * The job forget-answers: removes answers that were kept for 24 hours (call/once.h), in transactions of a few
 * thousand rows, so that it blocks nobody for long.
 */
#ifndef JOBS_FORGET_ANSWERS_H
#define JOBS_FORGET_ANSWERS_H

#include "jobs/job.h"

CALL_MUST_USE enum next forget_answers_begin(struct call *call, const void *nothing);

#endif
