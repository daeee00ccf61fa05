-- Lets a role write and read the audit trail; run by GrantAudit, which passes td.role as a setting of the transaction. Number, time
-- and hash are left out: they are the trail's own.
DO $$
DECLARE
    writer text := current_setting('td.role');
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA audit TO %I', writer);
    EXECUTE format('GRANT SELECT ON audit.records, audit.chain TO %I', writer);
    EXECUTE format('GRANT INSERT (action, phase, operation, actor, on_behalf_of, token, roles, source, origin, tenant, job, about, '
        'reason, code) ON audit.records TO %I', writer);
END
$$;
