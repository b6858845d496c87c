//! `cargo xtask bench deploy`: how big the images are, and how long an operator waits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::site::Site;
use crate::image::Role;
use crate::wait;

const ASK: Duration = Duration::from_secs(30);
/// After the start, so that what is measured is idle.
const CALM: Duration = Duration::from_secs(15);
const TIMES: usize = 3;

/// Runs the measurement; the images are built or found first, and that does not count.
///
/// # Errors
/// When a build fails or the stack does not come up.
pub fn run(tag: Option<&str>) -> anyhow::Result<()> {
    let mut site = Site::start("bench-deploy", tag)?;
    let sizes = sizes(&site)?;
    wait::pause(CALM)?;
    let idle = idle_memory(&site)?;
    let (mut starts, mut ups) = (Vec::new(), Vec::new());
    for time in 1..=TIMES {
        eprintln!("  scaling, {time} of {TIMES}");
        ups.push(site.scale(5)?);
        site.scale(3)?;
    }
    for time in 1..=TIMES {
        eprintln!("  deploying with warm images, {time} of {TIMES}");
        site.remove_containers()?;
        let started = Instant::now();
        site.deploy(tag)?;
        starts.push(started.elapsed().as_secs_f64());
    }
    site.remove()?;
    for (role, megabytes) in &sizes {
        println!("  keel/{role:<10} {megabytes:.1} MB");
    }
    println!(
        "deploy: worker_image_mb={:.1} sandbox_image_mb={:.1} cli_image_mb={:.1} ready_s={:.1} scale_3_to_5_s={:.1} \
         idle_worker_mb={idle:.1}",
        sizes["worker"],
        sizes["sandbox"],
        sizes["cli"],
        middle(&mut starts),
        middle(&mut ups)
    );
    Ok(())
}

/// Megabytes of each of Keel's images, as the engine counts them.
fn sizes(site: &Site) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let mut found = BTreeMap::new();
    for role in Role::PRODUCTS {
        let variable = format!("KEEL_{}_IMAGE", role.name().to_uppercase());
        let image =
            site.stack().state.build.images.get(&variable).context("a deployed build names its images")?;
        let text = site.stack().docker.ask(&["image", "inspect", "--format", "{{.Size}}", image], ASK)?;
        found.insert(role.name(), text.parse::<f64>().context("the size of an image")? / 1e6);
    }
    Ok(found)
}

/// Megabytes of a worker's container as `docker stats` counts them, the middle one of all.
fn idle_memory(site: &Site) -> anyhow::Result<f64> {
    let workers = site.workers()?;
    let mut args = vec!["stats", "--no-stream", "--format", "{{.MemUsage}}"];
    args.extend(workers.iter().map(|worker| worker.id.as_str()));
    let text = site.stack().docker.ask(&args, ASK)?;
    let mut used: Vec<f64> = text.lines().filter_map(megabytes).collect();
    anyhow::ensure!(!used.is_empty(), "docker stats says `{text}`");
    Ok(middle(&mut used))
}

/// The first amount of `8.383MiB / 256MiB`, in megabytes.
fn megabytes(text: &str) -> Option<f64> {
    let amount = text.split('/').next()?.trim();
    let digits = amount.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match amount.strip_prefix(digits)? {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * unit / 1e6)
}

fn middle(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{megabytes, middle};

    #[test]
    fn amounts_are_read_with_their_unit() {
        assert_eq!(megabytes("1000KiB / 256MiB"), Some(1.024));
        assert!((megabytes("8MiB / 256MiB").unwrap() - 8.388_608).abs() < 1e-9);
        assert_eq!(megabytes("nothing"), None);
    }

    #[test]
    fn the_middle_is_not_the_average() {
        assert_eq!(middle(&mut [9.0, 1.0, 2.0]), 2.0);
        assert_eq!(middle(&mut []), 0.0);
    }
}
