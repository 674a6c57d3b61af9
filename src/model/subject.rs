//! What a record is about: its key. A name for most topics, `{"dn","ip"}` for those of addresses.
//!
//! Keys are plain text in both formats and are echoed byte for byte; what is asked on the network is derived from them.

use std::borrow::Cow;

use bytes::Bytes;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The key of a record, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The key as it came; all follow-ups and results of the same subject carry it unchanged.
    pub key: Bytes,
    /// The domain name as it came; its bytes decide the partition.
    pub name: String,
    /// The address as it came, on topics of addresses.
    pub address: Option<String>,
}

/// Why a key is no subject.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SubjectError {
    /// The record has no key, or an empty one.
    #[error("the key is missing")]
    Missing,
    /// The key is not text.
    #[error("the key is not UTF-8")]
    NotText,
    /// The key of a topic of addresses is not `{"dn": ..., "ip": ...}`.
    #[error("the key is not a JSON object with dn and ip")]
    NotAnAddress,
}

/// The key of topics of addresses, in the field order of the wire.
#[derive(Deserialize, Serialize)]
struct IPToProcess<'a> {
    #[serde(borrow, alias = "domain_name")]
    dn: Cow<'a, str>,
    #[serde(borrow)]
    ip: Cow<'a, str>,
}

impl Subject {
    /// The subject of a topic of names.
    pub fn of_name(key: Option<&Bytes>) -> Result<Self, SubjectError> {
        let key = present(key)?;
        Ok(Self { key: key.clone(), name: text(key)?.to_owned(), address: None })
    }

    /// The subject of a topic of addresses.
    pub fn of_address(key: Option<&Bytes>) -> Result<Self, SubjectError> {
        let key = present(key)?;
        let (name, address) = pair_of(key)?;
        Ok(Self { key: key.clone(), name: name.into_owned(), address: Some(address.into_owned()) })
    }

    /// The subject for `address` of the name `name`, with the key as this program writes it.
    pub fn pair(name: &str, address: &str) -> Self {
        let pair = IPToProcess { dn: name.into(), ip: address.into() };
        // Two strings always serialize.
        let key = serde_json::to_vec(&pair).expect("strings serialize");
        Self { key: key.into(), name: name.to_owned(), address: Some(address.to_owned()) }
    }
}

fn present(key: Option<&Bytes>) -> Result<&Bytes, SubjectError> {
    key.filter(|key| !key.is_empty()).ok_or(SubjectError::Missing)
}

fn text(key: &Bytes) -> Result<&str, SubjectError> {
    std::str::from_utf8(key).map_err(|_| SubjectError::NotText)
}

fn pair_of(key: &Bytes) -> Result<(Cow<'_, str>, Cow<'_, str>), SubjectError> {
    let pair: IPToProcess<'_> = serde_json::from_slice(key).map_err(|_| SubjectError::NotAnAddress)?;
    Ok((pair.dn, pair.ip))
}

/// The name of a key on a topic of names, in the memory of the key.
pub fn name_in(key: Option<&Bytes>) -> Result<Bytes, SubjectError> {
    let key = present(key)?;
    text(key)?;
    Ok(key.clone())
}

/// Name and address of a key on a topic of addresses. The name is in the memory of the key, if it stands there as it is.
pub fn pair_in(key: Option<&Bytes>) -> Result<(Bytes, CompactString), SubjectError> {
    let key = present(key)?;
    let (name, address) = pair_of(key)?;
    let name = match name {
        Cow::Borrowed(name) => key.slice_ref(name.as_bytes()),
        Cow::Owned(name) => name.into(),
    };
    Ok((name, address.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_keys_and_echoes_them() {
        let odd = Bytes::from_static(b"{ \"ip\":\"1.2.3.4\", \"dn\":\"a.cz\",\"x\":1}");
        let subject = Subject::of_address(Some(&odd)).unwrap();
        assert_eq!((subject.name.as_str(), subject.address.as_deref()), ("a.cz", Some("1.2.3.4")));
        assert_eq!(subject.key, odd);
        assert_eq!(pair_in(Some(&odd)), Ok(("a.cz".into(), "1.2.3.4".into())));
        let escaped = Bytes::from_static(b"{\"dn\":\"\\u0061.cz\",\"ip\":\"::1\"}");
        assert_eq!(pair_in(Some(&escaped)), Ok(("a.cz".into(), "::1".into())));
        assert_eq!(Subject::pair("a.cz", "::1").key, "{\"dn\":\"a.cz\",\"ip\":\"::1\"}");
    }

    #[test]
    fn refuses_what_is_no_key() {
        let bytes = Bytes::from_static;
        assert_eq!(Subject::of_name(None), Err(SubjectError::Missing));
        assert_eq!(name_in(Some(&bytes(b"a\xff.cz"))), Err(SubjectError::NotText));
        assert_eq!(pair_in(None), Err(SubjectError::Missing));
        assert_eq!(Subject::of_name(Some(&bytes(b""))), Err(SubjectError::Missing));
        assert_eq!(Subject::of_name(Some(&bytes(b"a\xff.cz"))), Err(SubjectError::NotText));
        for key in ["{bad", "{\"dn\":\"a\"}", "a.cz", "[]", "{\"dn\":1,\"ip\":\"::1\"}"] {
            assert_eq!(Subject::of_address(Some(&bytes(key.as_bytes()))), Err(SubjectError::NotAnAddress));
        }
    }
}
