-- Event tables: partitions by month (two levels for one table), old ones in a schema of their own, a default partition, composite
-- keys that hold the partition column, and children that refer to them.
SET search_path = tracking;

CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE devices (tenant_id uuid NOT NULL REFERENCES tenants, id bigint NOT NULL, model text, PRIMARY KEY (tenant_id, id));

CREATE TABLE events (id bigint NOT NULL, at timestamptz NOT NULL, tenant_id uuid NOT NULL REFERENCES tenants, device_id bigint NOT NULL,
    kind text NOT NULL, body jsonb, PRIMARY KEY (id, at),
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices) PARTITION BY RANGE (at);
CREATE INDEX ON events (tenant_id, device_id);
CREATE TABLE events_2026_01 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE events_2026_02 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE archive.events_2025_11 PARTITION OF events FOR VALUES FROM ('2025-11-01') TO ('2025-12-01');
CREATE TABLE archive.events_2025_12 PARTITION OF events FOR VALUES FROM ('2025-12-01') TO ('2026-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;

CREATE TABLE event_notes (id bigint PRIMARY KEY, event_id bigint NOT NULL, event_at timestamptz NOT NULL, note text,
    FOREIGN KEY (event_id, event_at) REFERENCES events);
CREATE INDEX ON event_notes (event_id, event_at);
CREATE TABLE event_note_readers (note_id bigint NOT NULL REFERENCES event_notes, reader text NOT NULL, PRIMARY KEY (note_id, reader));

-- Two levels: by month, then by kind.
CREATE TABLE metrics (id bigint NOT NULL, at date NOT NULL, kind text NOT NULL, tenant_id uuid NOT NULL REFERENCES tenants,
    value double precision, PRIMARY KEY (id, at, kind)) PARTITION BY RANGE (at);
CREATE INDEX ON metrics (tenant_id);
CREATE TABLE metrics_2026_01 PARTITION OF metrics FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (kind);
CREATE TABLE metrics_2026_01_cpu PARTITION OF metrics_2026_01 FOR VALUES IN ('cpu');
CREATE TABLE metrics_2026_01_rest PARTITION OF metrics_2026_01 DEFAULT;
CREATE TABLE archive.metrics_2025 PARTITION OF metrics FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (kind);
CREATE TABLE archive.metrics_2025_cpu PARTITION OF archive.metrics_2025 FOR VALUES IN ('cpu');
CREATE TABLE archive.metrics_2025_rest PARTITION OF archive.metrics_2025 DEFAULT;

-- A partitioned child of a partitioned parent.
CREATE TABLE metric_alarms (metric_id bigint NOT NULL, at date NOT NULL, kind text NOT NULL, no integer NOT NULL, level integer,
    PRIMARY KEY (metric_id, at, kind, no), FOREIGN KEY (metric_id, at, kind) REFERENCES metrics) PARTITION BY HASH (metric_id, at);
CREATE TABLE metric_alarms_0 PARTITION OF metric_alarms FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE archive.metric_alarms_1 PARTITION OF metric_alarms FOR VALUES WITH (MODULUS 2, REMAINDER 1);

-- Keyed by the tenant and the day, without a key to tenants.
CREATE TABLE rollups (tenant_id uuid NOT NULL, day date NOT NULL, kind text NOT NULL, n bigint NOT NULL, PRIMARY KEY (tenant_id, day, kind));
CREATE TABLE rollup_notes (tenant_id uuid NOT NULL, day date NOT NULL, kind text NOT NULL, no integer NOT NULL, note text,
    PRIMARY KEY (tenant_id, day, kind, no), FOREIGN KEY (tenant_id, day, kind) REFERENCES rollups);

-- Detached and forgotten.
CREATE TABLE archive.events_2024 (id bigint NOT NULL, at timestamptz NOT NULL, tenant_id uuid NOT NULL, device_id bigint NOT NULL,
    kind text NOT NULL, body jsonb, PRIMARY KEY (id, at));

CREATE TABLE kinds (kind text PRIMARY KEY, unit text);
CREATE MATERIALIZED VIEW daily AS SELECT tenant_id, at::date AS day, count(*) AS n FROM events GROUP BY 1, 2 WITH NO DATA;
