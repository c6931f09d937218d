-- SPDX-License-Identifier: MIT
-- What jobs remember: their runs, and the ratings that models are made of. The functions are in sql/functions/jobs.sql.

-- A run is one row, written by the transaction that did the work: no row, nothing done. Times are UTC.
CREATE TABLE svcd.job_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL,
    due timestamp NOT NULL,         -- when the schedule wanted it; when it was begun, if by hand
    started timestamp NOT NULL,
    finished timestamp NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'failed')),
    rows bigint,                    -- models stored, notifications sent
    error text                      -- of a failed one
);

CREATE UNIQUE INDEX job_run_once ON svcd.job_run (job, due) WHERE outcome = 'done';
CREATE INDEX job_run_last ON svcd.job_run (job, run_id);

-- Every rating ever given across two areas, equal ones counted: there are only so many different ones.
CREATE TABLE svcd.rating_sample (
    area1_id integer,
    area2_id integer,
    skill_overlap integer,
    age_difference integer,
    rating double precision,
    n bigint NOT NULL,
    PRIMARY KEY (area1_id, area2_id, skill_overlap, age_difference, rating)
);

-- The same as sums, all that a fit needs: s = skill overlap, a = age difference, r = rating. They are exact, so that it
-- does not matter in which order ratings came.
CREATE TABLE svcd.rating_history (
    area1_id integer,
    area2_id integer,
    n bigint NOT NULL,
    s bigint NOT NULL,
    a bigint NOT NULL,
    ss bigint NOT NULL,
    sa bigint NOT NULL,
    aa bigint NOT NULL,
    r numeric NOT NULL,
    sr numeric NOT NULL,
    ar numeric NOT NULL,
    rr numeric NOT NULL,
    fitted_n bigint NOT NULL DEFAULT 0,     -- how many samples the stored model was made of
    PRIMARY KEY (area1_id, area2_id)
);

-- Files that `svcd import-ratings` has taken in: the same one counts once.
CREATE TABLE svcd.rating_import (
    area1_id integer,
    area2_id integer,
    checksum text,                          -- SHA-256 of the content, in hexadecimal
    samples bigint NOT NULL,
    imported_at timestamp NOT NULL,
    PRIMARY KEY (area1_id, area2_id, checksum)
);
