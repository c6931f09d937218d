-- SPDX-License-Identifier: MIT
-- The most skills that a free mentor of an area has: no overlap is larger (sql/functions/matching.sql).

CREATE INDEX candidate_skills ON svcd.candidate (area_id, cardinality(skills)) WHERE free;
