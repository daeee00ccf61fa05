-- The tables of a service that knows nothing of this house, except that its tenant table refers to the tenant's anchor:
-- once the tenant is erased, PostgreSQL itself refuses every later row.

-- +goose Up
CREATE TABLE tiers (
    name text PRIMARY KEY,
    points_min bigint NOT NULL
);
INSERT INTO tiers VALUES ('bronze', 0), ('silver', 1000);

CREATE TABLE members (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    live boolean GENERATED ALWAYS AS (true) STORED,
    tier text NOT NULL REFERENCES tiers,
    FOREIGN KEY (tenant_id, live) REFERENCES tenant_anchor (tenant_id, live)
);
CREATE INDEX ON members (tenant_id, live);
CREATE INDEX ON members (tier);

CREATE TABLE points (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    member_id bigint NOT NULL REFERENCES members,
    earned bigint NOT NULL
);
CREATE INDEX ON points (member_id);

-- +goose Down
DROP TABLE points;
DROP TABLE members;
DROP TABLE tiers;
