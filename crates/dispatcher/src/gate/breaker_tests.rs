use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn breaker() -> Breaker {
    Breaker::new(Rules::default())
}

/// One request at `now`, if it is let through.
fn try_once(breaker: &mut Breaker, verdict: Verdict, now: Instant) -> bool {
    if breaker.check(now).is_err() {
        return false;
    }
    let turn = breaker.sent();
    breaker.learn(turn, verdict, now, Jitter::NONE);
    breaker.ended(turn);
    true
}

/// As many failures as open it.
fn fail(breaker: &mut Breaker, now: Instant) {
    for _ in 0..limits::BREAKER_TRIES {
        assert!(try_once(breaker, Verdict::Failed, now));
    }
    assert!(matches!(breaker.state(), State::Open { .. }));
}

/// How long it is no use to ask.
fn open_for(breaker: &mut Breaker, now: Instant) -> Duration {
    breaker.check(now).expect_err("it is open")
}

#[test]
fn it_opens_when_half_of_enough_attempts_have_failed() {
    let (now, mut breaker) = (Instant::now(), breaker());
    for _ in 0..limits::BREAKER_TRIES {
        try_once(&mut breaker, Verdict::Answered, now);
    }
    for _ in 1..limits::BREAKER_TRIES {
        try_once(&mut breaker, Verdict::Failed, now);
    }
    assert_eq!(breaker.state(), State::Closed(None));
    try_once(&mut breaker, Verdict::Failed, now);
    assert_eq!(open_for(&mut breaker, now), limits::BREAKER_OPEN);
}

#[test]
fn a_few_failures_open_nothing_and_old_ones_are_forgotten() {
    let (mut now, mut breaker) = (Instant::now(), breaker());
    for _ in 0..100 {
        for _ in 1..limits::BREAKER_TRIES {
            assert!(try_once(&mut breaker, Verdict::Failed, now));
        }
        now += limits::BREAKER_WINDOW;
    }
    assert!(breaker.is_untouched(now));
}

#[test]
fn only_probes_pass_when_it_is_half_open_and_their_success_closes_it() {
    let (now, mut breaker) = (Instant::now(), breaker());
    fail(&mut breaker, now);
    let now = now + limits::BREAKER_OPEN;
    let probes: Vec<Turn> = (0..limits::BREAKER_PROBES)
        .map(|_| {
            breaker.check(now).unwrap();
            breaker.sent()
        })
        .collect();
    assert_eq!(breaker.state(), State::HalfOpen(now));
    let later = now + SECOND * 7;
    assert_eq!(breaker.check(later), Err(SECOND * 7));
    for probe in probes {
        assert_eq!(breaker.state(), State::HalfOpen(now));
        breaker.learn(probe, Verdict::Answered, later, Jitter::NONE);
        breaker.ended(probe);
    }
    assert_eq!(breaker.state(), State::Closed(Some(later)));
    // What failed before it opened is forgotten.
    assert!(try_once(&mut breaker, Verdict::Failed, later));
    assert_eq!(breaker.state(), State::Closed(Some(later)));
}

#[test]
fn a_probe_that_comes_to_nothing_leaves_its_place_to_another() {
    let (now, mut breaker) = (Instant::now(), breaker());
    fail(&mut breaker, now);
    let now = now + limits::BREAKER_OPEN;
    for _ in 0..10 {
        breaker.check(now).unwrap();
        let probe = breaker.sent();
        breaker.ended(probe);
    }
    assert_eq!(breaker.state(), State::HalfOpen(now));
}

#[test]
fn each_failed_probe_doubles_its_time_up_to_a_bound() {
    let (mut now, mut breaker) = (Instant::now(), breaker());
    fail(&mut breaker, now);
    let mut times = Vec::new();
    for _ in 0..7 {
        let open = open_for(&mut breaker, now);
        times.push(open.as_secs());
        now += open;
        assert!(try_once(&mut breaker, Verdict::Failed, now));
    }
    assert_eq!(times, [30, 60, 120, 240, 480, 600, 600]);
}

