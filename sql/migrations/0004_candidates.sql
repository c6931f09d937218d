-- SPDX-License-Identifier: MIT
-- What matching knows of every mentor, kept by triggers in one row each: business area, skills, date of birth
-- and number of mentees. It makes the rule "at most five mentees a mentor" a plain CHECK, whoever writes and
-- at any isolation level, and lets matching find the best free mentor by index (sql/functions/matching.sql).
-- The row is also the lock on a mentor's places.

-- Every set of skills a mentor ever had, so that mentors of equal skills share a short key. Only grows.
CREATE TABLE svcd.skill_set (
    skill_set_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    skills integer[] NOT NULL UNIQUE
);

CREATE TABLE svcd.candidate (
    mentor_id integer PRIMARY KEY REFERENCES public.mentor ON DELETE CASCADE,
    area_id integer,                                             -- NULL: never qualifies
    skill_set_id integer NOT NULL,
    dob date,                                                    -- NULL: not known; never infinite
    mentees integer NOT NULL,
    free boolean GENERATED ALWAYS AS (mentees < 5) STORED,       -- in indexes, which a change of mentees alone spares
    lot double precision NOT NULL DEFAULT random(),              -- 0 to 1: where blind choice finds the row
    CONSTRAINT at_most_five_mentees CHECK (mentees BETWEEN 0 AND 5)
) WITH (fillfactor = 70);

CREATE INDEX candidate_group ON svcd.candidate (area_id, skill_set_id, dob) WHERE free;
CREATE INDEX candidate_age ON svcd.candidate (area_id, dob) WHERE free;
CREATE INDEX candidate_lot ON svcd.candidate (area_id, lot) WHERE free;

CREATE FUNCTION svcd.finite(day date) RETURNS date LANGUAGE sql IMMUTABLE
RETURN CASE WHEN isfinite(day) THEN day END;

CREATE VIEW svcd.taught AS
SELECT m.mentorid AS mentor_id, ARRAY(SELECT DISTINCT k.skillid FROM public.mentorskill k
                                      WHERE k.mentorid = m.mentorid AND k.skillid IS NOT NULL
                                      ORDER BY k.skillid) AS skills
FROM public.mentor m;

-- A mentor's row is born with the profile.
CREATE FUNCTION svcd.track_mentor() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
DECLARE
    its_area integer;
    its_dob date;
BEGIN
    -- A move of this account that is under way is waited for: it cannot see the new profile.
    SELECT a.businesssectorid, a.dob INTO its_area, its_dob FROM account a WHERE a.accountid = NEW.accountid FOR SHARE;
    INSERT INTO candidate AS c (mentor_id, area_id, skill_set_id, dob, mentees)
    SELECT NEW.mentorid, its_area, s.skill_set_id, finite(its_dob), 0 FROM skill_set s WHERE s.skills = '{}'
    ON CONFLICT (mentor_id) DO UPDATE SET area_id = excluded.area_id, dob = excluded.dob;
    RETURN NULL;
END $$;

CREATE FUNCTION svcd.track_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    UPDATE candidate c SET area_id = NEW.businesssectorid, dob = finite(NEW.dob)
    FROM mentor m WHERE m.accountid = NEW.accountid AND c.mentor_id = m.mentorid;
    RETURN NULL;
END $$;

CREATE FUNCTION svcd.track_assignment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE candidate c SET mentees = 0 WHERE c.mentees <> 0;
        RETURN NULL;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        UPDATE candidate c SET mentees = c.mentees - 1 WHERE c.mentor_id = OLD.mentorid;
    END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') THEN
        UPDATE candidate c SET mentees = c.mentees + 1 WHERE c.mentor_id = NEW.mentorid;
    END IF;
    RETURN NULL;
END $$;

