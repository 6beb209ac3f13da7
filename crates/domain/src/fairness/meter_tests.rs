use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const PER_SECOND: u32 = 1_000;

/// What may come at once from everybody, and what from one.
const BURST: u32 = 100;
const OWN_BURST: u32 = 50;

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(number))
}

/// A meter and the instant at which it begins.
fn meter() -> (Meter, Instant) {
    let now = Instant::now();
    (Meter::new(PER_SECOND, now), now)
}

/// How many of so many single units at the same instant go by the normal lane.
fn normal_of(meter: &mut Meter, who: TenantId, units: u32, now: Instant) -> u32 {
    let classes = (0..units).map(|_| meter.judge(who, 1, now));
    let normal = classes.filter(|class| *class == Class::Normal);
    u32::try_from(normal.count()).unwrap()
}

#[test]
fn a_flood_goes_by_the_bulk_lane_once_the_normal_one_is_full() {
    let (mut meter, now) = meter();
    assert_eq!(normal_of(&mut meter, tenant(1), 10_000, now), BURST);
    assert_eq!(normal_of(&mut meter, tenant(2), OWN_BURST, now), OWN_BURST);
    assert_eq!(normal_of(&mut meter, tenant(2), 10_000, now), 0);
}

#[test]
fn much_at_once_is_bulk_from_the_first_and_little_is_not() {
    let (mut meter, now) = meter();
    assert_eq!(meter.judge(tenant(1), BURST + 1, now), Class::Bulk);
    assert_eq!(meter.judge(tenant(2), BURST, now), Class::Normal);
    assert_eq!(meter.judge(tenant(3), OWN_BURST, now), Class::Normal);
    assert_eq!(meter.judge(tenant(4), OWN_BURST + 1, now), Class::Bulk);
    assert_eq!(meter.judge(tenant(5), 0, now), Class::Normal);
}

#[test]
fn who_has_flooded_is_normal_again_after_a_while_and_not_before() {
    let (mut meter, now) = meter();
    normal_of(&mut meter, tenant(1), 10_000, now);
    let hold = Duration::from_secs_f64(HOLD_S);
    let later = now + hold / 2;
    assert_eq!(meter.judge(tenant(1), 1, later), Class::Bulk);
    let later = now + hold + Duration::from_millis(100);
    assert_eq!(meter.judge(tenant(1), 1, later), Class::Normal);
}

#[test]
fn who_goes_on_above_its_share_stays_on_the_bulk_lane() {
    let (mut meter, now) = meter();
    normal_of(&mut meter, tenant(1), 10_000, now);
    for tenth in 1..1_000 {
        let now = now + Duration::from_millis(100) * tenth;
        assert_eq!(normal_of(&mut meter, tenant(1), 150, now), 0);
    }
}

/// Each has the tenth part of the rate when ten are there, and all of it when alone.
#[test]
fn shares_are_equal_parts_for_those_who_are_there() {
    let bulk_of_one = |others: u128| {
        let (mut meter, begun) = meter();
        let mut bulk = 0;
        for step in 0..500u32 {
            let now = begun + Duration::from_millis(10) * step;
            for other in 0..others {
                meter.judge(tenant(100 + other), 1, now);
            }
            bulk += 8 - normal_of(&mut meter, tenant(1), 8, now);
        }
        bulk
    };
    assert_eq!(bulk_of_one(0), 0, "800 a second alone");
    assert_eq!(bulk_of_one(1), 0, "and beside somebody with 100 a second");
    assert!(bulk_of_one(9) > 3_000, "but not where nine others have 100");
}

#[test]
fn a_hundred_floods_leave_a_thousand_quiet_tenants_alone() {
    let (mut meter, begun) = meter();
    for second in 0..5u32 {
        let now = begun + Duration::from_secs(1) * second;
        for flood in 0..100 {
            normal_of(&mut meter, tenant(flood), 1_000, now);
        }
        for quiet in 0..1_000u128 {
            let now = now + Duration::from_micros(500) * u32::try_from(quiet).unwrap();
            let class = meter.judge(tenant(1_000 + quiet), 1, now);
            assert_eq!(class, Class::Normal, "second {second}, tenant {quiet}");
        }
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_tenants() {
    let (mut meter, begun) = meter();
    for number in 0..1_000_000u32 {
        let now = begun + Duration::from_micros(1) * number;
        meter.judge(tenant(number.into()), 1, now);
    }
    assert_eq!(meter.cells.len(), ROWS * WIDTH);
    assert!(size_of_val(&*meter.cells) < 512 * 1024);
}

/// Who sends, and how many milliseconds after the one before.
fn traffic(tenants: u128) -> impl Strategy<Value = Vec<(u128, u64)>> {
    vec((0..tenants, 0u64..40), 1..800)
}

proptest! {
    /// However it is spread over the tenants.
    #[test]
    fn nobody_is_bulk_while_all_together_keep_within_the_rate(traffic in traffic(5)) {
        let (mut meter, mut now) = meter();
        for (who, wait_ms) in traffic {
            now += Duration::from_millis(wait_ms.max(1));
            prop_assert_eq!(meter.judge(tenant(who), 1, now), Class::Normal);
        }
    }

    /// Whatever the others do.
    #[test]
    fn who_keeps_within_its_share_is_never_bulk(
        traffic in vec((1u128..5, 0u64..3, 1u32..200), 1..800),
    ) {
        let (mut meter, mut now) = meter();
        let mut quiet_at = now;
        for (who, wait_ms, weight) in traffic {
            now += Duration::from_millis(wait_ms);
            meter.judge(tenant(who), weight, now);
            // Up to five are active: a fifth of the rate, with a little to spare for the estimate.
            if now.duration_since(quiet_at) >= Duration::from_millis(6) {
                quiet_at = now;
                prop_assert_eq!(meter.judge(tenant(0), 1, now), Class::Normal);
            }
        }
    }

    /// The normal lane is never given more than its rate and its burst by those above their
    /// share, whatever they send.
    #[test]
    fn floods_do_not_fill_the_normal_lane(
        traffic in vec((0u128..3, 0u64..20, 1u32..500), 1..400),
    ) {
        let (mut meter, begun) = meter();
        let mut now = begun;
        let mut normal = 0.0;
        for (who, wait_ms, weight) in traffic {
            now += Duration::from_millis(wait_ms);
            if meter.judge(tenant(who), weight, now) == Class::Normal {
                normal += f64::from(weight);
            }
        }
        let lasted = now.duration_since(begun).as_secs_f64();
        // Each of the three may also send within its own share, whatever the others send.
        let bound = 2.0 * f64::from(PER_SECOND) * lasted + f64::from(BURST + 3 * OWN_BURST);
        prop_assert!(normal <= bound + 1e-6, "{} > {}", normal, bound);
    }
}
