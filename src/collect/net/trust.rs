//! Whose certificates are believed where a service is to be who it says: Mozilla's roots, and those of `net.ca_file`.
//!
//! For services that we use (RDAP, NERD, lists, resolvers over TLS). Sites that are collected are not judged so: `tls/`.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::NetConfig;
use crate::error::{Code, Coded, Exit};

/// `net.ca_file` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the roots in {path:?} cannot be used: {reason}")]
pub struct TrustError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

pub(crate) static NET_TRUST: Code = Code {
    name: "net-trust",
    exit: Exit::Config,
    about: "The file of `net.ca_file` cannot be used.",
    hint: "let it hold certificates in PEM, or leave the setting out",
};

impl Coded for TrustError {
    fn code(&self) -> &'static Code {
        &NET_TRUST
    }
}

/// TLS 1.2 and 1.3 with the roots of `config`, read now.
pub fn trust(config: &NetConfig) -> Result<ClientConfig, TrustError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &config.ca_file {
        let failed = |reason: String| TrustError { path: path.clone(), reason };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
        let before = roots.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| failed(error.to_string()))?;
            roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(failed("there is no certificate in it".to_owned()));
        }
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth())
}
