-- SPDX-License-Identifier: MIT
-- The answers of writes that came with an idempotency-key: a row for each write, by the transaction that did it. Whoever
-- comes again with the key within a day is answered by it.

CREATE TABLE svcd.kept_answer (
    id bytea,                       -- a digest of method, caller and key
    step integer,                   -- of the writes of one call, from 1
    digest bytea NOT NULL,          -- of the request without its secrets
    before bytea NOT NULL,          -- a number of its own; what the call had read before this write, and the write's name
    rows bytea NOT NULL,            -- what the write returned, each as record_send() has it
    answer bytea,                   -- instead: the reply of a call that did not come to a write
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, step)
);

CREATE INDEX kept_answer_at ON svcd.kept_answer (at);
