-- SPDX-License-Identifier: MIT
-- Schedules meetings and workshops, notifies the people concerned, and finds the next ones. Exclusion constraints ensure that
-- no two of an assignment, or of a skill, overlap: of several scheduled at once one is stored, the others wait for it and
-- store nothing.

-- outcome: done | overlap | no_profile | no_mentor
CREATE OR REPLACE FUNCTION svcd.schedule_meeting(account_id bigint, starts timestamp, minutes integer, its_link text,
                                                 OUT outcome text)
LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
DECLARE
    pair record;
BEGIN
    SELECT a.assignmentid, a.mentorid, a.menteeid INTO pair
    FROM mentee e JOIN assignment a ON a.menteeid = e.menteeid
    WHERE e.accountid = account_id FOR KEY SHARE OF a;
    IF NOT FOUND THEN
        outcome := CASE WHEN EXISTS (SELECT FROM mentee e WHERE e.accountid = account_id)
                        THEN 'no_mentor' ELSE 'no_profile' END;
        RETURN;
    END IF;
    INSERT INTO meeting (assignmentid, link, start, duration) VALUES (pair.assignmentid, its_link, starts, minutes)
    ON CONFLICT ON CONSTRAINT svcd_no_overlapping_meetings DO NOTHING;
    IF NOT FOUND THEN
        outcome := 'overlap';
        RETURN;
    END IF;
    INSERT INTO menteemessage (menteeid, message)
    SELECT pair.menteeid, meeting_notification(a.name, starts, minutes)
    FROM mentor m LEFT JOIN account a ON a.accountid = m.accountid WHERE m.mentorid = pair.mentorid;
    INSERT INTO mentormessage (mentorid, message)
    SELECT pair.mentorid, meeting_notification(a.name, starts, minutes)
    FROM account a WHERE a.accountid = account_id AND pair.mentorid IS NOT NULL;
    outcome := 'done';
END $$;

-- outcome: done | overlap | no_skill. Names need not be unique: the oldest skill of the name is meant.
CREATE OR REPLACE FUNCTION svcd.schedule_workshop(skill_name text, starts timestamp, minutes integer, its_link text,
                                                  OUT outcome text)
LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
DECLARE
    its_skill_id integer;
    notification text := workshop_notification(skill_name, starts, minutes);
BEGIN
    SELECT s.skillid INTO its_skill_id FROM skill s WHERE s.name = skill_name ORDER BY s.skillid LIMIT 1 FOR KEY SHARE;
    IF NOT FOUND THEN
        outcome := 'no_skill';
        RETURN;
    END IF;
    INSERT INTO workshop (skillid, link, start, duration) VALUES (its_skill_id, its_link, starts, minutes)
    ON CONFLICT ON CONSTRAINT svcd_no_overlapping_workshops DO NOTHING;
    IF NOT FOUND THEN
        outcome := 'overlap';
        RETURN;
    END IF;
    INSERT INTO mentormessage (mentorid, message)
    SELECT DISTINCT k.mentorid, notification FROM mentorskill k
    WHERE k.skillid = its_skill_id AND k.mentorid IS NOT NULL;
    INSERT INTO menteemessage (menteeid, message)
    SELECT DISTINCT k.menteeid, notification FROM menteeskill k
    WHERE k.skillid = its_skill_id AND k.menteeid IS NOT NULL;
    outcome := 'done';
END $$;

-- The five earliest that have not ended. As no two overlap, those are the five that end first, which an index has in
-- order. Written so that PostgreSQL can inline them into calling statements: hence schema names instead of SET search_path.
CREATE OR REPLACE FUNCTION svcd.next_meetings(assignment_id integer) RETURNS SETOF public.meeting LANGUAGE sql STABLE AS $$
    SELECT t.* FROM public.meeting t
    WHERE t.assignmentid = assignment_id AND t.start + t.duration * interval '1 minute' > now() AT TIME ZONE 'UTC'
    ORDER BY t.start + t.duration * interval '1 minute' LIMIT 5
$$;

CREATE OR REPLACE FUNCTION svcd.next_workshops(skill_id integer) RETURNS SETOF public.workshop LANGUAGE sql STABLE AS $$
    SELECT t.* FROM public.workshop t
    WHERE t.skillid = skill_id AND t.start + t.duration * interval '1 minute' > now() AT TIME ZONE 'UTC'
    ORDER BY t.start + t.duration * interval '1 minute' LIMIT 5
$$;
