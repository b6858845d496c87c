//! Every query of every panel against the Prometheus of a Compose stack of its own, under load.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::definition::Dashboard;
use super::live::{self, Window};
use crate::deploy::Site;
use crate::stack::{Flow, Keel, Load, Logs};
use crate::{binaries, paths};

const NAME: &str = "panels";
const TASK: &str = "PANELS-TASK";
const DATASET: &str = "PANELS-DATASET";
const TASK_ROWS: u64 = 100;
/// Seconds of work, so that something is under way at every scrape.
const DATASET_ROWS: u64 = 200_000;
const BYTES_PER_SECOND: u64 = 1_000_000;
/// Four scrapes of 15 s, as Grafana computes it for the stack.
const WINDOW: Window<'_> = Window { seconds: 300, rate_interval: "1m" };
/// What the server tells once a minute has to be there twice.
const PATIENCE: Duration = Duration::from_secs(240);
const FINISH: Duration = Duration::from_secs(120);

/// Boots the offline stack, puts it under load, and returns the queries without data.
///
/// # Errors
/// When the stack does not come up or the load breaks.
pub fn empty(dashboards: &[Dashboard]) -> anyhow::Result<Vec<String>> {
    let (binaries, program) = binaries::build_with_load(false)?;
    let claim = paths::claim(NAME)?;
    let logs = Logs::new(&claim.scope)?;
    let overlays = [shared_data(&claim.dir)?];
    let site = Site::start_with(&claim.scope, None, 2, &overlays)?;
    let keel = Keel { program: binaries.keel, temporal: site.temporal(), data_dir: claim.dir.join("data") };
    let result = load(&program, &keel, &logs)
        .and_then(|load| {
            let found = live::empty(dashboards, &site.url("PROMETHEUS"), &WINDOW, PATIENCE)?;
            load.finish(FINISH)?;
            Ok(found)
        })
        .with_context(|| claim.logs.clone());
    site.settle(result)
}

/// A Compose file that puts the workers' data into a folder which the load can write to as well.
fn shared_data(dir: &Path) -> anyhow::Result<PathBuf> {
    let data = dir.join("data");
    paths::create(&data)?;
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o777))
        .with_context(|| format!("cannot open {} to the containers' user", paths::shown(&data)))?;
    let file = dir.join("shared-data.yml");
    let text = format!(
        "services:\n  temporal-worker:\n    environment:\n      KEEL__DATASET__MAX_BYTES_PER_SECOND: \"{BYTES_PER_SECOND}\"\n\
         volumes:\n  keel-data:\n    driver_opts: {{type: none, o: bind, device: {:?}}}\n",
        data.display().to_string()
    );
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", paths::shown(&file)))?;
    Ok(file)
}

fn load(program: &Path, keel: &Keel, logs: &Logs) -> anyhow::Result<Load> {
    keel.generate(TASK, TASK_ROWS, 1)?;
    keel.generate(DATASET, DATASET_ROWS, 2)?;
    let flow = Flow { orders: 4, tasks: Some((1, TASK)), datasets: Some((1, DATASET)), ..Flow::default() };
    Load::beside(program, flow, &keel.temporal, &keel.data_dir, logs)
}
