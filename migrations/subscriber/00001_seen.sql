-- What one who hears of finished deletions keeps in its own schema: the ids of the events it has handled, written by the
-- transaction that has their effect. Only ids; no personal data.

-- +goose Up
CREATE TABLE td_seen (
    subscriber text NOT NULL,
    event_id text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscriber, event_id)
);

-- +goose Down
DROP TABLE td_seen;
