-- SPDX-License-Identifier: MIT
-- On which timelines the servers of a replicated database have written, and where each began: a standby that holds a
-- timeline's row has come at least to it, and a position on an older timeline beyond that beginning is one that was lost.

CREATE TABLE svcd.timeline (
    timeline integer PRIMARY KEY,
    began_lsn bigint,                       -- NULL: unknown
    seen_at timestamptz NOT NULL DEFAULT now()
);
