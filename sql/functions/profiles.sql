-- SPDX-License-Identifier: MIT
-- Mentor and mentee profiles: signing up, changing, moving to another business area.

-- outcome: done | already | no_account | no_skill (detail: the first name that is no skill's).
CREATE OR REPLACE FUNCTION svcd.register_profile(is_mentor boolean, account_id bigint, skill_names text[],
                                                 OUT outcome text, OUT detail text)
LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
DECLARE
    account_key integer;
    profile_id integer;
    skill_ids integer[];
BEGIN
    SELECT a.accountid INTO account_key FROM account a WHERE a.accountid = account_id FOR SHARE;
    IF NOT FOUND THEN
        outcome := 'no_account';
        RETURN;
    END IF;
    IF (is_mentor AND EXISTS (SELECT FROM mentor m WHERE m.accountid = account_id))
       OR (NOT is_mentor AND EXISTS (SELECT FROM mentee e WHERE e.accountid = account_id)) THEN
        outcome := 'already';
        RETURN;
    END IF;
    -- Names need not be unique: the oldest skill of a name is meant.
    SELECT array_agg(DISTINCT w.skillid), min(w.name) FILTER (WHERE w.skillid IS NULL AND w.n = w.first_missing)
    INTO skill_ids, detail
    FROM (SELECT u.name, u.n, s.skillid, min(u.n) FILTER (WHERE s.skillid IS NULL) OVER () AS first_missing
          FROM unnest(skill_names) WITH ORDINALITY AS u (name, n)
          LEFT JOIN LATERAL (SELECT k.skillid FROM skill k WHERE k.name = u.name
                             ORDER BY k.skillid LIMIT 1) s ON true) w;
    IF detail IS NOT NULL THEN
        outcome := 'no_skill';
        RETURN;
    END IF;
    IF is_mentor THEN
        INSERT INTO mentor (accountid) VALUES (account_key) ON CONFLICT (accountid) DO NOTHING
        RETURNING mentorid INTO profile_id;
        INSERT INTO mentorskill (mentorid, skillid)
        SELECT profile_id, k FROM unnest(skill_ids) AS k WHERE profile_id IS NOT NULL;
    ELSE
        INSERT INTO mentee (accountid) VALUES (account_key) ON CONFLICT (accountid) DO NOTHING
        RETURNING menteeid INTO profile_id;
        INSERT INTO menteeskill (menteeid, skillid)
        SELECT profile_id, k FROM unnest(skill_ids) AS k WHERE profile_id IS NOT NULL;
    END IF;
    outcome := CASE WHEN profile_id IS NULL THEN 'already' ELSE 'done' END;
END $$;

-- Moves an account to another business area: ends its assignments with people there, matches each mentee
-- concerned anew, and sends every profile that lost an assignment one notification. The caller holds the lock on
-- matching and on the account.
CREATE OR REPLACE FUNCTION svcd.move_account(account_key integer, new_area integer) RETURNS void LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
DECLARE
    mover text;
    area text;
    mentor_ids integer[];
    mentee_ids integer[];
    new_mentor_names text[] := '{}';
    new_mentor integer;
BEGIN
    -- Before the account is changed: others who delete an assignment also lock it first and then the mentor's
    -- candidate row.
    WITH dissolved AS (
        DELETE FROM assignment x
        WHERE x.assignmentid = ANY (ARRAY( -- each side by index; one condition for both would look at every assignment
            SELECT y.assignmentid
            FROM mentor m
            JOIN assignment y ON y.mentorid = m.mentorid
            JOIN mentee e ON e.menteeid = y.menteeid
            JOIN account its_mentee ON its_mentee.accountid = e.accountid
            WHERE m.accountid = account_key AND its_mentee.businesssectorid = new_area
            UNION
            SELECT y.assignmentid
            FROM mentee e
            JOIN assignment y ON y.menteeid = e.menteeid
            JOIN mentor m ON m.mentorid = y.mentorid
            JOIN account its_mentor ON its_mentor.accountid = m.accountid
            WHERE e.accountid = account_key AND its_mentor.businesssectorid = new_area))
        RETURNING x.assignmentid, x.mentorid, x.menteeid)
    SELECT array_agg(d.mentorid ORDER BY d.assignmentid), array_agg(d.menteeid ORDER BY d.assignmentid)
    INTO mentor_ids, mentee_ids FROM dissolved d;

    UPDATE account a SET businesssectorid = new_area WHERE a.accountid = account_key RETURNING a.name INTO mover;
    SELECT b.name INTO area FROM businesssector b WHERE b.businesssectorid = new_area;

    FOR i IN 1 .. coalesce(cardinality(mentee_ids), 0) LOOP
        new_mentor := assign_mentor(mentee_ids[i]);
        new_mentor_names[i] := (SELECT coalesce(a.name, 'mentor ' || m.mentorid)
                                FROM mentor m LEFT JOIN account a ON a.accountid = m.accountid
                                WHERE m.mentorid = new_mentor);
    END LOOP;

    INSERT INTO menteemessage (menteeid, message)
    SELECT l.mentee_id, lost_mentor_notification(mover, area, l.new_mentor_name)
    FROM unnest(mentee_ids, new_mentor_names) AS l (mentee_id, new_mentor_name);

    INSERT INTO mentormessage (mentorid, message)
    SELECT l.mentor_id, lost_mentees_notification(mover, area, string_agg(lost_mentee(a.name, l.new_mentor_name), ', ' ORDER BY l.n))
    FROM unnest(mentor_ids, mentee_ids, new_mentor_names) WITH ORDINALITY AS l (mentor_id, mentee_id, new_mentor_name, n)
    JOIN mentee e ON e.menteeid = l.mentee_id
    JOIN account a ON a.accountid = e.accountid
    GROUP BY l.mentor_id;
END $$;

CREATE OR REPLACE FUNCTION svcd.replace_skills(is_mentor boolean, profile_id integer, skills bigint[]) RETURNS void
LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
BEGIN
    IF is_mentor THEN
        DELETE FROM mentorskill k WHERE k.mentorid = profile_id AND k.skillid <> ALL (skills);
        INSERT INTO mentorskill (mentorid, skillid)
        SELECT profile_id, s.skillid FROM skill s WHERE s.skillid = ANY (skills)
        EXCEPT SELECT k.mentorid, k.skillid FROM mentorskill k WHERE k.mentorid = profile_id;
    ELSE
        DELETE FROM menteeskill k WHERE k.menteeid = profile_id AND k.skillid <> ALL (skills);
        INSERT INTO menteeskill (menteeid, skillid)
        SELECT profile_id, s.skillid FROM skill s WHERE s.skillid = ANY (skills)
        EXCEPT SELECT k.menteeid, k.skillid FROM menteeskill k WHERE k.menteeid = profile_id;
    END IF;
END $$;

-- Whether the account lacks the profile, the e-mail is empty or taken, or the area or a skill does not exist.
CREATE OR REPLACE FUNCTION svcd.update_is_refused(account_id bigint, is_mentor boolean, new_email text,
                                                  new_area_id bigint, skills bigint[]) RETURNS boolean LANGUAGE sql STABLE
    SET search_path = svcd, public, pg_temp AS $$
SELECT NOT CASE WHEN is_mentor THEN EXISTS (SELECT FROM mentor m WHERE m.accountid = account_id)
                               ELSE EXISTS (SELECT FROM mentee e WHERE e.accountid = account_id) END
    OR coalesce(new_email = '', false)
    OR EXISTS (SELECT FROM account a WHERE a.email = new_email AND a.accountid <> account_id)
    OR new_area_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM businesssector b WHERE b.businesssectorid = new_area_id)
    OR EXISTS (SELECT FROM unnest(skills) AS k WHERE NOT EXISTS (SELECT FROM skill s WHERE s.skillid = k))
