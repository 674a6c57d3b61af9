//! Lists from files and from servers of the loopback.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::collect::net::loopback::{Reply, Server, client, http, soon};

fn lists(places: &[String]) -> Lists<i32> {
    let parse = |text: &str| text.trim().parse::<i32>().map_err(|error| error.to_string());
    let shipped = |place: &str| place.ends_with("/shipped").then_some("7");
    Lists::new(places, client(&[]), Kind { extension: "txt", accept: "text/plain", parse, shipped })
}

/// What there is after a look, and after what the look has started.
async fn refreshed(lists: &Lists<i32>) -> (Vec<Arc<Vec<i32>>>, Option<ListError>) {
    lists.all(soon()).await;
    lists.0[0].loading.subscribe().wait_for(|loading| !loading).await.unwrap();
    lists.all(soon()).await
}

fn numbers(lists: &[Arc<Vec<i32>>]) -> Vec<i32> {
    lists.iter().flat_map(|list| list.iter().copied()).collect()
}

#[tokio::test]
async fn reads_files_directories_and_urls() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (b, _, _) = (file("b.txt", "2"), file("a.txt", "1\n"), file("README", "not a list"));
    let server = Server::http(|_| http("200 OK", "", "3")).await;
    let places = [directory.path().to_str().unwrap().to_owned(), b, format!("http://{}/l", server.address)];
    let (known, missing) = lists(&places).all(soon()).await;
    assert_eq!((numbers(&known), missing), (vec![1, 2, 2, 3], None));
}

#[tokio::test]
async fn names_the_place_that_is_missing_and_keeps_the_others() {
    let server = Server::http(|asked| match asked.path() {
        "/words" => http("200 OK", "", "words"),
        _ => http("500 Oops", "", "1"),
    })
    .await;
    let good = Server::http(|_| http("200 OK", "", "1")).await;
    for (at, reason) in [
        (format!("http://{}/words", server.address), "invalid digit found in string"),
        (format!("http://{}/", server.address), "HTTP status 500"),
        ("/nowhere/to/be/found".to_owned(), "No such file or directory (os error 2)"),
    ] {
        let (known, missing) = lists(&[at.clone(), format!("http://{}/", good.address)]).all(soon()).await;
        assert_eq!(numbers(&known), [1]);
        assert_eq!(missing, Some(ListError { place: at, reason: reason.to_owned() }));
    }
}

#[tokio::test]
async fn is_loaded_once_for_all_askers_and_kept_when_a_refresh_fails() {
    static BROKEN: AtomicBool = AtomicBool::new(false);
    let server = Server::http(|_| match BROKEN.load(Ordering::SeqCst) {
        false => http("200 OK", "", "1"),
        true => http("500 Oops", "", ""),
    })
    .await;
    let lists = lists(&[format!("http://{}/", server.address)]);
    let asked = futures_util::future::join_all((0..20).map(|_| lists.all(soon()))).await;
    assert!(asked.iter().all(|(known, _)| numbers(known) == [1]));
    assert_eq!(server.asked().len(), 1);

    BROKEN.store(true, Ordering::SeqCst);
    let expire = || lists.0[0].state.write().unwrap().due = Some(Instant::now());
    expire();
    assert_eq!(numbers(&refreshed(&lists).await.0), [1]);
    assert_eq!(numbers(&refreshed(&lists).await.0), [1]);
    assert_eq!(server.asked().len(), 2, "not asked again right after a failure");
}

/// A list that is due is asked for at a server that never answers.
#[tokio::test]
async fn nobody_waits_for_a_refresh() {
    static SILENT: AtomicBool = AtomicBool::new(false);
    let server = Server::http(|_| match SILENT.load(Ordering::SeqCst) {
        false => http("200 OK", "", "1"),
        true => Reply::Hang(vec![]),
    })
    .await;
    let lists = lists(&[format!("http://{}/", server.address)]);
    assert_eq!(numbers(&lists.all(soon()).await.0), [1]);
    SILENT.store(true, Ordering::SeqCst);
    lists.0[0].state.write().unwrap().due = Some(Instant::now());
    let (known, missing) = lists.all(soon()).await;
    assert_eq!((numbers(&known), missing), (vec![1], None));
    assert!(*lists.0[0].loading.borrow(), "it is under way");
}

