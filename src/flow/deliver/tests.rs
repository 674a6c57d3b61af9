//! Cuts against a transport that is slow to commit: whatever waits meanwhile, each cut covers exactly what came before
//! the join's share of it, and no share and no output is lost.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use proptest::prelude::*;
use timely::dataflow::InputHandleVec;
use timely::dataflow::operators::Input;
use timely::worker::Worker;

use super::*;
use crate::clock::ManualClock;
use crate::engine::Credit;
use crate::flow::dead_letter::Place;
use crate::flow::node::Job;
use crate::flow::shared::Progress;
use crate::flow::waiting::Moving;
use crate::io::{Committer, RawRecord, Topic};

/// What a commit covered: the number of each output, and the offset of the join's position.
type Commit = (Vec<i64>, Option<i64>);

/// A transport that commits only when it is allowed to, and takes in records likewise if that is asked.
struct Slow {
    sent: Vec<i64>,
    commits: Arc<Mutex<Vec<Commit>>>,
    allowed: Receiver<()>,
    takes: Option<Receiver<()>>,
}

impl Slow {
    fn new(commits: Arc<Mutex<Vec<Commit>>>, allowed: Receiver<()>) -> Self {
        Self { sent: Vec::new(), commits, allowed, takes: None }
    }
}

impl Committer for Slow {
    fn send(&mut self, records: Vec<Outgoing>) -> Result<(), IoError> {
        self.sent.extend(records.iter().map(|outgoing| outgoing.record.time));
        let _ = self.takes.as_ref().map(Receiver::recv);
        Ok(())
    }

    fn commit(&mut self, cut: Cut) -> Result<Ends, IoError> {
        let offset = cut.positions.first().map(|position| position.offset);
        self.commits.lock().unwrap().push((std::mem::take(&mut self.sent), offset));
        // Once the test has let go of its end, everything is allowed.
        let _ = self.allowed.recv();
        Ok(Ends::new())
    }
}

/// What the join sends.
#[derive(Clone, Copy, Debug)]
enum Step {
    Output,
    Share,
    /// The transport may finish a commit.
    Allow,
    /// The worker runs.
    Run,
}

