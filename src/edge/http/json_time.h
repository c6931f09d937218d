/* SPDX-License-Identifier: MIT
 *
 * google.protobuf.Timestamp as text: RFC 3339 as proto3's JSON mapping narrows it. Any thread.
 */
#ifndef EDGE_HTTP_JSON_TIME_H
#define EDGE_HTTP_JSON_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_TIME_SIZE 31 /* of the longest text, 2026-11-26T21:40:00.123456789Z, with its NUL */

/* Reads `2026-11-26T21:40:00.5+01:00`: T and Z in capitals, at most nine decimals of a second, an offset of
 * less than a day, and in UTC within the years 1 to 9999. False: it is not of this form. */
bool json_time_parse(const char *text, size_t len, int64_t *seconds, int32_t *nanos);

/* Writes the time in UTC, with 0, 3, 6 or 9 decimals of a second, and returns the length; 0: out of range. */
size_t json_time_print(int64_t seconds, int32_t nanos, char text[static JSON_TIME_SIZE]);

#endif
