-- The anchor of a participant whose tenants are named by a text. A text holds every id, so it is also the anchor of tenants that
-- are named by a type which no foreign key compares with another.

-- +goose Up
ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE text;

-- +goose Down
ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE uuid USING tenant_id::uuid;