/// Outputs are numbered as they come; a share says how many came before it. What was committed, in order.
fn committed(steps: Vec<Step>) -> Vec<Commit> {
    let commits = Arc::new(Mutex::new(Vec::new()));
    let seen = commits.clone();
    timely::execute_directly(move |worker| {
        let (allow, allowed) = sync_channel(steps.len());
        let slow = Slow::new(commits, allowed);
        let shared = Shared::new(0, Moving::default());
        let (mut input, _door) = path(worker, slow, &shared, true);
        let mut outputs = 0;
        for step in steps {
            match step {
                Step::Output => {
                    input.send(Out::Joined(output(outputs)));
                    outputs += 1;
                }
                Step::Share => input.send(share(outputs, false)),
                Step::Allow => allow_one(&allow),
                Step::Run => {
                    input.flush();
                    worker.step();
                }
            }
        }
    });
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

fn allow_one(allow: &SyncSender<()>) {
    // More than was asked for is not needed.
    let _ = allow.try_send(());
}

/// The output with this number.
fn output(number: i64) -> Outgoing {
    Outgoing::new(Topic(0), 0, RawRecord { time: number, value: Some("r".into()), ..RawRecord::default() })
}

/// The join's share behind so many results.
fn share(offset: i64, last: bool) -> Out {
    let position = Position { topic: Topic(1), partition: 0, offset, metadata: String::new() };
    Out::Cut(Rc::new(Cell::new(Some(JoinCut { positions: vec![position], state: None, last }))))
}

/// A path to a transport: what goes in, and the door of its end.
fn path(
    worker: &mut Worker,
    slow: Slow,
    shared: &Rc<Shared>,
    joins: bool,
) -> (InputHandleVec<Epoch, Out>, Mailbox<DeliverMessage>) {
    let (shared, clock) = (shared.clone(), Arc::new(ManualClock::at(1)));
    let meters = Arc::new(Meters::new("f", [], clock.clone()));
    // Of a transport that holds back what it is given, any record fills the outbox.
    let max_bytes = if slow.takes.is_some() { 1 } else { usize::MAX };
    worker.dataflow(|scope| {
        let (input, stream) = scope.new_input();
        let mut door = None;
        deliver(stream, |bell| {
            let mailbox = Mailbox::new(bell.clone());
            door = Some(mailbox.clone());
            let failed = Arc::new(|error: IoError| panic!("{error}"));
            let events = Events { bell, failed, written: Written::default() };
            Ok(Deliver {
                outbox: Outbox::start(0, max_bytes, Box::new(slow), events)?,
                shared,
                nodes: Vec::new(),
                mailbox,
                meters,
                clock,
                interval: Duration::from_secs(3600),
                joins,
                enough: usize::MAX,
            })
        })
        .unwrap();
        (input, door.unwrap())
    })
}

/// What has to be committed: every share with the outputs since the one before, then the outputs behind the last.
fn expected(steps: &[Step]) -> Vec<Commit> {
    let (mut commits, mut outputs, mut since) = (Vec::new(), 0, Vec::new());
    for step in steps {
        match step {
            Step::Output => {
                since.push(outputs);
                outputs += 1;
            }
            Step::Share => commits.push((std::mem::take(&mut since), Some(outputs))),
            Step::Allow | Step::Run => {}
        }
    }
    if !since.is_empty() {
        commits.push((since, None));
    }
    commits
}

#[test]
fn outputs_behind_a_share_wait_for_their_own() {
    use Step::{Output, Run, Share};
    // While the first cut commits, two more shares come, with outputs before and behind each.
    let steps = vec![Output, Share, Run, Output, Share, Output, Share, Run, Output, Run];
    let all = [(vec![0], Some(1)), (vec![1], Some(2)), (vec![2], Some(3)), (vec![3], None)];
    assert_eq!(expected(&steps), all);
    assert_eq!(committed(steps), all);
}

/// All sources are caught up and have ended, and the last share is on its way: the outputs before it must not go out without
/// the positions that say so, or who goes on would make them again.
#[test]
fn what_the_join_gave_out_before_it_ended_waits_for_its_last_share() {
    let commits = Arc::new(Mutex::new(Vec::new()));
    let seen = commits.clone();
    timely::execute_directly(move |worker| {
        let slow = Slow::new(commits.clone(), sync_channel(1).1);
        let shared = Shared::new(0, Moving::default());
        let (mut input, door) = path(worker, slow, &shared, true);
        input.send(Out::Joined(output(7)));
        input.flush();
        worker.step();
        let (done, given_up) = sync_channel(1);
        door.post(DeliverMessage::GiveUp(done));
        for _ in 0..3 {
            worker.step();
        }
        assert!(given_up.try_recv().is_err() && commits.lock().unwrap().is_empty());
        input.send(share(1, true));
        input.flush();
        worker.step_while(|| given_up.try_recv().is_err());
    });
    assert_eq!(*seen.lock().unwrap(), [(vec![7], Some(1))]);
}

/// It waits behind what was given out before, and every further one would wait for the cut of the one before.
#[test]
fn a_share_that_waits_for_a_full_outbox_is_not_asked_for_again() {
    let commits = Arc::new(Mutex::new(Vec::new()));
    let seen = commits.clone();
    timely::execute_directly(move |worker| {
        let (take, takes) = sync_channel(1);
        let slow = Slow { takes: Some(takes), ..Slow::new(commits, sync_channel(1).1) };
        let shared = Shared::new(0, Moving::default());
        let (mut input, door) = path(worker, slow, &shared, true);
        input.send(Out::Joined(output(7)));
        input.flush();
        worker.step();
        let (done, given_up) = sync_channel(1);
        door.post(DeliverMessage::GiveUp(done));
        worker.step_while(|| !shared.cut_wanted.get());
        assert!(!shared.outbox_open.get() && shared.cut_wanted.take());
        input.send(Out::Joined(output(8)));
        input.send(share(1, false));
        input.flush();
        for _ in 0..3 {
            worker.step();
            assert!(!shared.cut_wanted.get(), "one is on its way");
        }
        drop(take);
        worker.step_while(|| given_up.try_recv().is_err());
    });
    assert_eq!(*seen.lock().unwrap(), [(vec![7, 8], Some(1))]);
}

/// The last names before a pause have rows that would stay, and be read again after a restart.
#[test]
fn rows_that_are_due_ask_for_a_cut_of_their_own() {
    timely::execute_directly(|worker| {
        let (allow, allowed) = sync_channel(2);
        (0..2).for_each(|_| allow_one(&allow));
        let commits = Arc::new(Mutex::new(Vec::new()));
        let slow = Slow::new(commits.clone(), allowed);
        let shared = Shared::new(0, Moving::default());
        let (mut input, _door) = path(worker, slow, &shared, true);
        shared.rows_due.set(Some(Instant::now() + Duration::from_millis(50)));
        input.send(share(1, false));
        input.flush();
        worker.step_while(|| commits.lock().unwrap().is_empty());
        // Nothing moves any more.
        worker.step_or_park_while(Some(Duration::from_secs(60)), || !shared.cut_wanted.get());
        assert!(shared.rows_due.get().is_some_and(|due| due <= Instant::now()));
        shared.rows_due.set(None);
    });
}

/// Its outputs must not go out without the position that says so, or the next owner would make them again.
#[test]
fn a_call_that_ends_after_its_partition_was_released_leaves_nothing() {
    let commits = Arc::new(Mutex::new(Vec::new()));
    let seen = commits.clone();
    timely::execute_directly(move |worker| {
        let (allow, allowed) = sync_channel(1);
        let slow = Slow::new(commits, allowed);
        let shared = Shared::new(0, Moving::default());
        let place = Place { topic: Topic(1), partition: 0, offset: 0 };
        let mut progress = Progress::resume(1, [(0, "n".to_owned())], None, Arc::default());
        (0..2).for_each(|offset| assert_eq!(progress.begin(offset), 1));
        shared.requests.borrow_mut().insert((place.topic, place.partition), progress);
        let (mut input, door) = path(worker, slow, &shared, false);
        let credit = Credit::new(2, usize::MAX);
        let finished = |offset: i64| {
            let job = Job { place: Place { offset, ..place }, record: RawRecord::default() };
            let request = Request { job, generation: 1, work: 1, permit: credit.take(0) };
            let outputs = Ok(vec![output(offset)]);
            Out::Finished { node: 0, request, outputs }
        };
        let (done, released) = sync_channel(1);
        door.post(DeliverMessage::Release([(place.topic, place.partition)].into(), done));
        input.send(finished(0));
        input.flush();
        worker.step();
        // The cut of the release is on its way.
        input.send(finished(1));
        input.flush();
        worker.step();
        assert!(released.try_recv().is_err(), "not yet committed");
        drop(allow);
    });
    assert_eq!(Arc::into_inner(seen).unwrap().into_inner().unwrap(), [(vec![0], Some(1))]);
}

proptest! {
    #[test]
    fn every_cut_covers_exactly_what_came_before_it(
        steps in prop::collection::vec(
            prop_oneof![4 => Just(Step::Output), 2 => Just(Step::Share), 1 => Just(Step::Allow), 3 => Just(Step::Run)],
            0..60,
        )
    ) {
        let expected = expected(&steps);
        prop_assert_eq!(committed(steps), expected);
    }
}
