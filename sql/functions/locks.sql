-- SPDX-License-Identifier: MIT
-- The order in which svcd's statements take locks. Each statement is one transaction, and takes its locks in this
-- order, from top to bottom, so that they cannot deadlock.
--
--   1. account    the row. FOR UPDATE to change it, FOR SHARE to add a profile to it.
--   2. matching   advisory lock. Shared: a mentee is being matched. Exclusive: an account moves to another
--                 business area. They exclude each other because a move takes places of many mentors, a match
--                 of one only. Whoever holds it must not wait for an account.
--   3. mentee     the row. FOR NO KEY UPDATE to match it (not in a move, which holds up every match anyway).
--   4. assignment the row. FOR KEY SHARE to add a meeting or feedback, so that it is not dissolved meanwhile; and its
--                 deletion.
--   5. candidate  the mentor's row in svcd.candidate: places, skills and area. Locked by every change of these (triggers),
--                 and by a match: it locks the best candidate and checks that it has not changed; if it has, the
--                 match releases the lock before it tries the next best.
--   6. the waits of writers of equal keys in unique and exclusion constraints.
--
-- A lock does not refresh the snapshot of the statement that takes it, hence plpgsql: lock in one statement,
-- read in the next. If two transactions deadlock nevertheless (other programs may not keep this order),
-- PostgreSQL aborts one of them, and it may be run again.

CREATE OR REPLACE FUNCTION svcd.lock_matching_shared() RETURNS void LANGUAGE sql
RETURN pg_advisory_xact_lock_shared(1937138532, 1);

CREATE OR REPLACE FUNCTION svcd.lock_matching() RETURNS void LANGUAGE sql
RETURN pg_advisory_xact_lock(1937138532, 1);
