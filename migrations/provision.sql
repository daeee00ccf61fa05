-- Makes one role and the schema it owns; run by Provision, which passes td.role, td.verifier and td.schema as settings of
-- the transaction. Every statement may be repeated.
DO $$
DECLARE
    owner    text := current_setting('td.role');
    verifier text := current_setting('td.verifier');
    home     text := current_setting('td.schema');
    kind     text;
    name     text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = owner) THEN
        EXECUTE format('CREATE ROLE %I LOGIN NOCREATEDB NOCREATEROLE NOINHERIT', owner);
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L', owner, verifier);
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I', owner, current_database(), home);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), owner);

    -- An admin who is no superuser may only hand things to a role it is a member of.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT %I TO %I', owner, current_user);
    END IF;

    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', home, owner);
    EXECUTE format('ALTER SCHEMA %I OWNER TO %I', home, owner);
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', home);

    -- What the admin laid into the schema before is handed over. Indexes, identity sequences and row types follow their table.
    FOR kind, name IN
        SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.relname
        FROM pg_class c
        WHERE c.relnamespace = home::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relowner <> owner::regrole
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'))
    LOOP
        EXECUTE format('ALTER %s %I.%I OWNER TO %I', kind, home, name, owner);
    END LOOP;
    FOR name IN
        SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = home::regnamespace AND p.proowner <> owner::regrole
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO %I', name, owner);
    END LOOP;
END
$$;
