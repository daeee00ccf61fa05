-- The anchor of a participant whose tenants are numbered, so that smallint, integer and bigint columns can refer to it.

-- +goose Up
ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE bigint USING tenant_id::text::bigint;

-- +goose Down
ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE uuid USING tenant_id::text::uuid;
