-- How far each lane's queue has come, as the dispatchers tell.

create table lane_passages (
    queue       text        primary key,
    passed_at   timestamptz not null,
    told_at     timestamptz not null,
    peak_lag_ms bigint      not null check (peak_lag_ms >= 0),
    peak_at     timestamptz not null
);

comment on column lane_passages.passed_at is 'what was published to the queue before it has been taken from it';
comment on column lane_passages.peak_lag_ms is 'how far behind it was at worst, of late';
