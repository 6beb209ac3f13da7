-- Which programs can use this schema: those that know the migration of this number. One that only
-- adds leaves it as it is; one that takes something away raises it, in its own transaction. So an
-- older program can go on beside a newer one, and be started again, until it can't.

create table usable_from (
    version integer not null,
    alone   boolean primary key default true check (alone)
);

comment on column usable_from.version is 'the oldest migration that a program must know';

insert into usable_from (version) values (28);
