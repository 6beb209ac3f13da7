-- What customers see of the platform: its name, its colour, whom to ask, and its logo.

create table branding (
    only_row    boolean     primary key default true check (only_row),
    name        text,
    colour      text,
    support     text,
    logo        bytea       check (octet_length(logo) <= 65536),
    logo_sha256 bytea       generated always as (sha256(logo)) stored,
    version     bigint      not null default 1,
    updated_at  timestamptz not null default now()
);

comment on column branding.colour is 'as #rrggbb; null: the one that is built in';
comment on column branding.support is 'an https or mailto URL';
comment on column branding.logo is 'a PNG';
comment on column branding.logo_sha256 is 'tells versions of the logo apart without reading it';

insert into branding default values;
