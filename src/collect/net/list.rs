//! Lists of data that the configuration names by place: a file, a directory of files, or a URL.
//!
//! Each place is loaded when first asked for, once for all who wait, and again after a day, or when its place says
//! (`fresh.rs`): for that nobody waits. A refresh that fails leaves what there was; a shipped list stands in for one that has
//! not come yet. What a list means is for its user to say: `rdap/bootstrap.rs`, `whois/servers.rs`.

mod fresh;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use tokio::sync::watch;
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

/// How long to wait for a list that has not come yet, where there is a shipped one to go on with.
const WITH_SPARE: Duration = Duration::from_secs(5);

/// Lists of one kind, in the order of the configuration.
pub struct Lists<T>(Vec<Arc<Place<T>>>);

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
    http: HttpClient,
    kind: Kind<T>,
    shipped: Option<Arc<Vec<T>>>,
    state: RwLock<State<T>>,
    /// Whether it is being loaded.
    loading: watch::Sender<bool>,
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

impl<T: Send + Sync + 'static> Lists<T> {
    /// The lists at `places`; nothing is loaded yet.
    pub fn new(places: &[String], http: HttpClient, kind: Kind<T>) -> Self {
        let place = |at: &String| Place {
            at: at.clone(),
            http: http.clone(),
            kind,
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
            loading: watch::Sender::new(false),
        };
        Self(places.iter().map(|at| Arc::new(place(at))).collect())
    }

    /// All lists that are known, and the first place whose lists are not, or only as shipped: what is not found may be
    /// there.
    pub async fn all(&self, deadline: Instant) -> (Vec<Arc<Vec<T>>>, Option<ListError>) {
        let places = self.0.iter().map(|place| place.current(deadline));
        let (mut known, mut missing) = (vec![], None);
        for (place, lists) in self.0.iter().zip(futures_util::future::join_all(places).await) {
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
}

impl<T: Send + Sync + 'static> Place<T> {
    /// What there is; what is being loaded is waited for only by who has nothing else.
    async fn current(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Vec<T>>, String> {
        let (lists, fresh) = self.look();
        if !fresh {
            self.load_aside();
            match lists {
                Some(lists) => return Ok(lists),
                // It has been waited for once, and something stands in.
                None if self.shipped.is_some() && self.was_tried() => {}
                None => {
                    let patience = self.shipped.as_ref().map(|_| Instant::now() + WITH_SPARE);
                    let until = patience.map_or(deadline, |patience| patience.min(deadline));
                    let mut loading = self.loading.subscribe();
                    if timeout_at(until, loading.wait_for(|loading| !loading)).await.is_err() {
                        return Err("not loaded in time".to_owned());
                    }
                }
            }
        }
        self.known()
    }

    /// Has a task load what there is at the place, unless one does already: who asks may go away meanwhile.
    fn load_aside(self: &Arc<Self>) {
        if !self.loading.send_if_modified(|loading| !std::mem::replace(loading, true)) {
            return;
        }
        let ended = Ended(self.clone());
        tokio::spawn(async move {
            let place = &ended.0;
            // Somebody else's has ended just now.
            if !place.look().1 {
                let deadline = Instant::now() + place.http.wait() + LIMIT;
                let loaded = timeout_at(deadline, place.load(deadline)).await;
                place.note(loaded.unwrap_or_else(|_| Err("not loaded in time".to_owned())));
            }
        });
    }

    fn note(&self, loaded: Result<Loaded<T>, String>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(Loaded { lists, version, lifetime }) => {
                let lists = lists.map(Arc::new).or_else(|| state.lists.take());
                let due = Some(Instant::now() + lifetime);
                *state = State { lists, version, error: None, failures: 0, due };
            }
            Err(error) => {
                tracing::warn!(list = self.at, error, "list not loaded");
                let spare = state.lists.is_some() || self.shipped.is_some();
                let pause = PAUSE * 2_u32.pow(if spare { state.failures } else { 0 });
                (state.error, state.due) = (Some(error), Some(Instant::now() + pause));
                state.failures = (state.failures + 1).min(MAX_FAILURES);
            }
        }
    }

    async fn load(&self, deadline: Instant) -> Result<Loaded<T>, String> {
        if self.at.starts_with("https://") || self.at.starts_with("http://") {
            return self.get(deadline).await;
        }
        let texts = files(Path::new(&self.at), self.kind.extension).await?;
        let lists: Result<_, _> = texts.iter().map(|text| (self.kind.parse)(text)).collect();
        Ok(Loaded { lists: Some(lists?), version: Version::default(), lifetime: fresh::DAY })
    }

    async fn get(&self, deadline: Instant) -> Result<Loaded<T>, String> {
        let url = Url::parse(&self.at).map_err(|error| error.to_string())?;
        let known = self.version();
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

    fn was_tried(&self) -> bool {
        self.state.read().unwrap_or_else(PoisonError::into_inner).due.is_some()
    }

    /// What there is, or the last error.
    fn known(&self) -> Result<Arc<Vec<T>>, String> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.lists.clone().ok_or_else(|| state.error.clone().unwrap_or_default())
    }
}

/// Says that loading has ended, of whatever cause.
struct Ended<T>(Arc<Place<T>>);

impl<T> Drop for Ended<T> {
    fn drop(&mut self) {
        self.0.loading.send_replace(false);
    }
}

impl<T> Clone for Kind<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Kind<T> {}

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
