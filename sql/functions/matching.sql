-- SPDX-License-Identifier: MIT
-- Finds a mentor for a mentee. The rule: a mentor qualifies who is in another business area and has a free
-- place. If for some who qualify there is no model of the two areas, one of these is taken at random; else the
-- mentor with the highest predicted rating.

-- In years; NULL if a date of birth is not known.
CREATE OR REPLACE FUNCTION svcd.age_difference(mentee_dob date, mentor_dob date) RETURNS integer LANGUAGE sql IMMUTABLE
RETURN CASE WHEN isfinite(mentee_dob) AND isfinite(mentor_dob)
            THEN round((mentee_dob - mentor_dob) / 365.0::double precision)::integer END;

CREATE OR REPLACE FUNCTION svcd.skill_overlap(mentor_id integer, mentee_id integer) RETURNS integer LANGUAGE sql STABLE
RETURN (SELECT count(DISTINCT r.skillid)::integer
        FROM public.mentorskill r JOIN public.menteeskill e ON e.skillid = r.skillid
        WHERE r.mentorid = mentor_id AND e.menteeid = mentee_id);

-- Usable models: the Python backend may have stored NaN.
CREATE OR REPLACE VIEW svcd.model AS
SELECT m.businessarea1id AS area1_id, m.businessarea2id AS area2_id, m.skilloverlapcoefficient AS by_skill,
       m.agedifferencecoefficient AS by_age, m.modeloffset AS base
FROM public.ratingmodel m
WHERE m.skilloverlapcoefficient BETWEEN -1e100 AND 1e100 AND m.agedifferencecoefficient BETWEEN -1e100 AND 1e100
  AND m.modeloffset BETWEEN -1e100 AND 1e100;

-- A free mentor of these areas, all equally likely, by rejection sampling. Every mentor has a fixed random lot
-- from 0 to 1. The lots are cut into blocks of equal width. An area, a block and a place from 0 to 63 in it are
-- drawn until there is a mentor at that place. So all have the same chance, as long as no block holds more than
-- 64; in the area with the most mentors it holds 16 on average.
CREATE OR REPLACE FUNCTION svcd.random_candidate(area_ids integer[]) RETURNS candidate LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
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
    -- Each area has fewer than 64 free mentors, or no draw hit one.
    SELECT c.* INTO drawn FROM candidate c WHERE c.free AND c.area_id = ANY (area_ids) ORDER BY random() LIMIT 1;
    RETURN drawn;
END $$;

-- The largest combination of skills for which a list of svcd.offer is looked up. With many skills only single ones, because
-- the number of combinations grows too fast.
CREATE OR REPLACE FUNCTION svcd.list_depth(skills integer[]) RETURNS integer LANGUAGE sql IMMUTABLE
RETURN CASE WHEN cardinality(skills) <= 16 THEN 3 ELSE 1 END;

-- The lists that hold the mentors with a skill in common with the mentee, and the list of all mentors.
CREATE OR REPLACE FUNCTION svcd.lists(skills integer[])
RETURNS TABLE (skill1 integer, skill2 integer, skill3 integer, size integer) LANGUAGE sql IMMUTABLE ROWS 10 AS $$
SELECT c.* FROM svcd.choices(CASE WHEN svcd.list_depth(skills) = 3 THEN skills ELSE '{}' END) c
UNION ALL
SELECT a, 0, 0, 1 FROM unnest(CASE WHEN svcd.list_depth(skills) = 1 THEN skills END) a
$$;

