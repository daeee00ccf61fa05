-- {tenant} and {other} are quoted ids of two organizations.
SET search_path = public;
INSERT INTO "Transfer" SELECT 'x{base}-' || g, {tenant}, {other}, 100 * g FROM generate_series(1, 4) g;
