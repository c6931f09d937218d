-- SPDX-License-Identifier: MIT
-- Jobs. A run makes its changes and its row in job_run in one transaction, under the job's lock. So however many svcd share
-- the database, and whenever one of them dies, a run is done completely and once, or not at all.

-- The lock's class is "svce" in ASCII. Does not wait; false: another session runs the job.
CREATE OR REPLACE FUNCTION svcd.try_lock_job(its_job text) RETURNS boolean LANGUAGE sql
RETURN pg_try_advisory_xact_lock(1937138533, hashtext(its_job));

-- The latest time that counts as now. All svcd share the database's clock; their own clocks may be up to a minute ahead of it.
CREATE OR REPLACE FUNCTION svcd.job_time() RETURNS timestamp LANGUAGE sql VOLATILE
RETURN clock_timestamp() AT TIME ZONE 'UTC' + interval '1 minute';

-- Runs due up to this time need not be done: a later one was done, or svcd had not been installed in this database yet. Recorded
-- runs with a time in the future do not count, or they would turn the job off until then.
CREATE OR REPLACE FUNCTION svcd.job_settled_until(its_job text) RETURNS timestamp LANGUAGE sql STABLE
RETURN coalesce((SELECT max(j.due) FROM svcd.job_run j
                 WHERE j.job = its_job AND j.outcome = 'done' AND j.due <= job_time()),
                (SELECT min(m.applied_at) AT TIME ZONE 'UTC' FROM svcd.migration m));

-- go | busy | already. its_due NULL: run by hand, always due. Volatile, so that it sees what was committed before it got the lock.
CREATE OR REPLACE FUNCTION svcd.begin_job(its_job text, its_due timestamp) RETURNS text LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
BEGIN
    IF NOT try_lock_job(its_job) THEN
        RETURN 'busy';
    END IF;
    IF its_due > job_time() THEN
        RAISE EXCEPTION 'due at %, but the database''s clock says %; set the clock of svcd''s machine, or the database''s',
            its_due, (clock_timestamp() AT TIME ZONE 'UTC')::timestamp(0);
    END IF;
    RETURN CASE WHEN its_due <= job_settled_until(its_job) THEN 'already' ELSE 'go' END;
END $$;

CREATE OR REPLACE FUNCTION svcd.note_run(its_job text, its_due timestamp, took interval, its_outcome text, its_rows bigint,
                                         its_error text) RETURNS bigint LANGUAGE sql
    SET search_path = svcd, public, pg_temp AS $$
    -- Rows are kept for 90 days; that of the last successful run until there is another, because it decides what is due.
    DELETE FROM job_run j
    WHERE j.job = its_job AND j.finished < clock_timestamp() AT TIME ZONE 'UTC' - interval '90 days'
      AND (j.outcome <> 'done' OR j.due < job_settled_until(its_job));
    INSERT INTO job_run (job, due, started, finished, outcome, rows, error)
    SELECT its_job, coalesce(its_due, t.finished - took), t.finished - took, t.finished, its_outcome, its_rows, its_error
    FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS finished) t
    RETURNING run_id
$$;

-- ---- update-models ----

-- Moves ratings with usable values from the queue into the history; others stay in the queue.
CREATE OR REPLACE FUNCTION svcd.collect_ratings() RETURNS void LANGUAGE sql
    SET search_path = svcd, public, pg_temp AS $$
    WITH moved AS (
        DELETE FROM pendingratingfeedback p
        WHERE p.businessarea1id < p.businessarea2id AND p.rating BETWEEN -1e6 AND 1e6
          AND p.skilloverlap BETWEEN -10000 AND 10000 AND p.agedifference BETWEEN -10000 AND 10000
        RETURNING p.businessarea1id AS area1_id, p.businessarea2id AS area2_id, p.skilloverlap::bigint AS s,
                  p.agedifference::bigint AS a, p.rating
    ), counted AS (
        SELECT m.area1_id, m.area2_id, m.s, m.a, m.rating, count(*) AS n FROM moved m GROUP BY 1, 2, 3, 4, 5
    ), sampled AS (
        INSERT INTO rating_sample AS old (area1_id, area2_id, skill_overlap, age_difference, rating, n)
        SELECT c.area1_id, c.area2_id, c.s, c.a, c.rating, c.n FROM counted c
        ON CONFLICT (area1_id, area2_id, skill_overlap, age_difference, rating) DO UPDATE SET n = old.n + excluded.n
    )
    INSERT INTO rating_history AS old (area1_id, area2_id, n, s, a, ss, sa, aa, r, sr, ar, rr)
    SELECT c.area1_id, c.area2_id, sum(c.n), sum(c.n * c.s), sum(c.n * c.a), sum(c.n * c.s * c.s), sum(c.n * c.s * c.a),
           sum(c.n * c.a * c.a), sum(c.n * c.r), sum(c.n * c.s * c.r), sum(c.n * c.a * c.r), sum(c.n * c.r * c.r)
    FROM (SELECT k.*, k.rating::numeric AS r FROM counted k) c
    GROUP BY c.area1_id, c.area2_id
    ON CONFLICT (area1_id, area2_id) DO UPDATE SET
        n = old.n + excluded.n, s = old.s + excluded.s, a = old.a + excluded.a, ss = old.ss + excluded.ss,
        sa = old.sa + excluded.sa, aa = old.aa + excluded.aa, r = old.r + excluded.r, sr = old.sr + excluded.sr,
        ar = old.ar + excluded.ar, rr = old.rr + excluded.rr
