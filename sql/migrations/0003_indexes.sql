-- SPDX-License-Identifier: MIT
-- An index for every lookup an RPC makes and every foreign key a cascade follows; unique ones are in
-- 0002_rules.sql.

CREATE INDEX svcd_skill_name ON public.skill (name);
CREATE INDEX svcd_account_area ON public.account (businesssectorid);
CREATE INDEX svcd_mentorskill_mentor ON public.mentorskill (mentorid, skillid);
CREATE INDEX svcd_mentorskill_skill ON public.mentorskill (skillid, mentorid);
CREATE INDEX svcd_menteeskill_mentee ON public.menteeskill (menteeid, skillid);
CREATE INDEX svcd_menteeskill_skill ON public.menteeskill (skillid, menteeid);
CREATE INDEX svcd_assignment_mentor ON public.assignment (mentorid, assignmentid);
CREATE INDEX svcd_mentormessage_mentor ON public.mentormessage (mentorid, mentormessageid);
CREATE INDEX svcd_menteemessage_mentee ON public.menteemessage (menteeid, menteemessageid);
CREATE INDEX svcd_milestone_mentee ON public.milestone (menteeid, milestoneid);
CREATE INDEX svcd_developmentfeedback_assignment ON public.developmentfeedback (assignmentid);

-- By the end: what has not ended yet is the tail of its assignment's or skill's part of the index.
CREATE INDEX svcd_meeting_end ON public.meeting (assignmentid, (start + duration * interval '1 minute'));
CREATE INDEX svcd_workshop_end ON public.workshop (skillid, (start + duration * interval '1 minute'));
