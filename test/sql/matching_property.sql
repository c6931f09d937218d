-- SPDX-License-Identifier: MIT
-- Holds matching against a naive reference on random worlds. Load into a migrated database without accounts, then
--
--     SELECT svcd_test.check_match_worlds(worlds, seed);    compares every choice in that many worlds
--     SELECT svcd_test.check_match_uniform(mentors);        tests that a choice without model favours nobody
--
-- Both raise an exception that shows the difference, and leave no rows.

CREATE SCHEMA IF NOT EXISTS svcd_test;

-- The rule, word by word: every mentor who qualifies, whether there is a model, and its predicted rating.
CREATE OR REPLACE FUNCTION svcd_test.qualifying(its_mentee_id integer)
RETURNS TABLE (mentor_id integer, modelled boolean, rating double precision) LANGUAGE sql STABLE AS $$
SELECT m.mentorid, r.businessarea1id IS NOT NULL,
       r.skilloverlapcoefficient
           * (SELECT count(DISTINCT x.skillid) FROM public.mentorskill x JOIN public.menteeskill y ON y.skillid = x.skillid
              WHERE x.mentorid = m.mentorid AND y.menteeid = e.menteeid)
       + r.agedifferencecoefficient * coalesce(round((ea.dob - ma.dob) / 365.0::double precision), 0)
       + r.modeloffset
FROM public.mentee e
JOIN public.account ea ON ea.accountid = e.accountid
CROSS JOIN public.mentor m
JOIN public.account ma ON ma.accountid = m.accountid
LEFT JOIN public.ratingmodel r ON r.businessarea1id = least(ea.businesssectorid, ma.businesssectorid)
                              AND r.businessarea2id = greatest(ea.businesssectorid, ma.businesssectorid)
                              AND r.skilloverlapcoefficient <> 'NaN'
WHERE e.menteeid = its_mentee_id AND ea.businesssectorid <> ma.businesssectorid
  AND (SELECT count(*) FROM public.assignment a WHERE a.mentorid = m.mentorid) < 5
$$;

