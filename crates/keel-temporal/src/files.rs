//! A look into the files that the section `[temporal]` names, before anybody connects.

use keel_config::TemporalSection;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong in the files (or data) of `[temporal.tls]`, as `key: what is wrong and what to do`. Nothing of a key is
/// ever repeated.
#[must_use]
pub fn check_files(section: &TemporalSection) -> Vec<String> {
    crate::install_crypto_provider();
    let mut problems = Vec::new();
    let tls = &section.tls;
    if let Err(problem) = section.resolve_api_key() {
        problems.push(format!("temporal.api_key_file: {problem}"));
    }
    certificates("temporal.tls.ca_file", tls.read_ca(), &mut problems);
    let chain = certificates("temporal.tls.cert_file", tls.read_cert(), &mut problems);
    let key = key(tls.read_key(), &mut problems);
    if let (Some(chain), Some(key)) = (chain, key) {
        problems.extend(pair_problem(chain, key));
    }
    problems
}

fn certificates(
    name: &str,
    pem: Result<Option<Vec<u8>>, String>,
    problems: &mut Vec<String>,
) -> Option<Vec<CertificateDer<'static>>> {
    let pem = match pem {
        Ok(pem) => pem?,
        Err(problem) => {
            problems.push(format!("{name}: {problem}"));
            return None;
        }
    };
    match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Some(found),
        _ => {
            problems.push(format!("{name}: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"));
            None
        }
    }
}

fn key(pem: Result<Option<Vec<u8>>, String>, problems: &mut Vec<String>) -> Option<PrivateKeyDer<'static>> {
    const NAME: &str = "temporal.tls.key_file";
    match pem {
        Ok(pem) => match PrivateKeyDer::from_pem_slice(&pem?) {
            Ok(key) => return Some(key),
            Err(_) => problems.push(format!(
                "{NAME}: holds no unencrypted private key in PEM form (-----BEGIN PRIVATE KEY-----)"
            )),
        },
        Err(problem) => problems.push(format!("{NAME}: {problem}")),
    }
    None
}

/// Whether the certificate is that of the key.
fn pair_problem(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Option<String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let error = rustls::sign::CertifiedKey::from_der(chain, key, &provider).err()?;
    Some(format!(
        "temporal.tls.key_file: is not the key of the client certificate ({error}); name its own key"
    ))
}
