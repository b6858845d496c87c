//! Writing an image as one file: an OCI layout with the manifest of `docker save` beside it, so that `docker load`,
//! podman and skopeo all read it. The same image gives the same bytes.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::spec::{Image, architecture};
use crate::tools::hex;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Digest of the manifest: what a registry calls the image's digest.
    pub manifest: String,
    /// Digest of the configuration: what Docker calls the image's id.
    pub config: String,
    /// Bytes of all layers.
    pub size: u64,
}

/// A blob by its digest, on disk or in memory.
struct Blob {
    digest: String,
    size: u64,
    content: Content,
}

enum Content {
    File(File),
    Bytes(Vec<u8>),
}

/// Writes the image to `path`.
///
/// # Errors
/// When a file it is made of cannot be read, or the disk is full.
pub fn write(image: &Image, path: &Path) -> anyhow::Result<Written> {
    let mut layers = Vec::new();
    for layer in &image.layers {
        let mut writer = Hashing { to: BufWriter::new(tempfile::tempfile()?), hash: Sha256::new(), size: 0 };
        layer.write(&mut writer)?;
        let digest = format!("sha256:{}", hex(&writer.hash.finalize()));
        let file = writer.to.into_inner().context("cannot write a layer")?;
        layers.push(Blob { digest, size: writer.size, content: Content::File(file) });
    }
    let digests: Vec<String> = layers.iter().map(|layer| layer.digest.clone()).collect();
    let config = json_blob(&image.config(&digests));
    let manifest = json_blob(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(CONFIG, &config),
        "layers": layers.iter().map(|layer| described(LAYER, layer)).collect::<Vec<_>>(),
    }));
    let index = index(image, &manifest);
    let docker = json!([{
        "Config": blob_path(&config),
        "RepoTags": image.names(),
        "Layers": layers.iter().map(blob_path).collect::<Vec<_>>(),
    }]);
    let written = Written {
        manifest: manifest.digest.clone(),
        config: config.digest.clone(),
        size: layers.iter().map(|layer| layer.size).sum(),
    };
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut tar = Builder::new(BufWriter::new(file));
    entry(&mut tar, "blobs/sha256/", EntryType::Directory, 0, std::io::empty())?;
    let mut blobs: Vec<Blob> = layers.into_iter().chain([config, manifest]).collect();
    blobs.sort_by(|a, b| a.digest.cmp(&b.digest));
    // Two layers may be the same; one copy serves both.
    blobs.dedup_by(|a, b| a.digest == b.digest);
    for blob in blobs {
        let name = blob_path(&blob);
        match blob.content {
            Content::Bytes(bytes) => {
                entry(&mut tar, &name, EntryType::Regular, blob.size, bytes.as_slice())?;
            }
            Content::File(mut file) => {
                file.rewind()?;
                entry(&mut tar, &name, EntryType::Regular, blob.size, file)?;
            }
        }
    }
    for (name, value) in [
        ("index.json", index),
        ("manifest.json", docker),
        ("oci-layout", json!({"imageLayoutVersion": "1.0.0"})),
    ] {
        let bytes = value.to_string().into_bytes();
        entry(&mut tar, name, EntryType::Regular, bytes.len().try_into()?, bytes.as_slice())?;
    }
    tar.into_inner()?.flush().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(written)
}

fn index(image: &Image, manifest: &Blob) -> Value {
    let mut entry = described(MANIFEST, manifest);
    entry["platform"] = json!({"architecture": architecture(), "os": "linux"});
    entry["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/{}", image.reference()),
        "org.opencontainers.image.ref.name": image.tag,
    });
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    })
}

fn json_blob(value: &Value) -> Blob {
    let bytes = value.to_string().into_bytes();
    Blob {
        digest: format!("sha256:{}", hex(&Sha256::digest(&bytes))),
        size: bytes.len() as u64,
        content: Content::Bytes(bytes),
    }
}

