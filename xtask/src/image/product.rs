//! The images of Keel's own programs: one static binary each, and what it needs around it.
//!
//! `deploy/docker/Dockerfile` makes the same; a test holds it to this table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use super::spec::{BUILD_LABEL, Health, Image};
use super::stamp::Stamp;
use super::tree::{Tree, USER};

/// Where the programs are in the images.
pub const BIN: &str = "/usr/local/bin";
/// Where a program may keep files.
pub const DATA: &str = "/var/lib/keel";
/// Where the authorities are.
pub const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// One program as an image.
#[derive(Debug)]
pub struct Product {
    /// The last part of the image's name.
    pub role: &'static str,
    /// The binary.
    pub binary: &'static str,
    /// The crate it is of.
    pub package: &'static str,
    /// What it is, for the label.
    pub title: &'static str,
    /// The port it listens on in a container.
    pub port: u16,
    /// Settings that only make sense in a container.
    pub env: &'static [(&'static str, &'static str)],
    /// The arguments that ask a running one whether it is well.
    pub health: &'static [&'static str],
}

/// All of them.
pub const PRODUCTS: [Product; 3] = [
    Product {
        role: "worker",
        binary: "keel-worker",
        package: "keel-worker",
        title: "Keel worker: runs workflows and activities",
        port: 8080,
        env: &[("KEEL__DATASET__DATA_DIR", DATA), ("KEEL__HTTP__LISTEN", "0.0.0.0:8080")],
        health: &["healthcheck"],
    },
    Product {
        role: "sandbox",
        binary: "keel-sandbox",
        package: "keel-sandbox",
        title: "Keel sandbox: plays the payment provider and the courier",
        port: 8079,
        env: &[("KEEL_SANDBOX_LISTEN", "0.0.0.0:8079")],
        health: &["healthcheck"],
    },
    Product {
        role: "cli",
        binary: "keel",
        package: "keel-client",
        title: "Keel command line, and the front that reports the fleet",
        port: 8080,
        env: &[],
        health: &["fleet", "healthcheck"],
    },
];

impl Product {
    /// The image over a static binary.
    pub fn image(&self, binary: &Path, stamp: &Stamp) -> Image {
        let program = format!("{BIN}/{}", self.binary);
        let own = self.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let health = std::iter::once(program.as_str()).chain(self.health.iter().copied());
        Image {
            name: format!("keel/{}", self.role),
            tag: stamp.build_id.clone(),
            created: stamp.created.clone(),
            entrypoint: vec![program.clone()],
            command: Vec::new(),
            env: environment().into_iter().chain(own).collect(),
            ports: vec![self.port],
            working_dir: DATA.to_owned(),
            health: Health { test: health.map(str::to_owned).collect(), start_period: 30 },
            labels: self.labels(stamp),
            is_latest: true,
            layers: self.layers(binary),
        }
    }

    /// The files: what is the same in every build, then the program.
    pub fn layers(&self, binary: &Path) -> Vec<Tree> {
        let mut top = Tree::default();
        top.host(&format!("{BIN}/{}", self.binary), 0o755, binary);
        vec![base(), top]
    }

    /// The labels.
    pub fn labels(&self, stamp: &Stamp) -> BTreeMap<String, String> {
        let labels = [
            ("org.opencontainers.image.title", self.title),
            ("org.opencontainers.image.version", &stamp.version),
            ("org.opencontainers.image.revision", &stamp.revision),
            ("org.opencontainers.image.created", &stamp.created),
            ("org.opencontainers.image.licenses", "MIT OR Apache-2.0"),
            (BUILD_LABEL, &stamp.build_id),
        ];
        labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

/// The environment of every image.
pub fn environment() -> BTreeMap<String, String> {
    let entries = [("HOME", DATA), ("PATH", BIN), ("SSL_CERT_FILE", CERTIFICATES)];
    entries.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The layer below the program, the same in every image of the product and in every build.
fn base() -> Tree {
    let mut tree = Tree::default();
    accounts(&mut tree, "keel", DATA);
    tree.bytes(CERTIFICATES, 0o644, certificates());
    tree.writable(DATA, 0o750);
    tree
}

/// Names for the numbers, where to look up hosts, and a place for temporary files.
pub fn accounts(tree: &mut Tree, user: &str, home: &str) {
    let nobody = "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin";
    let root = "root:x:0:0:root:/root:/sbin/nologin";
    let own = format!("{user}:x:{USER}:{USER}:{user}:{home}:/sbin/nologin");
    tree.bytes("etc/passwd", 0o644, format!("{root}\n{own}\n{nobody}\n"));
    tree.bytes("etc/group", 0o644, format!("root:x:0:\n{user}:x:{USER}:\nnogroup:x:65534:\n"));
    tree.bytes("etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nhosts: files dns\n");
    tree.writable("tmp", 0o1777);
}

/// Mozilla's authorities as PEM, of a pinned crate and not of this machine, so that every machine makes the same image.
fn certificates() -> String {
    let mut text = String::new();
    for certificate in TLS_SERVER_ROOT_CERTS {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = STANDARD.encode(certificate);
        for line in encoded.as_bytes().chunks(64) {
            let _ = writeln!(text, "{}", String::from_utf8_lossy(line));
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{PRODUCTS, base, certificates};
    use crate::image::stamp::Stamp;

    pub fn stamp() -> Stamp {
        Stamp {
            revision: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            build_id: "0123456789ab".to_owned(),
            version: "0.1.0".to_owned(),
            created: "2026-01-02T03:04:05Z".to_owned(),
        }
    }

    #[test]
    fn the_bundle_holds_every_authority_whole() {
        let text = certificates();
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        assert!(text.matches("BEGIN CERTIFICATE").count() > 100);
        assert!(text.lines().all(|line| line.len() <= 64), "lines of PEM have at most 64 characters");
    }

    #[test]
    fn an_image_holds_its_program_and_no_shell() {
        for product in &PRODUCTS {
            let image = product.image(Path::new("/somewhere/binary"), &stamp());
            let paths: Vec<_> = image.layers.iter().flat_map(|layer| layer.paths()).collect();
            assert!(paths.contains(&format!("usr/local/bin/{}", product.binary).as_str()), "{paths:?}");
            assert!(!paths.iter().any(|path| path.ends_with("/sh") || path.contains("busybox")), "{paths:?}");
            assert_eq!(image.reference(), format!("keel/{}:0123456789ab", product.role));
            assert_eq!(image.health.test[0], format!("/usr/local/bin/{}", product.binary));
            // A URL here would contradict the file with a URL that a stack delivers as a secret.
            assert!(!image.env.keys().any(|name| name.contains("URL")));
            // A build id in the environment would turn versioning on for everybody who starts the image.
            assert!(!image.env.keys().any(|name| name.contains("BUILD_ID")));
        }
    }

    #[test]
    fn what_must_be_writable_belongs_to_the_user() {
        let mut bytes = Vec::new();
        base().write(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let owned: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().header().clone())
            .filter(|header| header.uid().unwrap() == 10001)
            .map(|header| (header.path().unwrap().display().to_string(), header.mode().unwrap()))
            .collect();
        assert_eq!(owned, [("tmp/".to_owned(), 0o1777), ("var/lib/keel/".to_owned(), 0o750)]);
    }
}
