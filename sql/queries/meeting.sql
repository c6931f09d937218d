-- SPDX-License-Identifier: MIT
-- Statements of the meeting service.

-- name: mentee_appointments
-- row: appointment
-- The mentee's 5 earliest meetings (name: the mentor's) and workshops on its skills that have not ended.
-- param: account_id bigint
-- returns: many
-- column: is_workshop boolean
-- column: name text null
-- column: start timestamp
-- column: duration integer
-- column: skill text null
-- column: link text null
-- lane: read, standby
SELECT p.is_workshop, p.name, p.start, p.duration, p.skill, p.link
FROM (
    SELECT false AS is_workshop, a.name::text AS name, g.start, g.duration, NULL::text AS skill, g.link::text AS link,
           g.meetingid AS id
    FROM mentee p
    JOIN assignment x ON x.menteeid = p.menteeid
    LEFT JOIN mentor o ON o.mentorid = x.mentorid
    LEFT JOIN account a ON a.accountid = o.accountid
    CROSS JOIN LATERAL next_meetings(x.assignmentid) g
    WHERE p.accountid = :account_id
    UNION ALL
    SELECT true, NULL, w.start, w.duration, s.name::text, w.link::text, w.workshopid
    FROM (SELECT DISTINCT y.skillid FROM mentee p JOIN menteeskill y ON y.menteeid = p.menteeid
          WHERE p.accountid = :account_id) mine
    JOIN skill s ON s.skillid = mine.skillid
    CROSS JOIN LATERAL next_workshops(s.skillid) w
) p
ORDER BY p.start, p.is_workshop, p.id
LIMIT 5;

-- name: mentor_appointments
-- row: appointment
-- The mentor's 5 earliest meetings (name: the mentee's) and workshops on its skills that have not ended.
-- param: account_id bigint
-- returns: many
-- column: is_workshop boolean
-- column: name text null
-- column: start timestamp
-- column: duration integer
-- column: skill text null
-- column: link text null
-- lane: read, standby
SELECT p.is_workshop, p.name, p.start, p.duration, p.skill, p.link
FROM (
    SELECT false AS is_workshop, a.name::text AS name, g.start, g.duration, NULL::text AS skill, g.link::text AS link,
           g.meetingid AS id
    FROM mentor p
    JOIN assignment x ON x.mentorid = p.mentorid
    LEFT JOIN mentee o ON o.menteeid = x.menteeid
    LEFT JOIN account a ON a.accountid = o.accountid
    CROSS JOIN LATERAL next_meetings(x.assignmentid) g
    WHERE p.accountid = :account_id
    UNION ALL
    SELECT true, NULL, w.start, w.duration, s.name::text, w.link::text, w.workshopid
    FROM (SELECT DISTINCT y.skillid FROM mentor p JOIN mentorskill y ON y.mentorid = p.mentorid
          WHERE p.accountid = :account_id) mine
    JOIN skill s ON s.skillid = mine.skillid
    CROSS JOIN LATERAL next_workshops(s.skillid) w
) p
ORDER BY p.start, p.is_workshop, p.id
LIMIT 5;

-- name: open_plans
-- The mentee's uncompleted plans of action, by id.
-- param: account_id bigint
-- returns: many
-- column: id bigint
-- column: content text null
-- lane: read, standby
SELECT p.milestoneid::bigint AS id, p.content::text AS content
FROM mentee e JOIN milestone p ON p.menteeid = e.menteeid
WHERE e.accountid = :account_id AND p.completed IS NOT TRUE
ORDER BY p.milestoneid;

-- name: toggle_plan
-- Marks a plan of action as completed or reopens it; no row if there is no such plan.
-- param: plan_id bigint
-- returns: optional
-- column: id bigint
-- lane: write
-- key: plan_id
UPDATE milestone p SET completed = p.completed IS NOT TRUE WHERE p.milestoneid = :plan_id
RETURNING p.milestoneid::bigint AS id;

-- name: create_plan
-- Stores a plan of action; no row if the account has no mentee profile.
-- param: account_id bigint
-- param: content text
-- returns: optional
-- column: id bigint
-- column: content text
-- lane: insert
-- key: account_id
INSERT INTO milestone (menteeid, content, completed)
SELECT e.menteeid, :content, false FROM mentee e WHERE e.accountid = :account_id
RETURNING milestoneid::bigint AS id, content::text AS content;

-- name: plan_is_refused
-- Whether the account has no mentee profile. Run for invalid requests: false takes precedence over INVALID_ARGUMENT.
-- row: refusal
-- param: account_id bigint
-- returns: one
-- column: refused boolean
-- lane: read
SELECT NOT EXISTS (SELECT FROM mentee e WHERE e.accountid = :account_id) AS refused;

-- name: schedule_meeting
-- Schedules a meeting of a mentee and its mentor, and notifies both.
-- param: account_id bigint
-- param: start timestamp
-- param: duration integer
-- param: link text
-- returns: one
-- column: outcome enum(done, overlap, no_profile, no_mentor)
-- lane: write
-- key: account_id
SELECT schedule_meeting(:account_id, :start, :duration, :link) AS outcome;

-- name: schedule_workshop
-- Schedules a workshop on a skill, and notifies every mentor and mentee who has that skill.
-- param: skill text
-- param: start timestamp
-- param: duration integer
-- param: link text
-- returns: one
-- column: outcome enum(done, overlap, no_skill)
-- lane: write
-- key: skill
SELECT schedule_workshop(:skill, :start, :duration, :link) AS outcome;

-- name: meeting_overlaps
-- Whether a meeting would overlap another one of the mentee's. Run for invalid requests: false takes precedence over INVALID_ARGUMENT.
-- row: refusal
-- param: account_id bigint
-- param: start timestamp
-- param: duration integer
-- returns: one
-- column: refused boolean
-- lane: read
SELECT EXISTS (
    SELECT FROM mentee e JOIN assignment a ON a.menteeid = e.menteeid JOIN meeting m ON m.assignmentid = a.assignmentid
    WHERE e.accountid = :account_id AND m.start IS NOT NULL AND m.duration > 0
      AND tsrange(m.start, m.start + m.duration * interval '1 minute')
          && tsrange(:start, :start + greatest(:duration, 0) * interval '1 minute')) AS refused;

-- name: workshop_overlaps
-- Whether a workshop would overlap another one on the skill. Run for invalid requests: false takes precedence over INVALID_ARGUMENT.
-- row: refusal
-- param: skill text
-- param: start timestamp
-- param: duration integer
-- returns: one
-- column: refused boolean
-- lane: read
SELECT EXISTS (
    SELECT FROM workshop w
    WHERE w.skillid = (SELECT s.skillid FROM skill s WHERE s.name = :skill ORDER BY s.skillid LIMIT 1)
      AND w.start IS NOT NULL AND w.duration > 0
      AND tsrange(w.start, w.start + w.duration * interval '1 minute')
          && tsrange(:start, :start + greatest(:duration, 0) * interval '1 minute')) AS refused;
