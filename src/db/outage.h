/* SPDX-License-Identifier: MIT
 *
 * What the connections to one server share while it is away: only one of them tries to connect, an outage is
 * logged once and then again as a reminder, and attempts slow down after an error that no retry can fix. Loop
 * thread only.
 */
#ifndef DB_OUTAGE_H
#define DB_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#define OUTAGE_REASONS 4

struct outage {
    bool away;          /* an attempt failed, and none has succeeded since */
    const void *trying; /* the connection that makes the one attempt */
    uint64_t next_ns;   /* earliest time of the next attempt, uv_hrtime() */
    bool begun;         /* the outage was logged, so its end must be logged, too */
    uint64_t begun_ns, told_ns;
    unsigned attempts;              /* failed ones in this outage */
    bool is_unready;                /* connecting works, but the database lacks svcd's schema */
    uint32_t lacks[OUTAGE_REASONS]; /* hashes of what outage_lacks() has logged since the start */
    unsigned lacks_n;
    bool refused;                     /* the server cannot be used: no attempts until a restart */
    uint32_t reasons[OUTAGE_REASONS]; /* hashes of the reasons that were logged in this outage */
    unsigned reasons_n;
};

/* Begins as if the server were away: one connection tries first. */
void outage_init(struct outage *outage);

/* Whether `who` (any unique address) may try to connect now. If so, the caller must report the outcome:
 * outage_failed(), outage_over(), or outage_gave_up() if it abandons the attempt. */
bool outage_may_try(struct outage *outage, const void *who, uint64_t now_ns);
void outage_gave_up(struct outage *outage, const void *who);

/* A connection that was up broke. */
void outage_lost(struct outage *outage, const char *reason, uint64_t now_ns);
/* An attempt takes long; the reason is logged as for one that failed. */
void outage_waits(struct outage *outage, const char *reason, uint64_t now_ns);
/* An attempt failed; the next one may be made after pause_ms. `advice`: what the operator should do, if no
 * retry can help; else NULL. */
void outage_failed(struct outage *outage, const void *who, const char *reason, const char *advice,
                   unsigned pause_ms, uint64_t now_ns);
/* A connection was made, but the database lacks something that no retry can supply; is_of_use: the connection
 * can serve calls all the same. */
void outage_lacks(struct outage *outage, const char *reason, const char *advice, bool is_of_use);
/* A connection is up. */
void outage_over(struct outage *outage, const void *who, uint64_t now_ns);

#endif
