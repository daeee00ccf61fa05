-- One row, one JSON document: sqlplan's catalogue struct. Everything is read from pg_catalog in one snapshot.
WITH ns AS (SELECT current_schema()::regnamespace::oid AS oid),
rel AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relkind, coalesce(pg_partition_root(c.oid)::oid, c.oid) AS root
    FROM pg_class c
    WHERE c.relnamespace = (SELECT oid FROM ns) AND c.relkind IN ('r', 'p', 'm', 'f')
),
-- A partition is represented by its root; one whose root lives in another schema stands for itself.
own AS MATERIALIZED (
    SELECT rel.oid, rel.relname, rel.relkind FROM rel WHERE rel.root = rel.oid OR rel.root NOT IN (SELECT oid FROM rel)
),
member AS MATERIALIZED (
    SELECT own.oid AS root, own.oid FROM own WHERE own.relkind <> 'p'
    UNION ALL
    SELECT own.oid, t.relid::oid FROM own, LATERAL pg_partition_tree(own.oid) t WHERE own.relkind = 'p'
),
foreign_key AS (
    SELECT k.*, coalesce(pg_partition_root(k.conrelid)::oid, k.conrelid) AS child,
        coalesce(pg_partition_root(k.confrelid)::oid, k.confrelid) AS parent
    FROM pg_constraint k
    WHERE k.contype = 'f' AND k.conparentid = 0
        AND (k.conrelid IN (SELECT oid FROM member) OR k.confrelid IN (SELECT oid FROM member))
)
SELECT json_build_object(
    'Schema', current_schema(),
    'Namespace', (SELECT oid::int8 FROM ns),
    'Fingerprint', /*fingerprint*/ '',
    'Tables', (SELECT coalesce(json_agg(json_build_object(
        'OID', own.oid::int8,
        'Name', own.relname,
        'Kind', own.relkind,
        'Extension', EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = own.oid AND d.deptype = 'e'),
        'Hidden', row_security_active(own.oid),
        'Rules', (SELECT coalesce(json_agg(r.rulename ORDER BY r.rulename), '[]') FROM pg_rewrite r JOIN member m ON m.oid = r.ev_class
            WHERE m.root = own.oid AND r.ev_type = '4'),
        'Triggers', (SELECT coalesce(json_agg(t.tgname ORDER BY t.tgname), '[]') FROM pg_trigger t JOIN member m ON m.oid = t.tgrelid
            WHERE m.root = own.oid AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgtype & 8 <> 0),
        'Columns', (SELECT coalesce(json_agg(json_build_object('Name', a.attname, 'NotNull', a.attnotnull,
                'True', a.attgenerated = 's' AND pg_get_expr(d.adbin, d.adrelid) = 'true') ORDER BY a.attnum), '[]')
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = own.oid AND a.attnum > 0 AND NOT a.attisdropped),
        'Indexes', (SELECT coalesce(json_agg(json_build_object(
                'Columns', (SELECT json_agg(coalesce(a.attname, '') ORDER BY n.place)
                    FROM unnest(i.indkey::int2[]) WITH ORDINALITY n(attnum, place)
                    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.attnum AND n.attnum > 0
                    WHERE n.place <= i.indnkeyatts),
                'NotNullOnly', coalesce(part.column_name, ''),
                'Partial', i.indpred IS NOT NULL AND part.column_name IS NULL) ORDER BY i.indexrelid), '[]')
            FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam
            LEFT JOIN LATERAL (SELECT a.attname AS column_name FROM pg_attribute a
                WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
                    AND pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname)) part ON true
            WHERE i.indrelid = own.oid AND i.indisvalid AND am.amname IN ('btree', 'hash')),
        'Leaves', (SELECT coalesce(json_agg(json_build_object('OID', c.oid::int8, 'Schema', c.relnamespace::regnamespace::name,
                'Name', c.relname) ORDER BY c.relnamespace::regnamespace::name, c.relname), '[]')
            FROM member m JOIN pg_class c ON c.oid = m.oid WHERE m.root = own.oid AND c.relkind <> 'p')
    ) ORDER BY own.relname), '[]') FROM own),
    'Keys', (SELECT coalesce(json_agg(json_build_object(
        'Name', k.conname,
        'Child', k.child::int8,
        'ChildSchema', child.relnamespace::regnamespace::name,
        'ChildName', child.relname,
        'Parent', k.parent::int8,
        'ParentName', parent.relname,
        'Columns', (SELECT json_agg(a.attname ORDER BY n.place)
            FROM unnest(k.conkey) WITH ORDINALITY n(attnum, place)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.attnum),
        'ParentColumns', (SELECT json_agg(a.attname ORDER BY n.place)
            FROM unnest(k.confkey) WITH ORDINALITY n(attnum, place)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.attnum),
        'OnDelete', k.confdeltype,
        'Nullable', (SELECT bool_or(NOT a.attnotnull) FROM pg_attribute a
            WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)),
        'Valid', k.convalidated
    ) ORDER BY k.conname, child.relname), '[]')
        FROM foreign_key k JOIN pg_class child ON child.oid = k.child JOIN pg_class parent ON parent.oid = k.parent)
)
