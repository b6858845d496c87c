//! What people make outside of `deploy/kubernetes`, as docs/kubernetes.md tells them: the Secrets, with keys and samples.

use std::collections::BTreeMap;

use anyhow::Context;

/// The names of the Secrets that overlays may refer to.
pub const SECRETS: [&str; 3] = ["keel-worker", "keel-temporal-api-key", "keel-temporal-tls"];

/// The keys of one of them, each a file for the pods, with sample values in the form that the worker expects.
///
/// # Errors
/// When nobody is told to make such a Secret.
pub fn sample(secret: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let files = match secret {
        "keel-worker" => vec![
            ("store-url", "postgres://keel:secret@postgres.postgres:5432/keel\n".to_owned()),
            ("payments-url", "https://payments.example.com/v1\n".to_owned()),
            ("courier-url", "https://courier.example.com/v1\n".to_owned()),
        ],
        "keel-temporal-api-key" => vec![("api-key", "a.sample.key\n".to_owned())],
        // The worker holds certificate and key together, so they have to be a real pair.
        "keel-temporal-tls" => {
            let pair = rcgen::generate_simple_self_signed(vec!["keel.example.com".to_owned()])
                .context("cannot make a certificate")?;
            vec![("tls.crt", pair.cert.pem()), ("tls.key", pair.signing_key.serialize_pem())]
        }
        _ => anyhow::bail!("no sample of the Secret {secret}"),
    };
    Ok(files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect())
}