-- The mentor with the highest predicted rating; every area with free mentors has a model.
--
-- svcd.offer lists, by age, the free mentors of an area who have a certain combination of skills (up to three). If common
-- skills raise the rating, a list is searched for each combination of the mentee's skills; if they lower it, only the list
-- for the empty combination. In a list for fewer than three skills the first mentor is the best: one with more skills in
-- common is also in the list of a larger combination. Only a list whose mentors may have other numbers of skills in common
-- than its combination (it is `open`) is walked through.
-- Every list has an upper bound: the rating of its first mentor with the best overlap possible in it, which is no more than
-- the most skills that a free mentor of the area has. Lists are searched from the highest bound down, until none left could
-- beat the best mentor found.
--
-- So the cost depends on the number of areas and of the mentee's skills, and on the number of mentors only where open lists
-- are walked: for mentees with more than three skills, while the best rating found is below the bound. Where common skills
-- lower the rating, that walk ends with the first mentor who has none of them.
CREATE OR REPLACE FUNCTION svcd.predicted_candidate(its_mentee_id integer, its_area integer, its_dob date)
RETURNS candidate LANGUAGE plpgsql STABLE
    SET search_path = svcd, public, pg_temp AS $$
DECLARE
    its_skills integer[] := ARRAY(SELECT DISTINCT k.skillid FROM menteeskill k
                                  WHERE k.menteeid = its_mentee_id AND k.skillid > 0 ORDER BY k.skillid);
    depth integer := list_depth(its_skills);
    list record;
    entry record;
    best_id integer;
    best_rating double precision;
    best candidate;
BEGIN
    FOR list IN
        SELECT m.area_id, m.by_skill, m.by_age, m.base, c.skill1, c.skill2, c.skill3, h.mentor_id, h.dob, o.open, o.overlap,
               m.by_skill * o.overlap + m.by_age * coalesce(age_difference(its_dob, h.dob), 0) + m.base AS bound
        FROM (SELECT s.businesssectorid AS area_id, m.by_skill, m.by_age, m.base,
                     (SELECT true FROM offer f WHERE f.area_id = s.businesssectorid AND f.skill1 = 0 AND f.skill2 = 0
                                                 AND f.skill3 = 0 AND f.dob IS NULL LIMIT 1) AS some_unknown,
                     (SELECT cardinality(c.skills) FROM candidate c WHERE c.free AND c.area_id = s.businesssectorid
                      ORDER BY cardinality(c.skills) DESC LIMIT 1) AS most_skills
              FROM businesssector s
              JOIN model m ON m.area1_id = least(s.businesssectorid, its_area)
                          AND m.area2_id = greatest(s.businesssectorid, its_area)
              OFFSET 0) m -- OFFSET 0: looked up once an area
        JOIN lists(its_skills) c ON m.by_skill >= 0 OR c.size = 0
        CROSS JOIN LATERAL (
            SELECT t.open, CASE WHEN NOT t.open THEN c.size
                                WHEN m.by_skill >= 0 THEN least(cardinality(its_skills), m.most_skills)
                                ELSE 0 END AS overlap
            FROM (SELECT CASE WHEN m.by_skill >= 0 THEN c.size = depth AND cardinality(its_skills) > depth
                              ELSE cardinality(its_skills) > 0 END AS open) t) o
        CROSS JOIN LATERAL (
            (SELECT f.mentor_id, f.dob FROM offer f
             WHERE f.area_id = m.area_id AND f.skill1 = c.skill1 AND f.skill2 = c.skill2 AND f.skill3 = c.skill3
               AND f.dob IS NOT NULL AND m.by_age >= 0 ORDER BY f.dob LIMIT 1)
            UNION ALL
            (SELECT f.mentor_id, f.dob FROM offer f
             WHERE f.area_id = m.area_id AND f.skill1 = c.skill1 AND f.skill2 = c.skill2 AND f.skill3 = c.skill3
               AND f.dob IS NOT NULL AND m.by_age < 0 ORDER BY f.dob DESC LIMIT 1)
            UNION ALL
            (SELECT f.mentor_id, f.dob FROM offer f
             WHERE f.area_id = m.area_id AND f.skill1 = c.skill1 AND f.skill2 = c.skill2 AND f.skill3 = c.skill3
               AND f.dob IS NULL AND m.some_unknown LIMIT 1)) h
        ORDER BY bound DESC
    LOOP
        EXIT WHEN best_rating >= list.bound;
        IF NOT list.open THEN
            best_id := list.mentor_id;
            EXIT;
        END IF;
        FOR entry IN
            SELECT w.mentor_id, list.by_age * coalesce(age_difference(its_dob, w.dob), 0) AS age_part,
                   (SELECT count(*) FROM unnest(w.skills) k WHERE k = ANY (its_skills)) AS overlap
            FROM ((SELECT f.mentor_id, f.dob, c.skills FROM offer f JOIN candidate c ON c.mentor_id = f.mentor_id
                   WHERE f.area_id = list.area_id AND f.skill1 = list.skill1 AND f.skill2 = list.skill2
                     AND f.skill3 = list.skill3 AND f.dob IS NOT NULL AND list.dob IS NOT NULL AND list.by_age >= 0
                   ORDER BY f.dob)
                  UNION ALL
                  (SELECT f.mentor_id, f.dob, c.skills FROM offer f JOIN candidate c ON c.mentor_id = f.mentor_id
                   WHERE f.area_id = list.area_id AND f.skill1 = list.skill1 AND f.skill2 = list.skill2
                     AND f.skill3 = list.skill3 AND f.dob IS NOT NULL AND list.dob IS NOT NULL AND list.by_age < 0
                   ORDER BY f.dob DESC)
                  UNION ALL
                  (SELECT f.mentor_id, f.dob, c.skills FROM offer f JOIN candidate c ON c.mentor_id = f.mentor_id
                   WHERE f.area_id = list.area_id AND f.skill1 = list.skill1 AND f.skill2 = list.skill2
                     AND f.skill3 = list.skill3 AND f.dob IS NULL AND list.dob IS NULL)) w
        LOOP
            EXIT WHEN best_rating >= list.by_skill * list.overlap + entry.age_part + list.base;
            IF best_rating IS NULL OR list.by_skill * entry.overlap + entry.age_part + list.base > best_rating THEN
                best_id := entry.mentor_id;
                best_rating := list.by_skill * entry.overlap + entry.age_part + list.base;
            END IF;
        END LOOP;
    END LOOP;
    SELECT c.* INTO best FROM candidate c WHERE c.mentor_id = best_id;
    RETURN best;
