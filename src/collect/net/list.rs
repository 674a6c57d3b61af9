//! Lists of data that the configuration names by place: a file, a directory of files, or a URL.
//!
//! Each place is loaded when first asked for, by one asker while the others wait, and again after a day. A refresh that
//! fails leaves what there was. What a list means is for its user to say: `rdap/bootstrap.rs`, `whois/servers.rs`.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::HttpClient;
use super::http::client::Allowed;

/// How long a list counts as fresh. IANA changes its RDAP lists a few times a week.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How long nothing is tried after a failure, so that a dead place is not asked for every record.
const PAUSE: Duration = Duration::from_secs(10);
/// Bytes of one list; IANA's longest has 100 KB.
const MAX_LIST: usize = 8 << 20;
/// Files of a directory that are read.
const MAX_FILES: usize = 100;
/// How long one list may take to come.
const LIMIT: Duration = Duration::from_secs(30);

/// Lists of one kind, in the order of the configuration.
pub struct Lists<T> {
    places: Vec<Place<T>>,
    http: HttpClient,
    kind: Kind<T>,
}

/// What the lists of one kind have in common.
pub struct Kind<T> {
    /// Which files of a directory are lists: those with this extension.
    pub extension: &'static str,
    /// The media types that are asked for.
    pub accept: &'static str,
    /// Reads the text of a list; an error says what is wrong with it.
    pub parse: fn(&str) -> Result<T, String>,
}

struct Place<T> {
    at: String,
    state: RwLock<State<T>>,
    /// Held by who loads.
    flight: Mutex<()>,
}

struct State<T> {
    lists: Option<Arc<Vec<T>>>,
    error: Option<String>,
    /// When to load again; `None`: never loaded.
    due: Option<Instant>,
}

/// A place whose lists are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list {place:?} cannot be loaded: {reason}")]
pub struct ListError {
    /// The place.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

impl<T> Lists<T> {
    /// The lists at `places`; nothing is loaded yet.
    pub fn new(places: &[String], http: HttpClient, kind: Kind<T>) -> Self {
        let place = |at: &String| Place {
            at: at.clone(),
            state: RwLock::new(State { lists: None, error: None, due: None }),
            flight: Mutex::default(),
        };
        Self { places: places.iter().map(place).collect(), http, kind }
    }

    /// All lists that are known, and the first place whose lists are not: what is not found may be there.
    pub async fn all(&self, deadline: Instant) -> (Vec<Arc<Vec<T>>>, Option<ListError>) {
        let places = self.places.iter().map(|place| self.current(place, deadline));
        let (mut known, mut missing) = (vec![], None);
        for (place, lists) in self.places.iter().zip(futures_util::future::join_all(places).await) {
            match lists {
                Ok(lists) => known.push(lists),
                Err(reason) => {
                    missing.get_or_insert_with(|| ListError { place: place.at.clone(), reason });
                }
            }
        }
        (known, missing)
    }

    async fn current(&self, place: &Place<T>, deadline: Instant) -> Result<Arc<Vec<T>>, String> {
        let (lists, fresh) = place.look();
        let _flight = match lists {
            _ if fresh => return place.known(),
            // Somebody else refreshes: what there is will do.
            Some(lists) => match place.flight.try_lock() {
                Ok(flight) => flight,
                Err(_) => return Ok(lists),
            },
            None => match timeout_at(deadline, place.flight.lock()).await {
                Ok(flight) => flight,
                Err(_) => return Err("not loaded in time".to_owned()),
            },
        };
        if place.look().1 {
            return place.known();
        }
        let loaded = match timeout_at(deadline, self.load(&place.at, deadline)).await {
            Ok(loaded) => loaded,
            Err(_) => Err("not loaded in time".to_owned()),
        };
        let mut state = place.state.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(lists) => {
                *state =
                    State { lists: Some(Arc::new(lists)), error: None, due: Some(Instant::now() + LIFETIME) };
            }
            Err(error) => {
                tracing::warn!(list = place.at, error, "list not loaded");
                (state.error, state.due) = (Some(error), Some(Instant::now() + PAUSE));
            }
        }
        drop(state);
        place.known()
    }

    async fn load(&self, at: &str, deadline: Instant) -> Result<Vec<T>, String> {
        let texts = if at.starts_with("https://") || at.starts_with("http://") {
            vec![self.get(at, deadline).await?]
        } else {
            files(Path::new(at), self.kind.extension).await?
        };
        texts.iter().map(|text| (self.kind.parse)(text)).collect()
    }

    async fn get(&self, at: &str, deadline: Instant) -> Result<String, String> {
        let url = Url::parse(at).map_err(|error| error.to_string())?;
        let reply = self.http.get(&url, self.kind.accept, MAX_LIST, Allowed { limit: LIMIT, deadline }).await;
        let reply = reply.map_err(|error| error.to_string())?;
        if reply.status != reqwest::StatusCode::OK {
            return Err(format!("HTTP status {}", reply.status.as_u16()));
        }
        String::from_utf8(reply.body.into()).map_err(|_| "not UTF-8".to_owned())
    }
}

impl<T> Place<T> {
    /// What there is, and whether there is no reason to load.
    fn look(&self) -> (Option<Arc<Vec<T>>>, bool) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        (state.lists.clone(), state.due.is_some_and(|due| Instant::now() < due))
    }

    /// What there is, or the last error.
    fn known(&self) -> Result<Arc<Vec<T>>, String> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.lists.clone().ok_or_else(|| state.error.clone().unwrap_or_default())
    }
}

/// The texts of a file, or of the files in a directory in the order of their names.
async fn files(path: &Path, extension: &str) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut paths = vec![path.to_owned()];
    if tokio::fs::metadata(path).await.map_err(failed)?.is_dir() {
        paths.clear();
        let mut entries = tokio::fs::read_dir(path).await.map_err(failed)?;
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            if entry.path().extension().is_some_and(|found| found == extension) {
                paths.push(entry.path());
            }
            if paths.len() > MAX_FILES {
                return Err(format!("more than {MAX_FILES} files"));
            }
        }
        paths.sort();
    }
    let mut texts = vec![];
    for path in paths {
        if tokio::fs::metadata(&path).await.map_err(failed)?.len() > MAX_LIST as u64 {
            return Err(format!("{path:?} is longer than {MAX_LIST} bytes"));
        }
        texts.push(tokio::fs::read_to_string(&path).await.map_err(failed)?);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::collect::net::loopback::{Server, client, http, soon};

    fn lists(places: &[String]) -> Lists<i32> {
        let parse = |text: &str| text.trim().parse::<i32>().map_err(|error| error.to_string());
        Lists::new(places, client(&[]), Kind { extension: "txt", accept: "text/plain", parse })
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
        let places =
            [directory.path().to_str().unwrap().to_owned(), b, format!("http://{}/l", server.address)];
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
            let (known, missing) =
                lists(&[at.clone(), format!("http://{}/", good.address)]).all(soon()).await;
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
        let expire = || lists.places[0].state.write().unwrap().due = Some(Instant::now());
        expire();
        assert_eq!(numbers(&lists.all(soon()).await.0), [1]);
        assert_eq!(numbers(&lists.all(soon()).await.0), [1]);
        assert_eq!(server.asked().len(), 2, "not asked again right after a failure");

        // While somebody else loads, what there is will do.
        expire();
        let _flight = lists.places[0].flight.lock().await;
        assert_eq!(numbers(&lists.all(soon()).await.0), [1]);
    }
}
