-- The tenant anchor: one row per tenant the service has met, kept for ever. It is the fence and the proof: a tenant table
-- carries
--     live boolean GENERATED ALWAYS AS (true) STORED,
--     FOREIGN KEY (tenant_id, live) REFERENCES tenant_anchor (tenant_id, live)
-- so PostgreSQL refuses to set live = false while one row of the tenant exists, and refuses every row afterwards.
--
-- A service whose tenant ids are no uuids changes the type in its own first migration, before any table refers to it:
--     ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE text;

-- +goose Up
CREATE TABLE tenant_anchor (
    tenant_id uuid NOT NULL PRIMARY KEY,
    live boolean NOT NULL DEFAULT true,
    -- The highest generation that was erased. A tenant that is created again opens its row (live = true) and leaves this.
    generation integer NOT NULL DEFAULT 0 CHECK (generation >= 0),
    -- 'erasing' while a deletion in chunks runs: writers may look at it and turn away early.
    fence text CHECK (fence = 'erasing'),
    closed_at timestamptz,
    UNIQUE (tenant_id, live),
    CHECK (live OR closed_at IS NOT NULL)
);

-- +goose Down
DROP TABLE tenant_anchor;
