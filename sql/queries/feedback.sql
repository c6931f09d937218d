-- SPDX-License-Identifier: MIT
-- Statements of the feedback service.

-- name: add_feedback_on_mentor
-- Stores the rating of an assignment's mentor as given, and queues a sample for the model of the two areas
-- unless both areas are the same or a date of birth is unknown.
-- row: rating
-- param: mentor_account_id bigint
-- param: mentee_account_id bigint
-- param: rating double precision
-- returns: one
-- column: outcome enum(done, already, not_assigned)
-- lane: write
-- key: mentee_account_id
WITH pair AS (
    SELECT x.assignmentid, x.mentorid, x.menteeid, mentor.businesssectorid AS mentor_area,
           mentee.businesssectorid AS mentee_area, age_difference(mentee.dob, mentor.dob) AS age_difference
    FROM mentor m
    JOIN account mentor ON mentor.accountid = m.accountid
    JOIN assignment x ON x.mentorid = m.mentorid
    JOIN mentee e ON e.menteeid = x.menteeid
    JOIN account mentee ON mentee.accountid = e.accountid
    WHERE m.accountid = :mentor_account_id AND e.accountid = :mentee_account_id
    FOR KEY SHARE OF x
), stored AS (
    INSERT INTO mentorfeedback (assignmentid, rating)
    SELECT pair.assignmentid, :rating FROM pair
    WHERE NOT EXISTS (SELECT FROM mentorfeedback f WHERE f.assignmentid = pair.assignmentid)
    ON CONFLICT (assignmentid) DO NOTHING
    RETURNING assignmentid, rating
), sample AS (
    INSERT INTO pendingratingfeedback (businessarea1id, businessarea2id, skilloverlap, agedifference, rating)
    SELECT least(mentor_area, mentee_area), greatest(mentor_area, mentee_area), skill_overlap(mentorid, menteeid),
           age_difference, stored.rating
    FROM pair JOIN stored ON stored.assignmentid = pair.assignmentid
    WHERE mentor_area <> mentee_area AND age_difference IS NOT NULL
)
SELECT CASE WHEN EXISTS (SELECT FROM stored) THEN 'done'
            WHEN EXISTS (SELECT FROM pair) THEN 'already' ELSE 'not_assigned' END AS outcome;

-- name: add_feedback_on_mentee
-- Stores the rating of an assignment's mentee as given, and queues a sample for the model of the two areas
-- unless both areas are the same or a date of birth is unknown.
-- row: rating
-- param: mentor_account_id bigint
-- param: mentee_account_id bigint
-- param: rating double precision
-- returns: one
-- column: outcome enum(done, already, not_assigned)
-- lane: write
-- key: mentee_account_id
WITH pair AS (
    SELECT x.assignmentid, x.mentorid, x.menteeid, mentor.businesssectorid AS mentor_area,
           mentee.businesssectorid AS mentee_area, age_difference(mentee.dob, mentor.dob) AS age_difference
    FROM mentor m
    JOIN account mentor ON mentor.accountid = m.accountid
    JOIN assignment x ON x.mentorid = m.mentorid
    JOIN mentee e ON e.menteeid = x.menteeid
    JOIN account mentee ON mentee.accountid = e.accountid
    WHERE m.accountid = :mentor_account_id AND e.accountid = :mentee_account_id
    FOR KEY SHARE OF x
), stored AS (
    INSERT INTO menteefeedback (assignmentid, rating)
    SELECT pair.assignmentid, :rating FROM pair
    WHERE NOT EXISTS (SELECT FROM menteefeedback f WHERE f.assignmentid = pair.assignmentid)
    ON CONFLICT (assignmentid) DO NOTHING
    RETURNING assignmentid, rating
), sample AS (
    INSERT INTO pendingratingfeedback (businessarea1id, businessarea2id, skilloverlap, agedifference, rating)
    SELECT least(mentor_area, mentee_area), greatest(mentor_area, mentee_area), skill_overlap(mentorid, menteeid),
           age_difference, stored.rating
    FROM pair JOIN stored ON stored.assignmentid = pair.assignmentid
    WHERE mentor_area <> mentee_area AND age_difference IS NOT NULL
)
SELECT CASE WHEN EXISTS (SELECT FROM stored) THEN 'done'
            WHEN EXISTS (SELECT FROM pair) THEN 'already' ELSE 'not_assigned' END AS outcome;

-- name: rating_is_refused
-- Whether that side of an assignment has been rated already. Run for invalid requests: false takes precedence over INVALID_ARGUMENT.
-- row: refusal
-- param: mentor_account_id bigint
-- param: mentee_account_id bigint
-- param: of_mentor boolean
-- returns: one
-- column: refused boolean
-- lane: read
SELECT EXISTS (
    SELECT FROM mentor m
    JOIN mentee e ON e.accountid = :mentee_account_id
    JOIN assignment a ON a.mentorid = m.mentorid AND a.menteeid = e.menteeid
    WHERE m.accountid = :mentor_account_id
      AND CASE WHEN :of_mentor THEN EXISTS (SELECT FROM mentorfeedback f WHERE f.assignmentid = a.assignmentid)
               ELSE EXISTS (SELECT FROM menteefeedback f WHERE f.assignmentid = a.assignmentid) END) AS refused;

-- name: add_dev_feedback
-- Stores a message to the developers.
-- param: content text
-- returns: none
-- lane: insert
INSERT INTO websitefeedback (message) VALUES (:content);

-- name: add_prog_feedback
-- Stores feedback on the progress of an assignment.
-- param: mentor_account_id bigint
-- param: mentee_account_id bigint
-- param: content text
-- returns: one
-- column: outcome enum(done, not_assigned)
-- lane: write
-- key: mentee_account_id
WITH pair AS (
    SELECT x.assignmentid
    FROM mentor m JOIN assignment x ON x.mentorid = m.mentorid JOIN mentee e ON e.menteeid = x.menteeid
    WHERE m.accountid = :mentor_account_id AND e.accountid = :mentee_account_id
    FOR KEY SHARE OF x
), stored AS (
    INSERT INTO developmentfeedback (assignmentid, content) SELECT pair.assignmentid, :content FROM pair
    RETURNING assignmentid
)
SELECT CASE WHEN EXISTS (SELECT FROM stored) THEN 'done' ELSE 'not_assigned' END AS outcome;
