//! The admin port of a running job.

use crate::support::{Running, free_port, page, status, wait_for};

#[test]
fn shows_health_state_and_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let state = format!("state.dir={}", dir.path().join("state").display());
    let listen = format!("admin.listen={address}");
    let running = Running::start(&["run", "domainradar", "--lab", "--set", &state, "--set", &listen]);
    wait_for("readiness", || page(&address, "/readyz").filter(|(code, _)| *code == 200));
    assert_eq!(page(&address, "/healthz").unwrap(), (200, "running".to_owned()));
    let report = status(&address).unwrap();
    assert_eq!(report["flow"], "domainradar");
    assert_eq!(report["nodes"].as_array().unwrap().len(), 8);
    // Eight partitions of ten inputs, which are opened one after another.
    let report = wait_for("all partitions", || {
        status(&address).filter(|report| report["partitions"].as_array().unwrap().len() == 80)
    });
    assert!(
        report["partitions"].as_array().unwrap().iter().all(|partition| partition["oldest_open_age"] == 0.0)
    );
    let (code, metrics) = page(&address, "/metrics").unwrap();
    assert_eq!(code, 200);
    for name in ["domainflow_calls_in_flight{node=\"zone\"} 0", "domainflow_join_open_names 0", "# EOF"] {
        assert!(metrics.contains(name), "{name} is missing in\n{metrics}");
    }
    assert_eq!(page(&address, "/nothing").unwrap().0, 404);
    assert!(running.stop("TERM").success());
}
