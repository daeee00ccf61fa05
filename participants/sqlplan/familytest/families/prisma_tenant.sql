-- {tenant} is a quoted id, {base} begins the ids of this round's rows.
SET search_path = public;
INSERT INTO "Organization" (id, name, slug) VALUES ({tenant}, 'Org', {tenant}) ON CONFLICT DO NOTHING;
INSERT INTO "User" (id, email, "organizationId", role, "managerId") SELECT 'u{base}-' || g, 'u' || g || '@example.invalid', {tenant},
    (CASE WHEN g = 1 THEN 'OWNER' ELSE 'MEMBER' END)::"Role", CASE WHEN g > 1 THEN 'u{base}-1' END FROM generate_series(1, 10) g;
INSERT INTO "Profile" SELECT 'p{base}-' || g, repeat('bio ', 10), 'u{base}-' || g FROM generate_series(1, 6) g;
INSERT INTO "Account" SELECT 'a{base}-' || g, 'u{base}-' || g, 'github', md5(g::text) FROM generate_series(1, 8) g;
INSERT INTO "Session" SELECT 's{base}-' || g, md5('{base}' || g), 'u{base}-' || 1 + g % 10 FROM generate_series(1, 20) g;
INSERT INTO "Tag" SELECT 't{base}-' || g, {tenant}, 'tag ' || g FROM generate_series(1, 5) g;
INSERT INTO "Post" SELECT 'post{base}-' || g, {tenant}, CASE WHEN g % 4 > 0 THEN 'u{base}-' || 1 + g % 10 END, 'title', g % 2 = 0
    FROM generate_series(1, 20) g;
INSERT INTO "_PostToTag" SELECT 'post{base}-' || p, 't{base}-' || t FROM generate_series(1, 20) p, generate_series(1, 5) t WHERE (p + t) % 3 = 0;
INSERT INTO "group" SELECT 'g{base}-' || g, {tenant}, g, 'from' FROM generate_series(1, 3) g;
INSERT INTO "_UserTogroup" SELECT 'u{base}-' || u, 'g{base}-' || 1 + u % 3 FROM generate_series(1, 10) u;
INSERT INTO "Customer" SELECT 'c{base}-' || g, {tenant}, (ARRAY['AT', 'PT', NULL])[1 + g % 3] FROM generate_series(1, 10) g;
INSERT INTO "Order" SELECT 'o{base}-' || g, 'c{base}-' || 1 + g % 10, 'PAID', 'somebody' FROM generate_series(1, 20) g;
INSERT INTO "Category" SELECT 'cat{base}-' || g, {tenant}, CASE g WHEN 1 THEN 'cat2' ELSE 'cat{base}-' || g - 1 END, 'own' FROM generate_series(1, 3) g;
INSERT INTO "Product" SELECT 'prod{base}-' || g, {tenant}, (ARRAY['cat1', 'cat{base}-2', NULL])[1 + g % 3] FROM generate_series(1, 9) g;
INSERT INTO "OrderLine" SELECT 'o{base}-' || o, l, CASE WHEN l < 3 THEN 'prod{base}-' || l END, 1 FROM generate_series(1, 20) o, generate_series(1, 3) l;
INSERT INTO "OrderLineDiscount" SELECT 'd{base}-' || o, 'o{base}-' || o, 2, 10 FROM generate_series(1, 20) o WHERE o % 2 = 0;
INSERT INTO "File" SELECT 'f{base}-' || g, 'u{base}-' || g, '/files/' || g FROM generate_series(1, 6) g;
INSERT INTO "AuditLog" SELECT 'log{base}-' || g, {tenant}, 'u{base}-1', 'login', '{"ip": "192.0.2.1"}' FROM generate_series(1, 15) g;