END $$;

-- The mentor for an unmatched mentee; NULLs: none qualifies. Takes no lock: the caller must check under the
-- lock that the candidate has not changed.
CREATE OR REPLACE FUNCTION svcd.best_candidate(its_mentee_id integer) RETURNS candidate LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
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
CREATE OR REPLACE FUNCTION svcd.assign_mentor(its_mentee_id integer) RETURNS integer LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
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
              AND c.skills = best.skills AND c.dob IS NOT DISTINCT FROM best.dob
            FOR NO KEY UPDATE;
            IF FOUND THEN
                EXIT;
            END IF;
            -- Full or changed meanwhile. Leaving the block by an exception releases the row lock, for the
            -- transactions that wait for it.
            RAISE SQLSTATE 'SV001' USING MESSAGE = 'the candidate has changed';
        EXCEPTION WHEN SQLSTATE 'SV001' THEN
            NULL;
        END;
    END LOOP;
    INSERT INTO assignment (mentorid, menteeid) VALUES (best.mentor_id, its_mentee_id)
    ON CONFLICT (menteeid) DO NOTHING;
    -- On a conflict the Python backend, which takes no locks, has assigned a mentor first.
    SELECT a.mentorid INTO assigned FROM assignment a WHERE a.menteeid = its_mentee_id;
    RETURN assigned;
END $$;

CREATE OR REPLACE FUNCTION svcd.try_match(account_id bigint, OUT outcome text, OUT mentor_account_id bigint,
                                          OUT mentor_name text)
LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
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
