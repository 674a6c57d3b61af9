//! Lists of data that the configuration names by place: a file, a directory of files, or a URL.
//!
//! Each place is loaded when first asked for, by one asker while the others wait, and again after a day, or when its
//! place says (`fresh.rs`). A refresh that fails leaves what there was; a shipped list stands in for one that has not come
//! yet. What a list means is for its user to say: `rdap/bootstrap.rs`, `whois/servers.rs`.

mod fresh;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use url::Url;

use self::fresh::Version;
use super::HttpClient;
use super::http::client::Allowed;

/// How long nothing is tried after a failure, so that a dead place is not asked for every record. After further failures
/// in a row it is twice as long each time, where there is something to go on with.
const PAUSE: Duration = Duration::from_secs(10);
/// Failures in a row after which the pause grows no more: it is about ten minutes then.
const MAX_FAILURES: u32 = 6;
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
    /// The shipped list for a place, if there is one: not all that is there, but right.
    pub shipped: fn(&str) -> Option<&'static str>,
}

struct Place<T> {
    at: String,
    shipped: Option<Arc<Vec<T>>>,
    state: RwLock<State<T>>,
    /// Held by who loads.
    flight: Mutex<()>,
}

struct State<T> {
    lists: Option<Arc<Vec<T>>>,
    version: Version,
    error: Option<String>,
    failures: u32,
    /// When to load again; `None`: never loaded.
    due: Option<Instant>,
}

/// What came of loading.
struct Loaded<T> {
    /// The lists; `None` if they are the ones that there are.
    lists: Option<Vec<T>>,
    version: Version,
    lifetime: Duration,
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
            shipped: (kind.shipped)(at)
                .and_then(|text| (kind.parse)(text).ok())
                .map(|list| Arc::new(vec![list])),
            state: RwLock::new(State {
                lists: None,
                version: Version::default(),
                error: None,
                failures: 0,
                due: None,
            }),
            flight: Mutex::default(),
        };
        Self { places: places.iter().map(place).collect(), http, kind }
    }

    /// All lists that are known, and the first place whose lists are not, or only as shipped: what is not found may be
    /// there.
    pub async fn all(&self, deadline: Instant) -> (Vec<Arc<Vec<T>>>, Option<ListError>) {
        let places = self.places.iter().map(|place| self.current(place, deadline));
        let (mut known, mut missing) = (vec![], None);
        for (place, lists) in self.places.iter().zip(futures_util::future::join_all(places).await) {
            match lists {
                Ok(lists) => known.push(lists),
                Err(reason) => {
                    known.extend(place.shipped.clone());
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
        let loaded = match timeout_at(deadline, self.load(place, deadline)).await {
            Ok(loaded) => loaded,
            Err(_) => Err("not loaded in time".to_owned()),
        };
        let mut state = place.state.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(Loaded { lists, version, lifetime }) => {
                let lists = lists.map(Arc::new).or_else(|| state.lists.take());
                let due = Some(Instant::now() + lifetime);
                *state = State { lists, version, error: None, failures: 0, due };
            }
            Err(error) => {
                tracing::warn!(list = place.at, error, "list not loaded");
                let spare = state.lists.is_some() || place.shipped.is_some();
                let pause = PAUSE * 2_u32.pow(if spare { state.failures } else { 0 });
                (state.error, state.due) = (Some(error), Some(Instant::now() + pause));
                state.failures = (state.failures + 1).min(MAX_FAILURES);
            }
        }
        drop(state);
        place.known()
    }

    async fn load(&self, place: &Place<T>, deadline: Instant) -> Result<Loaded<T>, String> {
        if place.at.starts_with("https://") || place.at.starts_with("http://") {
            return self.get(place, deadline).await;
        }
        let texts = files(Path::new(&place.at), self.kind.extension).await?;
        let lists: Result<_, _> = texts.iter().map(|text| (self.kind.parse)(text)).collect();
        Ok(Loaded { lists: Some(lists?), version: Version::default(), lifetime: fresh::DAY })
    }

    async fn get(&self, place: &Place<T>, deadline: Instant) -> Result<Loaded<T>, String> {
        let url = Url::parse(&place.at).map_err(|error| error.to_string())?;
        let known = place.version();
        let mut headers: HeaderMap = known.iter().flat_map(Version::condition).collect();
        headers.insert(ACCEPT, HeaderValue::from_static(self.kind.accept));
        let reply = self.http.get_with(&url, headers, MAX_LIST, Allowed { limit: LIMIT, deadline }).await;
        let reply = reply.map_err(|error| error.to_string())?;
        let (version, lifetime) = (Version::of(&reply.headers), fresh::lifetime(&reply.headers));
        match (reply.status, known) {
            (StatusCode::OK, _) => {
                let text = std::str::from_utf8(&reply.body).map_err(|_| "not UTF-8".to_owned())?;
                Ok(Loaded { lists: Some(vec![(self.kind.parse)(text)?]), version, lifetime })
            }
            (StatusCode::NOT_MODIFIED, Some(known)) => Ok(Loaded { lists: None, version: known, lifetime }),
            (status, _) => Err(format!("HTTP status {}", status.as_u16())),
        }
    }
}

impl<T> Place<T> {
    /// The version of the lists that there are; `None` if there are none.
    fn version(&self) -> Option<Version> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.lists.as_ref().map(|_| state.version.clone())
    }

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
mod tests;
