-- What a participant keeps beside the service's own tables, in the service's schema: its answers and its place in a
-- deletion that takes more than one transaction. Only ids, counts and codes; no personal data.

-- +goose Up
-- Stored answers. The row is written by the transaction that deletes, so it exists exactly when the deletes do.
CREATE TABLE td_receipts (
    participant text NOT NULL,
    job_id uuid NOT NULL,
    tenant_id text NOT NULL,
    generation integer NOT NULL CHECK (generation >= 0),
    attempt integer NOT NULL CHECK (attempt >= 0),
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (participant, job_id)
);

-- Jobs that one transaction could not hold (bounded mode), while they run. A row with started_at is deleted in chunks;
-- timeouts counts the transactions that ran into the statement timeout before.
CREATE TABLE td_bounded (
    participant text NOT NULL,
    job_id uuid NOT NULL,
    tenant_id text NOT NULL,
    timeouts integer NOT NULL DEFAULT 0 CHECK (timeouts >= 0),
    started_at timestamptz,
    PRIMARY KEY (participant, job_id)
);

-- The cursor of bounded mode, one row per relation (a leaf, when the table is partitioned), written by the statement
-- that deletes the chunk. fillfactor leaves room for HOT updates: the row changes with every chunk.
CREATE TABLE td_progress (
    participant text NOT NULL,
    job_id uuid NOT NULL,
    relation text NOT NULL,
    table_name text NOT NULL,
    next_block bigint NOT NULL CHECK (next_block >= 0),
    deleted bigint NOT NULL CHECK (deleted >= 0),
    PRIMARY KEY (participant, job_id, relation)
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE td_progress;
DROP TABLE td_bounded;
DROP TABLE td_receipts;
