-- The ledger: everything that must survive. Tables are singular; times are the gateway's clock unless a column says otherwise.
-- Tenant and window stand in the keys from the start, so that many teams and partial cut-overs need no rewrite of rows.

create table tenant (
    id bigint generated always as identity primary key,
    name text not null,
    constraint tenant_name_once unique (name)
);
insert into tenant (name) values ('default');

-- One source to target pair of desks. `config` is the resolved mirror file and names secrets without holding them.
create table mirror (
    id uuid primary key,
    tenant_id bigint not null references tenant,
    name text not null,
    -- Part of every key that we leave in a target: other gateways may write to the same desk under the same mirror name.
    key text not null,
    config jsonb not null,
    -- Changes are carried in runs only.
    by_runs boolean not null generated always as (coalesce(jsonb_typeof(config -> 'run') = 'object', false)) stored,
    -- A run has read what changed, and is at work.
    run_carries boolean not null default false,
    -- When the last full copy ended; of another tool's, its reference time.
    copied_at timestamptz,
    mapping_version text not null,
    -- The mapping that what was agreed follows: the first one, or the last that was applied again with `--reapply`.
    agreed_mapping jsonb,
    phase text not null default 'applied',
    paused_why text,
    -- Start of the last read that was carried whole, by the full copy or by a run of everything; a restart moves it. Source's clock.
    reference_time timestamptz,
    -- The ledger was found to have gone back in time: what the source had until then is looked up before it is made.
    recovered_at timestamptz,
    -- Which desk leads the tickets to come; where the mirror has windows, the target only if it leads them all.
    leads text not null default 'source',
    -- Tickets that people make in the target since then are made in the source as well. Null: never.
    births_since timestamptz,
    -- Tickets made at one desk for new ones of the other, since when: the echo meter.
    births integer not null default 0,
    births_counted_since timestamptz,
    created_at timestamptz not null,
    applied_at timestamptz not null,
    -- The old desk is out of use: from here on the days run for which what is known of the tickets is kept.
    retired_at timestamptz,
    constraint mirror_name_once unique (tenant_id, name),
    constraint mirror_key_once unique (key),
    constraint mirror_leads_known check (leads in ('source', 'target')),
    constraint mirror_phase_known check (
        phase in ('applied', 'rehearsing', 'copying', 'mirroring', 'switching', 'partly-switched', 'switched', 'retired'))
);

-- A part of a mirror's tickets with its own cut-over.
create table cutover_window (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    name text not null,
    -- Which desk leads its tickets and those that come into it, and when that was last turned.
    leads text not null default 'source',
    turned_at timestamptz,
    -- Start of the last read that a run of it alone carried.
    reference_time timestamptz,
    -- The mirror file names it (still).
    in_file boolean not null default true,
    constraint cutover_window_leads_known check (leads in ('source', 'target')),
    constraint cutover_window_name_once unique (mirror_id, name)
);

-- One ticket in both desks. It owns base, links, authority and lane, whichever way changes flow.
create table pair (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    window_id bigint references cutover_window on delete set null,
    source_ticket text,
    target_ticket text,
    -- Which desk leads the fields.
    authority text not null default 'source',
    -- When it came to lead, where the other one did before.
    turned_at timestamptz,
    -- Where people made the ticket first.
    born text not null default 'source',
    state text not null default 'new',
    -- Per field what both sides said last (rule: S and T are never compared with each other). Null: never agreed on anything.
    base jsonb,
    base_form smallint not null default 1,
    mapping_version text,
    source_stamp text,
    source_feed_stamp text,
    target_stamp text,
    target_feed_stamp text,
    -- Digest of what the reads with these stamps showed: the same stamp with other content is a desk that answers from two states.
    source_shown text,
    target_shown text,
    -- Ids of acts that the last read of the following side showed, ours among them: a hint about one of these tells nothing new.
    seen_acts text[] not null default '{}',
    -- The record's own read watermark: our clock at the start of the last whole read of the leading side.
    read_at timestamptz,
    merged_into bigint references pair,
    -- The target ticket lacks something (a file, a link, a person) and carries the tag that says so.
    incomplete_why text,
    -- What keeps a desk silent about its ticket may be on it: our writes put it there, and a ticket that follows up one of ours inherits it.
    source_mute boolean not null default false,
    target_mute boolean not null default true,
    -- It could not be taken off: why, and when that was tried last.
    mute_why text,
    mute_tried_at timestamptz,
    -- Another tool made the target ticket, and we took it over then: it is not ours to take back.
    adopted_at timestamptz,
    created_at timestamptz not null,
    constraint pair_source_once unique (mirror_id, source_ticket),
    constraint pair_target_once unique (mirror_id, target_ticket),
    constraint pair_has_an_end check (source_ticket is not null or target_ticket is not null),
    constraint pair_born_known check (born in ('source', 'target')),
    constraint pair_authority_known check (authority in ('source', 'target')),
    constraint pair_state_known check (state in ('new', 'copied', 'merged', 'deleted', 'left', 'outside'))
);
create index pair_by_state on pair (mirror_id, state);
create index pair_by_read on pair (mirror_id, read_at);
create index pair_source_mute on pair (mirror_id) where source_mute;
create index pair_target_mute on pair (mirror_id) where target_mute and authority = 'target';

