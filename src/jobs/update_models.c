/* SPDX-License-Identifier: MIT
 *
 * The database sums up the ratings, so what travels is of fixed size for each pair, however many it has.
 */
#include "jobs/update_models.h"

#include <stdio.h>

#include "jobs/fit.h"
#include "statements.h"

#define MODEL_LEN 256 /* bytes of one model in JSON: six keys, three integers, three doubles */

static int write_model(char *out, const struct rating_sums_row *row)
{
    struct fit_sums sums = { row->n,  row->s, row->a,  row->ss, row->sa,
                             row->aa, row->r, row->sr, row->ar, row->rr };
    struct fit fit;
    int rc = fit_solve(&sums, &fit);
    if (rc)
        return rc;
    return snprintf(out, MODEL_LEN,
                    "{\"area1_id\":%lld,\"area2_id\":%lld,\"n\":%lld,"
                    "\"by_skill\":%.17g,\"by_age\":%.17g,\"base\":%.17g}",
                    (long long)row->area1_id, (long long)row->area2_id, (long long)row->n, fit.by_skill,
                    fit.by_age, fit.base);
}

static enum next ratings_collected(struct call *call, const struct rating_sums_row *rows, size_t n)
{
    char *models = call_alloc(call, n + 1, MODEL_LEN);
    if (!models)
        return call_no_memory(call);
    char *end = models;
    *end++ = '[';
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *end++ = ',';
        int len = write_model(end, &rows[i]);
        if (len < 0)
            return call_fail(call, STATUS_INTERNAL, "no model can be fitted for areas %lld and %lld",
                             (long long)rows[i].area1_id, (long long)rows[i].area2_id);
        end += len;
    }
    *end = ']';
    return job_commit(call, models);
}

enum next update_models_begin(struct call *call, const void *nothing)
{
    (void)nothing;
    return sql_ratings_to_fit(call, job_due(call), ratings_collected);
}
