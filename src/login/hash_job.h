/* SPDX-License-Identifier: MIT
 *
 * A job of the hash pool (login/hash_pool.h): a password to be hashed or verified; and the pool's counters.
 */
#ifndef LOGIN_HASH_JOB_H
#define LOGIN_HASH_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "login/duty_cycle.h"
#include "login/password.h"

struct hash_slots;

struct hash_job {
    /* Set by the owner. */
    enum { HASH_VERIFY, HASH_MAKE } kind;
    const char *password; /* copied by submit: the owner's copy may be wiped at once */
    size_t password_len;
    const char *stored; /* HASH_VERIFY: the crypt string; NULL: none, a dummy is computed all the same */
    size_t stored_len;
    uint64_t deadline_ns; /* on the pool's clock, uv_hrtime()'s; UINT64_MAX: none */
    uint64_t client;      /* throttle_client(): who asks for it; 0: unknown */
    void (*on_done)(struct hash_job *job);
    void *data;

    /* Set when on_done runs. */
    int status; /* 0; UV_ETIMEDOUT or UV_ECANCELED: not begun; UV_EINVAL, UV_ENOMEM: failed */
    enum password_verdict verdict;   /* of HASH_VERIFY */
    char made[PASSWORD_CRYPT_BYTES]; /* the new crypt string of HASH_MAKE, or of a matching HASH_VERIFY whose
                                        stored one is outdated; else "" */
    uint64_t started_ns;             /* when the computation began; 0: it did not */
    int64_t started_loop_ns;         /* the CPU time of the loop's thread then */

    /* The pool's. */
    TAILQ_ENTRY(hash_job) link;
    enum { HASH_JOB_IDLE, HASH_JOB_QUEUED, HASH_JOB_RUNNING, HASH_JOB_DONE } state;
    struct hash_slots *slots; /* hold the copy of its password, in: */
    char *slot;
    bool is_crowded; /* its worker's flag, see hash_pool_is_crowded() */
};

struct hash_pool_stats {
    uint64_t n_verified;     /* HASH_VERIFY jobs that ran */
    uint64_t n_made;         /* crypt strings made, including renewals at a login */
    uint64_t n_refused_full; /* by submit: UV_ENOBUFS */
    uint64_t n_refused_late; /* by submit, or when their turn came: UV_ETIMEDOUT */
    uint64_t n_cancelled;    /* before they began */
    uint64_t paused_ns;      /* time that workers stood still for a busy loop */
    int n_queued, n_running; /* now */
    int n_workers, queue_limit;
    uint64_t mean_duration_ns; /* of the last few jobs */
};

#endif
