-- One row, one JSON document: sqlplan's catalogue struct. Everything is read from pg_catalog in one snapshot. Each kind of
-- thing is read once for all tables and joined by the table's oid: a thousand tables take a fraction of a second.
-- $1 is the JSON list of the plan's schemas; an empty one means the current schema.
WITH RECURSIVE home AS (SELECT current_schema()::regnamespace::oid AS oid),
asked AS MATERIALIZED (
    SELECT name, place FROM json_array_elements_text($1::json) WITH ORDINALITY s(name, place)
    UNION ALL
    SELECT current_schema(), 1 WHERE json_array_length($1::json) = 0
),
ns AS MATERIALIZED (SELECT n.oid, n.nspname, asked.place FROM asked JOIN pg_namespace n ON n.nspname = asked.name),
rel AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relkind, c.relnamespace,
        CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END AS root
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p', 'm', 'f') AND (c.relnamespace IN (SELECT oid FROM ns)
        OR c.relnamespace = (SELECT oid FROM home) AND /*ours*/ false)
),
-- A partition is represented by its root; one whose root lives elsewhere stands for itself.
own AS MATERIALIZED (
    SELECT rel.oid, rel.relname, rel.relkind, rel.relnamespace, nullif(rel.root, rel.oid) AS root FROM rel
    WHERE rel.root = rel.oid OR rel.root NOT IN (SELECT oid FROM rel)
),
-- The service's own tables are what the fingerprint watches.
service AS MATERIALIZED (
    SELECT oid FROM own WHERE NOT (relnamespace = (SELECT oid FROM home) AND /*ours*/ false)
),
member AS MATERIALIZED (
    SELECT own.oid AS root, own.oid FROM own WHERE own.relkind <> 'p'
    UNION ALL
    SELECT own.oid, t.relid::oid FROM own, LATERAL pg_partition_tree(own.oid) t WHERE own.relkind = 'p'
),
foreign_key AS MATERIALIZED (
    SELECT k.*, coalesce(child.root, CASE WHEN c.relispartition THEN pg_partition_root(k.conrelid)::oid ELSE k.conrelid END) AS child,
        coalesce(parent.root, CASE WHEN p.relispartition THEN pg_partition_root(k.confrelid)::oid ELSE k.confrelid END) AS parent
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
    LEFT JOIN member child ON child.oid = k.conrelid LEFT JOIN member parent ON parent.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conparentid = 0 AND (child.oid IS NOT NULL OR parent.oid IS NOT NULL)
),
-- PostgreSQL 18 calls a column NOT NULL before it has looked at the rows that are there: such a column may hold nulls.
unproven AS MATERIALIZED (
    SELECT k.conrelid, k.conkey[1] AS attnum FROM pg_constraint k WHERE k.contype = 'n' AND NOT k.convalidated
),
key_columns AS MATERIALIZED (
    SELECT k.oid, json_agg(a.attname ORDER BY n.place) AS columns, json_agg(b.attname ORDER BY n.place) AS parent_columns,
        bool_or(NOT a.attnotnull OR (a.attrelid, a.attnum) IN (SELECT conrelid, attnum FROM unproven)) AS nullable
    FROM foreign_key k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY n(childnum, parentnum, place)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.childnum
    JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = n.parentnum
    GROUP BY k.oid
),
domain AS (
    SELECT oid, typbasetype AS base FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT domain.oid, t.typbasetype FROM domain JOIN pg_type t ON t.oid = domain.base WHERE t.typtype = 'd'
),
based AS MATERIALIZED (
    SELECT domain.oid, domain.base FROM domain JOIN pg_type t ON t.oid = domain.base WHERE t.typtype <> 'd'
),
columns AS MATERIALIZED (
    SELECT a.attrelid AS root, json_agg(json_build_object('Name', a.attname,
        'NotNull', a.attnotnull AND (a.attrelid, a.attnum) NOT IN (SELECT conrelid, attnum FROM unproven),
        'True', CASE WHEN a.attgenerated = 's' THEN pg_get_expr(d.adbin, d.adrelid) = 'true' ELSE false END,
        'Type', CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text
            ELSE t.typnamespace::regnamespace::text || '.' || t.typname END,
        'Labels', CASE WHEN t.typtype = 'e' THEN (SELECT json_agg(e.enumlabel) FROM pg_enum e WHERE e.enumtypid = t.oid) END,
        'Loose', coalesce(NOT o.collisdeterministic, false)) ORDER BY a.attnum) AS list
    FROM own JOIN pg_attribute a ON a.attrelid = own.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN based ON based.oid = a.atttypid
    JOIN pg_type t ON t.oid = coalesce(based.base, a.atttypid)
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation o ON o.oid = a.attcollation
    GROUP BY a.attrelid
),
indexes AS MATERIALIZED (
    SELECT i.indrelid AS root, json_agg(json_build_object(
        'Columns', (SELECT json_agg(coalesce(a.attname, '') ORDER BY n.place)
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY n(attnum, place)
            LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.attnum AND n.attnum > 0
            WHERE n.place <= i.indnkeyatts),
        'NotNullOnly', coalesce(part.column_name, ''),
        'Partial', i.indpred IS NOT NULL AND part.column_name IS NULL,
        'Ordered', am.amname = 'btree', 'Primary', i.indisprimary) ORDER BY i.indexrelid) AS list
    FROM own JOIN pg_index i ON i.indrelid = own.oid JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam
    LEFT JOIN LATERAL (SELECT a.attname AS column_name FROM pg_attribute a
        WHERE i.indpred IS NOT NULL AND a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
            AND pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname)) part ON true
    WHERE i.indisvalid AND am.amname IN ('btree', 'hash')
    GROUP BY i.indrelid
),
leaves AS MATERIALIZED (
    SELECT m.root, json_agg(json_build_object('OID', c.oid::int8, 'Schema', n.nspname, 'Name', c.relname, 'Kind', c.relkind)
        ORDER BY n.nspname, c.relname) AS list
    FROM member m JOIN pg_class c ON c.oid = m.oid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind <> 'p' GROUP BY m.root
),
rules AS MATERIALIZED (
    SELECT m.root, json_agg(r.rulename ORDER BY r.rulename) AS list
    FROM pg_rewrite r JOIN member m ON m.oid = r.ev_class WHERE r.ev_type = '4' GROUP BY m.root
),
triggers AS MATERIALIZED (
    SELECT m.root, json_agg(t.tgname ORDER BY t.tgname) AS list
    FROM pg_trigger t JOIN member m ON m.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgtype & 8 <> 0 GROUP BY m.root
),
-- Tables elsewhere that inherit: a query without ONLY shows their rows as the parent's.
heirs AS MATERIALIZED (
    SELECT m.root, json_agg(n.nspname || '.' || c.relname ORDER BY n.nspname, c.relname) AS list
    FROM pg_inherits h JOIN member m ON m.oid = h.inhparent JOIN pg_class c ON c.oid = h.inhrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT c.relispartition AND c.oid NOT IN (SELECT oid FROM member) GROUP BY m.root
),
extension AS MATERIALIZED (
    SELECT d.objid AS oid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
)
SELECT json_build_object(
    'Home', current_schema(),
    'Schemas', (SELECT coalesce(json_agg(asked.name ORDER BY asked.place), '[]') FROM asked),
    'Namespaces', (SELECT coalesce(json_agg(json_build_object('OID', ns.oid::int8, 'Name', ns.nspname) ORDER BY ns.place), '[]') FROM ns),
    'Fingerprint', /*fingerprint*/ '',
    'Tables', (SELECT coalesce(json_agg(json_build_object(
        'OID', own.oid::int8, 'Schema', n.nspname, 'Name', own.relname, 'Kind', own.relkind,
        'Extension', own.oid IN (SELECT oid FROM extension),
        'Denied', (SELECT coalesce(json_agg(p), '[]') FROM unnest(ARRAY['SELECT', 'DELETE', 'UPDATE']) p
            WHERE NOT has_table_privilege(own.oid, p)),
        'Stray', own.root IS NOT NULL,
        'Hidden', row_security_active(own.oid),
        'Rules', coalesce(rules.list, '[]'), 'Triggers', coalesce(triggers.list, '[]'), 'Heirs', coalesce(heirs.list, '[]'),
        'Columns', coalesce(columns.list, '[]'), 'Indexes', coalesce(indexes.list, '[]'), 'Leaves', coalesce(leaves.list, '[]')
        ) ORDER BY n.nspname, own.relname), '[]')
        FROM own JOIN pg_namespace n ON n.oid = own.relnamespace
        LEFT JOIN rules ON rules.root = own.oid LEFT JOIN triggers ON triggers.root = own.oid
        LEFT JOIN heirs ON heirs.root = own.oid LEFT JOIN columns ON columns.root = own.oid
        LEFT JOIN indexes ON indexes.root = own.oid LEFT JOIN leaves ON leaves.root = own.oid),
    'Keys', (SELECT coalesce(json_agg(json_build_object(
        'Name', k.conname,
        'Child', k.child::int8, 'ChildSchema', cn.nspname, 'ChildName', child.relname,
        'Parent', k.parent::int8, 'ParentSchema', pn.nspname, 'ParentName', parent.relname,
        'Columns', kc.columns, 'ParentColumns', kc.parent_columns,
        'OnDelete', k.confdeltype, 'Nullable', kc.nullable,
        'Valid', k.convalidated AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled IN ('D', 'R')),
        'Whole', k.child = k.conrelid AND k.parent = k.confrelid
        ) ORDER BY k.conname, cn.nspname, child.relname), '[]')
        FROM foreign_key k JOIN key_columns kc ON kc.oid = k.oid
        JOIN pg_class child ON child.oid = k.child JOIN pg_namespace cn ON cn.oid = child.relnamespace
        JOIN pg_class parent ON parent.oid = k.parent JOIN pg_namespace pn ON pn.oid = parent.relnamespace)
)
