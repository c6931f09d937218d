/* SPDX-License-Identifier: MIT */
#include "db/outage.h"

#include <stddef.h>

#include "observe/log.h"

#define REMIND_NS   UINT64_C(60000000000)
#define HOPELESS_MS 10000 /* between attempts that nobody expects to succeed */

void outage_init(struct outage *outage)
{
    *outage = (struct outage){ .away = true };
}

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

/* False if it was told before in this outage. */
static bool is_news(struct outage *outage, const char *reason)
{
    uint32_t hash = hash_of(reason);
    for (unsigned i = 0; i < outage->reasons_n; i++)
        if (outage->reasons[i] == hash)
            return false;
    if (outage->reasons_n < OUTAGE_REASONS)
        outage->reasons[outage->reasons_n++] = hash;
    else
        return false;
    return true;
}

static void begin(struct outage *outage, uint64_t now_ns)
{
    if (outage->begun)
        return;
    outage->begun = true;
    outage->begun_ns = now_ns;
    outage->attempts = outage->reasons_n = 0;
}

static int64_t seconds_of(const struct outage *outage, uint64_t now_ns)
{
    return (int64_t)((now_ns - outage->begun_ns) / 1000000000);
}

/* Once for each reason, and a reminder a minute. */
static void tell(struct outage *outage, const char *what, const char *reason, const char *advice,
                 uint64_t now_ns)
{
    begin(outage, now_ns);
    bool news = is_news(outage, reason);
    if (!news && now_ns - outage->told_ns < REMIND_NS)
        return;
    outage->told_ns = now_ns;
    if (!news)
        what = "the database is still away";
    if (advice)
        log_error(what, log_str("reason", reason), log_str("do", advice),
                  log_int("attempts", outage->attempts), log_int("seconds", seconds_of(outage, now_ns)));
    else
        log_warn(what, log_str("reason", reason), log_int("attempts", outage->attempts),
                 log_int("seconds", seconds_of(outage, now_ns)));
}

bool outage_may_try(struct outage *outage, const void *who, uint64_t now_ns)
{
    if (outage->refused)
        return false;
    if (!outage->away)
        return true;
    if (outage->trying || now_ns < outage->next_ns)
        return false;
    outage->trying = who;
    return true;
}

void outage_gave_up(struct outage *outage, const void *who)
{
    if (outage->trying == who)
        outage->trying = NULL;
}

void outage_lost(struct outage *outage, const char *reason, uint64_t now_ns)
{
    tell(outage, "database connection lost", reason, NULL, now_ns);
}

void outage_failed(struct outage *outage, const void *who, const char *reason, const char *advice,
                   unsigned pause_ms, uint64_t now_ns)
{
    outage_gave_up(outage, who);
    outage->away = true;
    begin(outage, now_ns);
    outage->attempts++;
    uint64_t next_ns = now_ns + UINT64_C(1000000) * (advice ? HOPELESS_MS : pause_ms);
    if (next_ns > outage->next_ns)
        outage->next_ns = next_ns;
    tell(outage, "cannot connect to the database", reason, advice, now_ns);
}

void outage_tell(struct outage *outage, const char *reason, const char *advice, uint64_t now_ns)
{
    tell(outage, "the database cannot be used", reason, advice, now_ns);
}

void outage_over(struct outage *outage, const void *who, uint64_t now_ns)
{
    outage_gave_up(outage, who);
    outage->away = false;
    outage->next_ns = 0;
    if (!outage->begun)
        return;
    outage->begun = false;
    log_info("database connection up", log_int("attempts", outage->attempts),
             log_int("seconds", seconds_of(outage, now_ns)));
}
