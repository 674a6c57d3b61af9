//! Files of data that may change while the program runs: read at start, and again some seconds after they change.
//!
//! What cannot be read at start is an error; what cannot be read later is told, and what was read before is kept.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Code, Coded, Exit};

/// How long a change may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A file, and what was last read from it.
pub struct Reloaded<T>(Arc<Watched<T>>);

struct Watched<T> {
    path: PathBuf,
    read: Read<T>,
    size: Size,
    current: RwLock<Arc<T>>,
    looked: Mutex<Looked>,
}

/// How large a file is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// Read again by who finds it changed, which is short enough to wait for.
    Small,
    /// Read again by a thread of its own.
    Large,
}

impl Size {
    /// The largest file that is read, in bytes.
    const fn limit(self) -> u64 {
        match self {
            Self::Small => 256 << 20,
            Self::Large => 4 << 30,
        }
    }
}

/// Reads the bytes of a file; an error says what is wrong with them.
pub type Read<T> = fn(&[u8]) -> Result<T, String>;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the file {} cannot be used: {reason}", path.display())]
pub struct FileError {
    /// Its path.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

pub(crate) static NET_FILE: Code = Code {
    name: "net-file",
    exit: Exit::Config,
    about: "A file that section `net` or `dns` names cannot be read.",
    hint: "check the path and the line that is named, or leave the setting out",
};

impl Coded for FileError {
    fn code(&self) -> &'static Code {
        &NET_FILE
    }
}

impl<T> fmt::Debug for Reloaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reloaded").field(&self.0.path).finish()
    }
}

struct Looked {
    at: Instant,
    version: Version,
}

/// Differs when the file was changed or replaced.
type Version = (Option<SystemTime>, u64);

impl<T: Send + Sync + 'static> Reloaded<T> {
    /// Reads the file for the first time; blocks while it does.
    pub fn open(path: &Path, read: Read<T>) -> Result<Self, FileError> {
        Self::open_sized(path, read, Size::Small)
    }

    /// The same for a file that takes long to read: when it changes, nobody waits for it to be read again.
    pub fn open_large(path: &Path, read: Read<T>) -> Result<Self, FileError> {
        Self::open_sized(path, read, Size::Large)
    }

    fn open_sized(path: &Path, read: Read<T>, size: Size) -> Result<Self, FileError> {
        let failed = |reason| FileError { path: path.to_owned(), reason };
        let (value, version) = load(path, read, size).map_err(failed)?;
        Ok(Self(Arc::new(Watched {
            path: path.to_owned(),
            read,
            size,
            current: RwLock::new(Arc::new(value)),
            looked: Mutex::new(Looked { at: Instant::now(), version }),
        })))
    }

    /// The file of a setting, if it is set.
    pub fn configured(path: Option<&Path>, read: Read<T>) -> Result<Option<Arc<Self>>, FileError> {
        path.map(|path| Ok(Arc::new(Self::open(path, read)?))).transpose()
    }

    /// What was last read. Looks at the file now and then.
    pub fn get(&self) -> Arc<T> {
        // Who finds another one looking takes what there is.
        if let Ok(mut looked) = self.0.looked.try_lock()
            && looked.at.elapsed() >= LOOK_EVERY
        {
            looked.at = Instant::now();
            match self.0.size {
                Size::Small => self.0.look(&mut looked.version),
                Size::Large => self.look_aside(&looked.version),
            }
        }
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts a thread that looks, if there is something to see.
    fn look_aside(&self, known: &Version) {
        let same = std::fs::metadata(&self.0.path).is_ok_and(|metadata| version(&metadata) == *known);
        if same {
            return;
        }
        let file = self.0.clone();
        let look = move || {
            let mut looked = file.looked.lock().unwrap_or_else(PoisonError::into_inner);
            file.look(&mut looked.version);
        };
        if let Err(error) = std::thread::Builder::new().name("reload".to_owned()).spawn(look) {
            tracing::warn!(path = %self.0.path.display(), %error, "file not looked at");
        }
    }

    /// Lets the next one who asks look at the file.
    #[cfg(test)]
    pub fn look_next(&self) {
        self.0.looked.lock().unwrap().at -= LOOK_EVERY;
    }
}

impl<T> Watched<T> {
    fn look(&self, known: &mut Version) {
        let path = self.path.display();
        match std::fs::metadata(&self.path).map(|metadata| version(&metadata)) {
            Ok(found) if found == *known => {}
            Ok(found) => {
                // One that is broken is told once, not every few seconds.
                *known = found;
                match load(&self.path, self.read, self.size) {
                    Ok((value, read)) => {
                        *known = read;
                        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
                        tracing::info!(%path, "file read again");
                    }
                    Err(reason) => tracing::warn!(%path, reason, "file not read; what it said before stays"),
                }
            }
            Err(error) => tracing::warn!(%path, %error, "file not found; what it said before stays"),
        }
    }
}

fn version(metadata: &Metadata) -> Version {
    (metadata.modified().ok(), metadata.len())
}

fn load<T>(path: &Path, read: Read<T>, size: Size) -> Result<(T, Version), String> {
    let failed = |error: std::io::Error| error.to_string();
    let file = File::open(path).map_err(failed)?;
    // Taken before the content: what is written meanwhile is noticed at the next look.
    let version = version(&file.metadata().map_err(failed)?);
    let mut bytes = Vec::new();
    file.take(size.limit() + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > size.limit() {
        return Err(format!("longer than {} bytes", size.limit()));
    }
    Ok((read(&bytes)?, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> Result<u32, String> {
        std::str::from_utf8(bytes).unwrap().trim().parse().map_err(|_| "no number".to_owned())
    }

    #[test]
    fn a_change_is_read_and_a_broken_file_leaves_what_was_known() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        let error = |path: &Path| Reloaded::open(path, number).err().map(|error| error.to_string());
        assert!(error(&path).unwrap().contains("No such file"));
        std::fs::write(&path, "x").unwrap();
        assert!(error(&path).unwrap().ends_with("number cannot be used: no number"));

        std::fs::write(&path, "1").unwrap();
        let file = Reloaded::open(&path, number).unwrap();
        let after = |text: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            file.look_next();
            *file.get()
        };
        assert_eq!(
            [after(Some("12")), after(Some("broken")), after(None), after(Some("3"))],
            [12, 12, 12, 3]
        );
    }

    #[test]
    fn a_large_file_is_read_aside_while_what_was_known_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        std::fs::write(&path, "1").unwrap();
        let file = Reloaded::open_large(&path, number).unwrap();
        let becomes = |number| {
            file.look_next();
            let deadline = Instant::now() + Duration::from_secs(60);
            while *file.get() != number {
                assert!(Instant::now() < deadline, "{number} was not read");
                std::thread::yield_now();
            }
        };
        std::fs::write(&path, "22").unwrap();
        becomes(22);
        std::fs::write(&path, "broken").unwrap();
        file.look_next();
        assert_eq!(*file.get(), 22);
        // The thread that reads what is broken must be done before the next look, or that one would be left out.
        drop(file.0.looked.lock().unwrap());
        std::fs::write(&path, "333").unwrap();
        becomes(333);
    }

    #[test]
    fn is_not_looked_at_all_the_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        std::fs::write(&path, "1").unwrap();
        let file = Reloaded::open(&path, number).unwrap();
        std::fs::write(&path, "22").unwrap();
        assert_eq!(*file.get(), 1);
    }
}
