-- SPDX-License-Identifier: MIT
-- Statements of the account service.

-- name: ping
-- Whether the database answers.
-- returns: one
-- column: ok integer
-- lane: read
SELECT 1 AS ok;

-- name: login_credentials
-- The account with an e-mail (compared exactly), and its stored password hash.
-- param: email text
-- returns: optional
-- column: account_id bigint
-- column: password_hash bytea null
-- lane: read
SELECT c.account_id, c.password_hash FROM login_credentials(:email) c;

-- name: renew_password_hash
-- Replaces a stored password hash, if it is still the old one. Fails instead of waiting for a lock.
-- param: account_id bigint
-- param: old_hash bytea
-- param: new_hash bytea
-- returns: one
-- column: renewed boolean
-- lane: write
-- key: account_id
SELECT renew_password_hash(:account_id, :old_hash, :new_hash) AS renewed;

-- name: list_business_areas
-- Every business area, by id.
-- returns: many
-- column: id bigint
-- column: name text null
-- lane: read, standby
SELECT b.businesssectorid::bigint AS id, b.name::text AS name FROM businesssector b ORDER BY b.businesssectorid;

-- name: list_skills
-- Every skill, by id.
-- returns: many
-- column: id bigint
-- column: name text null
-- lane: read, standby
SELECT s.skillid::bigint AS id, s.name::text AS name FROM skill s ORDER BY s.skillid;

-- name: register_user
-- Creates an account; account_id is NULL if the e-mail is taken or the area does not exist.
-- param: name text
-- param: email text
-- param: password_hash bytea
-- param: date_of_birth date
-- param: business_area_id bigint
-- returns: one
-- column: account_id bigint null
-- lane: write
-- key: email
WITH area AS (
    SELECT b.businesssectorid FROM businesssector b
    WHERE b.businesssectorid = :business_area_id
      AND NOT EXISTS (SELECT FROM account a WHERE a.email = :email)
    FOR KEY SHARE OF b
), stored AS (
    INSERT INTO account (name, email, passwordhash, dob, businesssectorid)
    SELECT :name, :email, :password_hash, :date_of_birth, area.businesssectorid FROM area
    ON CONFLICT (email) DO NOTHING
    RETURNING accountid
)
SELECT (SELECT s.accountid FROM stored s)::bigint AS account_id;

-- name: registration_is_refused
-- Whether the e-mail is taken or the area does not exist. Run for invalid requests: false takes precedence over INVALID_ARGUMENT.
-- row: refusal
-- param: email text
-- param: business_area_id bigint
-- returns: one
-- column: refused boolean
-- lane: read
SELECT EXISTS (SELECT FROM account a WHERE a.email = :email)
       OR NOT EXISTS (SELECT FROM businesssector b WHERE b.businesssectorid = :business_area_id) AS refused;

-- name: account_profiles
-- Which profiles an account has. An account that does not exist has none.
-- param: account_id bigint
-- returns: one
-- column: is_mentor boolean
-- column: is_mentee boolean
-- lane: read, standby
SELECT EXISTS (SELECT FROM mentor m WHERE m.accountid = :account_id) AS is_mentor,
       EXISTS (SELECT FROM mentee e WHERE e.accountid = :account_id) AS is_mentee;

-- name: mentee_notifications
-- row: notification
-- All messages to an account's mentee profile, oldest first.
-- param: account_id bigint
-- returns: many
-- column: message text null
-- lane: read, standby
SELECT n.message::text AS message
FROM mentee e JOIN menteemessage n ON n.menteeid = e.menteeid
WHERE e.accountid = :account_id
ORDER BY n.menteemessageid;

-- name: mentor_notifications
-- row: notification
-- All messages to an account's mentor profile, oldest first.
-- param: account_id bigint
-- returns: many
-- column: message text null
-- lane: read, standby
SELECT n.message::text AS message
FROM mentor m JOIN mentormessage n ON n.mentorid = m.mentorid
WHERE m.accountid = :account_id
ORDER BY n.mentormessageid;

-- name: register_mentee
-- row: signup
-- Gives an account a mentee profile with these skills, by name. With no_skill, detail is the first name that is not a skill.
-- param: account_id bigint
-- param: skills text[]
-- returns: one
-- column: outcome enum(done, already, no_account, no_skill)
-- column: detail text null
-- lane: write
-- key: account_id
SELECT r.outcome, r.detail FROM register_profile(false, :account_id, :skills) r;

-- name: register_mentor
-- row: signup
-- The same as register_mentee for a mentor profile.
-- param: account_id bigint
-- param: skills text[]
-- returns: one
-- column: outcome enum(done, already, no_account, no_skill)
-- column: detail text null
-- lane: write
-- key: account_id
SELECT r.outcome, r.detail FROM register_profile(true, :account_id, :skills) r;

-- name: signup_is_refused
-- Whether the account already has that profile. Run for invalid requests: false takes precedence over INVALID_ARGUMENT.
-- row: refusal
-- param: account_id bigint
-- param: is_mentor boolean
-- returns: one
-- column: refused boolean
-- lane: read
SELECT CASE WHEN :is_mentor THEN EXISTS (SELECT FROM mentor m WHERE m.accountid = :account_id)
            ELSE EXISTS (SELECT FROM mentee e WHERE e.accountid = :account_id) END AS refused;

-- name: update_profile
-- Changes the account's e-mail and area (NULL: unchanged) and the profile's skills (empty: unchanged), all or nothing.
-- A new area ends the assignments with people in that area. Their mentees are matched again, and all who lost one are notified.
-- param: account_id bigint
-- param: is_mentor boolean
-- param: new_email text null
-- param: new_area_id bigint null
-- param: skills bigint[]
-- returns: one
-- column: success boolean
-- lane: write
-- key: account_id
SELECT update_profile(:account_id, :is_mentor, :new_email, :new_area_id, :skills) AS success;

-- name: update_is_refused
-- Whether update_profile would return false. Run for invalid requests: false takes precedence over INVALID_ARGUMENT.
-- row: refusal
-- param: account_id bigint
-- param: is_mentor boolean
-- param: new_email text null
-- param: new_area_id bigint null
-- param: skills bigint[]
-- returns: one
-- column: refused boolean
-- lane: read
SELECT update_is_refused(:account_id, :is_mentor, :new_email, :new_area_id, :skills) AS refused;
