//! The seeds of the fuzzers run in every test run, what they once crashed on among them.

use super::{dns, http, rdap, tls, whois};

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 7] = [
    ("dns_message", dns::fuzz::message),
    ("domain_name", dns::fuzz::name),
    ("http_answer", http::fuzz::answer),
    ("rdap_answer", rdap::fuzz::answer),
    ("tls_certificate", tls::fuzz::certificate),
    ("tls_flight", tls::fuzz::flight),
    ("whois_answer", whois::fuzz::answer),
];

#[test]
fn every_target_reads_its_seeds() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds");
    let names = |at: &str| {
        let entries = std::fs::read_dir(at).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(root), TARGETS.map(|(name, _)| name));
    for (target, run) in TARGETS {
        let seeds = names(&format!("{root}/{target}"));
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            run(&std::fs::read(format!("{root}/{target}/{seed}")).unwrap());
        }
    }
}
