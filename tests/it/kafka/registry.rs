//! The schema registry as other programs use it: over HTTP, with Confluent's API.

use serde_json::{Value, json};

use super::flow::Flow;
use crate::support::{page, post};

/// Asks the registry at `url`, with a body if one is given; its answer, which has to be a good one.
pub fn ask(url: &str, path: &str, body: Option<&Value>) -> Value {
    let (host, base) = url.trim_start_matches("http://").split_once('/').unwrap();
    let path = format!("/{base}{path}");
    let (code, answer) = match body {
        None => page(host, &path).unwrap(),
        Some(body) => post(host, &path, body).unwrap(),
    };
    assert_eq!(code, 200, "{path}: {answer}");
    serde_json::from_str(&answer).unwrap()
}

/// Registers a schema for the values of a flow's topic; its id.
pub fn register(flow: &Flow, topic: &str, schema: &Value) -> u32 {
    let body = json!({ "schema": schema.to_string() });
    let path = format!("/subjects/{}-value/versions", flow.topic(topic));
    ask(&flow.servers.1, &path, Some(&body))["id"].as_u64().unwrap().try_into().unwrap()
}

/// The subjects of a flow's topics, in order.
pub fn subjects(flow: &Flow) -> Vec<String> {
    let all: Vec<String> = serde_json::from_value(ask(&flow.servers.1, "/subjects", None)).unwrap();
    let mut own: Vec<_> = all.into_iter().filter(|subject| subject.starts_with(&flow.topic(""))).collect();
    own.sort();
    own
}
