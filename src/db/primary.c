/* SPDX-License-Identifier: MIT */
#include "db/primary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "observe/log.h"

static bool was_seen_at(const struct primary *primary, const char *host, const char *port)
{
    return strcmp(primary->host, host) == 0 && strcmp(primary->port, port) == 0;
}

static void move(struct primary *primary, const char *host, const char *port, uint32_t timeline)
{
    bool is_new = primary->timeline > 0;
    primary->timeline = timeline;
    snprintf(primary->host, sizeof primary->host, "%s", host);
    snprintf(primary->port, sizeof primary->port, "%s", port);
    if (is_new)
        log_warn("another primary", log_str("host", host), log_str("port", port),
                 log_int("timeline", timeline));
    if (primary->on_moved)
        primary->on_moved(primary->data);
}

bool primary_is(struct primary *primary, const char *host, const char *port, bool in_recovery,
                uint32_t timeline, char *why, size_t size)
{
    if (in_recovery)
        snprintf(why, size, "%s %s is a standby", host, port);
    else if (timeline < primary->timeline)
        snprintf(why, size,
                 "%s %s takes writes on timeline %" PRIu32 ", but %s %s was promoted later, to timeline "
                 "%" PRIu32 ": it is left alone",
                 host, port, timeline, primary->host, primary->port, primary->timeline);
    else {
        if (timeline > primary->timeline)
            move(primary, host, port, timeline);
        return true;
    }
    return false;
}

void primary_sort(const struct primary *primary, struct endpoints *endpoints)
{
    struct endpoints sorted = { .n = 0 };
    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < endpoints->n; i++) {
            const struct endpoint *endpoint = &endpoints->items[i];
            if (was_seen_at(primary, endpoint->host, endpoint->port) == (turn == 0))
                sorted.items[sorted.n++] = *endpoint;
        }
    memcpy(endpoints->items, sorted.items, sorted.n * sizeof *sorted.items);
}

bool primary_is_sought(const struct primary *primary, uint64_t now_ns)
{
    return primary->timeline == 0 && now_ns < primary->look_until_ns;
}
