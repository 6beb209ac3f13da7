-- How an event's payload violates the schema of its type, where violations are recorded.
alter table events add column violations text;

comment on column events.violations is 'null: none; else a JSON array of pointer and detail';
