/* SPDX-License-Identifier: MIT */
#include "base/unique.h"

#include <uv.h>

uint64_t unique_next(void)
{
    static uint64_t seed;
    if (!seed)
        uv_random(NULL, NULL, &seed, sizeof seed, 0, NULL);
    uint64_t mixed = (seed += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}
