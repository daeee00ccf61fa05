-- +goose Up

-- Why a job ended without a deletion, what was asked of it, and how often it was reopened.
alter table jobs
    add column asked jsonb,
    add column cause text not null default '',
    add column round int  not null default 1 check (round >= 1);

update jobs set cause = case state when 'refused' then 'roster_empty' else state end
    where state in ('refused', 'rejected', 'cancelled');

alter table jobs
    add constraint jobs_cause check ((state in ('refused', 'rejected', 'cancelled')) = (cause <> '')),
    drop constraint jobs_request;

-- A request id makes one job. Its conflicts make refused ones, which are few.
create unique index jobs_request on jobs (request_id, source) where cause <> 'request_conflict';
create index jobs_conflicts on jobs (request_id, source) where cause = 'request_conflict';

-- Lists, newest first: ids are in the order of time. All of these columns change when the timer does, or never, so that they
-- cost an entry each and no heap-only update.
create index jobs_list_state on jobs (state, id);
create index jobs_list_blocked on jobs ((blocked ->> 'code'), id) where blocked is not null;
create index jobs_list_overdue on jobs (deadline) where finished_at is null;
create index jobs_list_submitted on jobs (submitted_at);

-- When the participant erased, by its own clock, and what restores from backups have undone.
alter table steps
    add column erased_at timestamptz,
    add column earlier jsonb;

update steps set erased_at = finished_at where state = 'succeeded';

alter table steps
    add constraint steps_erased check (state <> 'succeeded' or erased_at is not null);

-- What happened to each job: one line per version. It is the record, as jobs and steps are, and is never swept. It needs no
-- foreign key: it is written with the job, in the transaction that holds its row.
create table history (
    job_id uuid   not null,
    number bigint not null check (number >= 1),
    at     timestamptz not null,
    kind   text   not null,
    state  text   not null,
    actor  text   not null default '',
    detail jsonb  not null,

    primary key (job_id, number)
);

-- What a person did about a dead letter. All of it or nothing; to discard one takes a reason.
alter table dead_letters
    add column resolution      text,
    add column resolved_by     text,
    add column resolved_reason text,
    add column resolved_at     timestamptz,
    add constraint dead_letters_resolution check (
        num_nulls(resolution, resolved_by, resolved_reason, resolved_at) in (0, 4)
        and (resolution is null or resolved_by <> ''
            and (resolution = 'resent' or resolution = 'discarded' and resolved_reason <> '')));

create index dead_letters_open on dead_letters (id) where resolved_at is null;

-- +goose Down
drop index dead_letters_open;
alter table dead_letters
    drop column resolution,
    drop column resolved_by,
    drop column resolved_reason,
    drop column resolved_at;
drop table history;
alter table steps
    drop column erased_at,
    drop column earlier;
drop index jobs_list_state;
drop index jobs_list_blocked;
drop index jobs_list_overdue;
drop index jobs_list_submitted;
drop index jobs_conflicts;
drop index jobs_request;
-- Conflicts had no rows before.
delete from steps where job_id in (select id from jobs where cause = 'request_conflict');
delete from jobs where cause = 'request_conflict';
alter table jobs
    drop column asked,
    drop column cause,
    drop column round,
    add constraint jobs_request unique (source, request_id);
