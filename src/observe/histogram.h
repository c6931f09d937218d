/* SPDX-License-Identifier: MIT
 *
 * Histograms: how many values fell into which bucket, and the sum of all. Any one thread; adding a value
 * costs a few nanoseconds.
 */
#ifndef OBSERVE_HISTOGRAM_H
#define OBSERVE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BOUNDS 17

/* Upper bounds of the buckets: of times in nanoseconds, 50 us to 10 s; of sizes, powers of two. */
extern const uint64_t histogram_times_ns[HISTOGRAM_BOUNDS];
extern const uint64_t histogram_sizes[HISTOGRAM_BOUNDS];

/* Zeroed: empty. */
struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* by bucket, not cumulative; the last: above all bounds */
    uint64_t sum;
};

static inline void histogram_add(struct histogram *histogram, const uint64_t bounds[HISTOGRAM_BOUNDS],
                                 uint64_t value)
{
    unsigned bucket = 0;
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) /* all of them: no branch that could be mispredicted */
        bucket += value > bounds[i];
    histogram->counts[bucket]++;
    histogram->sum += value;
}

static inline void histogram_add_time(struct histogram *histogram, uint64_t ns)
{
    histogram_add(histogram, histogram_times_ns, ns);
}

static inline void histogram_add_size(struct histogram *histogram, uint64_t n)
{
    histogram_add(histogram, histogram_sizes, n);
}

uint64_t histogram_n(const struct histogram *histogram);

/* The quantile: the value below which this share (0..1) of all values lie, estimated from the buckets; 0 if
 * the histogram is empty. */
uint64_t histogram_quantile(const struct histogram *histogram, const uint64_t bounds[HISTOGRAM_BOUNDS],
                            double share);

#endif
