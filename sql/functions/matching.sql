-- SPDX-License-Identifier: MIT
-- Finds a mentee its mentor. The rule: a mentor qualifies in another business area and with a free place. If
-- there is no model for the areas of some who qualify, one of those at random; else the one with the highest
-- predicted rating.

-- NULL if it is not known.
CREATE OR REPLACE FUNCTION svcd.age_difference(mentee_dob date, mentor_dob date) RETURNS integer LANGUAGE sql IMMUTABLE
RETURN CASE WHEN isfinite(mentee_dob) AND isfinite(mentor_dob)
            THEN round((mentee_dob - mentor_dob) / 365.0::double precision)::integer END;

CREATE OR REPLACE FUNCTION svcd.skill_overlap(mentor_id integer, mentee_id integer) RETURNS integer LANGUAGE sql STABLE
RETURN (SELECT count(DISTINCT r.skillid)::integer
        FROM public.mentorskill r JOIN public.menteeskill e ON e.skillid = r.skillid
        WHERE r.mentorid = mentor_id AND e.menteeid = mentee_id);

-- The models that can predict: the Python backend may have left NaN.
CREATE OR REPLACE VIEW svcd.model AS
SELECT m.businessarea1id AS area1_id, m.businessarea2id AS area2_id, m.skilloverlapcoefficient AS by_skill,
       m.agedifferencecoefficient AS by_age, m.modeloffset AS base
FROM public.ratingmodel m
WHERE m.skilloverlapcoefficient BETWEEN -1e100 AND 1e100 AND m.agedifferencecoefficient BETWEEN -1e100 AND 1e100
  AND m.modeloffset BETWEEN -1e100 AND 1e100;

-- A free mentor of these areas, each as likely as the other. Every mentor has a fixed lot from 0 to 1. The
-- lots are cut into blocks of equal width; blindly drawn are an area, a block and a place from 0 to 63 in it,
-- until there is somebody at that place. So each has the same chance, as long as no block holds more than 64:
-- it holds 16 on average where mentors are densest.
CREATE OR REPLACE FUNCTION svcd.random_candidate(area_ids integer[]) RETURNS candidate LANGUAGE plpgsql AS $$
DECLARE
    blocks double precision;
    block double precision;
    drawn_area integer;
    place integer;
    drawn candidate;
BEGIN
    SELECT floor(4 / min(l.lot)) INTO blocks
    FROM unnest(area_ids) AS a (id)
    CROSS JOIN LATERAL (SELECT c.lot FROM candidate c WHERE c.free AND c.area_id = a.id
                        ORDER BY c.lot OFFSET 63 LIMIT 1) l;
    FOR i IN 1 .. CASE WHEN blocks IS NULL THEN 0 ELSE 1000 END LOOP
        drawn_area := area_ids[1 + floor(random() * cardinality(area_ids))::integer];
        block := floor(random() * blocks);
        place := floor(random() * 64);
        SELECT c.* INTO drawn FROM candidate c
        WHERE c.free AND c.area_id = drawn_area AND c.lot >= block / blocks AND c.lot < (block + 1) / blocks
        ORDER BY c.lot OFFSET place LIMIT 1;
        IF FOUND THEN
            RETURN drawn;
        END IF;
    END LOOP;
    -- Fewer than 64 in each area, or no luck.
    SELECT c.* INTO drawn FROM candidate c WHERE c.free AND c.area_id = ANY (area_ids) ORDER BY random() LIMIT 1;
    RETURN drawn;
END $$;

-- The mentor of the highest predicted rating; every area with free mentors has a model. The mentors who share
-- an area and the number of skills they have in common with the mentee (a level) differ in age only, so the
-- oldest or the youngest is best, and a level can be no better than it would be with the area's oldest or
-- youngest. Levels are searched from the best bound down until no bound is left that could beat what was
-- found. Cost: a few index lookups a skill set of the levels searched, however many mentors there are.
CREATE OR REPLACE FUNCTION svcd.predicted_candidate(its_mentee_id integer, its_area integer, its_dob date)
RETURNS candidate LANGUAGE plpgsql STABLE AS $$
DECLARE
    its_skills integer[] := ARRAY(SELECT k.skillid FROM menteeskill k
                                  WHERE k.menteeid = its_mentee_id AND k.skillid IS NOT NULL);
    level record;
    found_id integer;
    found_rating double precision;
    best_id integer;
    best_rating double precision;
    best candidate;
