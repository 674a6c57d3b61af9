//! Writes the MaxMind DB format, version 2.0 (<https://maxmind.github.io/MaxMind-DB/>): a binary tree over the bits of
//! addresses, then the records, then the metadata.
//!
//! Decides the simplest valid layout: an IPv6 tree with IPv4 below `::/96`, records of 32 bits, no pointers.

use std::net::IpAddr;

use ipnet::IpNet;

/// Bytes between tree and data.
const SEPARATOR: usize = 16;
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// When the database was built: 2026-01-06. Fixed, so that the file is the same in every run.
const BUILT: u64 = 1_767_657_600;

/// A value of the data section.
#[derive(Clone)]
#[expect(missing_docs, reason = "the types of the format, by their names there")]
pub enum Value {
    Map(Vec<(&'static str, Value)>),
    Array(Vec<Value>),
    Text(String),
    Double(f64),
    U16(u16),
    U32(u32),
    U64(u64),
}

/// What a bit of an address leads to.
#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    /// Offset in the data section.
    Data(usize),
}

/// A database in the making.
#[derive(Default)]
pub struct Writer {
    networks: Vec<(IpNet, Value)>,
}

impl Writer {
    /// Adds a network. A more specific network wins over the one around it.
    pub fn insert(&mut self, network: IpNet, record: Value) {
        self.networks.push((network, record));
    }

    /// The file.
    pub fn finish(mut self, database_type: &'static str) -> Vec<u8> {
        // Wide networks first: then a later one only ever splits an earlier one.
        self.networks.sort_by_key(|(network, _)| path(*network).1);
        let mut nodes = vec![[Branch::Nothing; 2]];
        let mut data = vec![];
        for (network, record) in &self.networks {
            let offset = data.len();
            write(&mut data, record);
            let (bits, length) = path(*network);
            plant(&mut nodes, bits, length, offset);
        }
        let count = nodes.len();
        let number = |branch: &Branch| match *branch {
            Branch::Nothing => count,
            Branch::Node(node) => node,
            Branch::Data(offset) => count + SEPARATOR + offset,
        };
        let mut file: Vec<u8> =
            nodes.iter().flatten().flat_map(|branch| (number(branch) as u32).to_be_bytes()).collect();
        file.extend([0; SEPARATOR]);
        file.extend(data);
        file.extend(METADATA_MARKER);
        write(&mut file, &metadata(database_type, count));
        file
    }
}

/// The bits of a network in the IPv6 tree, from the top, and how many of them count.
fn path(network: IpNet) -> (u128, usize) {
    let length = usize::from(network.prefix_len());
    match network.network() {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 96 + length),
        IpAddr::V6(v6) => (v6.to_bits(), length),
    }
}

/// Makes the way to a network and puts its record there.
fn plant(nodes: &mut Vec<[Branch; 2]>, bits: u128, length: usize, offset: usize) {
    let mut node = 0;
    for depth in 0..length {
        let side = (bits >> (127 - depth) & 1) as usize;
        if depth + 1 == length {
            nodes[node][side] = Branch::Data(offset);
            return;
        }
        node = match nodes[node][side] {
            Branch::Node(next) => next,
            // What stood here holds for both halves below.
            around => {
                nodes.push([around; 2]);
                nodes[node][side] = Branch::Node(nodes.len() - 1);
                nodes.len() - 1
            }
        };
    }
}

fn metadata(database_type: &'static str, node_count: usize) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    Value::Map(vec![
        ("binary_format_major_version", Value::U16(2)),
        ("binary_format_minor_version", Value::U16(0)),
        ("build_epoch", Value::U64(BUILT)),
        ("database_type", text(database_type)),
        ("description", Value::Map(vec![("en", text("networks of the lab, made up"))])),
        ("ip_version", Value::U16(6)),
        ("languages", Value::Array(vec![text("de"), text("en")])),
        ("node_count", Value::U32(node_count as u32)),
        ("record_size", Value::U16(32)),
    ])
}

/// Writes a value: control byte, size, payload. Types above 7 have their number in a byte of its own.
fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => {
            control(out, 2, text.len());
            out.extend(text.as_bytes());
        }
        Value::Double(number) => {
            control(out, 3, 8);
            out.extend(number.to_be_bytes());
        }
        Value::U16(number) => {
            control(out, 5, 2);
            out.extend(number.to_be_bytes());
        }
        Value::U32(number) => {
            control(out, 6, 4);
            out.extend(number.to_be_bytes());
        }
        Value::Map(pairs) => {
            control(out, 7, pairs.len());
            for (key, value) in pairs {
                control(out, 2, key.len());
                out.extend(key.as_bytes());
                write(out, value);
            }
        }
        Value::U64(number) => {
            control(out, 9, 8);
            out.extend(number.to_be_bytes());
        }
        Value::Array(values) => {
            control(out, 11, values.len());
            for value in values {
                write(out, value);
            }
        }
    }
}

fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    // Sizes up to 28 stand in the control byte, up to 284 in one more; the lab has no longer value.
    let (short, more) = if size < 29 { (size as u8, None) } else { (29, Some((size - 29).min(255) as u8)) };
    if kind > 7 {
        out.extend([short, kind - 7]);
    } else {
        out.push(kind << 5 | short);
    }
    out.extend(more);
}
