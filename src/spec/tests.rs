//! The shipped files are good; mistakes are told with place, nearest name and hint.

use super::*;
use crate::codec::PartKind;
use crate::error::Coded;

fn shipped(name: &str) -> String {
    std::fs::read_to_string(format!("{}/dataflows/{name}.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn shipped_files_are_good() {
    for (name, collects, joins, topics) in [
        ("domainradar", 8, true, 12),
        ("collectors", 8, false, 11),
        ("join", 0, true, 7),
        ("merger", 0, true, 12),
    ] {
        let plan = parse(name, &shipped(name), Format::Avro).unwrap();
        assert_eq!(
            (plan.collects.len(), plan.join.is_some(), plan.topics.len()),
            (collects, joins, topics),
            "{name}"
        );
        assert_eq!(plan.topics.last().unwrap().name, "dead_letters");
        assert_eq!(plan.topics[0].name, plan.inputs()[0]);
    }
    let needs = |more: &str| {
        let text = shipped("join").replace("      tls: ", &format!("      {more}\n      tls: "));
        parse("f", &text, Format::Avro).unwrap().join.unwrap().needs
    };
    assert_eq!(needs("patience: 1s"), [PartKind::Tls, PartKind::Rdap], "what there are topics for");
    assert_eq!(needs("needs: [rdap-dn]"), [PartKind::Rdap]);
    assert_eq!(needs("needs: []"), []);
    let two = shipped("join")
        .replace("addresses: collected_IP_data", "addresses: [collected_IP_data, processed_QRadar]");
    assert_eq!(parse("f", &two, Format::Avro).unwrap().inputs().len(), 6);
    let plan = parse("f", &shipped("domainradar"), Format::Avro).unwrap();
    assert_eq!(plan.entry(), Some("to_process_zone"));
    assert!(draw(&plan, Drawing::Mermaid).contains("t_to_process_zone --> n_zone"));
    assert!(draw(&plan, Drawing::Dot).ends_with("}\n"));
    let merger = parse("f", &shipped("merger"), Format::Avro).unwrap();
    assert!(merger.topics.iter().all(|topic| topic.format == Format::Json));
    assert_eq!(merger.inputs().len(), 10);
    let drawn = draw(&merger, Drawing::Mermaid);
    assert_eq!(drawn.matches("n_by_name[").count(), 1);
    assert!(drawn.contains("t_processed_zone --> n_by_name\n  n_by_name --> t_processed_zone_by_name"));
}

#[test]
fn mistakes_have_a_place_and_a_hint() {
    let node = |node: &str| format!("version: 1\nname: f\nnodes:\n  a: {node}\n");
    let mut wrong = vec![];
    for (text, message, hint) in [
        (
            "version: 2\nname: f\nnodes: {}\n".to_owned(),
            "f.yaml:1:10: version 2 of the file format is not known",
            "reads version 1",
        ),
        (
            "name: f\nstages: [{what: ever}]\nversion: 3\n".to_owned(),
            "f.yaml:3:10: version 3 of the file format is not known",
            "reads version 1",
        ),
        ("version: 1\nname: f\nnodes: {}\n".to_owned(), "f.yaml:2:7: the flow has no nodes", ""),
        (
            "version: 1\nname: f\nnode: {}\n".to_owned(),
            "f.yaml:3:1: unknown key `node`",
            "did you mean `nodes`?",
        ),
        ("name: f\nnodes: {}\n".to_owned(), "f.yaml:2:1: the key `version` is missing", ""),
        (
            node("{collector: zones, from: x, to: y}"),
            "f.yaml:4:18: unknown collector `zones`",
            "did you mean `zone`?",
        ),
        (
            node("{collector: qqq, from: x, to: y}"),
            "f.yaml:4:18: unknown collector `qqq`",
            "known are: zone, dns",
        ),
        (node("{collector: zone, from: x}"), "f.yaml:4:6: the node `a` needs the key `to`", ""),
        (
            node("{from: x, to: y}"),
            "f.yaml:4:6: the node `a` needs either `collector`, `join` or `repartition`",
            "",
        ),
        (node("{collector: zone, from: 'x y', to: y}"), "f.yaml:4:30: `x y` is not a topic name", "letters"),
        (
            node("{collector: zone, from: x, to: x}"),
            "f.yaml:4:37: the topic `x` carries to_process_zone records and cannot carry processed_zone records",
            "",
        ),
        (
            node("{collector: zone, from: x, to: y, follow_ups: {tsl: z}}"),
            "f.yaml:4:58: unknown follow-up `tsl`",
            "known are: dns, rdap-dn",
        ),
        (
            node("{collector: zone, from: x, to: y, concurrency: 0}"),
            "f.yaml:4:6: the node `a` would make no calls: concurrency is 0",
            "",
        ),
        (
            node("{collector: zone, from: x, to: y}") + "formats: {z: json}\n",
            "f.yaml:5:14: unknown topic `z`",
            "known are: x, y",
        ),
        (
            node("{collector: zone, from: x, to: y}") + "formats: {x: jsn}\n",
            "f.yaml:5:14: unknown variant `jsn`",
            "",
        ),
        (
            node("{collector: zone, from: x, to: y}") + "dead_letters: x\n",
            "f.yaml:5:15: the topic of the dead letters carries records as well",
            "",
        ),
        (
            node("{join: {zone: a, dns: b, patience: 5}, to: c}"),
            "f.yaml:4:41: `5` is not a length of time",
            "",
        ),
        (
            node("{join: {zone: a, dns: b, address-collectors: [rtt]}, to: c}"),
            "f.yaml:4:52: address collectors are needed",
            "",
        ),
        (
            node("{join: {zone: a, dns: b, needs: [tls]}, to: c}"),
            "f.yaml:4:39: `tls` is needed, but there is no topic `tls` to read it from",
            "",
        ),
        (
            node("{join: {zone: a, dns: b, rdap-dn: r, needs: [rdapdn]}, to: c}"),
            "f.yaml:4:51: unknown part `rdapdn`",
            "did you mean `rdap-dn`?",
        ),
        (
            node("{join: {zone: a, dns: b, policy: refrence}, to: c}"),
            "f.yaml:4:39: unknown variant `refrence`",
            "",
        ),
        (
            node("{repartition: z}") + "  j: {join: {zone: z, dns: b}, to: c}\n",
            "f.yaml:4:6: the join reads `z` as it is, and once more by the node `a`",
            "let the join read `z_by_name` in place of it",
        ),
        (
            node("{repartition: z}") + "  j: {join: {zone: a, dns: b}, to: c}\n",
            "f.yaml:4:6: the node `a` writes to `z_by_name`, which no join reads",
            "name it in the join in place of `z`",
        ),
        (
            node("{repartition: [x, w], to: z}") + "  j: {join: {zone: z, dns: b}, to: c}\n",
            "f.yaml:4:32: the node `a` has several topics, and one topic `to` for them",
            "`x_by_name`",
        ),
        (
            node("{repartition: [x, x]}") + "  j: {join: {zone: x_by_name, dns: b}, to: c}\n",
            "f.yaml:4:6: the topic `x` is repartitioned twice",
            "",
        ),
        (node("{repartition: []}"), "f.yaml:4:6: the node `a` names no topic to repartition", ""),
        (
            node("{repartition: x}")
                + "  j: {join: {zone: x_by_name, dns: b}, to: c}\nformats: {x: json, x_by_name: avro}\n",
            "f.yaml:4:6: the topics `x` and `x_by_name` cannot have different formats",
            "moved, not changed",
        ),
        (
            node("{repartition: b}") + "  j: {join: {zone: b_by_name, dns: b}, to: c}\n",
            "f.yaml:4:6: the join reads `b` as it is",
            "",
        ),
        ("version: 1\nname: f\nnodes: [\n".to_owned(), "f.yaml:3:8: expected mapping start", ""),
    ] {
        let error = parse("f.yaml", &text, Format::Avro).unwrap_err();
        if !error.to_string().starts_with(message) || !error.hint().contains(hint) {
            wrong.push(format!("{error} ({})\nnot {message} ({hint})", error.hint()));
        }
        assert_eq!(error.code().exit, crate::error::Exit::Usage);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
