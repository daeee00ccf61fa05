-- A Rails application: bigint keys, belongs_to mostly without a foreign key, polymorphic pairs, single-table inheritance, soft
-- deletes, a counter cache, join tables of has_and_belongs_to_many, and the gems that everybody has.
SET search_path = public;

CREATE TABLE schema_migrations (version varchar NOT NULL PRIMARY KEY);
CREATE TABLE ar_internal_metadata (key varchar NOT NULL PRIMARY KEY, value varchar, created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL);

CREATE TABLE organizations (id bigserial PRIMARY KEY, name varchar NOT NULL, plan varchar, deleted_at timestamp);

-- STI: Admin, Member and Guest are one table.
CREATE TABLE users (id bigserial PRIMARY KEY, organization_id bigint NOT NULL, type varchar NOT NULL, email varchar NOT NULL,
    invited_by_id bigint, deleted_at timestamp);
CREATE UNIQUE INDEX ON users (organization_id, email);
CREATE INDEX ON users (invited_by_id);

CREATE TABLE api_keys (id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, token_digest varchar NOT NULL);
CREATE INDEX ON api_keys (user_id);

CREATE TABLE projects (id bigserial PRIMARY KEY, organization_id bigint NOT NULL REFERENCES organizations, name varchar NOT NULL,
    todos_count integer NOT NULL DEFAULT 0, archived_at timestamp, deleted_at timestamp);
CREATE INDEX ON projects (organization_id);

-- has_many :users, through: :memberships
CREATE TABLE memberships (id bigserial PRIMARY KEY, project_id bigint NOT NULL, user_id bigint NOT NULL, role varchar NOT NULL);
CREATE UNIQUE INDEX ON memberships (project_id, user_id);

-- has_and_belongs_to_many: no id, no keys
CREATE TABLE projects_watchers (project_id bigint NOT NULL, user_id bigint NOT NULL);
CREATE INDEX ON projects_watchers (project_id);

CREATE TABLE todos (id bigserial PRIMARY KEY, project_id bigint NOT NULL REFERENCES projects, assignee_id bigint,
    parent_id bigint REFERENCES todos, title varchar NOT NULL, done_at timestamp, deleted_at timestamp);
CREATE INDEX ON todos (project_id);
CREATE INDEX ON todos (parent_id);
CREATE INDEX ON todos (assignee_id) WHERE deleted_at IS NULL;

CREATE FUNCTION todos_counter_cache() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
    IF TG_OP = 'INSERT' THEN UPDATE public.projects SET todos_count = todos_count + 1 WHERE id = NEW.project_id;
    ELSE UPDATE public.projects SET todos_count = todos_count - 1 WHERE id = OLD.project_id; END IF;
    RETURN NULL;
END $body$;
CREATE TRIGGER todos_counter_cache AFTER INSERT OR DELETE ON todos FOR EACH ROW EXECUTE FUNCTION todos_counter_cache();

-- The help pages are the product's own.
CREATE TABLE pages (id bigserial PRIMARY KEY, slug varchar NOT NULL, body text);

CREATE TABLE comments (id bigserial PRIMARY KEY, commentable_type varchar NOT NULL, commentable_id bigint NOT NULL, user_id bigint,
    body text);
CREATE INDEX ON comments (commentable_type, commentable_id);

CREATE TABLE reactions (id bigserial PRIMARY KEY, comment_id bigint NOT NULL REFERENCES comments, emoji varchar NOT NULL);
CREATE INDEX ON reactions (comment_id);

CREATE TABLE active_storage_blobs (id bigserial PRIMARY KEY, organization_id bigint NOT NULL, key varchar NOT NULL UNIQUE,
    filename varchar NOT NULL, byte_size bigint NOT NULL, metadata text);
CREATE INDEX ON active_storage_blobs (organization_id);
CREATE TABLE active_storage_attachments (id bigserial PRIMARY KEY, name varchar NOT NULL, record_type varchar NOT NULL,
    record_id bigint NOT NULL, blob_id bigint NOT NULL REFERENCES active_storage_blobs);
CREATE UNIQUE INDEX ON active_storage_attachments (record_type, record_id, name, blob_id);
CREATE INDEX ON active_storage_attachments (blob_id);
CREATE TABLE active_storage_variant_records (id bigserial PRIMARY KEY, blob_id bigint NOT NULL REFERENCES active_storage_blobs,
    variation_digest varchar NOT NULL);
CREATE UNIQUE INDEX ON active_storage_variant_records (blob_id, variation_digest);

CREATE TABLE tags (id bigserial PRIMARY KEY, name varchar NOT NULL UNIQUE);
CREATE TABLE taggings (id bigserial PRIMARY KEY, tag_id bigint NOT NULL REFERENCES tags, taggable_type varchar NOT NULL,
    taggable_id bigint NOT NULL, tagger_type varchar, tagger_id bigint, context varchar);
CREATE INDEX ON taggings (tag_id);
CREATE INDEX ON taggings (taggable_type, taggable_id);

-- paper_trail
CREATE TABLE versions (id bigserial PRIMARY KEY, item_type varchar NOT NULL, item_id bigint NOT NULL, event varchar NOT NULL,
    whodunnit varchar, object jsonb);
CREATE INDEX ON versions (item_type, item_id);

CREATE TABLE settings (id bigserial PRIMARY KEY, organization_id bigint, key varchar NOT NULL, value jsonb NOT NULL DEFAULT '{}');
CREATE UNIQUE INDEX ON settings (organization_id, key);

CREATE TABLE webhooks (id bigserial PRIMARY KEY, organization_id bigint REFERENCES organizations, url varchar NOT NULL);
CREATE INDEX ON webhooks (organization_id);
CREATE TABLE webhook_calls (id bigserial PRIMARY KEY, webhook_id bigint NOT NULL REFERENCES webhooks, answer jsonb);
CREATE INDEX ON webhook_calls (webhook_id);

CREATE TABLE notifications (id bigserial PRIMARY KEY, recipient_id bigint NOT NULL, actor_id bigint, notifiable_type varchar,
    notifiable_id bigint, read_at timestamp);
CREATE INDEX ON notifications (recipient_id);

CREATE TABLE subscriptions (id bigserial PRIMARY KEY, organization_id bigint NOT NULL REFERENCES organizations, plan varchar);
CREATE INDEX ON subscriptions (organization_id);
CREATE TABLE invoices (id bigserial PRIMARY KEY, subscription_id bigint NOT NULL REFERENCES subscriptions, cents bigint NOT NULL);
CREATE INDEX ON invoices (subscription_id);
CREATE TABLE invoice_lines (id bigserial PRIMARY KEY, invoice_id bigint NOT NULL REFERENCES invoices, text varchar);
CREATE INDEX ON invoice_lines (invoice_id);

CREATE TABLE templates (id bigserial PRIMARY KEY, organization_id bigint NOT NULL, is_system boolean NOT NULL DEFAULT false,
    name varchar NOT NULL);
CREATE INDEX ON templates (organization_id);

CREATE TABLE delayed_jobs (id bigserial PRIMARY KEY, queue varchar, handler text NOT NULL, run_at timestamp);
