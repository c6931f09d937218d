-- SPDX-License-Identifier: MIT
-- The order in which svcd's statements take locks. Each is one transaction; whoever takes these in this
-- order, from top to bottom, waits for nobody who waits for him.
--
--   1. account    the row. FOR UPDATE by whoever changes it, FOR SHARE by whoever adds a profile to it.
--   2. matching   advisory lock. Shared: a mentee is being matched. Exclusive: an account moves to another
--                 business area; a move may take places of many mentors, a match those of one only, so they
--                 exclude each other. Nobody who holds it waits for an account.
--   3. mentee     the row. FOR NO KEY UPDATE by whoever matches it (a move need not: every match waits for it).
--   4. assignment the row. FOR KEY SHARE by whoever hangs a meeting or feedback on it, so that it is not
--                 dissolved meanwhile; by its deletion.
--   5. candidate  svcd.candidate's row, the mentor's places, skills and area. By every change of these (triggers),
--                 and by a match, which locks the best, looks whether it still is what it was, and if not gives
--                 it back before it turns to the next best.
--   6. whatever unique and exclusion constraints make writers of equal keys wait for.
--
-- A lock does not refresh the snapshot of the statement that takes it, hence plpgsql: lock in one statement,
-- look in the next. Should two transactions deadlock nevertheless (others may write without these rules),
-- PostgreSQL aborts one of them whole, and it may be run again.

CREATE OR REPLACE FUNCTION svcd.lock_matching_shared() RETURNS void LANGUAGE sql
RETURN pg_advisory_xact_lock_shared(1937138532, 1);

CREATE OR REPLACE FUNCTION svcd.lock_matching() RETURNS void LANGUAGE sql
RETURN pg_advisory_xact_lock(1937138532, 1);
