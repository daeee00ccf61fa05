SET search_path = public;
INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ('m1', 'x', '20240101_init', '2024-01-01');
INSERT INTO "Country" VALUES ('AT', 'Austria'), ('PT', 'Portugal');
INSERT INTO "Category" (id, "parentId", name) VALUES ('cat0', NULL, 'all'), ('cat1', 'cat0', 'food'), ('cat2', 'cat1', 'bread');
INSERT INTO "VerificationToken" VALUES ('somebody@example.invalid', 't1', '2025-01-01');
INSERT INTO "File" (id, path) VALUES ('file0', '/lost/0'), ('file1', '/lost/1');
