/* SPDX-License-Identifier: MIT
 *
 * Least squares: rating = by_skill * skill overlap + by_age * age difference + base, from sums over the
 * samples.
 */
#ifndef JOBS_FIT_H
#define JOBS_FIT_H

#include <stdint.h>

/* n samples with skill overlap s, age difference a (both at most 10,000 either way) and rating r: the sums of
 * s, of s * s, of s * r, ... */
struct fit_sums {
    int64_t n, s, a, ss, sa, aa;
    double r, sr, ar, rr;
};

struct fit {
    double by_skill, by_age, base;
};

/* Adds n equal samples, or takes them away again (n < 0). */
void fit_sums_add(struct fit_sums *sums, int64_t n, int64_t s, int64_t a, double r);

/* The least-squares fit. If several are equally good, the minimum-norm one of the columns scaled to equal
 * variance: a constant column gets 0, two collinear ones half of the effect each. Always finite. Returns 0,
 * or UV_EINVAL without a sample. */
int fit_solve(const struct fit_sums *sums, struct fit *fit);

double fit_predict(const struct fit *fit, int64_t s, int64_t a);

#endif
