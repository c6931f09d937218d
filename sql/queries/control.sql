-- SPDX-License-Identifier: MIT
-- What the pool asks the server about its own connections.

-- name: cancel_backend
-- Ends the statement of a backend, if it is still the same one; one that waits for a standby to confirm its commit only if
-- that is wanted, for then nobody knows what became of it. No row: there was nothing to end.
-- param: pid integer
-- param: started_us bigint
-- param: even_committing boolean
-- returns: optional
-- column: cancelled boolean
-- lane: control
SELECT pg_cancel_backend(s.pid) AS cancelled
FROM pg_stat_get_activity(:pid) s
WHERE (extract(epoch FROM s.backend_start) * 1000000)::bigint = :started_us
  AND (:even_committing OR s.wait_event IS DISTINCT FROM 'SyncRep');
