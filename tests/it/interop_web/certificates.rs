//! The certificates of a run: keys of three kinds, and chains that a client would trust or not.

use std::fs;
use std::path::Path;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};

/// Authorities between the leaf of `long-chain` and the root.
const TIERS: usize = 9;

/// Writes `NAME.pem` and `NAME.key` for every kind, and `root.pem`.
pub fn write(dir: &Path) {
    let root = CertifiedIssuer::self_signed(authority("Root"), KeyPair::generate().unwrap()).unwrap();
    fs::write(dir.join("root.pem"), root.pem()).unwrap();
    let mut tiers: Vec<CertifiedIssuer<'static, KeyPair>> = vec![];
    for tier in 1..=TIERS {
        let above = tiers.last().unwrap_or(&root);
        let params = authority(&format!("Tier {tier}"));
        tiers.push(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), above).unwrap());
    }

    let ecdsa = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let write = |kind: &str, pem: String, key: &KeyPair| {
        fs::write(dir.join(format!("{kind}.pem")), pem).unwrap();
        fs::write(dir.join(format!("{kind}.key")), key.serialize_pem()).unwrap();
    };
    for (kind, key) in [("rsa", &openssl("RSA")), ("ecdsa", &ecdsa), ("ed25519", &openssl("ED25519"))] {
        write(kind, leaf(&format!("{kind}.test")).signed_by(key, &root).unwrap().pem(), key);
    }
    let mut expired = leaf("expired.test");
    (expired.not_before, expired.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    write("expired", expired.signed_by(&ecdsa, &root).unwrap().pem(), &ecdsa);
    write("self-signed", leaf("self-signed.test").self_signed(&ecdsa).unwrap().pem(), &ecdsa);
    write("other-name", leaf("other.example").signed_by(&ecdsa, &root).unwrap().pem(), &ecdsa);
    let last = tiers.last().unwrap();
    let mut chain = leaf("long-chain.test").signed_by(&ecdsa, last).unwrap().pem();
    tiers.iter().rev().for_each(|tier| chain.push_str(&tier.pem()));
    chain.push_str(&root.pem());
    write("long-chain", chain, &ecdsa);
}

fn leaf(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = leaf(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A key of a kind that ring cannot make (RSA), or writes in a form that OpenSSL does not read (Ed25519).
fn openssl(algorithm: &str) -> KeyPair {
    let made = Command::new("openssl").args(["genpkey", "-quiet", "-algorithm", algorithm]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    KeyPair::from_pem(&String::from_utf8(made.stdout).unwrap()).unwrap()
}
