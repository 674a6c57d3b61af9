//! The keys of the join's rows: one small row for each open entry, one row for each of its payloads. The partition comes
//! first, so that all rows of a partition are one range.

/// The range of all rows of a partition: from the first key (inclusive) to the last (exclusive).
pub fn partition_prefix(partition: u32) -> (Vec<u8>, Vec<u8>) {
    let start = partition.to_be_bytes().to_vec();
    let end = match partition.checked_add(1) {
        Some(next) => next.to_be_bytes().to_vec(),
        None => vec![0xff; 5],
    };
    (start, end)
}

/// The key of an entry. `name` may hold any bytes: its length is told, so that no two entries share a key.
pub fn entry_key(partition: u32, name: &[u8], run: Option<&str>) -> Vec<u8> {
    let run = run.unwrap_or_default();
    let mut key = Vec::with_capacity(6 + name.len() + run.len());
    key.extend_from_slice(&partition.to_be_bytes());
    // Names are at most 253 octets; other keys are cut, which the text of the name in the row makes up for.
    key.extend_from_slice(&(name.len().min(usize::from(u16::MAX)) as u16).to_be_bytes());
    key.extend_from_slice(name);
    key.extend_from_slice(run.as_bytes());
    key
}

/// The key of a payload: that of its entry, and which part it is.
pub fn part_key(entry: &[u8], part: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(entry.len() + 1 + part.len());
    key.extend_from_slice(entry);
    key.push(0);
    key.extend_from_slice(part.as_bytes());
    key
}
