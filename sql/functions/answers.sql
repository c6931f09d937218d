-- SPDX-License-Identifier: MIT
-- Answers kept for calls that come again. tools/sqlgen makes of each statement that writes a second one, which also inserts
-- into kept_answer, last of all that it does: so whoever comes again waits, if need be, until the first has ended, and fails by its key.

-- For how long.
CREATE OR REPLACE FUNCTION svcd.answers_are_kept_for() RETURNS interval LANGUAGE sql IMMUTABLE
RETURN interval '24 hours';

-- Removes some that are too old; returns how many. What others lock just now is left to the next time.
CREATE OR REPLACE FUNCTION svcd.forget_answers(most bigint) RETURNS bigint LANGUAGE plpgsql
    SET search_path = svcd, public, pg_temp AS $$
DECLARE
    forgotten bigint;
BEGIN
    DELETE FROM kept_answer k USING (
        SELECT o.id, o.step FROM kept_answer o
        WHERE o.at < now() - answers_are_kept_for() ORDER BY o.at LIMIT most FOR UPDATE SKIP LOCKED) old
    WHERE k.id = old.id AND k.step = old.step;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;

-- They were forgotten some at a time, a transaction each; this one only has their number.
CREATE OR REPLACE FUNCTION svcd.job_forget_answers(input json) RETURNS bigint LANGUAGE sql
RETURN (input #>> '{}')::bigint;
