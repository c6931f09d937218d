-- SPDX-License-Identifier: MIT
-- The platform's tables, as the Python backend made them. A database that has them keeps them untouched; the
-- missing ones are created. Nobody adds or renames a column here: the Python backend uses NATURAL JOIN and
-- positional INSERT.

CREATE TEMPORARY TABLE table_before ON COMMIT DROP AS
SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p');

CREATE TABLE IF NOT EXISTS public.skill (
    skillid serial PRIMARY KEY,
    name varchar
);

CREATE TABLE IF NOT EXISTS public.businesssector (
    businesssectorid serial PRIMARY KEY,
    name varchar
);

CREATE TABLE IF NOT EXISTS public.account (
    accountid serial PRIMARY KEY,
    name varchar,
    email varchar UNIQUE,
    passwordhash bytea,
    dob date,
    businesssectorid integer REFERENCES public.businesssector ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS public.mentor (
    mentorid serial PRIMARY KEY,
    accountid integer REFERENCES public.account ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS public.mentee (
    menteeid serial PRIMARY KEY,
    accountid integer REFERENCES public.account ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS public.mentorskill (
    mentorskillid serial PRIMARY KEY,
    mentorid integer REFERENCES public.mentor ON DELETE CASCADE,
    skillid integer REFERENCES public.skill ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS public.menteeskill (
    menteeskillid serial PRIMARY KEY,
    menteeid integer REFERENCES public.mentee ON DELETE CASCADE,
    skillid integer REFERENCES public.skill ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS public.assignment (
    assignmentid serial PRIMARY KEY,
    mentorid integer REFERENCES public.mentor ON DELETE CASCADE,
    menteeid integer REFERENCES public.mentee ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS public.meeting (
    meetingid serial PRIMARY KEY,
    assignmentid integer REFERENCES public.assignment ON DELETE CASCADE,
    link varchar,
    start timestamp,
    duration integer
);

CREATE TABLE IF NOT EXISTS public.workshop (
    workshopid serial PRIMARY KEY,
    skillid integer REFERENCES public.skill ON DELETE CASCADE,
    link varchar,
    start timestamp,
    duration integer
);

CREATE TABLE IF NOT EXISTS public.mentormessage (
    mentormessageid serial PRIMARY KEY,
    mentorid integer REFERENCES public.mentor ON DELETE CASCADE,
    message varchar
);

CREATE TABLE IF NOT EXISTS public.menteemessage (
    menteemessageid serial PRIMARY KEY,
    menteeid integer REFERENCES public.mentee ON DELETE CASCADE,
    message varchar
);

CREATE TABLE IF NOT EXISTS public.milestone (
    milestoneid serial PRIMARY KEY,
    menteeid integer REFERENCES public.mentee ON DELETE CASCADE,
    content varchar,
    completed boolean
);

CREATE TABLE IF NOT EXISTS public.mentorfeedback (
    mentorfeedbackid serial PRIMARY KEY,
    assignmentid integer REFERENCES public.assignment ON DELETE CASCADE,
    rating double precision
);

CREATE TABLE IF NOT EXISTS public.menteefeedback (
    menteefeedbackid serial PRIMARY KEY,
    assignmentid integer REFERENCES public.assignment ON DELETE CASCADE,
    rating double precision
);

CREATE TABLE IF NOT EXISTS public.developmentfeedback (
    developmentfeedbackid serial PRIMARY KEY,
    assignmentid integer REFERENCES public.assignment ON DELETE CASCADE,
    content varchar
);

CREATE TABLE IF NOT EXISTS public.websitefeedback (
    websitefeedbackid serial PRIMARY KEY,
    message varchar
);

CREATE TABLE IF NOT EXISTS public.ratingmodel (
    businessarea1id integer,
    businessarea2id integer,
    skilloverlapcoefficient double precision,
    agedifferencecoefficient double precision,
    modeloffset double precision,
    CHECK (businessarea1id < businessarea2id)
);

CREATE TABLE IF NOT EXISTS public.pendingratingfeedback (
    businessarea1id integer,
    businessarea2id integer,
    skilloverlap integer,
    agedifference integer,
    rating double precision,
    CHECK (businessarea1id < businessarea2id)
);

CREATE TABLE IF NOT EXISTS public.pendingtextfeedback (
    businessarea1id integer,
    businessarea2id integer,
    skilloverlap integer,
    agedifference integer,
    content varchar,
    CHECK (businessarea1id < businessarea2id)
);

-- In new tables ids begin at 1001. In old ones they go on, but a sequence that lags behind its table (rows
-- loaded with their ids) is moved past them.
DO $$
DECLARE
    entity text;
    sequence regclass;
    highest bigint;
    lags boolean;
BEGIN
    FOREACH entity IN ARRAY ARRAY['skill', 'businesssector', 'account', 'mentor', 'mentee', 'mentorskill', 'menteeskill',
        'assignment', 'meeting', 'workshop', 'mentormessage', 'menteemessage', 'milestone', 'mentorfeedback',
        'menteefeedback', 'developmentfeedback', 'websitefeedback']
    LOOP
        sequence := pg_get_serial_sequence('public.' || entity, entity || 'id');
        IF NOT EXISTS (SELECT FROM table_before b WHERE b.name = entity) THEN
            EXECUTE format('ALTER SEQUENCE %s START WITH 1001 RESTART', sequence);
        ELSIF sequence IS NOT NULL THEN
            EXECUTE format('SELECT max(%I) FROM public.%I', entity || 'id', entity) INTO highest;
            EXECUTE format('SELECT last_value + is_called::integer <= $1 FROM %s', sequence) INTO lags USING highest;
            IF lags THEN
                PERFORM setval(sequence, highest);
            END IF;
        END IF;
    END LOOP;
END $$;
