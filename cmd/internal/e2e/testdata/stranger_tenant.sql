-- One tenant of the stranger: {tenant} is its id.
INSERT INTO "Organizations" VALUES ('{tenant}', 'n'), ('elsewhere', 'n') ON CONFLICT DO NOTHING;
INSERT INTO "user" ("orgId", email) SELECT '{tenant}', 'e' FROM generate_series(1, 3);
INSERT INTO "Order" ("select", total) SELECT id, 5 FROM "user" WHERE "orgId" = '{tenant}';
INSERT INTO "order.lines" SELECT o.id, n FROM "Order" o JOIN "user" u ON u.id = o."select", generate_series(1, 2) n
    WHERE u."orgId" = '{tenant}';
INSERT INTO notes (author, body) SELECT id, 'b' FROM "user" WHERE "orgId" = '{tenant}' UNION ALL SELECT NULL, 'nobody''s';
INSERT INTO comments (subject_type, subject_id)
    SELECT 'Order', o.id FROM "Order" o JOIN "user" u ON u.id = o."select" WHERE u."orgId" = '{tenant}'
    UNION ALL SELECT 'User', id FROM "user" WHERE "orgId" = '{tenant}' UNION ALL SELECT 'Page', 1;
INSERT INTO templates (owner_org, is_system) VALUES ('{tenant}', false), ('{tenant}', true);
INSERT INTO countries VALUES ('ES') ON CONFLICT DO NOTHING;
INSERT INTO "Billing Dept"."in""voices" (payer, payee) VALUES ('{tenant}', 'elsewhere'), ('elsewhere', '{tenant}'), ('{tenant}', '{tenant}');