$$;

-- Histories without a model, or with ratings that came after their model was made.
CREATE OR REPLACE FUNCTION svcd.unfitted_history() RETURNS SETOF rating_history LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT h.* FROM rating_history h
    WHERE h.fitted_n <> h.n
       OR NOT EXISTS (SELECT FROM model m WHERE m.area1_id = h.area1_id AND m.area2_id = h.area2_id)
    ORDER BY h.area1_id, h.area2_id;
END $$;

-- The first half of a run: collects ratings, and returns the histories to be fitted; none if the run is not due or another
-- session is busy with it, which the second half (run_job) reports.
CREATE OR REPLACE FUNCTION svcd.ratings_to_fit(its_due timestamp) RETURNS SETOF rating_history LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
BEGIN
    IF begin_job('update-models', its_due) <> 'go' THEN
        RETURN;
    END IF;
    PERFORM collect_ratings();
    RETURN QUERY SELECT u.* FROM unfitted_history() u;
END $$;

-- Stores models, each unless more ratings have come since it was made. Returns how many it stored.
CREATE OR REPLACE FUNCTION svcd.store_models(models json) RETURNS bigint LANGUAGE sql
    SET search_path = svcd, public, pg_temp AS $$
    WITH current AS (
        UPDATE rating_history h SET fitted_n = h.n
        FROM json_to_recordset(models) AS f (area1_id integer, area2_id integer, n bigint, by_skill double precision,
                                             by_age double precision, base double precision)
        WHERE h.area1_id = f.area1_id AND h.area2_id = f.area2_id AND h.n = f.n
        RETURNING f.*
    ), stored AS (
        INSERT INTO ratingmodel (businessarea1id, businessarea2id, skilloverlapcoefficient, agedifferencecoefficient,
                                 modeloffset)
        SELECT c.area1_id, c.area2_id, c.by_skill, c.by_age, c.base FROM current c
        ON CONFLICT ON CONSTRAINT svcd_one_model_a_pair DO UPDATE SET
            skilloverlapcoefficient = excluded.skilloverlapcoefficient,
            agedifferencecoefficient = excluded.agedifferencecoefficient, modeloffset = excluded.modeloffset
        RETURNING 1
    )
    SELECT count(*) FROM stored
$$;

-- ---- suggest-workshops ----

-- Returns how many notifications it sent: for each skill that ten unmatched mentees want, one to each mentor who has it.
CREATE OR REPLACE FUNCTION svcd.suggest_workshops(OUT notifications bigint) LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
BEGIN
    INSERT INTO mentormessage (mentorid, message)
    SELECT t.mentorid, workshop_suggestion(s.name, w.mentees)
    FROM (SELECT k.skillid, count(DISTINCT k.menteeid) AS mentees
          FROM menteeskill k
          WHERE k.menteeid IS NOT NULL AND NOT EXISTS (SELECT FROM assignment a WHERE a.menteeid = k.menteeid)
          GROUP BY k.skillid HAVING count(DISTINCT k.menteeid) >= 10) w
    JOIN skill s ON s.skillid = w.skillid
    JOIN (SELECT DISTINCT k.mentorid, k.skillid FROM mentorskill k WHERE k.mentorid IS NOT NULL) t ON t.skillid = w.skillid
    ORDER BY t.mentorid, w.skillid;
    GET DIAGNOSTICS notifications = ROW_COUNT;
END $$;

-- ---- all of them ----
--
-- job_NAME(input) does a job's work, or its last part: it returns how many rows it stored or sent, or NULL if the run is not
-- complete and must not be recorded as done. The job's statement in sql/queries/jobs.sql passes it to run_job.

-- NULL if another session collected more ratings between the two halves of this run: that one will store their models.
CREATE OR REPLACE FUNCTION svcd.job_update_models(models json) RETURNS bigint LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
DECLARE
    stored bigint := store_models(models);
BEGIN
    RETURN CASE WHEN NOT EXISTS (SELECT FROM unfitted_history()) THEN stored END;
END $$;

CREATE OR REPLACE FUNCTION svcd.job_suggest_workshops(input json) RETURNS bigint LANGUAGE sql
RETURN svcd.suggest_workshops();

-- Does a job's work, and records the run. outcome: done, or busy | already, with rows NULL.
CREATE OR REPLACE FUNCTION svcd.run_job(its_job text, its_due timestamp, took interval, input json, work regprocedure,
                                        OUT outcome text, OUT rows bigint) LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
DECLARE
    begun timestamptz := clock_timestamp();
BEGIN
    outcome := begin_job(its_job, its_due);
    IF outcome <> 'go' THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT %s($1)', work::regproc) INTO rows USING input;
    outcome := CASE WHEN rows IS NULL THEN 'busy' ELSE 'done' END;
    IF outcome = 'done' THEN
        PERFORM note_run(its_job, its_due, took + (clock_timestamp() - begun), outcome, rows, NULL);
    END IF;
END $$;
