-- SPDX-License-Identifier: MIT
-- Stored answers of calls with an idempotency key (src/call/once.c).

-- name: kept_answers
-- What is stored under a key, in the order of the call's steps.
-- param: id bytea
-- returns: many
-- column: digest bytea
-- column: before bytea
-- column: rows bytea
-- column: answer bytea null
-- lane: read
SELECT k.digest, k.before, k.rows, k.answer FROM kept_answer k
WHERE k.id = :id AND k.at >= now() - answers_are_kept_for()
ORDER BY k.step;

-- name: keep_answer
-- Stores the reply of a call that ended without a write.
-- param: id bytea
-- param: digest bytea
-- param: before bytea
-- param: answer bytea
-- returns: none
-- lane: insert
-- keyed: no
INSERT INTO kept_answer (id, step, digest, before, rows, answer) VALUES (:id, 1, :digest, :before, '', :answer);

-- name: forget_answer
-- Removes a stored answer because the call ended with an error after all, if it is still the same one.
-- param: id bytea
-- param: step integer
-- param: before bytea
-- returns: none
-- lane: insert
-- keyed: no
DELETE FROM kept_answer k WHERE k.id = :id AND k.step = :step AND k.before = :before;

-- name: forget_old_answers
-- Removes what was stored under a key more than a day ago, so that the key can be used again.
-- param: id bytea
-- returns: none
-- lane: insert
-- keyed: no
DELETE FROM kept_answer k WHERE k.id = :id AND k.at < now() - answers_are_kept_for();
