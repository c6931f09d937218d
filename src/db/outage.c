/* SPDX-License-Identifier: MIT */
#include "db/outage.h"

#include <stddef.h>
#include <uv.h>

#include "observe/log.h"

#define REMIND_NS   UINT64_C(60000000000)
#define HOPELESS_MS 10000 /* between attempts after an error that no retry can fix */

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

/* Remembers a reason. False: it was remembered before. */
static bool is_news(uint32_t reasons[OUTAGE_REASONS], unsigned *reasons_n, const char *reason)
{
    uint32_t hash = hash_of(reason);
    for (unsigned i = 0; i < *reasons_n; i++)
        if (reasons[i] == hash)
            return false;
    if (*reasons_n == OUTAGE_REASONS)
        return false;
    reasons[(*reasons_n)++] = hash;
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

/* Logs each reason once in an outage, and a reminder every minute. */
static void tell(struct outage *outage, const char *what, const char *reason, const char *advice,
                 uint64_t now_ns)
{
    begin(outage, now_ns);
    bool news = is_news(outage->reasons, &outage->reasons_n, reason);
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

void outage_waits(struct outage *outage, const char *reason, uint64_t now_ns)
{
    tell(outage, "not connected to the database yet", reason, NULL, now_ns);
}

void outage_failed(struct outage *outage, const void *who, const char *reason, const char *advice,
                   unsigned pause_ms, uint64_t now_ns)
{
    outage_gave_up(outage, who);
    outage->away = true;
    outage->is_unready = false;
    begin(outage, now_ns);
    outage->attempts++;
    uint64_t next_ns = now_ns + UINT64_C(1000000) * (advice ? HOPELESS_MS : pause_ms);
    if (next_ns > outage->next_ns)
        outage->next_ns = next_ns;
    tell(outage, "cannot connect to the database", reason, advice, now_ns);
}

void outage_lacks(struct outage *outage, const char *reason, const char *advice, bool is_of_use)
{
    outage->is_unready = !is_of_use;
    if (!is_of_use)
        tell(outage, "the database cannot be used", reason, advice, uv_hrtime());
    else if (is_news(outage->lacks, &outage->lacks_n, reason))
        log_error("the database lacks what some calls need", log_str("reason", reason),
                  log_str("do", advice));
}

void outage_over(struct outage *outage, const void *who, uint64_t now_ns)
{
    outage_gave_up(outage, who);
    outage->away = outage->is_unready = false;
    outage->next_ns = 0;
    if (!outage->begun)
        return;
    outage->begun = false;
    log_info("database connection up", log_int("attempts", outage->attempts),
             log_int("seconds", seconds_of(outage, now_ns)));
}
