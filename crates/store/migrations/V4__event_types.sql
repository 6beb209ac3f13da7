-- The catalogue that platforms show to their customers. Publishing does not depend on it.

create table event_types (
    name        text        primary key,
    description text        not null,
    example     text        not null,
    created_at  timestamptz not null default now(),
    archived_at timestamptz
);

comment on column event_types.example is 'a payload, JSON';

insert into event_types (name, description, example) values
    ('shipment.created', 'A shipment was created.',
     '{"id":"ship_123","status":"created","created_at":"2024-01-15T10:30:00Z"}'),
    ('shipment.updated', 'A shipment changed.',
     '{"id":"ship_123","status":"in_transit","updated_at":"2024-01-16T08:05:00Z"}'),
    ('user.created', 'A user signed up.',
     '{"id":"user_456","email":"ada@example.com","created_at":"2024-01-15T10:30:00Z"}'),
    ('user.updated', 'A user changed.',
     '{"id":"user_456","email":"ada@example.org","updated_at":"2024-01-16T08:05:00Z"}');
