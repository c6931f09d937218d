-- SPDX-License-Identifier: MIT
-- What matching knows of every mentor, kept by triggers in one row each: business area, skills, date of birth
-- and number of mentees. It makes the rule "at most five mentees a mentor" a plain CHECK, whoever writes and
-- at any isolation level, and lets matching find the best free mentor by index (sql/functions/matching.sql).
-- The row is also the lock on a mentor's places.

CREATE TABLE svcd.candidate (
    mentor_id integer PRIMARY KEY,
    area_id integer,                                        -- NULL: never qualifies
    dob date,                                               -- NULL: not known; never infinite
    skills integer[] NOT NULL,                              -- ascending, each once
    mentees integer NOT NULL,
    free boolean GENERATED ALWAYS AS (mentees < 5) STORED,
    lot double precision NOT NULL DEFAULT random(),         -- 0 to 1: where blind choice finds the row
    CONSTRAINT at_most_five_mentees CHECK (mentees BETWEEN 0 AND 5)
) WITH (fillfactor = 70);

CREATE INDEX candidate_lot ON svcd.candidate (area_id, lot) WHERE free;

-- What the free candidates offer: a row for every choice of up to three of a candidate's skills, ascending, 0 for none
-- (ids are serial, from 1). So the mentors of an area who have certain skills are one stretch of the index, ordered by
-- age. Kept by a trigger of svcd.candidate.
CREATE TABLE svcd.offer (
    area_id integer NOT NULL,
    skill1 integer NOT NULL,
    skill2 integer NOT NULL,
    skill3 integer NOT NULL,
    dob date,
    mentor_id integer NOT NULL
);

CREATE FUNCTION svcd.finite(day date) RETURNS date LANGUAGE sql IMMUTABLE
RETURN CASE WHEN isfinite(day) THEN day END;

CREATE VIEW svcd.taught AS
SELECT m.mentorid AS mentor_id, ARRAY(SELECT DISTINCT k.skillid FROM public.mentorskill k
                                      WHERE k.mentorid = m.mentorid AND k.skillid > 0
                                      ORDER BY k.skillid) AS skills
FROM public.mentor m;

-- Every choice of none to three of these.
CREATE FUNCTION svcd.choices(skills integer[])
RETURNS TABLE (skill1 integer, skill2 integer, skill3 integer, size integer) LANGUAGE sql IMMUTABLE ROWS 10 AS $$
SELECT 0, 0, 0, 0
UNION ALL
SELECT a, 0, 0, 1 FROM unnest(skills) a
UNION ALL
SELECT a, b, 0, 2 FROM unnest(skills) a JOIN unnest(skills) b ON a < b
UNION ALL
SELECT a, b, c, 3 FROM unnest(skills) a JOIN unnest(skills) b ON a < b JOIN unnest(skills) c ON b < c
$$;

CREATE FUNCTION svcd.track_candidate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') AND OLD.free AND OLD.area_id IS NOT NULL THEN
        DELETE FROM offer o USING choices(OLD.skills) c
        WHERE o.area_id = OLD.area_id AND o.skill1 = c.skill1 AND o.skill2 = c.skill2 AND o.skill3 = c.skill3
          AND (o.dob = OLD.dob OR o.dob IS NULL AND OLD.dob IS NULL) AND o.mentor_id = OLD.mentor_id;
    END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') AND NEW.free AND NEW.area_id IS NOT NULL THEN
        INSERT INTO offer (area_id, skill1, skill2, skill3, dob, mentor_id)
        SELECT NEW.area_id, c.skill1, c.skill2, c.skill3, NEW.dob, NEW.mentor_id FROM choices(NEW.skills) c;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION svcd.track_candidate_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    TRUNCATE offer;
    RETURN NULL;
END $$;

-- A mentor's row is born with the profile.
CREATE FUNCTION svcd.track_mentor() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
DECLARE
    its_area integer;
    its_dob date;
