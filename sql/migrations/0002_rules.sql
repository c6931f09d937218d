-- SPDX-License-Identifier: MIT
-- Rules the database itself enforces, whoever writes: one profile of a kind an account, one mentor a mentee,
-- at most five mentees a mentor (kept by 0004_candidates.sql), one rating a side, one model a pair of areas,
-- no overlapping meetings of an assignment or workshops on a skill. Rows that break a rule are named, and
-- nothing is changed.

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA svcd;

-- Writers wait until this migration is through, so what the checks below saw is what the constraints will
-- see.
LOCK TABLE public.mentor, public.mentee, public.assignment, public.mentorfeedback, public.menteefeedback,
    public.ratingmodel, public.meeting, public.workshop IN SHARE ROW EXCLUSIVE MODE;

DO $$
DECLARE
    rule record;
    broken text;
    report text := '';
BEGIN
    FOR rule IN SELECT * FROM (VALUES
        ('an account has at most one mentor profile', 'Delete all but one of each account''s mentor rows.',
         $q$SELECT format('account %s: mentors %s', accountid, string_agg(mentorid::text, ', ' ORDER BY mentorid))
            FROM public.mentor WHERE accountid IS NOT NULL GROUP BY accountid HAVING count(*) > 1$q$),
        ('an account has at most one mentee profile', 'Delete all but one of each account''s mentee rows.',
         $q$SELECT format('account %s: mentees %s', accountid, string_agg(menteeid::text, ', ' ORDER BY menteeid))
            FROM public.mentee WHERE accountid IS NOT NULL GROUP BY accountid HAVING count(*) > 1$q$),
        ('a mentee has at most one mentor', 'Delete all but one of each mentee''s assignment rows.',
         $q$SELECT format('mentee %s: assignments %s', menteeid,
                          string_agg(assignmentid::text, ', ' ORDER BY assignmentid))
            FROM public.assignment WHERE menteeid IS NOT NULL GROUP BY menteeid HAVING count(*) > 1$q$),
        ('a mentor has at most five mentees', 'Delete all but five of each mentor''s assignment rows.',
         $q$SELECT format('mentor %s: assignments %s', mentorid,
                          string_agg(assignmentid::text, ', ' ORDER BY assignmentid))
            FROM public.assignment WHERE mentorid IS NOT NULL GROUP BY mentorid HAVING count(*) > 5$q$),
        ('an assignment''s mentor is rated at most once',
         'Delete all but one of each assignment''s mentorfeedback rows.',
         $q$SELECT format('assignment %s: mentorfeedback %s', assignmentid,
                          string_agg(mentorfeedbackid::text, ', ' ORDER BY mentorfeedbackid))
            FROM public.mentorfeedback WHERE assignmentid IS NOT NULL GROUP BY assignmentid HAVING count(*) > 1$q$),
        ('an assignment''s mentee is rated at most once',
         'Delete all but one of each assignment''s menteefeedback rows.',
         $q$SELECT format('assignment %s: menteefeedback %s', assignmentid,
                          string_agg(menteefeedbackid::text, ', ' ORDER BY menteefeedbackid))
            FROM public.menteefeedback WHERE assignmentid IS NOT NULL GROUP BY assignmentid HAVING count(*) > 1$q$),
        ('a pair of business areas has at most one model', 'Delete all but one of each pair''s ratingmodel rows.',
         $q$SELECT format('areas %s and %s: %s models', businessarea1id, businessarea2id, count(*))
            FROM public.ratingmodel WHERE businessarea1id IS NOT NULL AND businessarea2id IS NOT NULL
            GROUP BY businessarea1id, businessarea2id HAVING count(*) > 1$q$),
        ('meetings of an assignment do not overlap', 'Delete or move one of each two overlapping meeting rows.',
         $q$SELECT format('assignment %s: meeting %s begins before an earlier one ends', assignmentid, meetingid)
            FROM (SELECT assignmentid, meetingid, start, max(start + duration * interval '1 minute') OVER (
                             PARTITION BY assignmentid ORDER BY start, meetingid
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until
                  FROM public.meeting WHERE assignmentid IS NOT NULL AND start IS NOT NULL AND duration > 0) m
            WHERE start < busy_until$q$),
        ('workshops on a skill do not overlap', 'Delete or move one of each two overlapping workshop rows.',
         $q$SELECT format('skill %s: workshop %s begins before an earlier one ends', skillid, workshopid)
            FROM (SELECT skillid, workshopid, start, max(start + duration * interval '1 minute') OVER (
                             PARTITION BY skillid ORDER BY start, workshopid
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until
                  FROM public.workshop WHERE skillid IS NOT NULL AND start IS NOT NULL AND duration > 0) w
            WHERE start < busy_until$q$)
    ) AS r(says, remedy, query)
    LOOP
        EXECUTE format('SELECT string_agg(b.line, ''; '') || CASE WHEN count(*) > 50 THEN ''; and more'' ELSE '''' END
                        FROM (SELECT q.format AS line FROM (%s) q LIMIT 51) b', rule.query) INTO broken;
        IF broken IS NOT NULL THEN
            report := report || format(E'\n- %s. Broken by %s. %s', rule.says, broken, rule.remedy);
        END IF;
    END LOOP;
    IF report <> '' THEN
        RAISE EXCEPTION 'rows that break the rules below must be put right first; nothing was changed%', report
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

ALTER TABLE public.mentor ADD CONSTRAINT svcd_one_mentor_profile UNIQUE (accountid);
ALTER TABLE public.mentee ADD CONSTRAINT svcd_one_mentee_profile UNIQUE (accountid);
ALTER TABLE public.assignment ADD CONSTRAINT svcd_one_mentor_a_mentee UNIQUE (menteeid);
ALTER TABLE public.mentorfeedback ADD CONSTRAINT svcd_one_rating_of_the_mentor UNIQUE (assignmentid);
ALTER TABLE public.menteefeedback ADD CONSTRAINT svcd_one_rating_of_the_mentee UNIQUE (assignmentid);
ALTER TABLE public.ratingmodel ADD CONSTRAINT svcd_one_model_a_pair UNIQUE (businessarea1id, businessarea2id);

-- Old rows may lack a start or last no time at all: they overlap nothing.
ALTER TABLE public.meeting ADD CONSTRAINT svcd_no_overlapping_meetings EXCLUDE USING gist
    (assignmentid WITH =, tsrange(start, start + duration * interval '1 minute') WITH &&)
    WHERE (start IS NOT NULL AND duration > 0);
ALTER TABLE public.workshop ADD CONSTRAINT svcd_no_overlapping_workshops EXCLUDE USING gist
    (skillid WITH =, tsrange(start, start + duration * interval '1 minute') WITH &&)
    WHERE (start IS NOT NULL AND duration > 0);
