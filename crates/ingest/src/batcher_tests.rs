//! Tests of which events share a message.

use super::*;

type Told = oneshot::Receiver<Result<(), NotAccepted>>;

fn waiting(room: &Room, bytes: usize, until: Instant) -> (Waiting, Told) {
    let (told, outcome) = oneshot::channel();
    let teller = Teller {
        told,
        _place: room.take(bytes).unwrap(),
    };
    let item = Bytes::from(vec![0; bytes]);
    let waiting = Waiting {
        item,
        until,
        teller,
    };
    (waiting, outcome)
}

/// How many events go into one message here.
const MOST: usize = 200;

fn queue(room: &Room, sizes: &[usize], until: Instant) -> mpsc::Receiver<Waiting> {
    let (sender, receiver) = mpsc::channel(sizes.len());
    for bytes in sizes {
        assert!(sender.try_send(waiting(room, *bytes, until).0).is_ok());
    }
    receiver
}

#[test]
fn what_waits_shares_a_message_within_its_bounds() {
    let (room, later) = (Room::new(WAITING_BYTES), Instant::now() + LONGEST_WAIT);
    let first = || waiting(&room, 1, later).0;
    let mut next = None;
    let mut many = queue(&room, &[1; 300], later);
    let (_, tellers) = gather(first(), &mut many, &mut next, MOST).unwrap();
    assert_eq!(tellers.len(), MOST);
    let left = next.take().unwrap();
    let (_, tellers) = gather(left, &mut many, &mut next, MOST).unwrap();
    assert_eq!(tellers.len(), 301 - MOST);

    let mut large = queue(&room, &[limits::MESSAGE_BYTES, 1], later);
    let (body, tellers) = gather(first(), &mut large, &mut next, MOST).unwrap();
    assert_eq!(tellers.len(), 1);
    assert!(body.len() < 16);
    assert_eq!(next.unwrap().item.len(), limits::MESSAGE_BYTES);
}

/// However much of it there is: nobody is kept waiting behind what is too late already.
#[tokio::test(start_paused = true)]
async fn what_has_waited_too_long_is_turned_away() {
    let (room, now) = (Room::new(WAITING_BYTES), Instant::now());
    let mut late = queue(&room, &[1; 600], now + LONGEST_WAIT);
    let (first, told) = waiting(&room, 1, now + LONGEST_WAIT);
    tokio::time::advance(LONGEST_WAIT + Duration::from_millis(1)).await;
    let mut next = None;
    assert!(gather(first, &mut late, &mut next, MOST).is_none());
    assert_eq!(told.await, Ok(Err(NotAccepted::Unavailable)));
    assert!(late.try_recv().is_err() && next.is_none());
    assert!(room.take(WAITING_BYTES).is_some(), "the room is free again");
}

#[tokio::test(start_paused = true)]
async fn an_event_knows_how_long_it_has_waited() {
    let now = Instant::now();
    let (event, _told) = waiting(&Room::new(WAITING_BYTES), 1, now + LONGEST_WAIT);
    assert_eq!(event.waited(now), Duration::ZERO);
    let waited = Duration::from_secs(2);
    assert_eq!(event.waited(now + waited), waited);
    assert_eq!(event.waited(now + 2 * LONGEST_WAIT), LONGEST_WAIT);
}
