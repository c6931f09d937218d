/* SPDX-License-Identifier: MIT
 *
 * What hashing and the throttle tell the metrics. Loop thread only.
 */
#ifndef LOGIN_LOGIN_METRICS_H
#define LOGIN_LOGIN_METRICS_H

struct hash_pool;
struct throttle;

/* Both must outlive the last look at the metrics. */
void hash_pool_tell_metrics(struct hash_pool *pool);
void throttle_tell_metrics(const struct throttle *throttle);

extern const char *const throttle_table_names[];

#endif
