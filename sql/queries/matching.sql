-- SPDX-License-Identifier: MIT
-- Statements of the matching service.

-- name: match_state
-- Whether a mentee has a mentor; no row without a mentee profile. Run before try_match, because it takes no lock.
-- param: account_id bigint
-- returns: optional
-- column: matched boolean
-- lane: read
SELECT EXISTS (SELECT FROM assignment a WHERE a.menteeid = e.menteeid) AS matched
FROM mentee e WHERE e.accountid = :account_id;

-- name: try_match
-- Gives an unmatched mentee the best mentor.
-- param: account_id bigint
-- returns: one
-- column: outcome enum(matched, already, no_mentor, no_profile)
-- column: mentor_account_id bigint null
-- column: mentor_name text null
-- lane: write
-- key: account_id
SELECT t.outcome, t.mentor_account_id, t.mentor_name FROM try_match(:account_id) t;

-- name: matching_mentor
-- The mentee's mentor, or NULLs without a mentor; no row without a mentee profile.
-- param: account_id bigint
-- returns: optional
-- column: mentor_account_id bigint null
-- column: mentor_name text null
-- lane: read, standby
SELECT m.accountid::bigint AS mentor_account_id, a.name::text AS mentor_name
FROM mentee e
LEFT JOIN assignment x ON x.menteeid = e.menteeid
LEFT JOIN mentor m ON m.mentorid = x.mentorid
LEFT JOIN account a ON a.accountid = m.accountid
WHERE e.accountid = :account_id;

-- name: mentees_of_mentor
-- The mentor's mentees, oldest assignment first.
-- param: account_id bigint
-- returns: many
-- column: account_id bigint
-- column: name text null
-- lane: read, standby
SELECT a.accountid::bigint AS account_id, a.name::text AS name
FROM mentor m
JOIN assignment x ON x.mentorid = m.mentorid
JOIN mentee e ON e.menteeid = x.menteeid
JOIN account a ON a.accountid = e.accountid
WHERE m.accountid = :account_id
ORDER BY x.assignmentid;
