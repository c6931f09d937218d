-- SPDX-License-Identifier: MIT
-- Statements that the pool runs on its own behalf, on its control connections.

-- name: cancel_backend
-- Cancels the statement of a backend, if the pid still belongs to that backend. A commit that waits for a synchronous standby is
-- cancelled only if even_committing, because its outcome is then unknown to the caller. No row: nothing was cancelled.
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

-- name: backend_works
-- What the statement of this backend does: it runs, as far as the machine lets it, or it sleeps, or an extension of the server waits
-- in it, as for another server. No row: it waits for the disk, for a lock or for its client.
-- param: pid integer
-- param: started_us bigint
-- returns: optional
-- column: sleeps boolean
-- lane: control
SELECT s.wait_event IS NOT NULL AS sleeps
FROM pg_stat_get_activity(:pid) s
WHERE (extract(epoch FROM s.backend_start) * 1000000)::bigint = :started_us
  AND s.state = 'active'
  AND (s.wait_event IS NULL OR s.wait_event = 'PgSleep' OR s.wait_event_type = 'Extension');

-- name: server_position
-- Whether the server is a standby, and its position in the write-ahead log: of a primary its timeline and how far it has
-- flushed (with synchronous_commit off: inserted), of a standby how far it has replayed.
-- The column began is the LSN at which the first timeline after :after began; 0 if not all timelines since are known.
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
-- Records the timeline on which this server, a primary, writes. Does not wait for synchronous standbys: they will replicate it.
-- param: timeline integer
-- returns: none
-- lane: control
INSERT INTO svcd.timeline (timeline, began_lsn)
SELECT :timeline, pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint
WHERE set_config('synchronous_commit', 'local', true) = 'local'
ON CONFLICT DO NOTHING;

-- name: applied_migrations
-- Migrations and functions that have been applied to the database.
-- returns: many
-- column: name text
-- column: checksum text
-- lane: control
SELECT m.name, m.checksum FROM svcd.migration m ORDER BY m.name;

-- name: hidden_tables
-- Tables with rows that row-level security may hide from this role: no policy lets it see, change and delete them all. Svcd would
-- answer as if such rows were not there.
-- returns: many
-- column: name text
-- lane: control
SELECT c.oid::regclass::text AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname = 'svcd' OR n.nspname = 'public' AND c.relname = ANY ('{skill,businesssector,account,mentor,mentee,mentorskill,
       menteeskill,assignment,meeting,workshop,mentormessage,menteemessage,milestone,mentorfeedback,menteefeedback,
       developmentfeedback,websitefeedback,ratingmodel,pendingratingfeedback,pendingtextfeedback}'))
  AND c.relkind IN ('r', 'p') AND row_security_active(c.oid)
  AND EXISTS (SELECT FROM unnest('{r,w,d}'::text[]) AS command (letter)
              WHERE (SELECT bool_or(p.polpermissive AND p.is_for_all) AND bool_and(p.polpermissive OR p.is_for_all)
                     FROM (SELECT pol.polpermissive, pg_get_expr(pol.polqual, pol.polrelid) = 'true' AS is_for_all
                           FROM pg_policy pol
                           WHERE pol.polrelid = c.oid AND pol.polcmd::text IN ('*', command.letter)
                             AND EXISTS (SELECT FROM unnest(pol.polroles) AS r (oid)
                                         WHERE r.oid = 0 OR pg_has_role(r.oid, 'USAGE'))) p) IS NOT TRUE)
ORDER BY 1;
