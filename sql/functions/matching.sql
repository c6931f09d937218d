-- SPDX-License-Identifier: MIT
-- Finds a mentee its mentor. The rule: a mentor qualifies in another business area and with a free place. If there is no
-- model for the areas of some who qualify, one of those at random; else the one with the highest predicted rating.

-- NULL if it is not known.
CREATE OR REPLACE FUNCTION svcd.age_difference(mentee_dob date, mentor_dob date) RETURNS integer LANGUAGE sql IMMUTABLE
RETURN CASE WHEN isfinite(mentee_dob) AND isfinite(mentor_dob)
            THEN round((mentee_dob - mentor_dob) / 365.0::double precision)::integer END;

CREATE OR REPLACE FUNCTION svcd.skill_overlap(mentor_id integer, mentee_id integer) RETURNS integer LANGUAGE sql STABLE
RETURN (SELECT count(DISTINCT r.skillid)::integer
        FROM public.mentorskill r JOIN public.menteeskill e ON e.skillid = r.skillid
        WHERE r.mentorid = mentor_id AND e.menteeid = mentee_id);

-- The models that predict anything: the Python backend may have left NaN.
CREATE OR REPLACE VIEW svcd.model AS
SELECT m.businessarea1id AS area1_id, m.businessarea2id AS area2_id, m.skilloverlapcoefficient AS skill_overlap,
       m.agedifferencecoefficient AS age_difference, m.modeloffset AS base
FROM public.ratingmodel m
WHERE m.skilloverlapcoefficient > '-infinity' AND m.skilloverlapcoefficient < 'infinity'
  AND m.agedifferencecoefficient > '-infinity' AND m.agedifferencecoefficient < 'infinity'
  AND m.modeloffset > '-infinity' AND m.modeloffset < 'infinity';

CREATE OR REPLACE FUNCTION svcd.best_candidate(its_mentee_id integer) RETURNS integer LANGUAGE sql STABLE AS $$
SELECT c.mentor_id
FROM mentee e
JOIN account a ON a.accountid = e.accountid
JOIN candidate c ON c.free AND c.area_id <> a.businesssectorid
LEFT JOIN model m ON m.area1_id = least(a.businesssectorid, c.area_id)
                 AND m.area2_id = greatest(a.businesssectorid, c.area_id)
WHERE e.menteeid = its_mentee_id
ORDER BY m.area1_id IS NULL DESC,
         CASE WHEN m.area1_id IS NULL THEN random()
              ELSE m.skill_overlap * skill_overlap(c.mentor_id, its_mentee_id)
                 + m.age_difference * coalesce(age_difference(a.dob, c.dob), 0) + m.base END DESC
LIMIT 1
$$;

-- Gives an unmatched mentee the best mentor there is and returns its id; NULL: none qualifies. The caller holds the locks
-- on matching and on the mentee.
CREATE OR REPLACE FUNCTION svcd.assign_mentor(its_mentee_id integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    best candidate;
    assigned integer;
BEGIN
    LOOP
        SELECT c.* INTO best FROM candidate c WHERE c.mentor_id = best_candidate(its_mentee_id);
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        PERFORM FROM candidate c
        WHERE c.mentor_id = best.mentor_id AND c.free AND c.area_id = best.area_id
          AND c.skill_set_id = best.skill_set_id AND c.dob IS NOT DISTINCT FROM best.dob
        FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
    END LOOP;
    INSERT INTO assignment (mentorid, menteeid) VALUES (best.mentor_id, its_mentee_id)
    ON CONFLICT (menteeid) DO NOTHING;
    -- Only the Python backend, which takes no lock, may have come first.
    SELECT a.mentorid INTO assigned FROM assignment a WHERE a.menteeid = its_mentee_id;
    RETURN assigned;
END $$;

CREATE OR REPLACE FUNCTION svcd.try_match(account_id bigint, OUT outcome text, OUT mentor_account_id bigint,
                                          OUT mentor_name text)
LANGUAGE plpgsql AS $$
DECLARE
    its_mentee_id integer;
    its_mentor_id integer;
BEGIN
    PERFORM lock_matching_shared();
    SELECT e.menteeid INTO its_mentee_id FROM mentee e WHERE e.accountid = account_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'no_profile';
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM assignment a WHERE a.menteeid = its_mentee_id) THEN
        outcome := 'already';
        RETURN;
    END IF;
    its_mentor_id := assign_mentor(its_mentee_id);
    IF its_mentor_id IS NULL THEN
        outcome := 'no_mentor';
        RETURN;
    END IF;
    outcome := 'matched';
    SELECT m.accountid, a.name INTO mentor_account_id, mentor_name
    FROM mentor m LEFT JOIN account a ON a.accountid = m.accountid WHERE m.mentorid = its_mentor_id;
END $$;
