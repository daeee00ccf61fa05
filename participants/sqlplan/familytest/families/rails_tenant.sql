-- {tenant} is the organization's id, {base} begins the ids of this round's rows, {round} counts from 1.
SET search_path = public;
INSERT INTO organizations (id, name, plan) VALUES ({tenant}, 'Organization {tenant}', 'pro') ON CONFLICT DO NOTHING;
INSERT INTO users (id, organization_id, type, email, invited_by_id, deleted_at)
    SELECT {base} + g, {tenant}, (ARRAY['Admin', 'Member', 'Guest'])[1 + g % 3], 'u' || {base} + g || '@example.invalid',
        CASE WHEN g > 1 THEN {base} + g - 1 END, CASE WHEN g % 5 = 0 THEN timestamp '2025-05-05' END FROM generate_series(1, 12) g;
INSERT INTO api_keys (id, user_id, token_digest) SELECT {base} + g, {base} + g, md5(g::text) FROM generate_series(1, 12) g WHERE g % 2 = 0;
INSERT INTO projects (id, organization_id, name, deleted_at)
    SELECT {base} + g, {tenant}, 'Project ' || g, CASE WHEN g = 4 THEN timestamp '2025-05-05' END FROM generate_series(1, 4) g;
INSERT INTO memberships (id, project_id, user_id, role) SELECT {base} + 20 * p + u, {base} + p, {base} + u, 'editor'
    FROM generate_series(1, 4) p, generate_series(1, 6) u;
INSERT INTO projects_watchers SELECT {base} + p, {base} + u FROM generate_series(1, 4) p, generate_series(1, 3) u;
INSERT INTO todos (id, project_id, assignee_id, parent_id, title, deleted_at)
    SELECT {base} + g, {base} + 1 + g % 4, CASE WHEN g % 3 > 0 THEN {base} + 1 + g % 12 END, CASE WHEN g > 4 THEN {base} + g - 4 END,
        repeat('do ', 10), CASE WHEN g % 7 = 0 THEN timestamp '2025-05-05' END FROM generate_series(1, 40) g;
INSERT INTO comments (id, commentable_type, commentable_id, user_id, body)
    SELECT {base} + g, 'Todo', {base} + 1 + g % 40, {base} + 1 + g % 12, repeat('word ', 20) FROM generate_series(1, 60) g
    UNION ALL SELECT {base} + 100 + g, 'Project', {base} + 1 + g % 4, NULL, 'word' FROM generate_series(1, 10) g;
INSERT INTO reactions (id, comment_id, emoji) SELECT {base} + g, {base} + 1 + g % 60, 'thumb' FROM generate_series(1, 30) g;
INSERT INTO active_storage_blobs (id, organization_id, key, filename, byte_size)
    SELECT {base} + g, {tenant}, md5({base} + g || 'key'), 'scan-' || g || '.pdf', 1000 + g FROM generate_series(1, 8) g;
INSERT INTO active_storage_attachments (id, name, record_type, record_id, blob_id)
    SELECT {base} + g, 'scan', (ARRAY['Todo', 'User'])[1 + g % 2], {base} + g, {base} + g FROM generate_series(1, 8) g;
INSERT INTO active_storage_variant_records (id, blob_id, variation_digest)
    SELECT {base} + g, {base} + g, md5(g || 'thumb') FROM generate_series(1, 4) g;
INSERT INTO taggings (id, tag_id, taggable_type, taggable_id, tagger_type, tagger_id, context)
    SELECT {base} + g, 1 + g % 6, 'Todo', {base} + g, 'User', {base} + 1 + g % 12, 'tags' FROM generate_series(1, 20) g;
INSERT INTO versions (id, item_type, item_id, event, whodunnit, object)
    SELECT {base} + g, 'Todo', {base} + 1 + g % 40, 'update', {base} + 1, jsonb_build_object('title', 'before') FROM generate_series(1, 50) g
    UNION ALL SELECT {base} + 100 + g, 'User', {base} + 1 + g % 12, 'create', NULL, NULL FROM generate_series(1, 12) g;
INSERT INTO settings (id, organization_id, key, value) SELECT {base} + g, {tenant}, 'key-{round}-' || g, '{"on": true}' FROM generate_series(1, 3) g;
INSERT INTO webhooks (id, organization_id, url) VALUES ({base} + 1, {tenant}, 'https://hook.invalid/{tenant}');
INSERT INTO webhook_calls (id, webhook_id, answer) SELECT {base} + g, {base} + 1, '{"code": 200}' FROM generate_series(1, 6) g;
INSERT INTO notifications (id, recipient_id, actor_id, notifiable_type, notifiable_id)
    SELECT {base} + g, {base} + 1 + g % 12, {base} + 1, 'Todo', {base} + g FROM generate_series(1, 15) g;
INSERT INTO subscriptions (id, organization_id, plan) VALUES ({base} + 1, {tenant}, 'pro');
INSERT INTO invoices (id, subscription_id, cents) SELECT {base} + g, {base} + 1, 100 * g FROM generate_series(1, 6) g;
INSERT INTO invoice_lines (id, invoice_id, text) SELECT {base} + 10 * i + l, {base} + i, 'seat'
    FROM generate_series(1, 6) i, generate_series(1, 3) l;
INSERT INTO templates (id, organization_id, is_system, name) SELECT {base} + g, {tenant}, false, 'template ' || g FROM generate_series(1, 4) g;
