/* SPDX-License-Identifier: MIT
 *
 * What a collector of traces answers, which may be anything.
 */
#include <string.h>

#include "fuzz.h"
#include "trace/otlp_message.h"

void fuzz_collector(const uint8_t *data, size_t size)
{
    struct otlp_answer answer;
    uint8_t *bytes = (uint8_t *)fuzz_text(data, size);
    int rc = otlp_read_answer(&answer, bytes, size);
    FUZZ_EXPECT(memchr(answer.why, '\0', sizeof answer.why) != NULL);
    if (rc)
        FUZZ_EXPECT(answer.rejected_n == 0 && !*answer.why);
    free(bytes);
}
