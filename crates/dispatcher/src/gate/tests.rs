use domain::endpoint::{BodyFormat, EndpointState, RateLimit};
use domain::id::DispatcherId;
use domain::limits;
use domain::outcome::{Outcome, Pressure};
use domain::retry::{Jitter, RetryPolicy};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::*;

/// The endpoint of this number, at a host of its own.
fn endpoint(number: u128) -> Endpoint {
    Endpoint {
        id: EndpointId::from_uuid(Uuid::from_u128(number)),
        tenant: domain::id::TenantId::from_uuid(Uuid::from_u128(1)),
        url: format!("https://{number}.example.com/in").parse().unwrap(),
        state: EndpointState::Enabled,
        format: BodyFormat::Guide,
        headers: Vec::new(),
        timeout: limits::ATTEMPT_TIMEOUT,
        retry: RetryPolicy::default(),
        rate_limit: None,
    }
}

fn limits(endpoint: u32) -> Limits {
    Limits {
        endpoint,
        host: 1_000,
        tenant: 1_000,
        breaker: Some(breaker::Rules::default()),
    }
}

fn gates(limits: Limits) -> Arc<Gates> {
    gates_of(limits, 1)
}

fn gates_of(limits: Limits, dispatchers: u32) -> Arc<Gates> {
    let (_, dispatchers) = watch::channel(NonZeroU32::new(dispatchers).unwrap());
    let notices = Notices::new(DispatcherId::from_uuid(Uuid::from_u128(9)));
    Gates::new(limits, dispatchers, notices, Breakers::new())
}

async fn enter(gates: &Arc<Gates>, endpoint: &Endpoint) -> Result<Pass, Closed> {
    let comer = Comer::New;
    gates.enter(Caller { endpoint, comer }).await
}

fn failed(pressure: Pressure, retry_after: Option<Duration>) -> Outcome {
    Outcome::Failed {
        retry_after,
        pressure,
    }
}

fn learn(pass: &Pass, outcome: Outcome) {
    pass.learn(outcome, LONGEST, Jitter::NONE);
}

