/* SPDX-License-Identifier: MIT
 *
 * Asks the server that a pool leads to how far it is, over the pool's control connection, one question at a
 * time. Loop thread only.
 */
#ifndef DB_SERVER_ASK_H
#define DB_SERVER_ASK_H

#include "db/pool.h"
#include "db/position.h"

struct server_ask {
    struct pool *pool;
    void (*on_told)(struct server_ask *ask); /* there is an answer, or none: then is_known is false */
    void *data;
    struct query query;
    bool is_under_way, is_known;
    uint64_t asked_ns; /* uv_hrtime(), the last time */
    /* As last told. */
    struct server_state state;
    uint64_t known_ns; /* when that was asked: it was so then, or later */
};

/* Asks, unless it has and waits; on_told runs on a later turn, or at once if there is no connection. */
void server_ask(struct server_ask *ask);

/* Has a primary's timeline noted in the database, in place of the next question. */
void server_note(struct server_ask *ask, uint32_t timeline);

/* There is no answer, though there should be one. */
bool server_is_silent(const struct server_ask *ask, uint64_t now_ns);

#endif
