-- +goose Up

-- What the coordinator knows. The CHECK constraints say what saga.Job.Check says: a row that breaks the machine cannot be
-- written, by whatever program.

-- The newest roster; jobs freeze a copy of it in their steps.
create table roster (
    participant text primary key check (participant ~ '^[a-z][a-z0-9_]{0,31}$'),
    wave        int  not null check (wave >= 1)
);

create table jobs (
    id           uuid   primary key,
    tenant       text   not null check (tenant ~ '^[A-Za-z0-9_-]{1,64}$'),
    generation   int    not null check (generation >= 1),
    state        text   not null,
    version      bigint not null check (version >= 1),
    source       text   not null,
    request_id   text   not null,
    reason       text   not null,
    requested_by text   not null,
    decided_by   text   not null default '',
    submitted_at timestamptz not null,
    not_before   timestamptz,
    due_at       timestamptz not null,
    deadline     timestamptz not null,
    pivot_at     timestamptz,
    finished_at  timestamptz,
    wave         int    not null,
    wake_at      timestamptz,
    blocked      jsonb,
    policy       jsonb  not null,

    constraint jobs_generation unique (tenant, generation),
    constraint jobs_request unique (source, request_id),
    constraint jobs_state check (state in ('refused', 'awaiting_approval', 'rejected', 'scheduled', 'cancelled', 'deleting',
        'verifying', 'failed', 'completed')),
    constraint jobs_finished check ((state in ('refused', 'rejected', 'cancelled', 'completed')) = (finished_at is not null)),
    constraint jobs_pivot check ((state in ('deleting', 'verifying', 'failed', 'completed')) = (pivot_at is not null)),
    constraint jobs_wave check (wave >= 0 and (wave > 0) = (pivot_at is not null)),
    constraint jobs_wakes check ((state in ('scheduled', 'deleting', 'verifying')) = (wake_at is not null)),
    constraint jobs_says_why check (case
        when state in ('awaiting_approval', 'scheduled', 'failed') then blocked is not null
        when finished_at is not null then blocked is null
        else true end),
    constraint jobs_time check (pivot_at >= submitted_at and finished_at >= submitted_at and deadline >= submitted_at)
) with (fillfactor = 80); -- room for the two or three versions a job has within a second

-- One active job per tenant.
create unique index jobs_active on jobs (tenant) where state not in ('refused', 'rejected', 'cancelled', 'completed');
-- The timers. Small: only jobs that wait for time or participants are in it.
create index jobs_wake on jobs (wake_at) where wake_at is not null;

create table steps (
    job_id          uuid not null references jobs (id),
    participant     text not null,
    wave            int  not null check (wave >= 1),
    state           text not null,
    attempt         int  not null,
    requested_at    timestamptz,
    finished_at     timestamptz,
    counts          jsonb,
    mode            text   not null default '',
    duration_ms     bigint not null default 0 check (duration_ms >= 0),
    problems        jsonb,
    verified_at     timestamptz,
    residue         jsonb,
    residue_attempt int    not null default 0,

    primary key (job_id, participant),
    constraint steps_state check (state in ('pending', 'requested', 'succeeded', 'failed')),
    constraint steps_attempt check (attempt >= 0 and (state = 'pending') = (attempt = 0)),
    constraint steps_requested check ((state = 'pending') = (requested_at is null)),
    constraint steps_finished check ((state in ('succeeded', 'failed')) = (finished_at is not null)),
    constraint steps_counted check (state <> 'succeeded' or counts is not null),
    constraint steps_failure check (case state
        when 'failed' then problems is not null or residue is not null else problems is null end),
    constraint steps_residue check ((residue is not null) = (residue_attempt > 0) and (residue is null or state <> 'succeeded')),
    constraint steps_verified check (verified_at is null or state = 'succeeded')
) with (fillfactor = 30);
-- Every step is rewritten twice or thrice within seconds, and more than doubles when its counts come. With that room on its
-- page most rewrites touch no index, and the page ends about three quarters full. Measured with jobs of 13 steps: 70 % of the
-- rewrites were heap-only at a fill factor of 60, 83 to over 90 % at 30.

-- Events that counted. The text form of an event id; foreign sources may use any.
create table inbox (
    event_id    text primary key,
    received_at timestamptz not null default now()
);
-- For the sweep alone: rows come in the order of time, so a block range index costs next to nothing to keep.
create index inbox_received on inbox using brin (received_at) with (pages_per_range = 32, autosummarize = on);

-- Events to be sent. Rows stay after they were sent, until the sweep: they are what was said, in the words it was said in.
create table outbox (
    id         bigint generated always as identity primary key,
    subject    text  not null,
    header     jsonb not null,
    body       text  not null,
    created_at timestamptz not null default now(),
    sent_at    timestamptz
) with (fillfactor = 90);
create index outbox_unsent on outbox (id) where sent_at is null;

create table dead_letters (
    id         bigint generated always as identity primary key,
    stream     text   not null,
    sequence   numeric(20) not null, -- an unsigned 64-bit number
    consumer   text   not null,
    subject    text   not null,
    reason     text   not null,
    body       bytea  not null check (octet_length(body) <= 65536),
    created_at timestamptz not null,

    constraint dead_letters_once unique (stream, sequence, consumer) -- twelve may refuse one message
);

-- Small hot tables: look for dead rows often, so that the partial indexes stay small.
alter table jobs   set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
alter table outbox set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);

-- +goose Down
drop table dead_letters;
drop table outbox;
drop table inbox;
drop table steps;
drop table jobs;
drop table roster;
