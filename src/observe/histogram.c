/* SPDX-License-Identifier: MIT */
#include "observe/histogram.h"

#define US 1000u
#define MS 1000000u
#define S  1000000000u

const uint64_t histogram_times_ns[HISTOGRAM_BOUNDS] = {
    50 * US,         100 * US,         250 * US,
    500 * US,        1 * MS,           UINT64_C(5) * MS / 2,
    5 * MS,          10 * MS,          25 * MS,
    50 * MS,         100 * MS,         250 * MS,
    500 * MS,        UINT64_C(1) * S,  UINT64_C(5) * S / 2,
    UINT64_C(5) * S, UINT64_C(10) * S,
};

const uint64_t histogram_sizes[HISTOGRAM_BOUNDS] = { 1,   2,    4,    8,    16,   32,    64,    128,  256,
                                                     512, 1024, 2048, 4096, 8192, 16384, 32768, 65536 };

uint64_t histogram_n(const struct histogram *histogram)
{
    uint64_t n = 0;
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
        n += histogram->counts[i];
    return n;
}

uint64_t histogram_quantile(const struct histogram *histogram, const uint64_t bounds[HISTOGRAM_BOUNDS],
                            double share)
{
    double wanted = share * (double)histogram_n(histogram), below = 0;
    uint64_t from = 0;
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
        double n = (double)histogram->counts[i];
        if (n > 0 && below + n >= wanted)
            return from + (uint64_t)((double)(bounds[i] - from) * (wanted - below) / n);
        below += n;
        from = bounds[i];
    }
    return histogram->counts[HISTOGRAM_BOUNDS] > 0 ? from : 0;
}
