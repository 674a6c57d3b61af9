//! The store as a folder on a disk: what it keeps, gives back and refuses.

use super::*;
use crate::error::Coded as _;

fn open(dir: &Path) -> Result<Store, StateError> {
    Store::open(dir, StoreOptions::default())
}

#[test]
fn batches_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("a/b");
    {
        let store = open(&dir).unwrap();
        let mut batch = store.batch();
        batch.put(Family::Parts, b"p1", &[7; 4000]);
        batch.put(Family::Entries, b"e1", b"x");
        batch.put(Family::Entries, b"e2", b"y");
        store.write(batch).unwrap();
        let mut batch = store.batch();
        batch.delete_range(Family::Entries, b"e2", b"e3");
        store.write(batch).unwrap();
    }
    let store = open(&dir).unwrap();
    assert_eq!(store.get(Family::Parts, b"p1").unwrap().unwrap(), [7; 4000]);
    assert_eq!(store.last_key(Family::Entries, b"e", b"f").unwrap().unwrap(), b"e1");
    assert_eq!(store.last_key(Family::Entries, b"a", b"e1").unwrap(), None);
    let rows = store.multi_get(Family::Entries, &[b"e2".to_vec(), b"e1".to_vec()]).unwrap();
    assert_eq!(rows, [None, Some(b"x".to_vec())]);
    let mut seen = vec![];
    store
        .scan(Family::Entries, b"e", b"f", |key, _| {
            seen.push(key.to_vec());
            true
        })
        .unwrap();
    assert_eq!(seen, [b"e1"]);
}

#[test]
fn a_settled_store_is_as_small_as_one_that_held_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let size = || {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap());
        // Beside the rows and their log of writes, RocksDB tells of itself.
        let rows = files.filter(|file| {
            let path = file.path();
            path.extension().is_some_and(|kind| kind == "log" || kind == "sst" || kind == "blob")
        });
        rows.map(|file| file.metadata().unwrap().len()).sum::<u64>()
    };
    store.settle().unwrap();
    let (before, writes) = (size(), store.writes());
    let keys: Vec<_> = (0_u32..5000).map(u32::to_be_bytes).collect();
    for (family, row) in [(Family::Entries, 100), (Family::Parts, 3000)] {
        let mut batch = store.batch();
        // Rows that do not compress.
        keys.iter().for_each(|key| {
            let row: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(row).collect();
            batch.put(family, key, &row);
        });
        store.write(batch).unwrap();
    }
    let mut batch = store.batch();
    keys.iter().for_each(|key| {
        batch.delete(Family::Entries, key);
        batch.delete(Family::Parts, key);
    });
    store.write(batch).unwrap();
    assert_eq!(store.writes() - writes, 4 * 5000);
    assert!(size() > 10_000_000);
    store.settle().unwrap();
    assert!(size() <= before + 2000, "{} bytes, {before} before", size());
}

#[test]
fn refuses_what_it_cannot_use() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(StateError::InUse(_))));
    let mut batch = store.batch();
    batch.put(Family::Meta, FORMAT_KEY, b"99");
    store.write(batch).unwrap();
    drop(store);
    let error = open(dir.path()).err().unwrap();
    assert_eq!(error.code().name, "state-format");
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert_eq!(open(&file).err().unwrap().code().name, "state-broken");
}
