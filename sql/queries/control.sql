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

-- name: server_position
-- Whether the server is a standby, and how far it is: as a primary the timeline it writes on and where that ends, as a
-- standby up to where it has replayed (and timeline 0). Without fsync at commit the end of what was written counts.
-- returns: one
-- column: in_recovery boolean
-- column: timeline integer
-- column: lsn bigint
-- lane: control
SELECT r.in_recovery,
       CASE WHEN r.in_recovery THEN 0
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer END AS timeline,
       pg_wal_lsn_diff(CASE WHEN r.in_recovery THEN pg_last_wal_replay_lsn()
                            WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn()
                            ELSE pg_current_wal_flush_lsn() END, '0/0')::bigint AS lsn
FROM (SELECT pg_is_in_recovery() AS in_recovery) r;
