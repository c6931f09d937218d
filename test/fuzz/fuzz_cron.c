/* SPDX-License-Identifier: MIT
 *
 * Schedules: what is one has a next and a last time on both sides of any moment, and those agree.
 */
#include <string.h>

#include "base/cron.h"
#include "fuzz.h"

#define MOMENTS INT64_C(4102444800) /* 1970 to 2100 */

void fuzz_cron(const uint8_t *data, size_t size)
{
    struct cron cron;
    int64_t moment = 0;
    if (size < sizeof moment)
        return;
    memcpy(&moment, data, sizeof moment);
    moment = (int64_t)((uint64_t)moment % MOMENTS);
    char *text = fuzz_text(data + sizeof moment, size - sizeof moment);
    if (cron_parse(&cron, text) == 0) {
        int64_t next = cron_next(&cron, moment), last = cron_previous(&cron, moment);
        FUZZ_EXPECT(last <= moment && moment < next);
        FUZZ_EXPECT(next % 60 == 0 && cron_previous(&cron, next) == next);
        FUZZ_EXPECT(cron_previous(&cron, next - 1) == last && cron_next(&cron, last) == next);
    }
    free(text);
}
