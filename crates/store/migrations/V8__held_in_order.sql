-- The longest held first, without sorting all that is held for each batch that is released.
create index deliveries_held_order on deliveries (updated_at) where state = 'held';
