//! `cargo xtask image`: images of Keel's programs, and of what an offline stack needs, made without a registry and without
//! `docker build`, so that the same commit gives the same digest.

mod archive;
mod check;
mod closure;
mod compile;
#[cfg(test)]
mod dockerfile;
mod engine;
mod offline;
mod product;
mod spec;
mod stamp;
mod tree;

use std::io::Seek;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

use crate::paths;
use crate::tools::{self, Docker};
use product::{PRODUCTS, Product};
use spec::{BUILD_LABEL, Image};
pub use stamp::Stamp;

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// keel/worker: runs workflows and activities
    Worker,
    /// keel/sandbox: plays payments and courier
    Sandbox,
    /// keel/cli: the command line, and the front
    Cli,
    /// keel/temporal: the development server, for the offline stack
    Temporal,
    /// keel/postgres: for the offline stack
    Postgres,
    /// keel/prometheus: for the offline stack
    Prometheus,
    /// keel/alertmanager: for the offline stack
    Alertmanager,
}

impl Role {
    /// The images of Keel's own programs.
    pub const PRODUCTS: [Self; 3] = [Self::Worker, Self::Sandbox, Self::Cli];
    /// The images that stand in for official ones.
    pub const OFFLINE: [Self; 4] = [Self::Temporal, Self::Postgres, Self::Prometheus, Self::Alertmanager];

    /// How the role is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Sandbox => "sandbox",
            Self::Cli => "cli",
            Self::Temporal => "temporal",
            Self::Postgres => "postgres",
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
        }
    }

    fn product(self) -> Option<&'static Product> {
        PRODUCTS.iter().find(|product| product.role == self.name())
    }
}

/// Make the images: worker, sandbox and cli unless others are named.
#[derive(clap::Args)]
pub struct Args {
    /// Which ones
    #[arg(value_name = "ROLE")]
    roles: Vec<Role>,
    /// Those of the offline stack as well
    #[arg(long)]
    offline: bool,
    /// Make them although the engine has them
    #[arg(long)]
    force: bool,
    /// Run each of Keel's images as the stack would, and look into it
    #[arg(long)]
    check: bool,
    /// Write DIR/keel-ROLE.tar, an OCI archive that `docker load` reads, instead of loading; needs no engine
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    archive: Option<PathBuf>,
    /// Lay out the files of one of Keel's images in DIR and make no image; needs neither an engine nor git
    #[arg(long, value_name = "DIR", conflicts_with_all = ["check", "archive", "offline", "dry_run"])]
    root: Option<PathBuf>,
    /// Say what would be made and make nothing
    #[arg(long)]
    dry_run: bool,
    /// What stdout carries
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

/// The form of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    #[default]
    Text,
    /// One JSON document
    Json,
}

/// An image that was made, or was there.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    /// Its role.
    pub role: &'static str,
    /// Its name with its own tag; it has the tag `latest` as well.
    pub image: String,
    /// Its digest, as the engine calls it.
    pub digest: String,
    /// Bytes of all layers.
    pub size_bytes: u64,
    /// Whether it had to be made.
    pub made: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When a build fails, the engine is silent, or a check finds something.
pub fn run(args: Args) -> anyhow::Result<()> {
    let roles = chosen(&args);
    if let Some(dir) = &args.root {
        return laid_out(&roles, dir);
    }
    let stamp = Stamp::read()?;
    if args.dry_run {
        return plan(&roles, &stamp, &args);
    }
    let made = match &args.archive {
        Some(dir) => archived(&roles, &stamp, dir)?,
        None => ensure(&tools::docker()?, &roles, &stamp, args.force)?,
    };
    match args.output {
        Format::Json => println!("{}", serde_json::to_string_pretty(&made)?),
        Format::Text => print!("{}", table(&made)),
    }
    if args.check {
        let docker = tools::docker()?;
        for product in roles.iter().filter_map(|role| role.product()) {
            check::check(&docker, product, &stamp)?;
        }
    }
    Ok(())
}

fn chosen(args: &Args) -> Vec<Role> {
    let mut roles = if args.roles.is_empty() { Role::PRODUCTS.to_vec() } else { args.roles.clone() };
    if args.offline {
        roles.extend(Role::OFFLINE);
    }
    roles.sort();
    roles.dedup();
    roles
}

