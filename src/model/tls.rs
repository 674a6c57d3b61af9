//! `processed_TLS`: the handshake with one address of a name, the certificates seen, and the page behind it.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use super::{Der, Status, Timestamp};

/// Result of the TLS collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct TLSResult {
    /// What became of the handshake (table of statuses).
    pub status_code: Status,
    /// A message for people if the status is not 0.
    pub error: Option<String>,
    /// When the operation finished, in milliseconds since the UNIX epoch.
    pub last_attempt: Timestamp,
    /// The handshake; null iff the status is not 0.
    pub tls_data: Option<TLSData>,
    /// The page, which may be empty; null if there was none. Where there is no TLS that a page can come over (status
    /// not 0, or TLS before 1.2), it is that of plain HTTP.
    pub html: Option<String>,
    /// The status of the HTTP answer that the page is of (RFC 9110 section 15); null if there was none.
    #[serde(default)]
    pub final_http_code: Option<i32>,
    /// Whether `html` is only the beginning of the page. No field of the record: a header of it says so.
    #[serde(skip)]
    #[avro(skip)]
    pub html_cut: bool,
}

/// What a TLS handshake showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "domainflow")]
pub struct TLSData {
    /// The address that was connected to.
    #[serde(rename = "fromIP")]
    pub from_ip: String,
    /// TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3.
    pub protocol: String,
    /// IANA name of the cipher suite.
    pub cipher: String,
    /// The certificates in the order sent: the leaf first.
    pub certificates: Vec<Certificate>,
    /// The name of the cipher suite in OpenSSL, which the feature extractor knows (seed, 4.5); null if it has none.
    #[serde(rename = "opensslCipher", default)]
    pub openssl_cipher: Option<String>,
}

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct Certificate {
    /// The distinguished name of the subject in RFC 1779 form.
    pub dn: String,
    /// The certificate, DER.
    pub der_data: Der,
    /// The distinguished name in RFC 4514 form; null if the certificate cannot be decoded.
    #[serde(default)]
    pub rfc4514_dn: Option<String>,
}