/// The asker goes away before the list comes; the next one has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_waiting_stops_no_loading() {
    let (release, released) = std::sync::mpsc::sync_channel::<()>(1);
    let released = std::sync::Mutex::new(released);
    let server = Server::http(move |_| {
        tokio::task::block_in_place(|| released.lock().unwrap().recv().unwrap());
        http("200 OK", "", "1")
    })
    .await;
    let lists = lists(&[format!("http://{}/", server.address)]);
    let (known, missing) = lists.all(Instant::now()).await;
    assert_eq!((numbers(&known), missing.unwrap().reason), (vec![], "not loaded in time".to_owned()));
    release.send(()).unwrap();
    assert_eq!(numbers(&lists.all(soon()).await.0), [1]);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn is_asked_for_again_only_if_it_is_another() {
    let server = Server::http(|asked| match asked.head.contains("if-none-match: \"1\"\r\n") {
        false => http("200 OK", "etag: \"1\"\r\nlast-modified: Tue, 06 Jan 2026 12:00:00 GMT\r\n", "1"),
        true => http("304 Not Modified", "cache-control: max-age=600\r\n", ""),
    })
    .await;
    let lists = lists(&[format!("http://{}/", server.address)]);
    let due = || lists.0[0].state.read().unwrap().due.unwrap() - Instant::now();
    let expire = || lists.0[0].state.write().unwrap().due = Some(Instant::now());
    assert_eq!(numbers(&lists.all(soon()).await.0), [1]);
    assert!(due() > Duration::from_secs(600));
    for requests in [2, 3] {
        expire();
        let (known, missing) = refreshed(&lists).await;
        assert_eq!((numbers(&known), missing), (vec![1], None));
        assert_eq!(server.asked().len(), requests);
        assert!(due() <= Duration::from_secs(600), "as long as the answer without a list says");
    }
    let heads: Vec<_> = server.asked().into_iter().map(|asked| asked.head).collect();
    assert!(!heads[0].contains("if-none-match") && heads[2].contains("if-modified-since: Tue, 06 Jan 2026"));
}

#[tokio::test]
async fn a_list_that_there_is_not_cannot_be_unchanged() {
    let server = Server::http(|_| http("304 Not Modified", "", "")).await;
    let (known, missing) = lists(&[format!("http://{}/", server.address)]).all(soon()).await;
    assert_eq!((numbers(&known), missing.unwrap().reason), (vec![], "HTTP status 304".to_owned()));
}

#[tokio::test]
async fn the_shipped_list_stands_in_until_the_list_comes() {
    static BROKEN: AtomicBool = AtomicBool::new(true);
    let server = Server::http(|_| match BROKEN.load(Ordering::SeqCst) {
        false => http("200 OK", "", "1"),
        true => http("500 Oops", "", ""),
    })
    .await;
    let lists = lists(&[format!("http://{}/shipped", server.address)]);
    let expire = || lists.0[0].state.write().unwrap().due = Some(Instant::now());
    let pause = || lists.0[0].state.read().unwrap().due.unwrap() - Instant::now();
    let mut longest = Duration::ZERO;
    for _ in 0..3 {
        let (known, missing) = refreshed(&lists).await;
        // What is not in it may be in the list.
        assert_eq!((numbers(&known), missing.unwrap().reason), (vec![7], "HTTP status 500".to_owned()));
        assert!(pause() > longest, "the pauses grow");
        longest = pause();
        expire();
    }
    BROKEN.store(false, Ordering::SeqCst);
    let (known, missing) = refreshed(&lists).await;
    assert_eq!((numbers(&known), missing), (vec![1], None));
    BROKEN.store(true, Ordering::SeqCst);
    expire();
    let (known, missing) = refreshed(&lists).await;
    assert_eq!((numbers(&known), missing), (vec![1], None), "what came is kept");
}
