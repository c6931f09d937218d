/* SPDX-License-Identifier: MIT
 *
 * The columns are centred, which keeps the offset out of the norm, and scaled to equal variance. Two
 * equations remain. Their coefficients come from exact integer sums, so a constant column is recognised
 * exactly, and columns are collinear if a singular value differs from 0 by no more than rounding.
 */
#include "jobs/fit.h"

#include <math.h>
#include <uv.h>

/* Columns whose correlation differs from 1 or -1 by less count as collinear. */
#define SINGULAR 1e-10

void fit_sums_add(struct fit_sums *sums, int64_t n, int64_t s, int64_t a, double r)
{
    double weight = (double)n;
    sums->n += n;
    sums->s += n * s;
    sums->a += n * a;
    sums->ss += n * s * s;
    sums->sa += n * s * a;
    sums->aa += n * a * a;
    sums->r += weight * r;
    sums->sr += weight * (double)s * r;
    sums->ar += weight * (double)a * r;
    sums->rr += weight * r * r;
}

double fit_predict(const struct fit *fit, int64_t s, int64_t a)
{
    return fit->by_skill * (double)s + fit->by_age * (double)a + fit->base;
}

/* n * n times the covariance of two columns of integers. */
static double covariance(int64_t n, int64_t xy, int64_t x, int64_t y)
{
    return (double)((__int128)n * xy - (__int128)x * y);
}

/* The same for a column of integers and the ratings. */
static double covariance_with_rating(int64_t n, double xr, int64_t x, double r)
{
    return (double)((long double)n * xr - (long double)x * r);
}

/* The matrix of the equations is (1 c; c 1), with eigenvectors (1 1) and (1 -1) and singular values 1 + c and
 * 1 - c. Along a vector whose singular value is 0 every solution fits equally well; the shortest has 0 there.
 */
static double along(double right, double correlation)
{
    double value = 1 + correlation, other = 1 - correlation;
    return value > SINGULAR * other ? right / value : 0;
}

int fit_solve(const struct fit_sums *sums, struct fit *fit)
{
    if (sums->n < 1)
        return UV_EINVAL;
    double ss = covariance(sums->n, sums->ss, sums->s, sums->s);
    double sa = covariance(sums->n, sums->sa, sums->s, sums->a);
    double aa = covariance(sums->n, sums->aa, sums->a, sums->a);
    /* A constant column has no covariance with anything, and gets the coefficient 0. */
    double s_unit = ss > 0 ? 1 / sqrt(ss) : 0, a_unit = aa > 0 ? 1 / sqrt(aa) : 0;
    double correlation = sa * s_unit * a_unit;
    double by_s = covariance_with_rating(sums->n, sums->sr, sums->s, sums->r) * s_unit;
    double by_a = covariance_with_rating(sums->n, sums->ar, sums->a, sums->r) * a_unit;
    double both = along((by_s + by_a) / 2, correlation), apart = along((by_s - by_a) / 2, -correlation);
    fit->by_skill = (both + apart) * s_unit;
    fit->by_age = (both - apart) * a_unit;
    fit->base = (sums->r - fit->by_skill * (double)sums->s - fit->by_age * (double)sums->a) / (double)sums->n;
    return 0;
}
