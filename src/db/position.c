/* SPDX-License-Identifier: MIT */
#include "db/position.h"

#include <ctype.h>
#include <endian.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Columns of server_position. */
enum { IN_RECOVERY, TIMELINE, LSN, BEGAN, IS_NOTED };

void position_format(struct position position, char text[static POSITION_TEXT_LEN])
{
    snprintf(text, POSITION_TEXT_LEN, "%" PRIu32 ":%" PRIX32 "/%" PRIX32, position.timeline,
             (uint32_t)(position.lsn >> 32), (uint32_t)position.lsn);
}

/* Reads a number up to the character `end`, and moves *at behind that. */
static bool take(const char **at, int base, char end, uint64_t max, uint64_t *number)
{
    char *rest;
    if (!isxdigit((unsigned char)**at) || strspn(*at, "0123456789ABCDEFabcdef") > 10)
        return false;
    *number = strtoull(*at, &rest, base);
    if (rest == *at || *rest != end || *number > max || (base == 16 && (*at)[0] == '0' && (*at)[1] == 'x'))
        return false;
    *at = rest + (end != '\0');
    return true;
}

int position_parse(const char *text, struct position *position)
{
    uint64_t timeline, high, low;
    if (!take(&text, 10, ':', INT32_MAX, &timeline) || timeline == 0 ||
        !take(&text, 16, '/', UINT32_MAX, &high) || !take(&text, 16, '\0', UINT32_MAX, &low))
        return UV_EINVAL;
    *position = (struct position){ .timeline = (uint32_t)timeline, .lsn = high << 32 | low };
    return 0;
}

bool position_is_reached(struct position position, const struct server_state *state)
{
    if (position.timeline == state->at.timeline)
        return position.lsn <= state->at.lsn;
    /* What was written on an older timeline after the promotion that ended it is lost. */
    return position.timeline < state->at.timeline && position.timeline >= state->after &&
           position.lsn <= state->began && position.lsn <= state->at.lsn;
}

static uint64_t number_at(const PGresult *pg, int row, int column)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    const char *data = PQgetvalue(pg, row, column);
    if (PQgetlength(pg, row, column) == (int)sizeof wide) {
        memcpy(&wide, data, sizeof wide);
        return be64toh(wide);
    }
    if (PQgetlength(pg, row, column) == (int)sizeof narrow)
        memcpy(&narrow, data, sizeof narrow);
    return be32toh(narrow);
}

void position_read_state(struct server_state *state, const PGresult *result, int row, uint32_t after)
{
    *state = (struct server_state){ .in_recovery = *PQgetvalue(result, row, IN_RECOVERY) != 0,
                                    .is_noted = *PQgetvalue(result, row, IS_NOTED) != 0,
                                    .at.timeline = (uint32_t)number_at(result, row, TIMELINE),
                                    .at.lsn = number_at(result, row, LSN),
                                    .after = after,
                                    .began = number_at(result, row, BEGAN) };
}
