-- {tenant} is a quoted uuid, {base} begins the ids of this round's rows.
SET search_path = tracking; SET timezone = 'UTC';
INSERT INTO tenants VALUES ({tenant}, 'tenant') ON CONFLICT DO NOTHING;
INSERT INTO devices SELECT {tenant}, {base} + g, 'x1' FROM generate_series(1, 4) g;
INSERT INTO events SELECT {base} + g, timestamptz '2025-11-05' + g % 120 * interval '1 day', {tenant}, {base} + 1 + g % 4, 'click',
    jsonb_build_object('n', g) FROM generate_series(1, 240) g;
INSERT INTO event_notes SELECT {base} + id % 1000, id, at, 'note' FROM events WHERE id BETWEEN {base} AND {base} + 999 AND id % 3 = 0;
INSERT INTO event_note_readers SELECT id, r FROM event_notes, unnest(ARRAY['ann', 'bob']) r WHERE id BETWEEN {base} AND {base} + 999;
INSERT INTO metrics SELECT {base} + g, date '2025-12-15' + g % 40, (ARRAY['cpu', 'disk'])[1 + g % 2], {tenant}, g / 7.0
    FROM generate_series(1, 80) g;
INSERT INTO metric_alarms SELECT id, at, kind, n, 1 FROM metrics, generate_series(1, 2) n WHERE id BETWEEN {base} AND {base} + 999 AND id % 4 = 0;
INSERT INTO rollups SELECT {tenant}, date '2026-01-01' + g, 'round {round}', g FROM generate_series(1, 10) g;
INSERT INTO rollup_notes SELECT tenant_id, day, kind, no, 'note' FROM rollups, generate_series(1, 2) no
    WHERE tenant_id = {tenant} AND kind = 'round {round}' AND rollups.n < 4;
INSERT INTO archive.events_2024 SELECT {base} + g, timestamptz '2024-06-01' + g * interval '1 day', {tenant}, 1, 'old', '{}'
    FROM generate_series(1, 10) g;