CREATE OR REPLACE FUNCTION svcd_test.check_choice(its_mentee_id integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    chosen integer := (svcd.best_candidate(its_mentee_id)).mentor_id;
    all_modelled boolean;
    is_right boolean;
BEGIN
    SELECT bool_and(q.modelled) INTO all_modelled FROM svcd_test.qualifying(its_mentee_id) q;
    SELECT bool_or(r.mentor_id = chosen) INTO is_right
    FROM (SELECT q.mentor_id, q.rating, max(q.rating) OVER () AS best
          FROM svcd_test.qualifying(its_mentee_id) q WHERE q.modelled = all_modelled) r
    WHERE NOT all_modelled OR r.rating = r.best;
    IF is_right IS DISTINCT FROM true AND (chosen IS NOT NULL OR all_modelled IS NOT NULL) THEN
        RAISE EXCEPTION 'mentee %: chose mentor %, who is not the best', its_mentee_id, chosen;
    END IF;
END $$;

-- That the triggers kept svcd.candidate true.
CREATE OR REPLACE FUNCTION svcd_test.check_candidates() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    WITH truth AS (
        SELECT m.mentorid, a.businesssectorid, a.dob,
               ARRAY(SELECT DISTINCT k.skillid FROM public.mentorskill k
                     WHERE k.mentorid = m.mentorid AND k.skillid IS NOT NULL ORDER BY 1) AS skills,
               (SELECT count(*) FROM public.assignment x WHERE x.mentorid = m.mentorid)::integer AS mentees
        FROM public.mentor m LEFT JOIN public.account a ON a.accountid = m.accountid
    ), kept AS (
        SELECT c.mentor_id, c.area_id, c.dob, c.skills, c.mentees FROM svcd.candidate c
    )
    SELECT string_agg(d::text, ' ') INTO wrong
    FROM ((TABLE truth EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE truth)) d;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'svcd.candidate is wrong: %', wrong;
    END IF;

    WITH truth AS (
        SELECT c.area_id, x.skill1, x.skill2, x.skill3, c.dob, c.mentor_id
        FROM svcd.candidate c CROSS JOIN LATERAL svcd.choices(c.skills) x
        WHERE c.mentees < 5 AND c.area_id IS NOT NULL
    )
    SELECT string_agg(d::text, ' ') INTO wrong
    FROM ((TABLE truth EXCEPT TABLE svcd.offer) UNION ALL (TABLE svcd.offer EXCEPT TABLE truth)) d;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'svcd.offer is wrong: %', wrong;
    END IF;
END $$;

-- Truncated, not deleted: rows deleted in this same transaction would stay in the way of every scan to come.
CREATE OR REPLACE FUNCTION svcd_test.clear_world() RETURNS void LANGUAGE plpgsql
SET client_min_messages = warning AS $$
BEGIN
    TRUNCATE public.account, public.businesssector, public.skill, public.ratingmodel CASCADE;
END $$;

-- An integer from 0 to n - 1.
CREATE OR REPLACE FUNCTION svcd_test.dice(n integer) RETURNS integer LANGUAGE sql VOLATILE
RETURN floor(random() * n)::integer;

CREATE OR REPLACE FUNCTION svcd_test.random_dob() RETURNS date LANGUAGE sql VOLATILE
RETURN CASE WHEN random() < 0.9 THEN date '1950-01-01' + svcd_test.dice(20000) END;

CREATE OR REPLACE FUNCTION svcd_test.add_people(n integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first_id integer := 1 + coalesce((SELECT max(accountid) FROM public.account), 0);
    areas integer := (SELECT max(businesssectorid) FROM public.businesssector);
    skills integer[] := ARRAY(SELECT skillid FROM public.skill);
BEGIN
    INSERT INTO public.account (accountid, name, email, dob, businesssectorid)
    SELECT i, 'account ' || i, i || '@world', svcd_test.random_dob(),
           CASE WHEN random() < 0.97 THEN 1 + svcd_test.dice(areas) END
    FROM generate_series(first_id, first_id + n - 1) i;
    INSERT INTO public.mentor (mentorid, accountid)
    SELECT accountid, accountid FROM public.account WHERE accountid >= first_id AND random() < 0.6;
    INSERT INTO public.mentee (menteeid, accountid)
    SELECT accountid, accountid FROM public.account WHERE accountid >= first_id AND random() < 0.6;
    INSERT INTO public.mentorskill (mentorid, skillid)
    SELECT m.mentorid, skills[1 + svcd_test.dice(cardinality(skills))] FROM public.mentor m,
         generate_series(1, CASE WHEN cardinality(skills) > 10 AND m.mentorid % 5 = 0 THEN 20 ELSE 7 END)
    WHERE m.mentorid >= first_id AND random() < 0.5;
    INSERT INTO public.menteeskill (menteeid, skillid)
    SELECT e.menteeid, skills[1 + svcd_test.dice(cardinality(skills))] FROM public.mentee e,
         generate_series(1, CASE WHEN cardinality(skills) > 10 AND e.menteeid % 2 = 0 THEN 60 ELSE 8 END)
    WHERE e.menteeid >= first_id AND random() < 0.6;
END $$;

-- Coefficients of either sign and zero, few enough values for ties; some NaN, as the Python backend leaves them.
CREATE OR REPLACE FUNCTION svcd_test.add_models(share double precision) RETURNS void LANGUAGE sql AS $$
INSERT INTO public.ratingmodel
SELECT a.businesssectorid, b.businesssectorid, CASE WHEN random() < 0.05 THEN 'NaN' ELSE (svcd_test.dice(6) - 2) * 0.37 END,
       (svcd_test.dice(5) - 2) * 0.031, svcd_test.dice(4) * 0.5
FROM public.businesssector a JOIN public.businesssector b ON a.businesssectorid < b.businesssectorid
WHERE random() < share
ON CONFLICT (businessarea1id, businessarea2id) DO NOTHING
$$;

-- Few areas and skills, so that ties and full mentors are common; some accounts without area or date of birth, some
-- repeated skills. In one world of five there are many skills, and some who have many of them.
CREATE OR REPLACE FUNCTION svcd_test.make_world() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM svcd_test.clear_world();
    INSERT INTO public.businesssector (businesssectorid, name)
    SELECT i, 'area ' || i FROM generate_series(1, 1 + svcd_test.dice(5)) i;
    INSERT INTO public.skill (skillid, name) SELECT i, 'skill ' || i FROM generate_series(1, CASE WHEN random() < 0.2 THEN 40 ELSE 2 + svcd_test.dice(8) END) i;
    PERFORM svcd_test.add_people(4 + svcd_test.dice(40));
    PERFORM svcd_test.add_models(least(1, random() * 2));
END $$;

CREATE OR REPLACE FUNCTION svcd_test.change_world() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    areas integer := (SELECT max(businesssectorid) FROM public.businesssector);
BEGIN
    DELETE FROM public.assignment WHERE random() < 0.4;
    UPDATE public.assignment SET mentorid = (SELECT mentor_id FROM svcd.candidate WHERE mentees = 0 LIMIT 1)
    WHERE menteeid = (SELECT min(menteeid) FROM public.assignment);
    DELETE FROM public.mentorskill WHERE random() < 0.1;
    UPDATE public.mentorskill SET skillid = (SELECT min(skillid) FROM public.skill) WHERE random() < 0.1;
    DELETE FROM public.skill WHERE random() < 0.02 AND skillid > 2;
    UPDATE public.account SET dob = svcd_test.random_dob() WHERE random() < 0.2;
    UPDATE public.account SET businesssectorid = 1 + svcd_test.dice(areas) WHERE random() < 0.2;
    DELETE FROM public.account WHERE random() < 0.1;
    DELETE FROM public.ratingmodel WHERE random() < 0.3;
    PERFORM svcd_test.add_models(random());
    PERFORM svcd_test.add_people(svcd_test.dice(8));
END $$;

CREATE OR REPLACE FUNCTION svcd_test.check_match_worlds(worlds integer, seed double precision) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    its_mentee_id integer;
BEGIN
    IF EXISTS (SELECT FROM public.account) THEN
        RAISE EXCEPTION 'this test needs a database without accounts';
    END IF;
    PERFORM setseed(seed);
    FOR world IN 1 .. worlds LOOP
        IF world % 25 = 1 THEN
            PERFORM svcd_test.make_world();
        ELSE
            PERFORM svcd_test.change_world();
        END IF;
        PERFORM svcd_test.check_candidates();
        FOR its_mentee_id IN SELECT e.menteeid FROM public.mentee e
                             WHERE NOT EXISTS (SELECT FROM public.assignment a WHERE a.menteeid = e.menteeid)
        LOOP
            PERFORM svcd_test.check_choice(its_mentee_id);
            IF random() < 0.8 THEN
                PERFORM svcd.try_match(its_mentee_id);
            END IF;
        END LOOP;
    END LOOP;
    PERFORM svcd_test.clear_world();
END $$;

-- Two areas of very different size, one mentor in five full, nobody modelled: over 25 draws a mentor the chi-squared
-- statistic lies within 5 standard deviations of its mean.
CREATE OR REPLACE FUNCTION svcd_test.check_match_uniform(mentors integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n integer;
    chi_squared double precision;
BEGIN
    IF EXISTS (SELECT FROM public.account) THEN
        RAISE EXCEPTION 'this test needs a database without accounts';
    END IF;
    PERFORM setseed(0.5); -- so that what is right once does not fail by chance
    INSERT INTO public.businesssector (businesssectorid, name) VALUES (1, 'the mentee''s'), (2, 'large'), (3, 'small');
    INSERT INTO public.account (accountid, businesssectorid)
    SELECT i, CASE WHEN i % 10 = 0 THEN 3 ELSE 2 END FROM generate_series(1, mentors) i;
    INSERT INTO public.mentor (mentorid, accountid) SELECT i, i FROM generate_series(1, mentors) i;
    INSERT INTO public.account (accountid, businesssectorid) VALUES (0, 1);
    INSERT INTO public.mentee (menteeid, accountid) VALUES (0, 0);
    INSERT INTO public.mentee (menteeid) SELECT i FROM generate_series(1, mentors) i;
    INSERT INTO public.assignment (mentorid, menteeid) SELECT i - i % 5 + 1, i FROM generate_series(1, mentors - 1) i
    WHERE i - i % 5 + 1 <= mentors;

    WITH free AS (
        SELECT c.mentor_id FROM svcd.candidate c WHERE c.free
    ), drawn AS (
        SELECT d.mentor_id, count(*) AS n
        FROM generate_series(1, 25 * (SELECT count(*) FROM free)) i
        CROSS JOIN LATERAL svcd.best_candidate(0 * i::integer) d
        GROUP BY d.mentor_id
    )
    SELECT count(*), sum((coalesce(d.n, 0) - 25) ^ 2 / 25) INTO n, chi_squared
    FROM free f LEFT JOIN drawn d ON d.mentor_id = f.mentor_id;
    IF n < 2 OR abs(chi_squared - (n - 1)) > 5 * sqrt(2 * (n - 1)) THEN
        RAISE EXCEPTION 'of % mentors some are favoured: chi-squared %', n, chi_squared;
    END IF;
    PERFORM svcd_test.clear_world();
END $$;
