//! An audit of a flow whose results go through a node that brings them to the partitions of their names.

use super::*;
use crate::flow::headers::RUN;
use crate::io::Position;

const FLOW: &str = "
version: 1
name: f
nodes:
  zone: { collector: zone, from: to_process_zone, to: processed_zone, follow_ups: { dns: to_process_DNS } }
  dns: { collector: dns, from: to_process_DNS, to: processed_DNS }
  by-name: { repartition: [processed_zone, processed_DNS] }
  join:
    join: { zone: processed_zone_by_name, dns: processed_DNS_by_name, patience: 1m }
    to: all_collected_data
";

const TIME: Millis = 1_700_000_000_000;

/// Results that nobody has read yet are open, in front of the node as well as behind it; those that the join is done with
/// are not.
#[test]
fn what_waits_to_be_moved_is_open() {
    let moved = ["processed_zone", "processed_DNS"];
    let by_name = ["processed_zone_by_name", "processed_DNS_by_name"];
    for (case, copied, done, expected) in [
        ("nothing is moved", &by_name[..0], &moved[..0], (1, 0, Some(TIME + 60_000))),
        (
            "one is moved and read",
            &by_name[..1],
            &[moved[0], by_name[0], by_name[1]],
            (1, 0, Some(TIME + 60_000)),
        ),
        ("moved, and not read", &by_name, &moved, (1, 0, Some(TIME + 60_000))),
        ("read, and not joined", &by_name, &[moved, by_name].concat(), (0, 1, None)),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut loader = Loader::new();
        loader.set(&format!("state.dir={}", dir.path().join("state").display())).unwrap();
        loader.set("topics.partitions=2").unwrap();
        let settings = loader.finish().unwrap();
        let plan = crate::spec::parse("flow.yaml", FLOW, settings.topics.format).unwrap();
        let process = Process::embedded(settings.clone(), plan.clone(), None).unwrap();
        let (log, group) = (process.log.clone().unwrap(), process.group.clone());
        let find = |topic: &str| log.topics().find(topic).unwrap();
        let mut record = RawRecord { key: Some("a.cz".into()), time: TIME, ..RawRecord::default() };
        record.headers.push(RUN, "r");
        // What was not moved lies in another partition than what was.
        let put = |topic: &&str, partition| Outgoing::new(find(topic), partition, record.clone());
        let there = ["to_process_zone", "to_process_DNS"].iter().chain(&moved).map(|topic| put(topic, 1));
        let records: Vec<_> = there.chain(copied.iter().map(|topic| put(topic, 0))).collect();
        let mut batch = log.store().batch();
        for topic in ["to_process_zone"].iter().chain(done) {
            for partition in 0..2 {
                // The stream of the join is past every deadline.
                let metadata =
                    if by_name.contains(topic) { format!("{} 0", 2 * TIME) } else { String::new() };
                let position = Position { topic: find(topic), partition, offset: 1, metadata };
                log.put_position(&group, &position, &mut batch);
            }
        }
        log.append(&records, batch).unwrap();
        drop((log, process));
        let report = Audit::open(&settings, &plan).unwrap().unwrap().run(&AuditRange::default()).unwrap();
        let until = report.named[0].until;
        assert_eq!((report.open, report.missing, until), expected, "{case}: {report:?}");
    }
}