BEGIN
    FOR level IN
        SELECT t.area_id, t.by_age, t.base, t.some_unknown, t.by_skill * g.overlap AS skill_part, g.skill_set_ids,
               t.by_skill * g.overlap + t.age_part + t.base AS bound
        FROM (SELECT e.area_id, e.by_skill, e.by_age, e.base, e.some_unknown,
                     greatest(CASE WHEN e.dob IS NOT NULL
                                   THEN e.by_age * coalesce(age_difference(its_dob, e.dob), 0) END,
                              CASE WHEN e.some_unknown THEN 0 END) AS age_part
              FROM (SELECT s.businesssectorid AS area_id, m.by_skill, m.by_age, m.base,
                           CASE WHEN m.by_age >= 0
                                THEN (SELECT min(c.dob) FROM candidate c
                                      WHERE c.free AND c.area_id = s.businesssectorid)
                                ELSE (SELECT max(c.dob) FROM candidate c
                                      WHERE c.free AND c.area_id = s.businesssectorid) END AS dob,
                           (SELECT true FROM candidate c WHERE c.free AND c.area_id = s.businesssectorid
                                                           AND c.dob IS NULL LIMIT 1) AS some_unknown
                    FROM businesssector s
                    JOIN model m ON m.area1_id = least(s.businesssectorid, its_area)
                                AND m.area2_id = greatest(s.businesssectorid, its_area)
                    OFFSET 0) e) t -- OFFSET 0: each value is looked up once, not once a mention
        CROSS JOIN (SELECT o.overlap, array_agg(o.skill_set_id) AS skill_set_ids
                    FROM (SELECT s.skill_set_id, (SELECT count(*) FROM unnest(s.skills) AS k
                                                  WHERE k = ANY (its_skills)) AS overlap
                          FROM skill_set s) o
                    GROUP BY o.overlap) g
        WHERE t.age_part IS NOT NULL
        ORDER BY bound DESC
    LOOP
        EXIT WHEN best_rating >= level.bound;
        SELECT x.mentor_id, level.skill_part + level.by_age * coalesce(age_difference(its_dob, x.dob), 0) + level.base
        INTO found_id, found_rating
        FROM unnest(level.skill_set_ids) AS s (id)
        CROSS JOIN LATERAL (
            (SELECT c.mentor_id, c.dob FROM candidate c
             WHERE c.free AND c.area_id = level.area_id AND c.skill_set_id = s.id AND c.dob IS NOT NULL
               AND level.by_age >= 0 ORDER BY c.dob LIMIT 1)
            UNION ALL
            (SELECT c.mentor_id, c.dob FROM candidate c
             WHERE c.free AND c.area_id = level.area_id AND c.skill_set_id = s.id AND c.dob IS NOT NULL
               AND level.by_age < 0 ORDER BY c.dob DESC LIMIT 1)
            UNION ALL
            (SELECT c.mentor_id, c.dob FROM candidate c
             WHERE c.free AND c.area_id = level.area_id AND c.skill_set_id = s.id AND c.dob IS NULL
               AND level.some_unknown LIMIT 1)) x
        ORDER BY 2 DESC LIMIT 1;
        IF found_rating > best_rating OR best_rating IS NULL THEN
            best_id := found_id;
            best_rating := found_rating;
        END IF;
    END LOOP;
    SELECT c.* INTO best FROM candidate c WHERE c.mentor_id = best_id;
    RETURN best;
END $$;

-- The mentor an unmatched mentee gets; NULLs: none qualifies. Whether that still holds is to be seen under
-- the lock.
CREATE OR REPLACE FUNCTION svcd.best_candidate(its_mentee_id integer) RETURNS candidate LANGUAGE plpgsql AS $$
DECLARE
    its_area integer;
    its_dob date;
    areas_without_model integer[];
BEGIN
    SELECT a.businesssectorid, a.dob INTO its_area, its_dob
    FROM mentee e JOIN account a ON a.accountid = e.accountid WHERE e.menteeid = its_mentee_id;
    areas_without_model := ARRAY(
        SELECT s.businesssectorid FROM businesssector s
        WHERE s.businesssectorid <> its_area
          AND NOT EXISTS (SELECT FROM model m WHERE m.area1_id = least(s.businesssectorid, its_area)
                                                AND m.area2_id = greatest(s.businesssectorid, its_area))
          AND EXISTS (SELECT FROM candidate c WHERE c.free AND c.area_id = s.businesssectorid));
    IF cardinality(areas_without_model) > 0 THEN
        RETURN random_candidate(areas_without_model);
    END IF;
    RETURN predicted_candidate(its_mentee_id, its_area, its_dob);
END $$;

-- Gives an unmatched mentee the best mentor there is and returns its id; NULL: none qualifies. The caller
-- holds the locks on matching and on the mentee.
CREATE OR REPLACE FUNCTION svcd.assign_mentor(its_mentee_id integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    best candidate;
    assigned integer;
BEGIN
    LOOP
        best := best_candidate(its_mentee_id);
        IF best.mentor_id IS NULL THEN
            RETURN NULL;
        END IF;
        BEGIN
            PERFORM FROM candidate c
            WHERE c.mentor_id = best.mentor_id AND c.free AND c.area_id = best.area_id
              AND c.skill_set_id = best.skill_set_id AND c.dob IS NOT DISTINCT FROM best.dob
            FOR NO KEY UPDATE;
            IF FOUND THEN
                EXIT;
            END IF;
            -- Full or changed meanwhile. Leaving the block by an exception gives the lock back to those
            -- behind.
            RAISE SQLSTATE 'SV001' USING MESSAGE = 'the candidate has changed';
        EXCEPTION WHEN SQLSTATE 'SV001' THEN
            NULL;
        END;
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
