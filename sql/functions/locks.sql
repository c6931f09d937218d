-- SPDX-License-Identifier: MIT
-- The order in which svcd's statements take locks. Each is one transaction; whoever takes these in this order, from top
-- to bottom, waits for nobody who waits for him.
--
--   1. matching   advisory lock, shared: a mentee is being matched; exclusive: an account moves to another business area.
--                 A move may take the places of many mentors, a match only those of one, so they exclude each other.
--   2. account    the row, FOR UPDATE by whoever changes it, FOR SHARE by whoever adds a profile to it.
--   3. mentee     the row, FOR NO KEY UPDATE by whoever matches it. (A move has every match waiting: it needs none.)
--   4. candidate  svcd.candidate's row, the mentor's places, skills and area. A match locks the best, looks whether it
--                 still is what it was, and if not locks the next best while it keeps the first: nobody who would want
--                 that one can get in its way, since it is full or changed for everybody.
--   5. assignment the row, FOR KEY SHARE by whoever hangs a meeting or feedback on it, so that it is not dissolved meanwhile.
--   6. what unique and exclusion constraints make writers of equal keys wait for.
--
-- A lock does not refresh the snapshot of the statement that takes it, hence plpgsql: lock in one statement, look in the next.
-- Should two transactions deadlock nevertheless (skills of two mentors change while two mentees want both), PostgreSQL
-- aborts one of them whole, and it may be run again.

CREATE OR REPLACE FUNCTION svcd.lock_matching_shared() RETURNS void LANGUAGE sql
RETURN pg_advisory_xact_lock_shared(1937138532, 1);

CREATE OR REPLACE FUNCTION svcd.lock_matching() RETURNS void LANGUAGE sql
RETURN pg_advisory_xact_lock(1937138532, 1);