#[test]
fn what_was_sent_before_it_changed_changes_nothing() {
    let (now, mut breaker) = (Instant::now(), breaker());
    let early: Vec<Turn> = (0..20).map(|_| breaker.sent()).collect();
    fail(&mut breaker, now);
    let state = breaker.state();
    for turn in &early {
        breaker.learn(*turn, Verdict::Failed, now + SECOND, Jitter::NONE);
    }
    assert_eq!(breaker.state(), state);
    let now = now + limits::BREAKER_OPEN;
    breaker.check(now).unwrap();
    for turn in early {
        breaker.learn(turn, Verdict::Answered, now, Jitter::NONE);
        breaker.ended(turn);
    }
    assert_eq!(breaker.state(), State::HalfOpen(now));
}

#[test]
fn jitter_makes_it_longer_by_a_tenth_at_most() {
    let (now, mut breaker) = (Instant::now(), breaker());
    for _ in 0..limits::BREAKER_TRIES {
        let turn = breaker.sent();
        breaker.learn(turn, Verdict::Failed, now, Jitter::new(1.0));
    }
    assert_eq!(open_for(&mut breaker, now), limits::BREAKER_OPEN * 11 / 10);
}

/// Ten requests a second to an endpoint that is well for a while and then isn't, over a day.
/// Returns how often its breaker opened, and what share of the failing requests got through.
fn flapping(well: u64, ill: u64) -> (u32, f64) {
    let (begun, mut breaker) = (Instant::now(), breaker());
    let (mut openings, mut failing, mut sent) = (0, 0.0, 0.0);
    for tick in 0..24 * 60 * 60 * 10 {
        let now = begun + SECOND / 10 * tick;
        let is_ill = u64::from(tick) / 10 % (well + ill) >= well;
        let verdict = if is_ill {
            Verdict::Failed
        } else {
            Verdict::Answered
        };
        let before = breaker.state();
        let passed = try_once(&mut breaker, verdict, now);
        if is_ill {
            failing += 1.0;
            sent += f64::from(u8::from(passed));
        }
        if !matches!(before, State::Open { .. }) && matches!(breaker.state(), State::Open { .. }) {
            openings += 1;
        }
    }
    (openings, sent / failing)
}

#[test]
fn it_does_not_swing_with_an_endpoint_that_does() {
    let (openings, sent) = flapping(20, 20);
    // 2,160 times well and ill; at most one opening in ten minutes once it has learned.
    assert!(openings <= 24 * 6 + 6, "{openings} openings in a day");
    assert!(sent < 0.1, "{sent} of what would fail was sent");
}

#[test]
fn a_rare_outage_is_a_short_one() {
    // Ill for half a minute every hour.
    let (openings, _) = flapping(60 * 60, 30);
    assert!(openings <= 2 * 24, "{openings} openings in a day");
}

proptest! {
    /// Whatever happens: never more probes at once than allowed, never closed without as many
    /// successes, and never open for longer than its bound.
    #[test]
    fn it_keeps_its_bounds(
        steps in proptest::collection::vec((0u8..4, 0u64..40_000, 0.0..1.0), 1..400),
    ) {
        let mut breaker = breaker();
        let mut now = Instant::now();
        let mut out: Vec<Turn> = Vec::new();
        for (step, pause_ms, fraction) in steps {
            now += Duration::from_millis(pause_ms);
            match step {
                0 | 1 => match breaker.check(now) {
                    Ok(()) => out.push(breaker.sent()),
                    Err(_) => prop_assert!(!matches!(breaker.state(), State::Closed(_))),
                },
                verdict => if let Some(turn) = out.pop() {
                    let verdict = if verdict == 2 { Verdict::Answered } else { Verdict::Failed };
                    breaker.learn(turn, verdict, now, Jitter::new(fraction));
                    breaker.ended(turn);
                }
            }
            match breaker.state() {
                State::Open { since, until } => {
                    let longest = limits::BREAKER_OPEN_MOST * 11 / 10;
                    prop_assert!((limits::BREAKER_OPEN..=longest).contains(&(until - since)));
                }
                State::HalfOpen(_) => {
                    let probing = out.iter().filter(|turn| **turn == breaker.turn()).count();
                    prop_assert!(probing <= limits::BREAKER_PROBES as usize);
                }
                State::Closed(_) => {}
            }
        }
    }
}