-- Gives these mentors the skill set that their mentorskill rows make.
CREATE FUNCTION svcd.regroup_candidates(mentor_ids integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    -- Locked in a statement of its own: the next ones see what whoever held the lock before has committed.
    PERFORM FROM candidate c WHERE c.mentor_id = ANY (mentor_ids) ORDER BY c.mentor_id FOR NO KEY UPDATE;

    INSERT INTO skill_set (skills)
    SELECT t.skills FROM unnest(mentor_ids) AS m (mentor_id) JOIN taught t ON t.mentor_id = m.mentor_id
    EXCEPT SELECT s.skills FROM skill_set s
    ON CONFLICT (skills) DO NOTHING;

    UPDATE candidate c SET skill_set_id = s.skill_set_id
    FROM unnest(mentor_ids) AS m (mentor_id)
    JOIN taught t ON t.mentor_id = m.mentor_id
    JOIN skill_set s ON s.skills = t.skills
    WHERE c.mentor_id = m.mentor_id AND c.skill_set_id <> s.skill_set_id;
END $$;

CREATE FUNCTION svcd.track_mentorskill() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    PERFORM regroup_candidates(ARRAY(SELECT DISTINCT n.mentorid FROM changed n WHERE n.mentorid IS NOT NULL));
    IF TG_OP = 'UPDATE' THEN
        PERFORM regroup_candidates(ARRAY(SELECT DISTINCT o.mentorid FROM former o WHERE o.mentorid IS NOT NULL));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION svcd.track_mentorskill_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    UPDATE candidate c SET skill_set_id = s.skill_set_id FROM skill_set s WHERE s.skills = '{}';
    RETURN NULL;
END $$;

-- Writers wait until this migration is through, so no change falls between the rows below and the triggers.
LOCK TABLE public.account, public.mentor, public.mentorskill, public.assignment IN SHARE ROW EXCLUSIVE MODE;

INSERT INTO svcd.skill_set (skills)
SELECT '{}' UNION SELECT t.skills FROM svcd.taught t;

INSERT INTO svcd.candidate (mentor_id, area_id, skill_set_id, dob, mentees)
SELECT m.mentorid, a.businesssectorid, s.skill_set_id, svcd.finite(a.dob),
       (SELECT count(*) FROM public.assignment x WHERE x.mentorid = m.mentorid)
FROM public.mentor m
LEFT JOIN public.account a ON a.accountid = m.accountid
JOIN svcd.taught t ON t.mentor_id = m.mentorid
JOIN svcd.skill_set s ON s.skills = t.skills;

CREATE TRIGGER svcd_track AFTER INSERT OR UPDATE OF accountid ON public.mentor
    FOR EACH ROW EXECUTE FUNCTION svcd.track_mentor();
CREATE TRIGGER svcd_track AFTER UPDATE OF businesssectorid, dob ON public.account
    FOR EACH ROW WHEN (old.businesssectorid IS DISTINCT FROM new.businesssectorid OR old.dob IS DISTINCT FROM new.dob)
    EXECUTE FUNCTION svcd.track_account();
CREATE TRIGGER svcd_track AFTER INSERT OR UPDATE OF mentorid OR DELETE ON public.assignment
    FOR EACH ROW EXECUTE FUNCTION svcd.track_assignment();
CREATE TRIGGER svcd_track_truncate AFTER TRUNCATE ON public.assignment
    FOR EACH STATEMENT EXECUTE FUNCTION svcd.track_assignment();
CREATE TRIGGER svcd_track_insert AFTER INSERT ON public.mentorskill REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION svcd.track_mentorskill();
CREATE TRIGGER svcd_track_update AFTER UPDATE ON public.mentorskill
    REFERENCING OLD TABLE AS former NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION svcd.track_mentorskill();
CREATE TRIGGER svcd_track_delete AFTER DELETE ON public.mentorskill REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION svcd.track_mentorskill();
CREATE TRIGGER svcd_track_truncate AFTER TRUNCATE ON public.mentorskill
    FOR EACH STATEMENT EXECUTE FUNCTION svcd.track_mentorskill_truncate();

ANALYZE svcd.skill_set;
ANALYZE svcd.candidate;
