//! Why: the join's rules run for every result of every name; they should cost little beside gathering the results at all.
//! What: names with a zone, DNS, TLS, RDAP and four results for each address, joined, and merely put into a map by name; and
//! joined after a look at the partition that each result's name belongs to, as a running join has it (`flow/placement.rs`).
//! Knobs: NAMES open at once, ADDRESSES of each. Results come name by name, the worst for neither.

mod paired;

use std::collections::HashMap;
use std::hint::black_box;

use bytes::Bytes;
use compact_str::CompactString;
use domainflow::io::partition_of;
use domainflow::join::{Arrival, DnsFacts, Names, PartId, Policy, Step};
use domainflow::model::Status;

const NAMES: usize = 5_000;
const ADDRESSES: usize = 2;
const PARTITIONS: u32 = 8;

fn main() {
    let policy = Policy::default();
    let results: Vec<(Bytes, Arrival<CompactString>)> =
        (0..NAMES).flat_map(|name| results(name, &policy)).collect();
    let join = || {
        let mut names = Names::default();
        let mut complete = 0;
        for (name, arrival) in &results {
            let emits = |_: &mut _, step, _| matches!(step, Step::Emit { complete: true });
            complete += usize::from(names.arrive(name, arrival.clone(), &policy, emits));
        }
        assert_eq!(complete, NAMES);
        names.advance(1_000_000, &policy, |_, _, _| {});
        assert_eq!(names.open(), 0);
    };
    let gather = || {
        let mut names: HashMap<Bytes, Vec<Arrival<CompactString>>> = HashMap::new();
        for (name, arrival) in &results {
            names.entry(name.clone()).or_default().push(arrival.clone());
        }
        drop(black_box(names));
    };
    let look_and_join = || {
        let owned = |(name, _): &&(Bytes, _)| partition_of(name, PARTITIONS) == 0;
        black_box(results.iter().filter(owned).count());
        join();
    };
    paired::compare("one result", results.len(), ("joined", join), ("put into a map", gather));
    let beside = ("joined, its partition looked at", look_and_join);
    paired::compare("one result", results.len(), ("joined", join), beside);
}

/// Every result that a name needs, in the order in which they depend on one another.
fn results(name: usize, policy: &Policy) -> Vec<(Bytes, Arrival<CompactString>)> {
    let key = Bytes::from(format!("n{name:06}-lab.cz"));
    let run: CompactString = format!("run-{name}").into();
    let addresses: Vec<CompactString> =
        (0..ADDRESSES).map(|number| format!("127.0.0.{number}").into()).collect();
    let mut parts = vec![PartId::Zone, PartId::Dns, PartId::Tls, PartId::Rdap];
    for address in &addresses {
        let of_address =
            |collector: &CompactString| PartId::Ip { address: address.clone(), collector: collector.clone() };
        parts.extend(policy.address_collectors.iter().map(of_address));
    }
    let result: CompactString = "a result".into();
    let arrival = |part: PartId| Arrival {
        dns: (part == PartId::Dns).then(|| DnsFacts { addresses: addresses.clone(), tls: true }),
        part,
        run: Some(run.clone()),
        status: Status::OK,
        attempt: 1,
        time: 1,
        cut: false,
        left_out: None,
        payload: result.clone(),
    };
    parts.into_iter().map(|part| (key.clone(), arrival(part))).collect()
}