fn described(media_type: &str, blob: &Blob) -> Value {
    json!({"mediaType": media_type, "digest": blob.digest, "size": blob.size})
}

fn blob_path(blob: &Blob) -> String {
    format!("blobs/{}", blob.digest.replace(':', "/"))
}

fn entry(
    tar: &mut Builder<impl Write>,
    name: &str,
    kind: EntryType,
    size: u64,
    content: impl Read,
) -> anyhow::Result<()> {
    crate::interrupt::check()?;
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    Ok(tar.append_data(&mut header, name, content)?)
}

/// Hashes and counts what goes through.
struct Hashing<W> {
    to: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use serde_json::Value;
    use sha2::{Digest, Sha256};

    use super::write;
    use crate::image::spec::{Health, Image};
    use crate::image::tree::Tree;
    use crate::tools::hex;

    fn image() -> Image {
        let mut tree = Tree::default();
        tree.bytes("usr/local/bin/program", 0o755, "the program");
        Image {
            name: "keel/test".to_owned(),
            tag: "0123456789ab".to_owned(),
            created: "2026-01-02T03:04:05Z".to_owned(),
            entrypoint: vec!["/usr/local/bin/program".to_owned()],
            command: Vec::new(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/local/bin".to_owned())]),
            ports: vec![8080],
            working_dir: "/tmp".to_owned(),
            health: Health { test: vec!["program".to_owned(), "healthcheck".to_owned()], start_period: 10 },
            labels: BTreeMap::new(),
            is_latest: true,
            layers: vec![tree],
        }
    }

    fn files(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(bytes);
        let mut found = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.insert(entry.path().unwrap().display().to_string(), content);
        }
        found
    }

    #[test]
    fn both_manifests_lead_to_the_same_blobs_and_every_blob_has_its_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image.tar");
        let written = write(&image(), &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let files = files(&bytes);
        for (name, content) in files.iter().filter(|(name, _)| !name.ends_with('/')) {
            if let Some(digest) = name.strip_prefix("blobs/sha256/") {
                assert_eq!(digest, hex(&Sha256::digest(content)), "{name}");
            }
        }
        let json = |name: &str| -> Value { serde_json::from_slice(&files[name]).unwrap() };
        let at = |digest: &Value| format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"));
        let index = json("index.json");
        assert_eq!(index["manifests"][0]["digest"], written.manifest.as_str());
        let manifest = json(&at(&index["manifests"][0]["digest"]));
        assert_eq!(manifest["config"]["digest"], written.config.as_str());
        let docker = json("manifest.json");
        assert_eq!(docker[0]["Config"], at(&manifest["config"]["digest"]).as_str());
        assert_eq!(docker[0]["Layers"][0], at(&manifest["layers"][0]["digest"]).as_str());
        assert_eq!(docker[0]["RepoTags"][0], "keel/test:0123456789ab");
        let config = json(&at(&manifest["config"]["digest"]));
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        assert_eq!(config["config"]["User"], "10001:10001");
        assert_eq!(config["config"]["StopSignal"], "SIGTERM");
        assert_eq!(config["config"]["Healthcheck"]["Test"][2], "healthcheck");
        assert_eq!(written.size, manifest["layers"][0]["size"].as_u64().unwrap());
    }

    #[test]
    fn the_same_image_is_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        write(&image(), &one).unwrap();
        write(&image(), &other).unwrap();
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&other).unwrap());
    }

    #[test]
    fn a_recipe_follows_what_the_image_is_made_of() {
        let recipe = |image: Image| image.recipe().unwrap();
        let first = recipe(image());
        assert_eq!(first, recipe(image()));
        let mut other = image();
        other.ports = vec![8081];
        assert_ne!(first, recipe(other));
        let mut other = image();
        other.layers[0].bytes("etc/more", 0o644, "x");
        assert_ne!(first, recipe(other));
    }
}
