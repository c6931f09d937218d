/* SPDX-License-Identifier: MIT */
#include "edge/http/timeout.h"

#include "base/loop_clock.h"

static const struct {
    char unit;
    uint64_t ns;
} units[] = {
    { 'n', 1 },          { 'u', 1000 },        { 'm', 1000000 },
    { 'S', 1000000000 }, { 'M', 60000000000 }, { 'H', 3600000000000 },
};

static int parse_digits(const char *text, size_t len, size_t max, uint64_t *number)
{
    *number = 0;
    if (len == 0 || len > max)
        return UV_EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return UV_EINVAL;
        *number = *number * 10 + (uint64_t)(text[i] - '0');
    }
    return 0;
}

/* The longest grpc-timeout, 99,999,999 hours, is 3.6e20 ns and overflows: that counts as no deadline. */
static uint64_t product(uint64_t number, uint64_t unit_ns)
{
    uint64_t ns;
    return __builtin_mul_overflow(number, unit_ns, &ns) ? UINT64_MAX : ns;
}

int timeout_parse_grpc(const char *text, size_t len, uint64_t *ns)
{
    uint64_t number;
    if (len < 2 || parse_digits(text, len - 1, 8, &number))
        return UV_EINVAL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].unit == text[len - 1]) {
            *ns = product(number, units[i].ns);
            return 0;
        }
    return UV_EINVAL;
}

int timeout_parse_ms(const char *text, size_t len, uint64_t *ns)
{
    uint64_t number;
    if (parse_digits(text, len, 10, &number))
        return UV_EINVAL;
    *ns = product(number, 1000000);
    return 0;
}

uint64_t timeout_deadline_ns(uint64_t timeout_ns)
{
    uint64_t at;
    return __builtin_add_overflow(loop_clock_now(), timeout_ns, &at) || at > INT64_MAX ? UINT64_MAX : at;
}
