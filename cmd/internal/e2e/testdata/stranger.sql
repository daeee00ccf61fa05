-- The schema of a stranger who has never heard of this house: tenants are named by texts, names need quotes, and not every
-- path is a foreign key.
CREATE TABLE "Organizations" ("Id" text PRIMARY KEY, name text NOT NULL);

CREATE TABLE "user" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "orgId" text NOT NULL REFERENCES "Organizations",
    email text NOT NULL
);
CREATE INDEX ON "user" ("orgId");

CREATE TABLE "Order" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "select" bigint NOT NULL REFERENCES "user",
    total numeric NOT NULL
);
CREATE INDEX ON "Order" ("select");

CREATE TABLE "order.lines" (
    "order" bigint NOT NULL REFERENCES "Order",
    no integer NOT NULL,
    PRIMARY KEY ("order", no)
);

-- Rows without a user belong to nobody.
CREATE TABLE notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author bigint REFERENCES "user",
    body text NOT NULL
);
CREATE INDEX ON notes (author);

CREATE TABLE comments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_type text NOT NULL,
    subject_id bigint NOT NULL
);
CREATE INDEX ON comments (subject_type, subject_id);

-- No foreign key: the column's name says it.
CREATE TABLE templates (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_org text NOT NULL,
    is_system boolean NOT NULL
);
CREATE INDEX ON templates (owner_org);

CREATE TABLE countries (code text PRIMARY KEY);

CREATE SCHEMA "Billing Dept";
CREATE TABLE "Billing Dept"."in""voices" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payer text NOT NULL REFERENCES public."Organizations",
    payee text NOT NULL REFERENCES public."Organizations"
);
CREATE INDEX ON "Billing Dept"."in""voices" (payer);
CREATE INDEX ON "Billing Dept"."in""voices" (payee);
