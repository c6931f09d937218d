-- SPDX-License-Identifier: MIT
-- Optional: three roles that may each do what they must. Run it with psql on the database, as a superuser, or as a role that may create
-- roles and owns the database and what is in it (it becomes a member of svcd_owner); after the first `svcd migrate`, or before and
-- after it. Objects of later migrations get their grants when they are created; running it again changes nothing.
--
--     psql -d mentoring -f sql/roles.sql
--
--   svcd_owner     owns schema svcd and the tables; whoever is a member of it runs `svcd migrate`, which then works as svcd_owner
--   svcd_runtime   serves: reads and writes rows, runs svcd's functions; it creates, alters, drops and truncates nothing, and
--                  reads stored password hashes by svcd's functions only
--   svcd_readonly  reads all but password hashes: for reports
--
-- None of them can log in: make one that can a member (CREATE ROLE svcd LOGIN PASSWORD '...' IN ROLE svcd_runtime).

\set ON_ERROR_STOP on
BEGIN;

DO $$
DECLARE
    wanted text;
    of_public CONSTANT text[] := '{skill,businesssector,account,mentor,mentee,mentorskill,menteeskill,assignment,meeting,workshop,'
        'mentormessage,menteemessage,milestone,mentorfeedback,menteefeedback,developmentfeedback,websitefeedback,ratingmodel,'
        'pendingratingfeedback,pendingtextfeedback}';
    its record;
BEGIN
    FOREACH wanted IN ARRAY '{svcd_owner,svcd_runtime,svcd_readonly}'::text[] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
    IF NOT pg_has_role('svcd_owner', 'USAGE') THEN
        EXECUTE format('GRANT svcd_owner TO %I', current_user);
    END IF;
    -- Roles that only serve or read need no temporary tables.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CREATE, CONNECT, TEMPORARY ON DATABASE %I TO svcd_owner', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO svcd_runtime, svcd_readonly', current_database());
    GRANT USAGE, CREATE ON SCHEMA public TO svcd_owner;
    GRANT USAGE ON SCHEMA public TO svcd_runtime, svcd_readonly;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = 'svcd') THEN
        CREATE SCHEMA svcd AUTHORIZATION svcd_owner;
    END IF;
    ALTER SCHEMA svcd OWNER TO svcd_owner;
    GRANT USAGE ON SCHEMA svcd TO svcd_runtime, svcd_readonly;

    FOR its IN
        SELECT c.oid::regclass AS name, c.relkind, n.nspname, c.relname
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND (d.deptype = 'e' OR d.deptype IN ('a', 'i') AND c.relkind = 'S'))
          AND (n.nspname = 'svcd' OR n.nspname = 'public' AND c.relname = ANY (of_public))
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO svcd_owner',
                       CASE its.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, its.name);
        CONTINUE WHEN its.relkind = 'S';
        EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, svcd_runtime, svcd_readonly', its.name);
        IF its.relname <> 'account' THEN
            EXECUTE format('GRANT SELECT ON %s TO svcd_runtime, svcd_readonly', its.name);
        END IF;
        IF its.relkind <> 'v' AND its.relname <> 'migration' THEN
            EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO svcd_runtime', its.name);
        END IF;
    END LOOP;
    IF to_regclass('public.account') IS NOT NULL THEN
        GRANT SELECT (accountid, name, email, dob, businesssectorid) ON public.account TO svcd_runtime, svcd_readonly;
    END IF;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public, svcd TO svcd_runtime;

    FOR its IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'svcd' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO svcd_owner', its.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', its.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO svcd_runtime', its.name);
    END LOOP;
END $$;

-- For objects that later migrations create.
ALTER DEFAULT PRIVILEGES FOR ROLE svcd_owner IN SCHEMA svcd GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO svcd_runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE svcd_owner IN SCHEMA svcd GRANT SELECT ON TABLES TO svcd_readonly;
ALTER DEFAULT PRIVILEGES FOR ROLE svcd_owner IN SCHEMA svcd GRANT USAGE, SELECT ON SEQUENCES TO svcd_runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE svcd_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE svcd_owner IN SCHEMA svcd GRANT EXECUTE ON FUNCTIONS TO svcd_runtime;

COMMIT;
