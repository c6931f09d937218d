-- SPDX-License-Identifier: MIT
-- Access to stored password hashes for a role that may not read them otherwise (sql/roles.sql).

-- The account of an e-mail, compared exactly, and its stored crypt string; no row if there is none.
CREATE OR REPLACE FUNCTION svcd.login_credentials(its_email text, OUT account_id bigint, OUT password_hash bytea)
    RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = svcd, public, pg_temp
AS $$
    SELECT a.accountid::bigint, a.passwordhash FROM account a WHERE a.email = its_email
$$;

-- Replaces a crypt string if it is still the one stored; returns whether it was. A login waits for this, so it fails soon
-- (lock_not_available) if the row or the table is locked: the next login tries again.
CREATE OR REPLACE FUNCTION svcd.renew_password_hash(account_id bigint, old_hash bytea, new_hash bytea) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = svcd, public, pg_temp SET lock_timeout = '100ms'
AS $$
    WITH renewed AS (
        UPDATE account a SET passwordhash = new_hash
        WHERE a.accountid = account_id AND a.passwordhash = old_hash
        RETURNING a.accountid
    )
    SELECT EXISTS (SELECT FROM renewed)
$$;
