/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

#define PART_MIN_LEN 3 /* shorter words are in too many names */

int edit_distance(const char *a, const char *b)
{
    int row[EDIT_DISTANCE_FAR + 1];
    int n = (int)strnlen(b, EDIT_DISTANCE_FAR + 1);
    if (n > EDIT_DISTANCE_FAR || strnlen(a, EDIT_DISTANCE_FAR + 1) > EDIT_DISTANCE_FAR)
        return EDIT_DISTANCE_FAR;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int substituted = diagonal + (a[i - 1] != b[j - 1]);
            int nearest = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = substituted < nearest ? substituted : nearest;
        }
    }
    return row[n];
}

static bool contains(const char *whole, const char *part)
{
    return strlen(part) >= PART_MIN_LEN && strcasestr(whole, part);
}

static void offer(struct guess *guess, int distance, const char *name)
{
    if (guess->name && distance >= guess->distance)
        return;
    guess->name = name;
    guess->distance = distance;
}

void guess_offer(struct guess *guess, const char *like, const char *name)
{
    int distance = edit_distance(guess->written, like);
    if (distance < EDIT_DISTANCE_FAR && distance <= ((int)strlen(guess->written) + 1) / 3)
        offer(guess, distance, name);
}

void guess_offer_part(struct guess *guess, const char *like, const char *name)
{
    size_t len = strlen(like);
    bool is_beginning = strncasecmp(guess->written, like, len) == 0; /* `hostname` is host, not name */
    if (contains(like, guess->written) || contains(guess->written, like))
        offer(guess, edit_distance(guess->written, like) - is_beginning, name);
}
