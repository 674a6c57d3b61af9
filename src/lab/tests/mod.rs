//! The lab asked through real sockets, each server by a client of its own kind.

mod databases;
mod dns;
mod geo;
mod http;
mod ping;
mod universe;
mod web;
mod whois;

use std::collections::HashMap;
use std::time::Duration;

use super::*;

/// A wait after which a server counts as silent. Generous where an answer is awaited, short where none may come.
const SOON: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(150);

async fn lab(options: LabOptions) -> Lab {
    Lab::start(options).await.unwrap()
}

fn settings(lab: &Lab) -> HashMap<String, String> {
    lab.settings().into_iter().collect()
}

/// A setting that is a list.
fn list(lab: &Lab, key: &str) -> Vec<String> {
    serde_json::from_str(&settings(lab)[key]).unwrap()
}

#[tokio::test]
async fn settings_name_files_that_exist_and_ports_that_are_open() {
    let lab = lab(LabOptions::default()).await;
    let settings = settings(&lab);
    for key in ["net.ca_file", "geo.city_db", "geo.asn_db"] {
        assert!(std::fs::metadata(&settings[key]).unwrap().len() > 0, "{key}");
    }
    for key in ["rdap.bootstrap", "whois.servers"] {
        for file in list(&lab, key) {
            assert!(std::fs::metadata(&file).unwrap().len() > 0, "{key}: {file}");
        }
    }
    let [resolver] = <[String; 1]>::try_from(list(&lab, "dns.resolvers")).unwrap();
    assert!(resolver.ends_with(&settings["dns.port"]));
    tokio::net::TcpStream::connect(&resolver).await.unwrap();
    let files = lab.folder.path().to_owned();
    assert!(lab.describe().iter().any(|line| line.contains("dig @127.53.0.53")));
    drop(lab);
    assert!(!files.exists());
    // Dropping aborts the servers; their sockets close when the runtime has taken note.
    let closed = async {
        while tokio::net::TcpStream::connect(&resolver).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, closed).await.unwrap();
}

#[tokio::test]
async fn ports_can_be_chosen_and_a_taken_one_is_named() {
    let first = lab(LabOptions::default()).await;
    let taken = first.ports.dns;
    let error = Lab::start(LabOptions { ports: taken, ..LabOptions::default() }).await.err().unwrap();
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
    assert_eq!(error.code().exit, Exit::Unreachable);
    drop(first);
    let outside = listen::on_one_port(&["0.0.0.0".parse().unwrap()], 0, listen::tcp);
    assert!(matches!(outside, Err(LabError::Bind { .. })), "only the loopback may be bound");
}
