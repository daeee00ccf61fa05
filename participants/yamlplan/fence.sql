-- One row per tenant column of a table that is to be fenced: what there is already. $1 is JSON: [{"place", "schema", "table", "column"}].
-- The search_path is the participant's home.
SELECT w.place,
    c.relkind = 'p' AS partitioned,
    coalesce((SELECT a2.attname FROM pg_attribute a2 JOIN pg_attrdef d ON d.adrelid = a2.attrelid AND d.adnum = a2.attnum
        WHERE a2.attrelid = c.oid AND a2.attgenerated = 's' AND NOT a2.attisdropped AND pg_get_expr(d.adbin, d.adrelid) = 'true'
        ORDER BY a2.attnum LIMIT 1), '') AS live,
    EXISTS (SELECT FROM pg_attribute a2 WHERE a2.attrelid = c.oid AND a2.attname = 'td_live') AS taken,
    EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.convalidated
        AND k.confrelid = 'tenant_anchor'::regclass AND a.attnum = ANY (k.conkey)) AS fenced,
    EXISTS (SELECT FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam
        WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum AND am.amname = 'btree') AS indexed
FROM json_to_recordset($1::json) AS w (place int, schema text, "table" text, "column" text)
JOIN pg_namespace n ON n.nspname = w.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w."table" AND c.relkind IN ('r', 'p')
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w."column" AND NOT a.attisdropped
ORDER BY w.place
