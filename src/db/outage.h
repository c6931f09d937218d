/* SPDX-License-Identifier: MIT
 *
 * What all connections to one server know of its absence: while it is away one of them tries for all, an
 * outage is told once and then reminded of, and what no retry mends is tried seldom.
 */
#ifndef DB_OUTAGE_H
#define DB_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#define OUTAGE_REASONS 4

struct outage {
    bool away;          /* an attempt failed, and none has succeeded since */
    const void *trying; /* who makes the one attempt */
    uint64_t next_ns;   /* and when, at the earliest */
    bool begun;         /* something was told that wants its end told */
    uint64_t begun_ns, told_ns;
    unsigned attempts;              /* in vain */
    bool is_unready;                /* connections can be made, and lack all that svcd needs */
    uint32_t lacks[OUTAGE_REASONS]; /* hashes of what was told to lack, since the start */
    unsigned lacks_n;
    bool refused;                     /* for good, until a restart: nothing is tried any more */
    uint32_t reasons[OUTAGE_REASONS]; /* hashes of what was told */
    unsigned reasons_n;
};

/* Nothing is known of the server yet: one tries first. */
void outage_init(struct outage *outage);

/* Whether `who` may try to connect now; then outage_failed() or outage_over() must follow, or
 * outage_gave_up() if it is not tried to the end. */
bool outage_may_try(struct outage *outage, const void *who, uint64_t now_ns);
void outage_gave_up(struct outage *outage, const void *who);

/* A connection broke that was up. */
void outage_lost(struct outage *outage, const char *reason, uint64_t now_ns);
/* An attempt failed: the next one may be made after pause_ms. `advice`: what no retry mends, and what does;
 * else NULL. */
void outage_failed(struct outage *outage, const void *who, const char *reason, const char *advice,
                   unsigned pause_ms, uint64_t now_ns);
/* A connection is made, but lacks something that no retry mends, and is of use without it or not. */
void outage_lacks(struct outage *outage, const char *reason, const char *advice, bool is_of_use);
/* A connection is up. */
void outage_over(struct outage *outage, const void *who, uint64_t now_ns);

#endif
