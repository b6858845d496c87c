//! `keel/temporal`: the development server of the Temporal command line, with its database in a volume.

use super::Parts;
use crate::image::product::BIN;
use crate::image::spec::Image;
use crate::image::tree::Tree;
use crate::stack::{DYNAMIC_CONFIG, SEARCH_ATTRIBUTES};
use crate::tools::Temporal;

const HOME: &str = "/var/lib/temporal";

/// Port of the server's own metrics, as in the official images.
const METRICS: u16 = 8000;

/// The image; `docker run keel/temporal` serves, with other arguments it is the command line.
pub fn temporal(tool: &Temporal) -> Image {
    let mut tree = Tree::default();
    let program = format!("{BIN}/temporal");
    tree.host(&program, 0o755, &tool.path);
    Parts {
        role: "temporal",
        title: "Temporal development server, for Keel where no registry can be reached",
        version: &tool.version,
        home: HOME,
        entrypoint: &[&program],
        command: serve(),
        // The command line wants to know who it is, and reads its profile from a folder that may be read-only.
        env: &[("USER", "temporal"), ("XDG_CONFIG_HOME", "/tmp"), ("TEMPORAL_ADDRESS", "127.0.0.1:7233")],
        ports: &[7233, 8233, METRICS],
        health: &[&program, "operator", "cluster", "health", "--command-timeout", "4s"],
        tree,
    }
    .image()
}

fn serve() -> Vec<String> {
    let mut words: Vec<String> = ["server", "start-dev", "--ip", "0.0.0.0", "--log-level", "warn"]
        .into_iter()
        .chain(["--db-filename", "/var/lib/temporal/temporal.db", "--ui-disable-news-fetch"])
        .map(str::to_owned)
        .collect();
    words.extend(["--metrics-port".to_owned(), METRICS.to_string()]);
    for value in DYNAMIC_CONFIG {
        words.extend(["--dynamic-config-value".to_owned(), value.to_owned()]);
    }
    for name in SEARCH_ATTRIBUTES {
        words.extend(["--search-attribute".to_owned(), format!("{name}=Keyword")]);
    }
    words
}