-- Earlier target tickets of a pair: a closed ticket cannot be changed, so a follow-up took over.
create table pair_former (
    pair_id bigint not null references pair on delete cascade,
    ordinal smallint not null,
    target_ticket text not null,
    base jsonb,
    primary key (pair_id, ordinal)
);

-- What files of old tickets were known by, as digests: who follows an old link to one is led to the new ticket that has it.
create table old_file (
    mirror_id uuid not null references mirror on delete cascade,
    name bytea not null,
    ticket text not null,
    primary key (mirror_id, name)
);

-- Work of one pair. `pending` counts the hints that came in, under the row lock; `applied` is the `pending` that was read at the claim
-- before the first fetch. A global sequence would commit out of order and lose events.
create table lane (
    pair_id bigint primary key references pair on delete cascade,
    mirror_id uuid not null references mirror on delete cascade,
    pending bigint not null default 0,
    applied bigint not null default 0,
    priority smallint not null default 1,
    due_at timestamptz not null,
    -- A hint that could not prove what it promised is looked at once more.
    look_again_at timestamptz,
    -- The run that is at work carries the lane up to here.
    run_seq bigint,
    waiting_since timestamptz,
    lease_owner uuid,
    lease_until timestamptz,
    fence bigint not null default 0,
    attempts integer not null default 0,
    fault_kind text,
    fault text,
    blocked boolean not null default false,
    -- Visits of workers that wrote, since when: the echo meter.
    visits integer not null default 0,
    visits_since timestamptz,
    -- The same within a day.
    day_visits integer not null default 0,
    day_since timestamptz,
    constraint lane_applied_not_ahead check (applied <= pending)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index lane_due on lane (priority, due_at) where pending > applied and not blocked;
create index lane_again on lane (look_again_at) where look_again_at is not null;
create index lane_blocked on lane (pair_id) where blocked;

-- One webhook request that proved itself. `dedupe` is the vendor's signed id, or the digest of the body.
create table delivery (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    side text not null,
    dedupe text not null,
    received_at timestamptz not null,
    headers jsonb not null,
    body bytea not null,
    unreadable_why text,
    constraint delivery_once unique (mirror_id, side, dedupe),
    constraint delivery_side_known check (side in ('source', 'target'))
);
create index delivery_kept on delivery (mirror_id, received_at) where body <> '';

-- A hint about one ticket. The same evidence from two witnesses is one event.
create table change_event (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    side text not null,
    ticket text not null,
    pair_id bigint references pair on delete cascade,
    seq bigint not null,
    origin text not null,
    what text not null,
    evidence text not null,
    least_stamp text,
    feed_stamp text,
    -- The desk's clock.
    happened_at timestamptz not null,
    received_at timestamptz not null,
    applied_at timestamptz,
    -- The fence of the claim that settled it: those with one fence were settled by one look. Null with `applied_at`: given up.
    settled_by bigint,
    -- A poll's event that no webhook told within the vendor's own retry time: null until judged.
    missed boolean,
    delivery_id bigint references delivery on delete set null,
    constraint change_event_once unique (mirror_id, side, evidence),
    constraint change_event_origin_known check (origin in ('webhook', 'poll', 'backfill', 'operator', 'sweep'))
);
create index change_event_open on change_event (pair_id, seq) where applied_at is null;
create index change_event_unjudged on change_event (mirror_id, received_at) where origin = 'poll' and missed is null;
create index change_event_by_ticket on change_event (mirror_id, ticket);

-- Where a feed was read up to. Forward only; `seen_up_to` is the desk's clock.
create table watermark (
    mirror_id uuid not null references mirror on delete cascade,
    side text not null,
    feed text not null,
    cursor text not null,
    seen_up_to timestamptz not null,
    polled_at timestamptz not null,
    -- Where the poll begins again after the ledger went back in time; null once it has.
    rewind_to timestamptz,
    fault text,
    failing_since timestamptz,
    primary key (mirror_id, side, feed)
);

-- The full copy: one row per run.
create table backfill (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    started_at timestamptz not null,
    cursor text,
    listed bigint not null default 0,
    total bigint,
    listing_done_at timestamptz,
    finished_at timestamptz
);
create unique index backfill_one_open on backfill (mirror_id) where finished_at is null;

-- What a webhook witness last said, per side.
create table witness (
    mirror_id uuid not null references mirror on delete cascade,
    side text not null,
    registration text,
    registered_at timestamptz,
    last_delivery_at timestamptz,
    last_rejection_at timestamptz,
    last_rejection text,
    rejections bigint not null default 0,
    -- The operator took it away: nobody registers it or listens until it is asked for again.
    removed_at timestamptz,
    -- The operator wants every gateway to look at it now.
    asked_at timestamptz,
    -- When a gateway last said that it listens.
    heard_at timestamptz,
    -- The newest secret that a gateway takes, as a short fingerprint, and since when; the last deliveries that it and a former one proved.
    secret_mark text,
    secret_since timestamptz,
    newest_at timestamptz,
    former_at timestamptz,
    -- The last self-test, and what it found, in a word and in words.
    tested_at timestamptz,
    verdict text,
    verdict_why text,
    primary key (mirror_id, side)
);

-- A desk whose credential has lost sight of the tickets that it saw before: no lane of the mirror is claimed meanwhile.
create table blind (
    mirror_id uuid not null references mirror on delete cascade,
    side text not null,
    since timestamptz not null,
    why text not null,
    primary key (mirror_id, side)
);

-- A write, recorded before it is sent and closed with the target's ids after. An open one is looked up before anything is sent again.
create table intent (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    pair_id bigint not null references pair on delete cascade,
    fence bigint not null,
    kind text not null,
    key text not null,
    state text not null,
    -- Fields: the target's value before and the value intended. Messages: keys. Form number inside.
    detail jsonb not null,
    result jsonb,
    prepared_at timestamptz not null,
    sent_at timestamptz,
    closed_at timestamptz,
    constraint intent_state_known check (state in ('prepared', 'sent', 'done', 'void')),
    constraint intent_sent_has_time check (state <> 'sent' or sent_at is not null)
);
create index intent_open on intent (pair_id) where state in ('prepared', 'sent');

-- Which message became which. Unique per mirror and original, not per ticket: messages move when tickets are merged. The id of the copy
-- is null while its desk has not told it.
create table message_link (
    mirror_id uuid not null references mirror on delete cascade,
    source_message text,
    target_message text,
    pair_id bigint not null references pair on delete cascade,
    -- Where it was written: which way it travelled.
    origin_side text not null,
    original text not null generated always as (case origin_side when 'source' then source_message else target_message end) stored,
    digest text not null,
    visibility text not null,
    files jsonb not null,
    exposed boolean not null default false,
    made_at timestamptz not null,
    primary key (mirror_id, origin_side, original)
);
create index message_link_by_pair on message_link (pair_id);
create index message_link_by_source on message_link (mirror_id, source_message);
create index message_link_by_target on message_link (mirror_id, target_message);

-- Who is who. `side`: whose person was looked up at the other desk. The other one null: there is nobody to act as (a departed agent).
create table person_link (
    mirror_id uuid not null references mirror on delete cascade,
    side text not null default 'source',
    source_person text,
    target_person text,
    email text,
    name text not null,
    how text not null,
    made_at timestamptz not null,
    constraint person_link_has_its_end check (case side when 'source' then source_person else target_person end is not null)
);
create unique index person_link_of_source on person_link (mirror_id, source_person) where side = 'source';
create unique index person_link_of_target on person_link (mirror_id, target_person) where side = 'target';
create index person_link_by_source on person_link (mirror_id, source_person);
create index person_link_by_target on person_link (mirror_id, target_person);

-- A ticket waits for the other end of a link to be copied.
create table link_wait (
    mirror_id uuid not null references mirror on delete cascade,
    pair_id bigint not null references pair on delete cascade,
    -- The desk of `waits_for`: the one that leads the pair that waits.
    side text not null default 'source',
    waits_for text not null,
    primary key (pair_id, side, waits_for)
);
create index link_wait_for on link_wait (mirror_id, waits_for);

-- Both sides changed a field. The value that lost is kept.
create table conflict (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    pair_id bigint not null references pair on delete cascade,
    field text not null,
    base_source jsonb,
    base_target jsonb,
    source_now jsonb not null,
    target_now jsonb not null,
    winner text not null,
    found_at timestamptz not null,
    decided_at timestamptz,
    -- Null: decided by the policy, or not yet.
    decided_by text,
    -- With winner `value`: what stands instead of both, in the target's words.
    decided_value jsonb,
    -- Who set each value, and when by the desk's clock.
    source_hand jsonb,
    target_hand jsonb,
    -- Nothing is left to do: a decision was carried out, or the desks agree or say something newer.
    closed_at timestamptz,
    constraint conflict_winner_known check (winner in ('source', 'target', 'value', 'undecided'))
);
create index conflict_by_pair on conflict (pair_id);

-- What a person has to decide or to know. Blocking ones hold their lane.
create table parked (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    pair_id bigint references pair on delete cascade,
    delivery_id bigint references delivery on delete cascade,
    kind text not null,
    reason text not null,
    advice text not null,
    blocking boolean not null,
    urgent boolean not null default false,
    -- The lane's `pending` when it was claimed: a later hint may be the cure.
    pending bigint,
    parked_at timestamptz not null,
    decided_at timestamptz,
    decision text,
    constraint parked_decision_known check (decision in ('released', 'discarded', 'resolved'))
);
create unique index parked_one_open on parked (pair_id, kind) where decided_at is null and blocking;
create index parked_open on parked (mirror_id) where decided_at is null;

-- Counters by name, raised in the commits that they count.
create table figure (
    mirror_id uuid not null references mirror on delete cascade,
    name text not null,
    value bigint not null default 0,
    primary key (mirror_id, name)
);

-- The shared budget of one desk: a bucket per address and class, learned from the vendor's headers. Unlogged: it is written at every
-- call and may be forgotten in a crash.
create unlogged table budget (
    address text not null,
    class text not null,
    tokens double precision not null,
    capacity double precision not null,
    per_second double precision not null,
    filled_at timestamptz not null,
    closed_until timestamptz,
    -- Whether the last one who asked got a token.
    granted boolean not null default false,
    primary key (address, class)
) with (fillfactor = 50);

-- Writes that destroy, to halt a mirror that destroys too much in a short time.
create table destruction (
    id bigint generated always as identity primary key,
    mirror_id uuid not null references mirror on delete cascade,
    pair_id bigint not null references pair on delete cascade,
    kind text not null,
    at timestamptz not null,
    constraint destruction_once unique (pair_id, kind)
);

-- Which database this is: a restored or failed-over one may have gone back in time. `system_id`: cluster, database and this table.
create table ledger_identity (
    only_one boolean primary key default true check (only_one),
    system_id text not null,
    timeline integer not null,
    seen_at timestamptz not null
);

-- What is in a bucket at a time: what was in it and what ran in since.
create function filled(b budget, at timestamptz) returns double precision language sql immutable as $$
    select least(b.capacity, b.tokens + b.per_second * greatest(0, extract(epoch from at - b.filled_at)))
$$;

-- Whether a bucket gives a token to one who leaves `reserve` tokens for more urgent calls.
create function grants(b budget, reserve double precision, at timestamptz) returns boolean language sql immutable as $$
    select (b.closed_until is null or b.closed_until <= at) and filled(b, at) - 1 >= least(reserve, b.capacity / 2)
$$;

-- Webhook requests that were refused, by kind of refusal.
create table refusal (
    mirror_id uuid not null references mirror on delete cascade,
    side text not null,
    kind text not null,
    -- What the last one was answered.
    line text not null,
    times bigint not null default 1,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (mirror_id, side, kind)
);

-- The report of the last check of each mirror file, before or after it was applied. `digest`: of the file as it resolves.
create table proof (
    tenant_id bigint not null references tenant,
    mirror text not null,
    digest text not null,
    report jsonb not null,
    checked_at timestamptz not null,
    primary key (tenant_id, mirror, digest)
);

-- A finding that somebody accepted: who, when, why, and what it was then.
create table acceptance (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror text not null,
    finding text not null,
    detail jsonb not null,
    who text not null,
    why text,
    at timestamptz not null
);
create index acceptance_by_mirror on acceptance (mirror);

-- What a person decided about one field of a pair. Its lane obeys it once, and only while the desks hold what the person saw.
create table ruling (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    pair_id bigint not null references pair on delete cascade,
    -- Null: a write that is undone.
    conflict_id bigint references conflict on delete cascade,
    field text not null,
    -- What the source has to hold; null: anything.
    source_value jsonb,
    target_value jsonb not null,
    keep text not null,
    value jsonb,
    decided_by text not null,
    decided_at timestamptz not null,
    closed_at timestamptz,
    outcome text,
    constraint ruling_keep_known check (keep in ('source', 'target', 'value')),
    constraint ruling_outcome_known check (outcome in ('done', 'overtaken'))
);
create index ruling_open on ruling (pair_id) where closed_at is null;

-- A rehearsal: the tickets that are copied before all others, and what each of them shows.
create table sample (
    mirror_id uuid not null references mirror on delete cascade,
    source_ticket text not null,
    why text not null,
    chosen_at timestamptz not null,
    primary key (mirror_id, source_ticket)
);

-- What was in the target and was taken back. Removing a ticket has an intent besides; removing a person only this row.
create table tombstone (
    id bigint generated always as identity primary key,
    mirror_id uuid not null references mirror on delete cascade,
    kind text not null,
    source text not null,
    target text not null,
    -- Null: it was asked for, and the answer is not known.
    removed_at timestamptz,
    asked_at timestamptz not null,
    constraint tombstone_once unique (mirror_id, kind, target),
    constraint tombstone_kind_known check (kind in ('ticket', 'person'))
);

-- A look whether the target told anybody because of us: for each batch of writes at once, and 1, 24 and 96 hours later.
create table leak_look (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    -- The batch: writes with numbers above the one and up to the other.
    after_intent bigint not null,
    up_to_intent bigint not null,
    written_since timestamptz not null,
    -- After the batch; null: a person ordered it.
    hours smallint,
    ordered_at timestamptz not null,
    due_at timestamptz not null,
    begun_at timestamptz,
    done_at timestamptz,
    verdict text,
    why text,
    tickets bigint,
    asked bigint,
    constraint leak_look_verdict_known check (verdict in ('silent', 'leaked', 'cannot tell'))
);
create index leak_look_open on leak_look (mirror_id, due_at) where done_at is null;
create index leak_look_by_batch on leak_look (mirror_id, up_to_intent);

-- The target told somebody after a write of ours. Who it was is in the target only.
create table leak (
    mirror_id uuid not null references mirror on delete cascade,
    side text not null,
    ticket text not null,
    -- The desk's id of the mail or notification.
    notice text not null,
    look_id bigint not null references leak_look on delete cascade,
    rule text not null,
    customers bigint not null,
    agents bigint not null,
    others bigint not null,
    -- False: people had acted on the ticket too, and the target does not tell whom its rule answered.
    ours boolean not null,
    at timestamptz not null,
    found_at timestamptz not null,
    primary key (mirror_id, side, ticket, notice)
);

-- A field of a ticket that is to be rewritten, because the mapping says otherwise now.
create table reapply (
    pair_id bigint not null references pair on delete cascade,
    field text not null,
    -- The lane's `pending` when it was ordered: done with the claim that read at least that.
    seq bigint not null,
    -- What the mapping before wanted at the target; JSON's null: it went into another field.
    wanted jsonb not null,
    primary key (pair_id, field)
);

-- One check of a mirror. An open one goes on where it was: `stage` and `cursor` say where, and are kept in one commit with its verdicts.
create table check_run (
    id bigint generated always as identity primary key,
    mirror_id uuid not null references mirror on delete cascade,
    -- What is looked at and by which rules: only the same order goes on with it.
    wish jsonb not null,
    -- Raised by whoever goes on with it, so that two processes never both do.
    fence integer not null default 1,
    stage text not null,
    cursor text,
    done bigint not null default 0,
    total bigint not null default 0,
    -- Questions asked of the desks so far, by kind.
    calls jsonb not null default '{}',
    started_at timestamptz not null,
    told_at timestamptz not null,
    -- When it will be done, as things go.
    ends_at timestamptz,
    finished_at timestamptz
);
create unique index check_run_one_open on check_run (mirror_id) where finished_at is null;

-- What was last said of a pair, and of which state of both tickets. It stands as long as the lane's `pending` has not gone past `seq`,
-- or the look that did showed the same stamps: derived, never noted.
create table verdict (
    pair_id bigint primary key references pair on delete cascade,
    mirror_id uuid not null references mirror on delete cascade,
    -- Null: a look at single tickets, outside any run.
    run_id bigint references check_run on delete set null,
    answer text not null,
    why text,
    -- The lane's `pending` before the first read, and after the last.
    seq bigint not null,
    -- Digest of mapping, policy and scope that it was judged by.
    rules text not null,
    mapping_version text not null,
    with_bytes boolean not null,
    source_stamp text,
    source_feed_stamp text,
    target_stamp text,
    -- Null: nothing to tell.
    found jsonb,
    messages integer not null,
    attachments integer not null,
    bytes bigint not null,
    calls integer not null,
    judged_at timestamptz not null,
    constraint verdict_answer_known check (answer in ('equal', 'explained', 'moving', 'different', 'unread'))
);
create index verdict_by_answer on verdict (mirror_id, answer);

-- What a check found that no pair stands for: source tickets that nobody told of, target tickets under our keys.
create table stray (
    mirror_id uuid not null references mirror on delete cascade,
    run_id bigint not null references check_run on delete cascade,
    side text not null,
    ticket text not null,
    answer text not null,
    why text,
    found jsonb,
    constraint stray_once primary key (mirror_id, side, ticket),
    constraint stray_answer_known check (answer in ('moving', 'different', 'unread'))
);

-- A change of who leads, its rehearsal, or the end of a mirror: one row per run, under way while `ended_at` is null.
create table switch (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    -- The window that was asked for; null: all that is left to turn.
    window_id bigint references cutover_window on delete cascade,
    -- The windows that it is about, as it was when it began; null: every ticket.
    windows bigint[],
    kind text not null,
    -- The desk that is to lead; for the end of a mirror the one that stays.
    to_side text not null,
    -- Gates that were passed by (`all`: every one), by whom, and why.
    waived text[] not null default '{}',
    reason text,
    who text not null,
    began_at timestamptz not null,
    -- Set in the commit in which the authority changed: before it a run is undone, after it finished.
    turned_at timestamptz,
    ended_at timestamptz,
    outcome text,
    constraint switch_kind_known check (kind in ('rehearsal', 'go', 'back', 'retire')),
    constraint switch_side_known check (to_side in ('source', 'target')),
    constraint switch_outcome_known check (outcome in ('done', 'refused', 'undone'))
);
create unique index switch_one_open on switch (mirror_id) where ended_at is null;

-- What a switch did, step by step.
create table switch_step (
    switch_id bigint not null references switch on delete cascade,
    step text not null,
    detail jsonb not null,
    done_at timestamptz not null,
    primary key (switch_id, step)
);

-- The sequence that a switch waits for: how far each lane that had work when it was marked has to be applied.
create table switch_mark (
    switch_id bigint not null references switch on delete cascade,
    pair_id bigint not null references pair on delete cascade,
    seq bigint not null,
    primary key (switch_id, pair_id)
);

-- A ticket that is made and removed to prove that a desk can be written to. While `removed_at` is null it may be there.
create table probe (
    id bigint generated always as identity primary key,
    mirror_id uuid not null references mirror on delete cascade,
    side text not null,
    key text not null,
    ticket text,
    asked_at timestamptz not null,
    removed_at timestamptz,
    -- A test message that a person sent through a channel: it stays, and is removed by people.
    sent boolean not null default false,
    constraint probe_once unique (key),
    constraint probe_side_known check (side in ('source', 'target'))
);

-- What people did by hand at a switch: who said so, when, and what shows it.
create table tick (
    mirror_id uuid not null references mirror on delete cascade,
    -- Each window has a list of its own; null: the mirror has no windows.
    window_id bigint references cutover_window on delete cascade,
    item text not null,
    -- The desk that was to lead then.
    to_side text not null,
    who text not null,
    evidence text,
    at timestamptz not null
);
create unique index tick_once on tick (mirror_id, coalesce(window_id, 0), item, to_side);

-- So many days more, who said so, and why: to begin runs in, or to keep what is known of a mirror.
create table extension (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    term text not null,
    days integer not null,
    reason text not null,
    who text not null,
    at timestamptz not null,
    constraint extension_term_known check (term in ('runs', 'keeping')),
    constraint extension_days_positive check (days > 0)
);
create index extension_by_mirror on extension (mirror_id);

-- What is known of a mirror is destroyed: by which rule or person, and how many of what so far. This record and the numbers of the
-- tickets stay.
create table purge (
    mirror_id uuid primary key references mirror on delete cascade,
    rule text not null,
    -- Null: the rule itself.
    ordered_by text,
    ordered_at timestamptz not null,
    destroyed jsonb not null default '{}',
    done_at timestamptz
);

-- Signs statements, PKCS #8; made when the first one is.
create table signing_key (
    only_one boolean primary key default true check (only_one),
    pkcs8 bytea not null,
    made_at timestamptz not null
);

-- A run: what changed since the last one is carried once. One row for each; its numbers are its report.
create table run (
    id bigint generated always as identity primary key,
    tenant_id bigint not null references tenant,
    mirror_id uuid not null references mirror on delete cascade,
    number integer not null,
    -- Only its tickets; null: all of the mirror.
    window_id bigint references cutover_window on delete set null,
    -- A person, or the schedule.
    ordered_by text not null,
    ordered_at timestamptz not null,
    -- Outside the quiet hours too.
    at_any_hour boolean not null,
    -- Since when it rests until the quiet hours, the calls that had been made then, and how long it rested before.
    rests_since timestamptz,
    rests_calls bigint,
    rested_seconds double precision not null default 0,
    -- Calls to both desks, and writes, that were made before it began.
    calls_before bigint not null,
    intents_before bigint not null,
    -- Start of the read that succeeded: what the desks showed then is in this run.
    read_at timestamptz,
    ended_at timestamptz,
    created bigint,
    updated bigint,
    skipped bigint,
    failed bigint,
    calls bigint,
    constraint run_number_once unique (mirror_id, number)
);
create unique index run_one_open on run (mirror_id) where ended_at is null;

-- A ticket of a run, and what became of it.
create table run_ticket (
    run_id bigint not null references run on delete cascade,
    pair_id bigint not null references pair on delete cascade,
    -- It was not in the target before.
    was_new boolean not null,
    outcome text,
    why text,
    primary key (run_id, pair_id),
    constraint run_ticket_outcome_known check (outcome in ('created', 'updated', 'skipped', 'failed'))
);

-- A ticket went from one window into another; where another desk leads there, the lead went with it.
create table window_move (
    id bigint generated always as identity primary key,
    mirror_id uuid not null references mirror on delete cascade,
    pair_id bigint not null references pair on delete cascade,
    from_window text not null,
    to_window text not null,
    led_by text not null,
    leads text not null,
    at timestamptz not null
);
create index window_move_by_mirror on window_move (mirror_id);

-- A difference that somebody took as it is, by the digest of what differed then (`ledger::accepted`): nobody's words are kept here. By the
-- source's ticket, or the target's where there is no other.
create table accepted_difference (
    mirror_id uuid not null references mirror on delete cascade,
    side text not null,
    ticket text not null,
    digest text not null,
    kind text not null,
    who text not null,
    reason text not null,
    at timestamptz not null,
    primary key (mirror_id, side, ticket, digest)
);