BEGIN
    -- A move of this account that is under way is waited for: it cannot see the new profile.
    SELECT a.businesssectorid, a.dob INTO its_area, its_dob FROM account a WHERE a.accountid = NEW.accountid FOR SHARE;
    INSERT INTO candidate (mentor_id, area_id, dob, skills, mentees)
    VALUES (NEW.mentorid, its_area, finite(its_dob), '{}', 0)
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

-- Gives these candidates the skills that their mentorskill rows make.
CREATE FUNCTION svcd.refresh_skills(mentor_ids integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    -- Locked in a statement of its own: the next one sees what whoever held the lock before has committed.
    PERFORM FROM candidate c WHERE c.mentor_id = ANY (mentor_ids) ORDER BY c.mentor_id FOR NO KEY UPDATE;
    UPDATE candidate c SET skills = t.skills
    FROM unnest(mentor_ids) AS m (mentor_id) JOIN taught t ON t.mentor_id = m.mentor_id
    WHERE c.mentor_id = m.mentor_id AND c.skills <> t.skills;
END $$;

CREATE FUNCTION svcd.track_mentorskill() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    PERFORM refresh_skills(ARRAY(SELECT DISTINCT n.mentorid FROM changed n WHERE n.mentorid IS NOT NULL));
    IF TG_OP = 'UPDATE' THEN
        PERFORM refresh_skills(ARRAY(SELECT DISTINCT o.mentorid FROM former o WHERE o.mentorid IS NOT NULL));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION svcd.track_mentorskill_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = svcd, public, pg_temp AS $$
BEGIN
    UPDATE candidate c SET skills = '{}' WHERE c.skills <> '{}';
    RETURN NULL;
END $$;

-- Writers wait until this migration is through, so no change falls between the rows below and the triggers.
LOCK TABLE public.account, public.mentor, public.mentorskill, public.assignment IN SHARE ROW EXCLUSIVE MODE;

INSERT INTO svcd.candidate (mentor_id, area_id, dob, skills, mentees)
SELECT m.mentorid, a.businesssectorid, svcd.finite(a.dob), coalesce(k.skills, '{}'), coalesce(x.n, 0)
FROM public.mentor m
LEFT JOIN public.account a ON a.accountid = m.accountid
LEFT JOIN (SELECT k.mentorid, array_agg(DISTINCT k.skillid ORDER BY k.skillid) AS skills
           FROM public.mentorskill k WHERE k.skillid > 0 GROUP BY k.mentorid) k ON k.mentorid = m.mentorid
LEFT JOIN (SELECT x.mentorid, count(*) AS n
           FROM public.assignment x GROUP BY x.mentorid) x ON x.mentorid = m.mentorid;
ALTER TABLE svcd.candidate ADD FOREIGN KEY (mentor_id) REFERENCES public.mentor ON DELETE CASCADE;

INSERT INTO svcd.offer (area_id, skill1, skill2, skill3, dob, mentor_id)
SELECT c.area_id, x.skill1, x.skill2, x.skill3, c.dob, c.mentor_id
FROM svcd.candidate c CROSS JOIN LATERAL svcd.choices(c.skills) x
WHERE c.free AND c.area_id IS NOT NULL;
CREATE UNIQUE INDEX offer_by_age ON svcd.offer (area_id, skill1, skill2, skill3, dob, mentor_id);

CREATE TRIGGER track AFTER INSERT OR DELETE ON svcd.candidate
    FOR EACH ROW EXECUTE FUNCTION svcd.track_candidate();
CREATE TRIGGER track_change AFTER UPDATE ON svcd.candidate
    FOR EACH ROW WHEN (old.free <> new.free OR old.area_id IS DISTINCT FROM new.area_id
                       OR old.dob IS DISTINCT FROM new.dob OR old.skills <> new.skills)
    EXECUTE FUNCTION svcd.track_candidate();
CREATE TRIGGER track_truncate AFTER TRUNCATE ON svcd.candidate
    FOR EACH STATEMENT EXECUTE FUNCTION svcd.track_candidate_truncate();
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

ANALYZE svcd.candidate;
ANALYZE svcd.offer;
