-- SPDX-License-Identifier: MIT
-- Fills the platform's tables, still without svcd's own objects: `svcd migrate` afterwards builds those from what it
-- finds, as it would on an existing database, and far faster than row by row. The same content every time but for the
-- dates, which are relative to the time of loading.
--
-- psql -v accounts=N -v mentors=N -v mentees=N -v password_hash=CRYPT_STRING, as a superuser. Account ids:
--   1 .. mentors                         mentors; mentor id = account id
--   mentors + 1 .. mentors + mentees     mentees; mentee id = account id - mentors. The first :matched have mentors
--   the rest                             no profile
-- Skill 25 is the rare one: 20 mentees have it, whatever the scale. All areas have a model for each pair.

\set ON_ERROR_STOP on
\set areas 6
\set skills 24
\set rare_skill 25
SELECT least(:mentees * 3 / 10, :mentors * 5 / 2) AS matched \gset

-- References hold by construction; checking 10 million of them row by row would take minutes.
SET session_replication_role = replica;
SET maintenance_work_mem = '256MB';
BEGIN;

-- A number that looks random, the same for the same key and salt.
CREATE FUNCTION pg_temp.dice(key integer, salt integer) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN hashint4extended(key, salt) & 9007199254740991;

INSERT INTO public.businesssector (businesssectorid, name)
SELECT n, 'Business area ' || n FROM generate_series(1, :areas) n;

INSERT INTO public.skill (skillid, name)
SELECT n, 'Skill number ' || n FROM generate_series(1, :rare_skill) n;

-- A mentee who has a mentor: of another area.
INSERT INTO public.account (accountid, name, email, passwordhash, dob, businesssectorid)
SELECT n, 'Person number ' || n, 'person' || n || '@example.com', :'password_hash'::bytea,
       date '1960-01-01' + (pg_temp.dice(n, 1) % 15000)::integer,
       1 + CASE WHEN n > :mentors AND n <= :mentors + :matched
                THEN (pg_temp.dice((n - :mentors - 1) % :mentors + 1, 2) + 1 + pg_temp.dice(n, 2) % (:areas - 1)) % :areas
                ELSE pg_temp.dice(n, 2) % :areas END
FROM generate_series(1, :accounts) n;

INSERT INTO public.mentor (mentorid, accountid) SELECT n, n FROM generate_series(1, :mentors) n;
INSERT INTO public.mentee (menteeid, accountid) SELECT n, :mentors + n FROM generate_series(1, :mentees) n;

-- One to four skills each.
INSERT INTO public.mentorskill (mentorid, skillid)
SELECT DISTINCT n, 1 + pg_temp.dice(n, 10 + k) % :skills
FROM generate_series(1, :mentors) n, generate_series(1, 4) k WHERE k <= 1 + pg_temp.dice(n, 3) % 4;

INSERT INTO public.menteeskill (menteeid, skillid)
SELECT DISTINCT n, 1 + pg_temp.dice(n, 20 + k) % :skills
FROM generate_series(1, :mentees) n, generate_series(1, 4) k WHERE k <= 1 + pg_temp.dice(n, 4) % 4;
INSERT INTO public.menteeskill (menteeid, skillid) SELECT n, :rare_skill FROM generate_series(1, 20) n;

INSERT INTO public.assignment (assignmentid, mentorid, menteeid)
SELECT n, (n - 1) % :mentors + 1, n FROM generate_series(1, :matched) n;

-- Of each assignment a meeting that is over and two to come, of each skill three workshops each way.
INSERT INTO public.meeting (assignmentid, link, start, duration)
SELECT n, 'https://meet.example.com/m/' || n,
       date_trunc('hour', now() AT TIME ZONE 'UTC') + make_interval(days => day, hours => (pg_temp.dice(n, 5) % 20)::integer), 60
FROM generate_series(1, :matched) n, unnest(ARRAY[-10, 10, 20]) day;

INSERT INTO public.workshop (skillid, link, start, duration)
SELECT n, 'https://meet.example.com/w/' || n,
       date_trunc('hour', now() AT TIME ZONE 'UTC') + make_interval(days => day, hours => (pg_temp.dice(n, 6) % 20)::integer), 90
FROM generate_series(1, :rare_skill) n, unnest(ARRAY[-25, -15, -5, 5, 15, 25]) day;

-- Round after round, as they come in life: the messages of one profile do not lie side by side.
INSERT INTO public.mentormessage (mentorid, message)
SELECT n, 'A meeting with Person number ' || n || ' is planned for day ' || k || '. It takes 60 minutes.'
FROM generate_series(1, 5) k, generate_series(1, :mentors) n;
INSERT INTO public.menteemessage (menteeid, message)
SELECT n, 'A meeting with Person number ' || n || ' is planned for day ' || k || '. It takes 60 minutes.'
FROM generate_series(1, 5) k, generate_series(1, :mentees) n;

INSERT INTO public.milestone (menteeid, content, completed)
SELECT n, 'Plan number ' || k || ': ask two colleagues for feedback', k = 1
FROM generate_series(1, 3) k, generate_series(1, :mentees) n;

INSERT INTO public.ratingmodel
SELECT a, b, 0.2 + (a * b) / 100.0, 0.01 * (b - a), 2 + a / 10.0
FROM generate_series(1, :areas) a, generate_series(1, :areas) b WHERE a < b;

COMMIT;
