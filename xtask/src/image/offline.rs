//! Images of what the stack needs besides Keel, made of programs of this machine, for where no registry can be reached.
//!
//! They take the places of the official ones in `deploy/docker-compose.offline.yml`, with the same folders, ports and
//! variables as far as Keel uses them, and not beyond.

mod postgres;
mod prometheus;
mod temporal;

use std::collections::BTreeMap;

use super::product;
use super::spec::{Health, Image};
use super::tree::Tree;

pub use postgres::postgres;
pub use prometheus::{alertmanager, prometheus};
pub use temporal::temporal;

/// What these images are of has no time of its own that all machines agree on.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What one of these images has for itself.
struct Parts<'a> {
    role: &'a str,
    title: &'a str,
    version: &'a str,
    /// Where its data is: its home and the folder it starts in.
    home: &'a str,
    entrypoint: &'a [&'a str],
    command: Vec<String>,
    env: &'a [(&'a str, &'a str)],
    ports: &'a [u16],
    health: &'a [&'a str],
    tree: Tree,
}

impl Parts<'_> {
    fn image(mut self) -> Image {
        product::accounts(&mut self.tree, self.role, self.home);
        self.tree.writable(self.home, 0o700);
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let labels = [
            ("org.opencontainers.image.title", self.title),
            ("org.opencontainers.image.version", self.version),
            ("org.opencontainers.image.created", CREATED),
        ];
        let mut env = BTreeMap::from([("PATH".to_owned(), product::BIN.to_owned())]);
        env.insert("HOME".to_owned(), self.home.to_owned());
        env.extend(self.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Image {
            name: format!("keel/{}", self.role),
            tag: self.version.to_owned(),
            created: CREATED.to_owned(),
            entrypoint: words(self.entrypoint),
            command: self.command,
            env,
            ports: self.ports.to_vec(),
            working_dir: self.home.to_owned(),
            health: Health { test: words(self.health), start_period: 60 },
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            is_latest: true,
            layers: vec![self.tree],
        }
    }
}
