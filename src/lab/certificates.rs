//! Certificates of the lab: its authority, and what its hosts show for the name that a client asks for.
//!
//! Decides chains, keys, subjects and validity. Keys are made at every start, except the RSA key, which ring cannot make.
//! Dates are fixed, so that no clock is needed: valid from 2024 to 2044, expired in 2020.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, Error, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, date_time_ymd,
};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::universe::{Chain, Key, Universe, Versions, seed};

/// Intermediate authorities, each signed by the one before; an ordinary leaf is signed by the first.
const TIERS: usize = 5;
/// Leaves that are kept of one kind of host.
const MAX_ISSUED: usize = 1024;
/// Shown to clients that ask for no name, or for one that is not stored.
const SHARED_NAME: &str = "shared.hosting-lab.cz";
/// What a host with a wrong certificate shows.
const WRONG_NAME: &str = "somewhere.elsewhere-lab.com";

/// The authority of the lab: a root that clients may trust, intermediates, and the keys of the leaves.
pub struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    tiers: Vec<CertifiedIssuer<'static, KeyPair>>,
    keys: HashMap<Key, LeafKey>,
}

struct LeafKey {
    pair: KeyPair,
    signer: Arc<dyn SigningKey>,
}

impl Authority {
    /// Makes the keys and the authorities.
    pub fn new() -> Result<Self, Error> {
        let root = CertifiedIssuer::self_signed(authority("Lab Root CA")?, KeyPair::generate()?)?;
        let mut tiers: Vec<CertifiedIssuer<'static, KeyPair>> = vec![];
        for n in 1..=TIERS {
            let params = authority(&format!("Lab Issuing CA {n}"))?;
            let above = tiers.last().unwrap_or(&root);
            tiers.push(CertifiedIssuer::signed_by(params, KeyPair::generate()?, above)?);
        }
        let keys = [Key::P256, Key::P384, Key::Ed25519, Key::Rsa];
        let keys = keys.into_iter().map(|key| Ok((key, leaf_key(key)?))).collect::<Result<_, Error>>()?;
        Ok(Self { root, tiers, keys })
    }

    /// The root certificate, PEM.
    pub fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// A certificate for `names` with its chain and key.
    pub fn issue(&self, chain: Chain, key: Key, names: &[&str]) -> Result<Arc<CertifiedKey>, Error> {
        let key = &self.keys[&key];
        let names = if chain == Chain::WrongName { &[WRONG_NAME] } else { names };
        let params = leaf(names, chain == Chain::Expired)?;
        let tiers = match chain {
            Chain::SelfSigned => 0,
            Chain::Long => TIERS,
            Chain::Valid | Chain::Expired | Chain::WrongName => 1,
        };
        let mut shown = vec![match tiers {
            0 => params.self_signed(&key.pair)?.der().clone(),
            n => params.signed_by(&key.pair, &self.tiers[n - 1])?.der().clone(),
        }];
        shown.extend(self.tiers[..tiers].iter().rev().map(|tier| tier.der().clone()));
        Ok(Arc::new(CertifiedKey::new(shown, key.signer.clone())))
    }

    /// TLS for hosts that show the same kind of certificate.
    pub fn tls(
        self: &Arc<Self>,
        universe: &Arc<Universe>,
        chain: Chain,
        key: Key,
        versions: Versions,
    ) -> Result<Arc<ServerConfig>, Error> {
        let fallback = self.issue(chain, key, &[SHARED_NAME])?;
        let leaves = Leaves {
            authority: self.clone(),
            universe: universe.clone(),
            chain,
            key,
            fallback,
            issued: Mutex::default(),
        };
        Ok(server_config(Arc::new(leaves), versions))
    }

    /// TLS for the services of the lab: one certificate for all their hosts.
    pub fn service_tls(&self, hosts: &[&str]) -> Result<Arc<ServerConfig>, Error> {
        let certificate = self.issue(Chain::Valid, Key::P256, hosts)?;
        let resolver = rustls::sign::SingleCertAndKey::from(certificate);
        Ok(server_config(Arc::new(resolver), Versions::Both))
    }
}

/// The certificates of one kind, by name, issued when they are first asked for.
struct Leaves {
    authority: Arc<Authority>,
    universe: Arc<Universe>,
    chain: Chain,
    key: Key,
    fallback: Arc<CertifiedKey>,
    issued: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaves").field("chain", &self.chain).field("key", &self.key).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Leaves {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        if !self.universe.is_stored(&name) {
            return Some(self.fallback.clone());
        }
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leaf) = issued.get(&name) {
            return Some(leaf.clone());
        }
        let leaf = self.authority.issue(self.chain, self.key, &[&name]).ok()?;
        if issued.len() < MAX_ISSUED {
            issued.insert(name, leaf.clone());
        }
        Some(leaf)
    }
}

fn server_config(certificates: Arc<dyn ResolvesServerCert>, versions: Versions) -> Arc<ServerConfig> {
    let versions: &[&SupportedProtocolVersion] = match versions {
        Versions::Both => &[&TLS12, &TLS13],
        Versions::Tls12 => &[&TLS12],
        Versions::Tls13 => &[&TLS13],
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let builder = builder.expect("the suites of ring serve both versions");
    let mut config = builder.with_no_client_auth().with_cert_resolver(certificates);
    // Clients of the lab make a full handshake on every visit; tickets would be for nothing.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

fn leaf_key(key: Key) -> Result<LeafKey, Error> {
    let pair = match key {
        Key::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
        Key::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?,
        Key::Ed25519 => KeyPair::generate_for(&PKCS_ED25519)?,
        Key::Rsa => KeyPair::from_pem(include_str!("data/rsa.pem"))?,
    };
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    let signer = any_supported_type(&der).map_err(|_| Error::CouldNotParseKeyPair)?;
    Ok(LeafKey { pair, signer })
}

fn authority(name: &str) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(vec![])?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CountryName, "CZ");
    params.distinguished_name.push(DnType::OrganizationName, "Lab of domainflow");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    Ok(params)
}

fn leaf(names: &[&str], expired: bool) -> Result<CertificateParams, Error> {
    let sans: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(sans)?;
    let name = names.first().copied().unwrap_or(SHARED_NAME);
    params.distinguished_name.remove(DnType::CommonName);
    // Some names have a certificate that was checked for an organization.
    if seed(name).is_multiple_of(3) {
        params.distinguished_name.push(DnType::CountryName, "CZ");
        params.distinguished_name.push(DnType::LocalityName, "Brno");
        params.distinguished_name.push(DnType::OrganizationName, "Mlýn a syn, s.r.o.");
    }
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let years = if expired { (2019, 2020) } else { (2024, 2044) };
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    Ok(params)
}
