//! The server's first flight up to its certificates: records put together to messages (RFC 5246, 6.2.1 and 7.4). Bounded
//! whatever is sent; reads each byte a few times at most.

use rustls::AlertDescription;
use rustls::pki_types::CertificateDer;

use super::ProbeError;
use crate::collect::net::tls::Handshake;

/// Most bytes that are read of a server; certificates of 64 KiB and what is around them fit well.
const MAX: usize = 96 << 10;

/// Bytes of a record before its content.
const HEADER: usize = 5;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const WARNING: u8 = 1;

/// What has come of a flight.
#[derive(Default)]
pub struct Flight {
    /// Bytes that are no whole record yet.
    records: Vec<u8>,
    /// Bytes that are no whole message yet.
    messages: Vec<u8>,
    taken: usize,
    /// Protocol and cipher suite, once the hello is there.
    chosen: Option<(&'static str, u16)>,
}

impl Flight {
    /// Takes in what was read; the handshake as soon as its certificates are there.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Handshake>, ProbeError> {
        self.taken += bytes.len();
        if self.taken > MAX {
            return Err(ProbeError::Broken("no end of the certificates"));
        }
        self.records.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((kind, content)) = record(&self.records[at..])? {
            at += HEADER + content.len();
            match kind {
                HANDSHAKE => self.messages.extend_from_slice(content),
                ALERT => alert(content)?,
                _ => return Err(ProbeError::Broken("a record that has no place before the certificates")),
            }
        }
        self.records.drain(..at);
        self.read_messages()
    }

    fn read_messages(&mut self) -> Result<Option<Handshake>, ProbeError> {
        let mut at = 0;
        while let Some((kind, content, rest)) = message(&self.messages[at..]) {
            at = self.messages.len() - rest.len();
            match (kind, self.chosen) {
                (SERVER_HELLO, None) => self.chosen = Some(server_hello(content)?),
                (CERTIFICATE, Some((protocol, cipher))) => {
                    let certificates = certificates(content)?;
                    return Ok(Some(Handshake::new(protocol, cipher, certificates)));
                }
                _ => return Err(ProbeError::Broken("a message that has no place before the certificates")),
            }
        }
        self.messages.drain(..at);
        Ok(None)
    }
}

/// The first record: its kind and its content; `None` if it is not complete.
fn record(bytes: &[u8]) -> Result<Option<(u8, &[u8])>, ProbeError> {
    // Seen before a header is complete, since others may say little and then wait for us.
    match *bytes {
        [kind, ..] if !(20..=24).contains(&kind) => return Err(ProbeError::NotTls),
        [_, major, ..] if major != 3 => return Err(ProbeError::NotTls),
        _ => {}
    }
    let Some((&[kind, _, _, high, low], rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > (1 << 14) + 2048 {
        return Err(ProbeError::Broken("a record that is too long"));
    }
    Ok(rest.get(..length).map(|content| (kind, content)))
}

/// The first message of a handshake: its kind, its content, and what follows; `None` if it is not complete.
fn message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let (content, rest) = long_vector(rest)?;
    Some((kind, content, rest))
}

/// Warnings are passed over: the usual one says that the name is not known.
fn alert(content: &[u8]) -> Result<(), ProbeError> {
    match *content {
        [WARNING, description] if AlertDescription::from(description) != AlertDescription::CloseNotify => {
            Ok(())
        }
        [_, description] => Err(ProbeError::Alert(AlertDescription::from(description))),
        _ => Err(ProbeError::Broken("an alert of another length")),
    }
}

/// Version, random, session, suite (RFC 5246, 7.4.1.3); what follows does not matter here.
fn server_hello(content: &[u8]) -> Result<(&'static str, u16), ProbeError> {
    let read = || {
        let (&[major, minor], rest) = content.split_first_chunk()?;
        let (_random, rest) = rest.split_at_checked(32)?;
        let (&session, rest) = rest.split_first()?;
        let (&cipher, _) = rest.get(usize::from(session)..)?.split_first_chunk()?;
        Some(([major, minor], u16::from_be_bytes(cipher)))
    };
    let (version, cipher) = read().ok_or(ProbeError::Broken("a hello that ends too early"))?;
    let protocol = match version {
        [3, 3] => "TLSv1.2",
        [3, 2] => "TLSv1.1",
        [3, 1] => "TLSv1",
        [3, 0] => return Err(ProbeError::Ssl),
        _ => return Err(ProbeError::Broken("a version that was not offered")),
    };
    Ok((protocol, cipher))
}

/// The chain (RFC 5246, 7.4.2).
fn certificates(content: &[u8]) -> Result<Vec<CertificateDer<'static>>, ProbeError> {
    let broken = ProbeError::Broken("certificates of another length");
    let Some((mut list, [])) = long_vector(content) else { return Err(broken) };
    let mut chain = Vec::new();
    while !list.is_empty() {
        let Some((der, rest)) = long_vector(list) else { return Err(broken) };
        chain.push(CertificateDer::from(der.to_vec()));
        list = rest;
    }
    match chain.is_empty() {
        true => Err(ProbeError::Broken("no certificate")),
        false => Ok(chain),
    }
}

/// A vector behind its length in three bytes, and what follows.
fn long_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[high, middle, low], rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes([0, high, middle, low]) as usize)
}
