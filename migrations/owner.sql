-- Makes a role as which nobody can log in and the schema it owns; run by Apply, which passes td.role and td.schema as settings of
-- the transaction. Every statement may be repeated.
DO $$
DECLARE
    owner text := current_setting('td.role');
    home  text := current_setting('td.schema');
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = owner) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOCREATEDB NOCREATEROLE NOINHERIT', owner);
    END IF;
    -- An admin who is no superuser may only act as a role it is a member of.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT %I TO %I', owner, current_user);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = home) THEN
        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', home, owner);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', home);
    END IF;
END
$$;
