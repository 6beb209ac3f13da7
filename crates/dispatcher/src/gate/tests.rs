use domain::id::EndpointId;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::*;

fn endpoint() -> EndpointId {
    EndpointId::from_uuid(Uuid::from_u128(7))
}

fn overloaded(retry_after: Option<Duration>) -> Outcome {
    Outcome::Failed {
        retry_after,
        pressure: Pressure::Overloaded,
    }
}

const LONGEST: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn a_turn_is_waited_for_and_passed_on() {
    let gates = Gates::new(1);
    let first = gates.enter(endpoint()).await.unwrap();
    let mut queue = JoinSet::new();
    for _ in 0..10 {
        let gates = Arc::clone(&gates);
        queue.spawn(async move {
            let pass = gates
                .enter(endpoint())
                .await
                .map_err(|closed| format!("{closed:?}"))?;
            tokio::time::sleep(Duration::from_millis(10)).await;
            pass.learn(Outcome::Delivered, LONGEST);
            Ok::<_, String>(())
        });
    }
    tokio::task::yield_now().await;
    drop(first);
    while let Some(went) = queue.join_next().await {
        went.unwrap().unwrap();
    }
    assert!(
        gates.locked().by_endpoint.is_empty(),
        "an idle endpoint costs nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_before_an_endpoint_that_does_not_move() {
    let gates = Gates::new(1);
    let stuck = gates.enter(endpoint()).await.unwrap();
    let begun = Instant::now();
    assert_eq!(gates.enter(endpoint()).await.err(), Some(Closed::Crowded));
    assert_eq!(begun.elapsed(), TURN);
    assert_eq!(gates.enter(endpoint()).await.err(), Some(Closed::Crowded));
    assert_eq!(begun.elapsed(), TURN, "the second did not wait");
    drop(stuck);
    drop(gates.enter(endpoint()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn retry_after_closes_the_gate_for_everybody_up_to_its_clamp() {
    let gates = Gates::new(8);
    let pass = gates.enter(endpoint()).await.unwrap();
    pass.learn(overloaded(Some(Duration::MAX)), LONGEST);
    pass.learn(overloaded(Some(Duration::from_secs(1))), LONGEST);
    drop(pass);
    assert_eq!(
        gates.enter(endpoint()).await.err(),
        Some(Closed::Paused(LONGEST))
    );
    tokio::time::advance(LONGEST).await;
    drop(gates.enter(endpoint()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_is_forgotten_in_time() {
    let gates = Gates::new(8);
    let pass = gates.enter(endpoint()).await.unwrap();
    pass.learn(overloaded(None), LONGEST);
    drop(pass);
    assert_eq!(gates.locked().by_endpoint.len(), 1);
    tokio::time::advance(Duration::from_secs(601)).await;
    let other = EndpointId::from_uuid(Uuid::from_u128(8));
    drop(gates.enter(other).await.unwrap());
    assert!(gates.locked().by_endpoint.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_halved_cap_lets_half_through() {
    let gates = Gates::new(8);
    let mut passes = Vec::new();
    for _ in 0..8 {
        passes.push(gates.enter(endpoint()).await.unwrap());
    }
    for pass in &passes {
        pass.learn(overloaded(None), LONGEST);
    }
    passes.clear();
    for _ in 0..4 {
        passes.push(gates.enter(endpoint()).await.unwrap());
    }
    assert_eq!(gates.enter(endpoint()).await.err(), Some(Closed::Crowded));
}
