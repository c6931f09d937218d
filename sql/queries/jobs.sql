-- SPDX-License-Identifier: MIT
-- The statements of jobs.

-- Each job has a statement run_NAME, which names the function that does its work: if that is missing, preparing the statement fails.

-- name: run_update_models
-- row: run_job
-- Stores models and records the run. due NULL: run by hand. took_us: how long the run has taken so far, by the caller's clock.
-- param: due timestamp null
-- param: took_us bigint
-- param: input text null
-- returns: one
-- column: outcome enum(done, busy, already)
-- column: rows bigint null
-- lane: job
SELECT r.outcome, r.rows
FROM run_job('update-models', :due, :took_us * interval '1 microsecond', :input::json, 'job_update_models(json)'::regprocedure) r;

-- name: run_suggest_workshops
-- row: run_job
-- Sends suggestions and records the run; otherwise like run_update_models.
-- param: due timestamp null
-- param: took_us bigint
-- param: input text null
-- returns: one
-- column: outcome enum(done, busy, already)
-- column: rows bigint null
-- lane: job
SELECT r.outcome, r.rows
FROM run_job('suggest-workshops', :due, :took_us * interval '1 microsecond', :input::json, 'job_suggest_workshops(json)'::regprocedure) r;

-- name: run_forget_answers
-- row: run_job
-- Records the run; otherwise like run_update_models.
-- param: due timestamp null
-- param: took_us bigint
-- param: input text null
-- returns: one
-- column: outcome enum(done, busy, already)
-- column: rows bigint null
-- lane: job
SELECT r.outcome, r.rows
FROM run_job('forget-answers', :due, :took_us * interval '1 microsecond', :input::json, 'job_forget_answers(json)'::regprocedure) r;

-- name: forget_answers
-- Removes stored answers that are too old, up to a limit, and returns how many it removed.
-- param: most bigint
-- returns: one
-- column: forgotten bigint
-- lane: job
SELECT forget_answers(:most) AS forgotten;

-- name: note_failed_run
-- Records a failed run, with its error.
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
-- Moves new ratings into the history, and returns the pairs of areas that need a new model: n samples with skill overlap s,
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

-- name: rating_sums
-- The training history of every pair of areas.
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
FROM rating_history h
ORDER BY h.area1_id, h.area2_id;

-- name: rating_samples
-- The next ten thousand distinct samples of a pair of areas, after those already seen, each with its number of occurrences.
-- param: area1_id bigint
-- param: area2_id bigint
-- param: seen bigint
-- returns: many
-- column: skill_overlap bigint
-- column: age_difference bigint
-- column: rating double precision
-- column: n bigint
-- lane: job
SELECT x.skill_overlap::bigint AS skill_overlap, x.age_difference::bigint AS age_difference, x.rating, x.n
FROM rating_sample x
WHERE x.area1_id = :area1_id AND x.area2_id = :area2_id
ORDER BY x.skill_overlap, x.age_difference, x.rating
LIMIT 10000 OFFSET :seen;

-- name: import_ratings
-- Queues the samples of files that were not imported before, and remembers these files. Does nothing if a file belongs to an
-- area that does not exist. Files are numbered from 1.
-- param: areas1 bigint[]
-- param: areas2 bigint[]
-- param: checksums text[]
-- param: sample_files bigint[]
-- param: skill_overlaps bigint[]
-- param: age_differences bigint[]
-- param: ratings text[]
-- returns: one
-- column: files bigint
-- column: samples bigint
-- column: unknown_area bigint null
-- lane: job
WITH sample AS MATERIALIZED (
    SELECT s.file, s.skill_overlap, s.age_difference, s.rating
    FROM unnest(:sample_files, :skill_overlaps, :age_differences, :ratings) AS s (file, skill_overlap, age_difference, rating)
), file AS (
    SELECT f.number, f.area1_id, f.area2_id, f.checksum, coalesce(c.samples, 0) AS samples
    FROM unnest(:areas1, :areas2, :checksums) WITH ORDINALITY AS f (area1_id, area2_id, checksum, number)
    LEFT JOIN (SELECT s.file, count(*) AS samples FROM sample s GROUP BY s.file) c ON c.file = f.number
), unknown AS (
    SELECT min(a.id) AS area_id
    FROM file f CROSS JOIN LATERAL (VALUES (f.area1_id), (f.area2_id)) AS a (id)
    WHERE NOT EXISTS (SELECT FROM businesssector s WHERE s.businesssectorid = a.id)
), fresh AS (
    INSERT INTO rating_import (area1_id, area2_id, checksum, samples, imported_at)
    SELECT f.area1_id, f.area2_id, f.checksum, f.samples, now() AT TIME ZONE 'UTC' FROM file f
    WHERE (SELECT u.area_id FROM unknown u) IS NULL
    ON CONFLICT DO NOTHING
    RETURNING area1_id, area2_id
), queued AS (
    INSERT INTO pendingratingfeedback (businessarea1id, businessarea2id, skilloverlap, agedifference, rating)
    SELECT f.area1_id, f.area2_id, s.skill_overlap, s.age_difference, s.rating::double precision
    FROM fresh n
    JOIN file f ON f.area1_id = n.area1_id AND f.area2_id = n.area2_id
    JOIN sample s ON s.file = f.number
    RETURNING 1
)
SELECT (SELECT count(*) FROM fresh) AS files, (SELECT count(*) FROM queued) AS samples,
       (SELECT u.area_id FROM unknown u) AS unknown_area;
