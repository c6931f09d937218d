/* SPDX-License-Identifier: MIT
 *
 * A place in the log that all servers of a replicated database write or replay, and how far a server is in
 * it. As text, for peers: TIMELINE:LSN, the LSN as PostgreSQL writes it (`3:0/16B3748`).
 */
#ifndef DB_POSITION_H
#define DB_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#define POSITION_TEXT_LEN 32

struct position {
    uint32_t timeline; /* rises with each promotion; 0: none */
    uint64_t lsn;
};

void position_format(struct position position, char text[static POSITION_TEXT_LEN]);
/* 0 or UV_EINVAL. */
int position_parse(const char *text, struct position *position);

struct server_state {
    bool in_recovery; /* a standby */
    bool is_noted;    /* its timeline stands in the database */
    struct position at;
    uint32_t after; /* what was asked for: `began` is where the timelines after this one began */
    uint64_t began; /* 0: unknown */
};

/* Whether who is in that state sees everything that was written up to a position. */
bool position_is_reached(struct position position, const struct server_state *state);

/* A row of server_position, asked with this `after`. */
struct pg_result;
void position_read_state(struct server_state *state, const struct pg_result *result, int row, uint32_t after);

#endif