$$;

-- Returns false, and changes nothing, if it is refused. A NULL e-mail or area, or an empty list of skills, stays
-- as it was.
CREATE OR REPLACE FUNCTION svcd.update_profile(account_id bigint, is_mentor boolean, new_email text,
                                               new_area_id bigint, skills bigint[]) RETURNS boolean
LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
DECLARE
    old record;
    profile_id integer;
    new_area integer;
    moves boolean;
BEGIN
    -- As text, whatever its type: cached plans that use a record's field are valid for one type only.
    SELECT a.accountid, a.email::text, a.businesssectorid INTO old FROM account a WHERE a.accountid = account_id FOR UPDATE;
    profile_id := CASE WHEN is_mentor THEN (SELECT m.mentorid FROM mentor m WHERE m.accountid = account_id)
                                      ELSE (SELECT e.menteeid FROM mentee e WHERE e.accountid = account_id) END;
    SELECT b.businesssectorid INTO new_area FROM businesssector b WHERE b.businesssectorid = new_area_id FOR KEY SHARE;
    IF update_is_refused(account_id, is_mentor, new_email, new_area_id, skills) THEN
        RETURN false;
    END IF;
    -- The e-mail first: somebody else may take it at this moment, and then nothing may have been changed yet.
    IF new_email <> old.email OR (new_email IS NOT NULL AND old.email IS NULL) THEN
        BEGIN
            UPDATE account a SET email = new_email WHERE a.accountid = old.accountid;
        EXCEPTION WHEN unique_violation THEN
            RETURN false;
        END;
    END IF;
    -- Only now: this lock holds up every match, and whoever holds it must not wait for an account.
    moves := new_area IS DISTINCT FROM old.businesssectorid AND new_area IS NOT NULL;
    IF moves THEN
        PERFORM lock_matching();
    END IF;
    IF cardinality(skills) > 0 THEN
        PERFORM replace_skills(is_mentor, profile_id, skills);
    END IF;
    IF moves THEN
        PERFORM move_account(old.accountid, new_area);
    END IF;
    RETURN true;
END $$;
