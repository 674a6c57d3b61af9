//! Why: open names are written late and together with the cut that covers them; this is what one write for all is worth.
//! What: rows of parts, written in one batch and each in a batch of its own.
//! Knobs: NAMES open names with PARTS parts of PART bytes each; a name of the lab has about as much.

mod paired;

use domainflow::state::{Family, Store, StoreOptions, entry_key, part_key};

const NAMES: usize = 500;
const PARTS: usize = 8;
const PART: usize = 2 * 1024;

fn main() {
    let dir = tempfile::tempdir().expect("a folder for the store");
    let store = Store::open(dir.path(), StoreOptions::default()).expect("an empty store");
    let value = vec![7; PART];
    let keys: Vec<Vec<u8>> = (0..NAMES)
        .flat_map(|name| {
            let entry = entry_key(1, format!("n{name:06}-lab.cz").as_bytes(), None);
            (0..PARTS).map(move |part| part_key(&entry, &part.to_string()))
        })
        .collect();
    let together = || {
        let mut batch = store.batch();
        keys.iter().for_each(|key| batch.put(Family::Parts, key, &value));
        store.write(batch).expect("the disk has room");
    };
    let one_by_one = || {
        for key in &keys {
            let mut batch = store.batch();
            batch.put(Family::Parts, key, &value);
            store.write(batch).expect("the disk has room");
        }
    };
    let what = format!("a row of {PART} bytes");
    paired::compare(&what, keys.len(), ("in one batch", together), ("in its own batch", one_by_one));
}
