-- SPDX-License-Identifier: MIT
-- What jobs ask and tell the database.

-- name: run_job
-- Does a job's work and records the run. due NULL: by hand. took_us: what the run took so far, by the caller's clock.
-- The input is the models to store (update-models). The outcome is done, busy or already.
-- param: job text
-- param: due timestamp null
-- param: took_us bigint
-- param: input text null
-- returns: one
-- column: outcome text
-- column: rows bigint null
-- lane: job
SELECT r.outcome, r.rows FROM run_job(:job, :due, :took_us * interval '1 microsecond', :input::json) r;

-- name: note_failed_run
-- Records a run that did nothing, and why.
-- param: job text
-- param: due timestamp null
-- param: took_us bigint
-- param: error text
-- returns: one
-- column: run_id bigint
-- lane: job
SELECT note_run(:job, :due, :took_us * interval '1 microsecond', 'failed', NULL, :error) AS run_id;

-- name: last_runs
-- The last run of each of these jobs that has one.
-- param: jobs text[]
-- returns: many
-- column: job text
-- column: started timestamp
-- column: outcome text
-- column: rows bigint null
-- column: error text null
-- lane: job
SELECT last.job, last.started, last.outcome, last.rows, last.error
FROM unnest(:jobs) AS known (job)
CROSS JOIN LATERAL (SELECT j.* FROM job_run j WHERE j.job = known.job ORDER BY j.run_id DESC LIMIT 1) last;

-- name: ratings_to_fit
-- Moves new ratings into the history, and returns the pairs of areas that want a new model: n samples with skill overlap s,
-- age difference a and rating r, as sums.
-- param: due timestamp null
-- returns: many
-- column: area1_id bigint
-- column: area2_id bigint
-- column: n bigint
-- column: s bigint
-- column: a bigint
-- column: ss bigint
-- column: sa bigint
-- column: aa bigint
-- column: r double precision
-- column: sr double precision
-- column: ar double precision
-- column: rr double precision
-- row: rating_sums
-- lane: job
SELECT h.area1_id::bigint AS area1_id, h.area2_id::bigint AS area2_id, h.n, h.s, h.a, h.ss, h.sa, h.aa,
       h.r::double precision AS r, h.sr::double precision AS sr, h.ar::double precision AS ar, h.rr::double precision AS rr
FROM ratings_to_fit(:due) h;