/// Has the engine have these images of this source, both under the build id and as `latest`; what is there is kept.
///
/// # Errors
/// When a build fails, or the engine does not take an image.
pub fn ensure(docker: &Docker, roles: &[Role], stamp: &Stamp, force: bool) -> anyhow::Result<Vec<Made>> {
    let products: Vec<&Product> = roles.iter().filter_map(|role| role.product()).collect();
    let mut missing = Vec::new();
    let mut made = Vec::new();
    for product in products {
        let reference = format!("keel/{}:{}", product.role, stamp.build_id);
        match engine::find(docker, &reference)? {
            Some(present) if !force && present.label(BUILD_LABEL) == Some(&stamp.build_id) => {
                engine::tag(docker, &reference, &format!("keel/{}:latest", product.role))?;
                made.push(result(product.role, reference, &present, false));
            }
            _ => missing.push(product),
        }
    }
    for image in built(&missing, stamp)? {
        made.push(loaded(docker, &image)?);
    }
    for role in roles.iter().filter(|role| role.product().is_none()) {
        made.push(stand_in(docker, *role, force)?);
    }
    made.sort_by_key(|one| roles.iter().position(|role| role.name() == one.role));
    Ok(made)
}

/// Has the engine have an image over a program that was built elsewhere, with the libraries it needs, and not as `latest`:
/// for drills, which need several versions quickly.
///
/// # Errors
/// When the role is no program of Keel, or the engine does not take the image.
pub fn of_program(docker: &Docker, role: Role, program: &Path, stamp: &Stamp) -> anyhow::Result<String> {
    let product = role.product().with_context(|| format!("{} is no program of Keel", role.name()))?;
    let mut image = product.image(program, stamp);
    let mut libraries = tree::Tree::default();
    closure::libraries(&mut libraries, program)?;
    image.layers.insert(1, libraries);
    image.is_latest = false;
    engine::load(docker, &image)?;
    Ok(image.reference())
}

/// Gives an image that the engine has another name.
///
/// # Errors
/// When it has none of that name.
pub fn name(docker: &Docker, from: &str, to: &str) -> anyhow::Result<()> {
    engine::tag(docker, from, to)
}

/// An image of the offline stack: kept when the engine has what this recipe made the last time.
fn stand_in(docker: &Docker, role: Role, force: bool) -> anyhow::Result<Made> {
    let image = offline_image(role)?;
    let recipe = image.recipe()?;
    let memory = paths::keel("images").join(format!("{}.recipe", role.name()));
    let remembered = std::fs::read_to_string(&memory).unwrap_or_default();
    if let Some(present) = engine::find(docker, &image.reference())?
        && !force
        && remembered == format!("{recipe} {}", present.id)
    {
        engine::tag(docker, &image.reference(), &image.latest())?;
        return Ok(result(role.name(), image.reference(), &present, false));
    }
    let made = loaded(docker, &image)?;
    std::fs::write(&memory, format!("{recipe} {}", made.digest))
        .with_context(|| format!("cannot write {}", memory.display()))?;
    Ok(made)
}

fn loaded(docker: &Docker, image: &Image) -> anyhow::Result<Made> {
    eprintln!("making {} …", image.reference());
    let present = engine::load(docker, image)?;
    let role = role_of(image);
    Ok(result(role, image.reference(), &present, true))
}

fn role_of(image: &Image) -> &'static str {
    Role::value_variants()
        .iter()
        .map(|role| role.name())
        .find(|name| image.name.strip_prefix("keel/") == Some(name))
        .unwrap_or("other")
}

fn result(role: &'static str, image: String, present: &engine::Present, made: bool) -> Made {
    Made { role, image, digest: present.id.clone(), size_bytes: present.size, made }
}

/// The images of products, after one build for all of them.
fn built(products: &[&Product], stamp: &Stamp) -> anyhow::Result<Vec<Image>> {
    if products.is_empty() {
        return Ok(Vec::new());
    }
    let binaries = compile::compile()?;
    products
        .iter()
        .map(|product| {
            let binary = binaries.get(product.binary).context("the build said that it made every binary")?;
            Ok(product.image(binary, stamp))
        })
        .collect()
}

fn offline_image(role: Role) -> anyhow::Result<Image> {
    match role {
        Role::Temporal => Ok(offline::temporal(&tools::temporal()?)),
        Role::Postgres => offline::postgres(&tools::postgres()?),
        Role::Prometheus => offline::prometheus(&tools::prometheus()?),
        Role::Alertmanager => offline::alertmanager(),
        Role::Worker | Role::Sandbox | Role::Cli => {
            anyhow::bail!("{} is an image of a product", role.name())
        }
    }
}

