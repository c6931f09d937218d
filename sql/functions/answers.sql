-- SPDX-License-Identifier: MIT
-- Stored answers of calls with an idempotency key. For each statement that writes, tools/sqlgen makes a second one that also
-- inserts into kept_answer, as its last step. So a repeated call waits until the first has ended, and then violates its unique key.

-- How long answers are stored.
CREATE OR REPLACE FUNCTION svcd.answers_are_kept_for() RETURNS interval LANGUAGE sql IMMUTABLE
RETURN interval '24 hours';

-- Removes at most `most` answers that are too old; returns how many. Locked rows are left for the next time.
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

-- The job has removed them before, in many transactions; this one only records how many (input).
CREATE OR REPLACE FUNCTION svcd.job_forget_answers(input json) RETURNS bigint LANGUAGE sql
RETURN (input #>> '{}')::bigint;
