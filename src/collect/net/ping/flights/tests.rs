//! What becomes of requests, by a clock of the test.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::*;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

struct Table {
    flights: Flights,
    start: Instant,
    places: Arc<Semaphore>,
}

type Outcome = oneshot::Receiver<Result<Vec<Echo>, PingError>>;

impl Table {
    fn new() -> Self {
        Self { flights: Flights::new(), start: Instant::now(), places: Arc::new(Semaphore::new(2)) }
    }

    /// A series with 100 ms between requests, and 1 s for replies.
    fn series(&mut self, address: IpAddr, count: u32, at: u64) -> Outcome {
        let (done, outcome) = oneshot::channel();
        let place = self.places.clone().try_acquire_owned().unwrap();
        let plan = EchoSeries { count, interval: ms(100), timeout: ms(1000) };
        self.flights.add(Series { address, plan, done, place }, self.start + ms(at));
        outcome
    }

    /// Sends what is due.
    fn send(&mut self, at: u64) -> Vec<Due> {
        let now = self.start + ms(at);
        let mut all = vec![];
        self.flights.finish(now);
        while let Some(due) = self.flights.next(now) {
            self.flights.sent(due, now, None);
            all.push(due);
        }
        all
    }

    fn hear(&mut self, said: Said, source: IpAddr, at: u64) {
        self.flights.heard(Heard { said, source, at: self.start + ms(at) });
    }

    fn reply(&mut self, due: Due, at: u64) {
        self.hear(Said::Reply(due.token), due.to, at);
    }

    fn short_fault(&mut self, to: IpAddr, sequence: u16, at: u64) {
        let fault = Fault::TimeExceeded;
        self.hear(Said::Fault { fault, to, sequence, token: None }, OTHER, at);
    }
}

fn outcome(mut outcome: Outcome) -> Vec<Echo> {
    outcome.try_recv().expect("the series has ended").unwrap()
}

#[test]
fn requests_leave_an_interval_apart_and_replies_find_theirs() {
    let mut table = Table::new();
    let series = table.series(HOST, 3, 0);
    let first = table.send(0);
    assert_eq!(table.send(99), []);
    // Late by 30 ms: the next one leaves 100 ms after it.
    let second = table.send(130);
    assert_eq!(table.flights.next_send(), Some(table.start + ms(230)));
    let third = table.send(230);
    table.reply(third[0], 240);
    table.reply(first[0], 250);
    table.reply(second[0], 260);
    assert_eq!(outcome(series), [250, 130, 10].map(|millis| Echo::Reply(ms(millis))));
    assert!(table.flights.is_empty());
    assert_eq!(table.places.available_permits(), 2);
}

#[test]
fn late_replies_and_further_ones_count_for_nothing() {
    let mut table = Table::new();
    let series = table.series(HOST, 2, 0);
    let first = table.send(0)[0];
    let second = table.send(100)[0];
    table.reply(second, 150);
    table.reply(second, 170);
    table.reply(first, 1001);
    assert_eq!(table.send(1099), []);
    assert_eq!(table.flights.next_end(), Some(table.start + ms(1100)));
    table.send(1100);
    assert_eq!(outcome(series), [Echo::Lost, Echo::Reply(ms(50))]);
    table.reply(first, 1101);
}

#[test]
fn a_message_about_another_series_or_from_another_address_is_nothing() {
    let mut table = Table::new();
    let gone = table.series(HOST, 1, 0);
    let old = table.send(0)[0];
    table.reply(old, 1);
    assert_eq!(outcome(gone).len(), 1);
    // The same slot.
    let series = table.series(HOST, 1, 10);
    let new = table.send(10)[0];
    assert_eq!(old.token.slot, new.token.slot);
    table.reply(old, 11);
    table.hear(Said::Reply(new.token), OTHER, 12);
    for token in
        [Token { number: 1, ..new.token }, Token { slot: 1, ..new.token }, Token { series: 9, ..new.token }]
    {
        table.hear(Said::Reply(token), HOST, 13);
    }
    table.reply(new, 30);
    assert_eq!(outcome(series), [Echo::Reply(ms(20))]);
}

#[test]
fn a_short_error_finds_its_request_by_address_and_sequence() {
    let mut table = Table::new();
    let (series, other) = (table.series(HOST, 1, 0), table.series(OTHER, 1, 0));
    let sent = table.send(0);
    assert_ne!(sent[0].sequence, sent[1].sequence);
    let of = |to: IpAddr| sent.iter().find(|due| due.to == to).unwrap().sequence;
    table.short_fault(HOST, of(OTHER), 5);
    table.short_fault(HOST, of(HOST).wrapping_add(7), 5);
    table.short_fault(HOST, of(HOST), 6);
    assert_eq!(outcome(series), [Echo::TimeExceeded]);
    table.send(1000);
    assert_eq!(outcome(other), [Echo::Lost]);
    // Of a series that is over.
    table.short_fault(HOST, of(HOST), 1001);
}

#[test]
fn what_cannot_be_sent_is_put_off_known_at_once_or_the_end() {
    let mut table = Table::new();
    let (series, failed) = (table.series(HOST, 2, 0), table.series(OTHER, 2, 1));
    let now = table.start + ms(1);
    let due = table.flights.next(now).unwrap();
    table.flights.put_off(due, ms(5), now);
    let due = table.flights.next(now).unwrap();
    assert_eq!(due.to, OTHER, "who is put off does not hold others");
    table.flights.fail(due, PingError::Permission);
    assert!(matches!({ failed }.try_recv(), Ok(Err(PingError::Permission))));
    assert_eq!(table.flights.next_send(), Some(table.start + ms(6)));
    for at in [6, 106] {
        let due = table.flights.next(table.start + ms(at)).unwrap();
        table.flights.sent(due, table.start + ms(at), Some(Echo::Unreachable));
    }
    assert_eq!(outcome(series), [Echo::Unreachable; 2]);
}

#[test]
fn a_series_that_nobody_waits_for_ends() {
    let mut table = Table::new();
    drop(table.series(HOST, 3, 0));
    assert_eq!(table.send(0), []);
    assert!(table.flights.is_empty());
    assert_eq!(table.places.available_permits(), 2);
}

#[test]
fn sequence_numbers_go_round_and_intervals_without_end_do_no_harm() {
    let mut table = Table::new();
    table.flights.next_sequence = u16::MAX;
    let (done, series) = oneshot::channel();
    let place = table.places.clone().try_acquire_owned().unwrap();
    let plan = EchoSeries { count: 2, interval: Duration::MAX, timeout: Duration::MAX };
    table.flights.add(Series { address: HOST, plan, done, place }, table.start);
    assert_eq!(table.send(0)[0].sequence, u16::MAX);
    assert_eq!(table.send(25 * 3_600_000)[0].sequence, 0);
    assert_eq!(table.send(60 * 3_600_000), []);
    assert_eq!(outcome(series), [Echo::Lost; 2]);
}
