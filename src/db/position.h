/* SPDX-License-Identifier: MIT
 *
 * A position in PostgreSQL's write-ahead log, and how far a server has got in it. Its text form, for clients,
 * is TIMELINE:LSN, the LSN as PostgreSQL writes it (`3:0/16B3748`).
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
/* Returns 0 or UV_EINVAL. */
int position_parse(const char *text, struct position *position);

struct server_state {
    bool in_recovery; /* a standby */
    bool is_noted;    /* its timeline has been recorded in the database */
    struct position at;
    uint32_t after; /* the timeline that was asked about */
    uint64_t began; /* the LSN at which the timeline following `after` began; 0: unknown */
};

/* Whether a server in this state has everything that was written up to `position`. */
bool position_is_reached(struct position position, const struct server_state *state);

/* Reads a row of the statement server_position, which was asked with this `after`. */
struct pg_result;
void position_read_state(struct server_state *state, const struct pg_result *result, int row, uint32_t after);

#endif