const LONGEST: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn a_turn_is_waited_for_and_passed_on() {
    let gates = gates(limits(1));
    let first = enter(&gates, &endpoint(7)).await.unwrap();
    let mut queue = JoinSet::new();
    for _ in 0..10 {
        let gates = Arc::clone(&gates);
        queue.spawn(async move {
            let pass = enter(&gates, &endpoint(7)).await;
            let pass = pass.map_err(|closed| format!("{closed:?}"))?;
            tokio::time::sleep(Duration::from_millis(10)).await;
            learn(&pass, Outcome::Delivered);
            Ok::<_, String>(())
        });
    }
    tokio::task::yield_now().await;
    drop(first);
    while let Some(went) = queue.join_next().await {
        went.unwrap().unwrap();
    }
    let open = gates.locked();
    assert!(
        open.by_endpoint.is_empty() && open.hosts.is_empty() && open.tenants.is_empty(),
        "an idle endpoint costs nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_before_an_endpoint_that_does_not_move() {
    let gates = gates(limits(1));
    let stuck = enter(&gates, &endpoint(7)).await.unwrap();
    let begun = Instant::now();
    let refused = enter(&gates, &endpoint(7)).await.err();
    assert_eq!(refused, Some(Closed::Crowded(TURN)));
    let refused = enter(&gates, &endpoint(7)).await.err();
    assert_eq!(refused, Some(Closed::Crowded(TURN)), "it did not wait");
    assert_eq!(begun.elapsed(), TURN);
    // The longer nothing ends, the later it is worth to come back.
    tokio::time::advance(TURN * 9).await;
    let refused = enter(&gates, &endpoint(7)).await.err();
    assert_eq!(refused, Some(Closed::Crowded(TURN * 10)));
    drop(stuck);
    drop(enter(&gates, &endpoint(7)).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_of_one_url_does_not_hold_for_another() {
    let gates = gates(limits(8));
    let old = endpoint(7);
    let mut passes = Vec::new();
    for _ in 0..limits::BREAKER_TRIES {
        passes.push(enter(&gates, &old).await.unwrap());
    }
    for pass in passes {
        learn(&pass, failed(Pressure::Unreachable, Some(LONGEST)));
    }
    assert!(enter(&gates, &old).await.is_err());
    let mended = Endpoint {
        url: "https://7.example.com/mended".parse().unwrap(),
        ..endpoint(7)
    };
    let pass = enter(&gates, &mended).await.unwrap();
    // Its failures are counted from the first again, and no other endpoint's are forgotten.
    learn(&pass, failed(Pressure::Unreachable, None));
    drop(pass);
    drop(enter(&gates, &mended).await.unwrap());
    let told = gates.locked();
    let (state, _) = told.by_endpoint[&mended.id].breaker().unwrap();
    assert!(
        matches!(state, breaker::State::Closed(Some(_))),
        "{state:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_closes_the_gate_for_everybody_up_to_its_clamp() {
    let gates = gates(limits(8));
    let pass = enter(&gates, &endpoint(7)).await.unwrap();
    let asks = |wait| failed(Pressure::None, Some(wait));
    learn(&pass, asks(Duration::MAX));
    learn(&pass, asks(Duration::from_secs(1)));
    drop(pass);
    let paused = enter(&gates, &endpoint(7)).await.err();
    assert_eq!(paused, Some(Closed::Paused(LONGEST)));
    tokio::time::advance(LONGEST).await;
    drop(enter(&gates, &endpoint(7)).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_is_forgotten_in_time() {
    let gates = gates(limits(8));
    let pass = enter(&gates, &endpoint(7)).await.unwrap();
    learn(&pass, failed(Pressure::Overloaded, None));
    drop(pass);
    assert_eq!(gates.locked().by_endpoint.len(), 1);
    tokio::time::advance(Duration::from_secs(601)).await;
    drop(enter(&gates, &endpoint(8)).await.unwrap());
    assert!(gates.locked().by_endpoint.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_halved_cap_lets_half_through() {
    let gates = gates(Limits {
        breaker: None,
        ..limits(8)
    });
    let mut passes = Vec::new();
    for _ in 0..8 {
        passes.push(enter(&gates, &endpoint(7)).await.unwrap());
    }
    for pass in &passes {
        learn(pass, failed(Pressure::Overloaded, None));
    }
    passes.clear();
    for _ in 0..4 {
        passes.push(enter(&gates, &endpoint(7)).await.unwrap());
    }
    let refused = enter(&gates, &endpoint(7)).await.err();
    assert!(matches!(refused, Some(Closed::Crowded(_))));
}

/// What a request of one payload comes to says nothing of the endpoint.
#[tokio::test(start_paused = true)]
async fn only_what_speaks_against_the_endpoint_opens_its_breaker() {
    let gates = gates(limits(8));
    for _ in 0..100 {
        let pass = enter(&gates, &endpoint(7)).await.unwrap();
        learn(&pass, failed(Pressure::None, None));
    }
    for _ in 0..limits::BREAKER_TRIES {
        let pass = enter(&gates, &endpoint(8)).await.unwrap();
        learn(&pass, failed(Pressure::Unreachable, None));
    }
    let refused = enter(&gates, &endpoint(8)).await.err();
    assert_eq!(refused, Some(Closed::Broken(limits::BREAKER_OPEN)));
    drop(enter(&gates, &endpoint(7)).await.unwrap());
    // It is kept until it has probed, and forgotten when nobody comes to.
    tokio::time::advance(limits::BREAKER_OPEN + Duration::from_secs(599)).await;
    drop(enter(&gates, &endpoint(7)).await.unwrap());
    assert_eq!(gates.locked().by_endpoint.len(), 1);
    tokio::time::advance(Duration::from_secs(60)).await;
    drop(enter(&gates, &endpoint(7)).await.unwrap());
    assert!(gates.locked().by_endpoint.is_empty());
}

/// A thousand endpoints at one host that hangs take a bounded number of places, and those of the
/// others stay free.
#[tokio::test(start_paused = true)]
async fn the_endpoints_of_one_host_do_not_take_all_places() {
    let gates = gates(Limits {
        host: 16,
        ..limits(8)
    });
    let mut hanging = Vec::new();
    for number in 0..1_000 {
        let endpoint = Endpoint {
            url: "https://slow.example.com/in".parse().unwrap(),
            ..endpoint(number)
        };
        for _ in 0..8 {
            hanging.extend(enter(&gates, &endpoint).await);
        }
    }
    assert_eq!(hanging.len(), 32, "twice the cap");
    for number in 2_000..2_100 {
        drop(enter(&gates, &endpoint(number)).await.unwrap());
    }
    hanging.clear();
    let open = gates.locked();
    assert!(open.hosts.is_empty() && open.tenants.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tenants_requests_are_bounded() {
    let gates = gates(Limits {
        tenant: 4,
        ..limits(8)
    });
    let mut passes = Vec::new();
    for number in 0..8 {
        passes.push(enter(&gates, &endpoint(number)).await.unwrap());
    }
    let refused = enter(&gates, &endpoint(8)).await.err();
    assert_eq!(refused, Some(Closed::Crowded(Duration::ZERO)));
    let waiting = tokio::spawn({
        let gates = Arc::clone(&gates);
        async move { enter(&gates, &endpoint(9)).await.map(drop) }
    });
    tokio::task::yield_now().await;
    // The line has stalled: nobody waits before a place was given up quickly.
    assert!(waiting.await.unwrap().is_err());
    passes.pop();
    drop(enter(&gates, &endpoint(9)).await.unwrap());
    let other = Endpoint {
        tenant: domain::id::TenantId::from_uuid(Uuid::from_u128(2)),
        ..endpoint(10)
    };
    drop(enter(&gates, &other).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_waited_for_where_it_is_near_and_shared_with_the_others() {
    let limited = Endpoint {
        rate_limit: Some(RateLimit::new(20, 2).unwrap()),
        ..endpoint(7)
    };
    let gates = gates_of(limits(8), 2);
    let begun = Instant::now();
    // Half of it: one at once, and one every 100 ms.
    for ms in [0, 100, 200, 300] {
        drop(enter(&gates, &limited).await.unwrap());
        assert_eq!(begun.elapsed().as_millis(), ms);
    }
    let mut waiting = JoinSet::new();
    for _ in 0..10 {
        let (gates, limited) = (Arc::clone(&gates), limited.clone());
        waiting.spawn(async move { enter(&gates, &limited).await.map(drop) });
    }
    let mut sent_away = Vec::new();
    while let Some(entered) = waiting.join_next().await {
        sent_away.extend(entered.unwrap().err());
    }
    assert_eq!(sent_away.len(), 8, "two turns are within {TURN:?}");
    let is_limited = |closed: &Closed| matches!(closed, Closed::Limited(wait) if *wait >= TURN);
    assert!(sent_away.iter().all(is_limited));
}
