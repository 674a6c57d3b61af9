//! The format of a store, which a row of it tells. A store of another format is refused as it is: opening it for good would
//! add families to one that is older, and would call one that is newer broken.

use std::path::Path;

use rocksdb::{DB, IteratorMode, Options};

use super::error::StateError;
use super::store::{FORMAT, FORMAT_KEY, Family, opening};

/// Where a store stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has no rows and no format yet.
    New,
    /// It has our format.
    Ours,
}

/// Looks at the format of the store in `dir`, if there is one with other families than ours, and changes nothing.
pub fn check_families(dir: &Path, options: &Options) -> Result<(), StateError> {
    // Without a list there is no store, or opening tells what is wrong with it.
    let Ok(mut families) = DB::list_cf(options, dir) else { return Ok(()) };
    let mut ours: Vec<_> = Family::ALL.map(Family::name).to_vec();
    ours.push(rocksdb::DEFAULT_COLUMN_FAMILY_NAME);
    families.sort_unstable();
    ours.sort_unstable();
    if families == ours {
        return Ok(());
    }
    let db = DB::open_cf_for_read_only(options, dir, &families, false).map_err(opening(dir))?;
    standing(&db, dir, families.iter().map(String::as_str)).map(drop)
}

/// The standing of an open store with these families; an error if its format is another one.
pub fn standing<'a>(
    db: &DB,
    dir: &Path,
    families: impl IntoIterator<Item = &'a str>,
) -> Result<Standing, StateError> {
    let failed = |source| StateError::Rocks { dir: dir.to_owned(), source };
    let other = |found: &str| StateError::Format { dir: dir.to_owned(), found: found.to_owned() };
    if let Some(meta) = db.cf_handle(Family::Meta.name())
        && let Some(found) = db.get_cf(meta, FORMAT_KEY).map_err(failed)?
    {
        return match found == FORMAT.as_bytes() {
            true => Ok(Standing::Ours),
            false => Err(other(&String::from_utf8_lossy(&found))),
        };
    }
    for family in families.into_iter().filter_map(|name| db.cf_handle(name)) {
        match db.iterator_cf(family, IteratorMode::Start).next() {
            None => {}
            // Rows without a format are of another program.
            Some(Ok(_)) => return Err(other("none")),
            Some(Err(error)) => return Err(failed(error)),
        }
    }
    Ok(Standing::New)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Coded as _;
    use crate::state::{Store, StoreOptions};

    /// Makes a store by hand: families, and the rows of each.
    fn make(dir: &Path, families: &[(&str, &[u8], &[u8])]) {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let db = DB::open_cf(&options, dir, families.iter().map(|(family, ..)| family)).unwrap();
        for (family, key, value) in families.iter().filter(|(_, key, _)| !key.is_empty()) {
            db.put_cf(db.cf_handle(family).unwrap(), key, value).unwrap();
        }
    }

    fn families(dir: &Path) -> Vec<String> {
        DB::list_cf(&Options::default(), dir).unwrap()
    }

    #[test]
    fn a_store_of_another_format_is_refused_as_it_is() {
        for (case, there, found) in [
            ("older, with fewer families", &[("meta", FORMAT_KEY, &b"0"[..])][..], "format 0,"),
            (
                "newer, with a family more",
                &[("meta", FORMAT_KEY, b"99"), ("wider", b"k", b"v")],
                "format 99,",
            ),
            ("of another program", &[("default", b"k", b"v")], "format none,"),
            (
                "of another program, with our families",
                &[("entries", b"k", b"v"), ("meta", b"", b"")],
                "format none,",
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            make(dir.path(), there);
            let before = families(dir.path());
            let error = Store::open(dir.path(), StoreOptions::default()).err().unwrap();
            assert_eq!(error.code().name, "state-format", "{case}: {error}");
            assert!(error.to_string().contains(found), "{case}: {error}");
            assert_eq!(families(dir.path()), before, "{case}");
            let db = DB::open_cf_for_read_only(&Options::default(), dir.path(), &before, false).unwrap();
            for (family, key, value) in there.iter().filter(|(_, key, _)| !key.is_empty()) {
                let row = db.get_cf(db.cf_handle(family).unwrap(), key).unwrap();
                assert_eq!(row.as_deref(), Some(*value), "{case}");
            }
        }
    }

    #[test]
    fn a_first_start_that_was_cut_off_is_made_whole() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), &[("meta", b"", b""), ("entries", b"", b"")]);
        drop(Store::open(dir.path(), StoreOptions::default()).unwrap());
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        assert_eq!(store.get(Family::Meta, FORMAT_KEY).unwrap().unwrap(), FORMAT.as_bytes());
    }
}