/// Writes archives and loads nothing.
fn archived(roles: &[Role], stamp: &Stamp, dir: &Path) -> anyhow::Result<Vec<Made>> {
    paths::create(dir)?;
    let products: Vec<&Product> = roles.iter().filter_map(|role| role.product()).collect();
    let mut images = built(&products, stamp)?;
    for role in roles.iter().filter(|role| role.product().is_none()) {
        images.push(offline_image(*role)?);
    }
    let mut made = Vec::new();
    for image in images {
        let role = role_of(&image);
        let written = archive::write(&image, &dir.join(format!("keel-{role}.tar")))?;
        let (image, digest) = (image.reference(), written.config);
        made.push(Made { role, image, digest, size_bytes: written.size, made: true });
    }
    Ok(made)
}

/// Lays out one product's files, for `deploy/docker/Dockerfile`, which says the rest.
fn laid_out(roles: &[Role], dir: &Path) -> anyhow::Result<()> {
    let [role] = roles else { anyhow::bail!("--root takes one role: worker, sandbox or cli") };
    let product = role.product().with_context(|| format!("{} is no program of Keel", role.name()))?;
    let binaries = compile::compile()?;
    let binary = binaries.get(product.binary).context("the build said that it made the binary")?;
    paths::create(dir)?;
    for layer in product.layers(binary) {
        let mut file = tempfile::tempfile()?;
        layer.write(&mut file)?;
        file.rewind()?;
        let mut archive = tar::Archive::new(file);
        // Only root can give files away.
        archive.set_preserve_ownerships(rustix::process::geteuid().is_root());
        archive.set_preserve_permissions(true);
        archive.unpack(dir).with_context(|| format!("cannot lay out files in {}", dir.display()))?;
    }
    Ok(())
}

fn plan(roles: &[Role], stamp: &Stamp, args: &Args) -> anyhow::Result<()> {
    let products: Vec<&Product> = roles.iter().filter_map(|role| role.product()).collect();
    let mut steps = Vec::new();
    if !products.is_empty() {
        steps.push(compile::shown()?);
    }
    for role in roles {
        let tag = if role.product().is_some() { &stamp.build_id } else { "<its version>" };
        steps.push(match &args.archive {
            Some(dir) => format!("write {}", dir.join(format!("keel-{}.tar", role.name())).display()),
            None => format!("docker load: keel/{name}:{tag}, keel/{name}:latest", name = role.name()),
        });
    }
    match args.output {
        Format::Json => println!(
            "{}",
            serde_json::to_string_pretty(&serde_json::json!({"build_id": stamp.build_id, "steps": steps}))?
        ),
        Format::Text => steps.iter().for_each(|step| println!("{step}")),
    }
    Ok(())
}

fn table(made: &[Made]) -> String {
    let wide = made.iter().map(|one| one.image.len()).max().unwrap_or_default().max(5);
    let mut text = format!("{:<13} {:<wide$} {:<19} {:>9}  STATE\n", "ROLE", "IMAGE", "DIGEST", "SIZE");
    for one in made {
        let digest = one.digest.get(..19).unwrap_or(&one.digest);
        let state = if one.made { "made" } else { "up to date" };
        text.push_str(&format!(
            "{:<13} {:<wide$} {digest:<19} {:>9}  {state}\n",
            one.role,
            one.image,
            megabytes(one.size_bytes)
        ));
    }
    text
}

/// As people read it, with one digit: `24.3 MB`.
fn megabytes(bytes: u64) -> String {
    let tenths = (bytes + 50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::{Made, Role, megabytes, table};
    use clap::ValueEnum;

    #[test]
    fn every_role_is_a_product_or_an_image_of_the_offline_stack() {
        let all: Vec<_> = Role::PRODUCTS.into_iter().chain(Role::OFFLINE).collect();
        assert_eq!(all, Role::value_variants());
        assert!(Role::PRODUCTS.iter().all(|role| role.product().is_some()));
        assert!(Role::OFFLINE.iter().all(|role| role.product().is_none()));
    }

    #[test]
    fn the_table_lines_up() {
        let one = |role, image: &str, made| Made {
            role,
            image: image.to_owned(),
            digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
            size_bytes: 24_349_999,
            made,
        };
        let text = table(&[one("worker", "keel/worker:0123456789ab", true), one("cli", "keel/cli:1", false)]);
        assert_eq!(
            text,
            "ROLE          IMAGE                    DIGEST                   SIZE  STATE\n\
             worker        keel/worker:0123456789ab sha256:0123456789ab   24.3 MB  made\n\
             cli           keel/cli:1               sha256:0123456789ab   24.3 MB  up to date\n"
        );
        assert_eq!(megabytes(999_999), "1.0 MB");
    }
}
