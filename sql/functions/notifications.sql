-- SPDX-License-Identifier: MIT
-- The wording of every notification, and nothing else. Times are UTC.

CREATE OR REPLACE FUNCTION svcd.meeting_notification(other_name text, start timestamp, duration integer) RETURNS text
LANGUAGE sql STABLE
RETURN format('A meeting with %s is planned for %s UTC. It takes %s minutes.',
              coalesce(other_name, 'your counterpart'), to_char(start, 'YYYY-MM-DD HH24:MI'), duration);

CREATE OR REPLACE FUNCTION svcd.workshop_notification(skill text, start timestamp, duration integer) RETURNS text
LANGUAGE sql STABLE
RETURN format('A workshop on %s is planned for %s UTC. It takes %s minutes.',
              skill, to_char(start, 'YYYY-MM-DD HH24:MI'), duration);

-- To a mentee whose assignment a move dissolved; new_mentor_name NULL: none found.
CREATE OR REPLACE FUNCTION svcd.lost_mentor_notification(mover_name text, area_name text, new_mentor_name text)
RETURNS text LANGUAGE sql STABLE
RETURN format('%s moved to the business area %s, so you and your mentor are now in the same one and your mentoring has ended. ',
              coalesce(mover_name, 'One of you'), coalesce(area_name, 'of the other'))
    || coalesce('Your new mentor is ' || new_mentor_name || '.', 'No new mentor was found for you.');

-- A mentee's part of lost_mentees_notification; new_mentor_name NULL: none found.
CREATE OR REPLACE FUNCTION svcd.lost_mentee(mentee_name text, new_mentor_name text) RETURNS text LANGUAGE sql STABLE
RETURN coalesce(mentee_name, 'a mentee')
    || coalesce(' (new mentor: ' || new_mentor_name || ')', ' (no new mentor was found)');

-- To a mentor of whom a move dissolved some assignments.
CREATE OR REPLACE FUNCTION svcd.lost_mentees_notification(mover_name text, area_name text, lost_mentees text)
RETURNS text LANGUAGE sql STABLE
RETURN format('%s moved to the business area %s, so your mentoring has ended of: %s.',
              coalesce(mover_name, 'One of you'), coalesce(area_name, 'of the other'), lost_mentees);

-- To a mentor who has a skill that so many mentees without a mentor want to learn.
CREATE OR REPLACE FUNCTION svcd.workshop_suggestion(skill text, mentees bigint) RETURNS text LANGUAGE sql STABLE
RETURN format('%s mentees without a mentor want to learn %s. Would you hold a workshop on it?',
              mentees, coalesce(skill, 'a skill that you teach'));
