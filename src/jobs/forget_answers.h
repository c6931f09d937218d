/* SPDX-License-Identifier: MIT
 *
 * The job that removes answers which have been kept for their day (call/once.h): some at a time, each time a
 * transaction, so that it holds up nobody however many there are.
 */
#ifndef JOBS_FORGET_ANSWERS_H
#define JOBS_FORGET_ANSWERS_H

#include "jobs/job.h"

CALL_MUST_USE enum next forget_answers_begin(struct call *call, const void *nothing);

#endif
