-- +goose Up

-- What stands between a job and its first delete.

-- What a person has set for all deletions: one row. It is also the gate: whoever decides reads it under a ROW SHARE lock of
-- the table, whoever sets a guard takes EXCLUSIVE, and so no decision runs beside a change of the guards. A reader that does
-- not decide, and a backup, are in nobody's way.
create table controls (
    single        boolean primary key default true check (single),
    governor_max  int  not null default 0 check (governor_max >= 0),
    paused_by     text check (paused_by <> ''),
    paused_reason text check (paused_reason <> ''),
    paused_at     timestamptz,

    constraint controls_pause check (num_nulls(paused_by, paused_reason, paused_at) in (0, 3))
);
insert into controls default values;

-- Legal holds. They are the record of who stopped a deletion and who let it go on, and are never swept.
create table holds (
    id              bigint generated always as identity primary key,
    tenant          text not null check (tenant ~ '^[A-Za-z0-9_-]{1,64}$'),
    code            text not null check (code ~ '^[a-z][a-z_]{0,63}$'),
    reason          text not null check (reason <> '' and length(reason) <= 200),
    reference       text not null default '' check (length(reference) <= 128),
    set_by          text not null check (set_by <> ''),
    set_at          timestamptz not null,
    released_by     text check (released_by <> ''),
    released_reason text check (released_reason <> '' and length(released_reason) <= 200),
    released_at     timestamptz,

    constraint holds_release check (num_nulls(released_by, released_reason, released_at) in (0, 3))
);
create index holds_standing on holds (tenant) where released_at is null;
create index holds_tenant on holds (tenant, id);

-- The governor counts the newest pivots.
create index jobs_pivot on jobs (pivot_at) where pivot_at is not null;

-- What participants counted for a tenant, so that a request can confirm it by its fingerprint. Swept: jobs keep what they
-- have confirmed themselves.
create table previews (
    fingerprint text primary key check (fingerprint ~ '^pv_[a-z2-7]{26}$'),
    tenant      text not null check (tenant ~ '^[A-Za-z0-9_-]{1,64}$'),
    counted_at  timestamptz not null,
    counts      jsonb not null
);
create index previews_counted on previews using brin (counted_at) with (pages_per_range = 32, autosummarize = on);

-- Who sent the request, the preview that it confirmed, and the one that holds now.
alter table jobs
    add column submitted_by text not null default '',
    add column preview      text not null default '',
    add column confirmed    jsonb;
update jobs set submitted_by = requested_by;

-- A person's decision to close a job without a participant. A waived step has ended, and proves nothing.
alter table steps
    add column waiver jsonb,
    drop constraint steps_state,
    drop constraint steps_finished,
    add constraint steps_state check (state in ('pending', 'requested', 'succeeded', 'failed', 'waived')),
    add constraint steps_finished check ((state in ('succeeded', 'failed', 'waived')) = (finished_at is not null)),
    add constraint steps_waived check (state <> 'waived' or waiver is not null);

-- What waits for a person wakes at no time.
alter table jobs
    drop constraint jobs_wakes,
    add constraint jobs_wakes check ((state in ('scheduled', 'deleting', 'verifying')
        and coalesce(blocked ->> 'code', '') not in ('hold', 'paused', 'preview_drifted')) = (wake_at is not null));

-- +goose Down
-- What waited for a person is looked at again at once.
alter table jobs drop constraint jobs_wakes;
update jobs set wake_at = now() where wake_at is null and state in ('scheduled', 'deleting', 'verifying');
alter table jobs
    add constraint jobs_wakes check ((state in ('scheduled', 'deleting', 'verifying')) = (wake_at is not null));
drop index jobs_pivot;
-- A waived participant had failed, as far as the older program can say it.
update steps set state = 'failed', problems = coalesce(problems, '[{"code": "waived"}]') where state = 'waived';
alter table steps
    drop constraint steps_waived,
    drop constraint steps_state,
    drop constraint steps_finished,
    add constraint steps_state check (state in ('pending', 'requested', 'succeeded', 'failed')),
    add constraint steps_finished check ((state in ('succeeded', 'failed')) = (finished_at is not null)),
    drop column waiver;
alter table jobs
    drop column submitted_by,
    drop column preview,
    drop column confirmed;
drop table previews;
drop table holds;
drop table controls;
