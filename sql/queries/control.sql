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
-- standby what it has replayed. Without fsync at commit the end of what was written counts, else of what was flushed.
-- Its began is where the timelines after :after began, the first of them; 0: not all of that is known.
-- param: after integer
-- returns: one
-- column: in_recovery boolean
-- column: timeline integer
-- column: lsn bigint
-- column: began bigint
-- column: is_noted boolean
-- lane: control
SELECT t.in_recovery, t.timeline,
       pg_wal_lsn_diff(CASE WHEN t.in_recovery THEN pg_last_wal_replay_lsn()
                            WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn()
                            ELSE pg_current_wal_flush_lsn() END, '0/0')::bigint AS lsn,
       coalesce((SELECT CASE WHEN count(x.began_lsn) = t.timeline - :after THEN min(x.began_lsn) END
                 FROM svcd.timeline x WHERE x.timeline > :after AND x.timeline <= t.timeline), 0) AS began,
       EXISTS (SELECT FROM svcd.timeline x WHERE x.timeline = t.timeline) AS is_noted
FROM (SELECT r.in_recovery,
             CASE WHEN r.in_recovery THEN coalesce((SELECT max(x.timeline) FROM svcd.timeline x), 0)
                  ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer END AS timeline
      FROM (SELECT pg_is_in_recovery() AS in_recovery) r) t;

-- name: note_timeline
-- Notes the timeline that this server, a primary, writes on. Waits for no standby: they learn of it in time.
-- param: timeline integer
-- returns: none
-- lane: control
INSERT INTO svcd.timeline (timeline, began_lsn)
SELECT :timeline, pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint
WHERE set_config('synchronous_commit', 'local', true) = 'local'
ON CONFLICT DO NOTHING;

-- name: applied_migrations
-- Migrations and functions that the database has.
-- returns: many
-- column: name text
-- column: checksum text
-- lane: control
SELECT m.name, m.checksum FROM svcd.migration m ORDER BY m.name;
