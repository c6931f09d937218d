-- SPDX-License-Identifier: MIT
-- Answers kept for calls that come again (src/call/once.c).

-- name: kept_answers
-- What is kept under a key, in the order in which it was done.
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
-- Keeps the reply of a call that did not come to a write.
-- param: id bytea
-- param: digest bytea
-- param: before bytea
-- param: answer bytea
-- returns: none
-- lane: insert
-- keyed: no
INSERT INTO kept_answer (id, step, digest, before, rows, answer) VALUES (:id, 1, :digest, :before, '', :answer);

-- name: forget_answer
-- Forgets one that was no answer but an error, if it is still the same one.
-- param: id bytea
-- param: step integer
-- param: before bytea
-- returns: none
-- lane: insert
-- keyed: no
DELETE FROM kept_answer k WHERE k.id = :id AND k.step = :step AND k.before = :before;

-- name: forget_old_answers
-- Forgets what was kept under a key more than a day ago, so that the key is a new one.
-- param: id bytea
-- returns: none
-- lane: insert
-- keyed: no
DELETE FROM kept_answer k WHERE k.id = :id AND k.at < now() - answers_are_kept_for();
