/* SPDX-License-Identifier: MIT
 *
 * The metrics of hashing and the throttle. Loop thread only.
 */
#ifndef LOGIN_LOGIN_METRICS_H
#define LOGIN_LOGIN_METRICS_H

struct hash_pool;
struct throttle;

/* Both objects must outlive the last scrape of the metrics. */
void hash_pool_tell_metrics(struct hash_pool *pool);
void throttle_tell_metrics(const struct throttle *throttle);

extern const char *const throttle_table_names[];

#endif
