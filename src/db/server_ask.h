/* SPDX-License-Identifier: MIT
 *
 * Asks a pool's server for its position in the write-ahead log, over the pool's control connection, one
 * question at a time. Loop thread only.
 */
#ifndef DB_SERVER_ASK_H
#define DB_SERVER_ASK_H

#include "db/pool.h"
#include "db/position.h"

struct server_ask {
    struct pool *pool;
    void (*on_told)(struct server_ask *ask); /* the question has ended; is_known: there is an answer */
    void *data;
    struct query query;
    bool is_under_way, is_known;
    uint64_t asked_ns; /* uv_hrtime() of the last question */
    /* The last answer. */
    struct server_state state;
    uint64_t known_ns; /* uv_hrtime() when its question was asked: the state is no older */
};

/* Asks, unless a question is under way. on_told runs on a later turn, or before this returns if there is no
 * connection. */
void server_ask(struct server_ask *ask);

/* Records the primary's timeline in the database, in place of the next question. */
void server_note(struct server_ask *ask, uint32_t timeline);

/* Whether an answer is overdue. */
bool server_is_silent(const struct server_ask *ask, uint64_t now_ns);

#endif
