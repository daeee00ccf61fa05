-- +goose Up

-- The audit trail. Whoever writes it may insert and select and nothing else (migrations.GrantAudit): number, time and hash are
-- the trail's own. Texts are ids, codes and references; they hold no control characters, so that a record has one written
-- form, which its hash is taken of.
create table records (
    number       bigint      primary key,
    at           timestamptz not null,
    action       text        not null check (action ~ '^[A-Za-z0-9_-]{1,64}$'), -- what an intent and its outcome have in common
    phase        text        not null,
    operation    text        not null check (operation ~ '^[A-Za-z][A-Za-z0-9_-]{0,63}$'),
    actor        text        not null default '',
    on_behalf_of text        not null default '',
    token        text        not null default '',
    roles        text        not null default '',
    source       text        not null default '',
    origin       text        not null default '',
    tenant       text        not null default '',
    job          text        not null default '',
    about        text        not null default '',
    reason       text        not null default '',
    code         text        not null default '',
    hash         text        not null,

    constraint records_phase check (phase in ('intent', 'outcome')),
    constraint records_code check ((phase = 'outcome') = (code <> '')),
    constraint records_form check (concat(actor, on_behalf_of, token, roles, source, origin, tenant, job, about, reason, code)
        !~ '[[:cntrl:]]'),
    constraint records_length check (greatest(length(actor), length(on_behalf_of), length(token), length(roles), length(source),
        length(origin), length(tenant), length(job), length(about), length(reason), length(code)) <= 256)
);

-- Lists, newest first.
create index records_tenant on records (tenant, number) where tenant <> '';
create index records_job on records (job, number) where job <> '';
create index records_actor on records (actor, number) where actor <> '';
create index records_on_behalf_of on records (on_behalf_of, number) where on_behalf_of <> '';
create index records_operation on records (operation, number);
create index records_at on records using brin (at);

-- The end of the chain: the newest record's number and hash.
create table chain (
    one    boolean primary key default true check (one),
    number bigint  not null,
    hash   text    not null
) with (fillfactor = 10); -- rewritten with every record, on one page
insert into chain (number, hash) values (0, repeat('0', 64));

-- +goose StatementBegin
-- What a record's hash is: of the hash before it and its own fields, a line each. saga.AuditRecord.Sum says the same.
create function link(previous text, r records) returns text language sql stable as $$
    select encode(sha256(convert_to(concat_ws(E'\n', previous, r.number,
        to_char(r.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), r.action, r.phase, r.operation, r.actor,
        r.on_behalf_of, r.token, r.roles, r.source, r.origin, r.tenant, r.job, r.about, r.reason, r.code), 'UTF8')), 'hex')
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Runs as the trail's owner: the writer has no right on number, time and hash, nor on the chain. The chain's row is locked until
-- the writer's transaction ends, so that records follow one another in the order of their numbers, without gaps.
create function seal() returns trigger language plpgsql security definer as $$
declare
    last chain;
begin
    select * into strict last from chain for update;
    new.number := last.number + 1;
    new.at := clock_timestamp();
    new.hash := link(last.hash, new);
    update chain set number = new.number, hash = new.hash;
    return new;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function keep() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- A function that runs as its owner must find the owner's tables, and not temporary ones of whoever calls it.
do $$
begin
    execute format('alter function seal() set search_path = %I, pg_temp', current_schema());
end
$$;
-- +goose StatementEnd

create trigger records_seal before insert on records for each row execute function seal();
-- For the owner himself: nobody changes the trail by mistake.
create trigger records_keep before update or delete or truncate on records for each statement execute function keep();
revoke all on function link(text, records), seal(), keep() from public;

-- +goose Down
drop table records cascade;
drop table chain cascade;
drop function seal();
drop function keep();
