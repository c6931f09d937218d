/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <string.h>

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
