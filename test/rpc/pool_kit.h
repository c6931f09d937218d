/* SPDX-License-Identifier: MIT
 *
 * What tests of the pool share: calls that are one short statement each, and a pool whose queues are soon
 * full.
 */
#ifndef TEST_RPC_POOL_KIT_H
#define TEST_RPC_POOL_KIT_H

#include "harness.h"

struct pool;

/* Inserts: into websitefeedback; `deadline_ms` from now. */
struct sent *add_feedback(const char *content);
struct sent *add_feedback_within(const char *content, unsigned deadline_ms);
/* Reads: of a mentor's messages, which are merged; of the profiles of an account. */
struct sent *get_notifications(int mentor);
struct sent *get_profiles(int account);

/* Calls go to a pool with one connection a lane and few places to wait. */
struct pool *use_narrow_pool(unsigned queue_max);

#endif
