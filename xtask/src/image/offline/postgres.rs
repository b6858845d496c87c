//! `keel/postgres`: Debian's PostgreSQL with what `initdb` needs, a shell included, and the variables and folders of the
//! official image.

use std::path::Path;

use anyhow::Context;

use super::Parts;
use crate::image::closure;
use crate::image::spec::Image;
use crate::image::tree::Tree;
use crate::tools::PostgresBinaries;

/// Programs beside `postgres`.
const PROGRAMS: [&str; 7] = ["initdb", "pg_ctl", "pg_dump", "pg_isready", "pg_restore", "postgres", "psql"];

/// What runs first.
const ENTRYPOINT: &str = include_str!("postgres-entrypoint.sh");

/// Where the volume goes; `PGDATA` is a folder in it, for a fresh file system may hold a `lost+found`.
const HOME: &str = "/var/lib/postgresql/data";

/// The image.
///
/// # Errors
/// When a program or library is missing on this machine.
pub fn postgres(tool: &PostgresBinaries) -> anyhow::Result<Image> {
    let major = tool.version.split('.').next().unwrap_or_default();
    let mut tree = Tree::default();
    let bin = &tool.dir;
    for name in PROGRAMS {
        // At the place it has here: it looks for its companions relative to itself.
        closure::add(&mut tree, &bin.join(name).display().to_string(), &bin.join(name))?;
    }
    modules(&mut tree, &bin.with_file_name("lib"))?;
    let share = Path::new("/usr/share/postgresql").join(major);
    tree.host_dir(&share.display().to_string(), &share, &|path| !path.starts_with("man"))
        .context("only Debian's way of installing PostgreSQL is known")?;
    let zones = Path::new("/usr/share/zoneinfo");
    if zones.is_dir() {
        tree.host_dir("usr/share/zoneinfo", zones, &|path| {
            !path.starts_with("posix") && !path.starts_with("right")
        })?;
    }
    for (path, name) in [("/bin/sh", "sh"), ("/bin/rm", "rm")] {
        closure::add(&mut tree, path, &which::which(name)?)?;
    }
    tree.bytes("usr/local/bin/entrypoint", 0o755, ENTRYPOINT);
    let path = format!("{}:/usr/local/bin:/bin", bin.display());
    let isready = bin.join("pg_isready").display().to_string();
    let parts = Parts {
        role: "postgres",
        title: "PostgreSQL, for Keel where no registry can be reached",
        version: &tool.version,
        home: HOME,
        entrypoint: &["/usr/local/bin/entrypoint"],
        command: vec!["postgres".to_owned()],
        env: &[("PATH", &path), ("PGDATA", "/var/lib/postgresql/data/pgdata"), ("LC_ALL", "C")],
        ports: &[5432],
        health: &[&isready, "-q", "-h", "127.0.0.1", "-t", "4"],
        tree,
    };
    Ok(parts.image())
}

/// The server's own modules; neither a compiler nor other people's languages, which need a hundred megabytes more.
fn modules(tree: &mut Tree, lib: &Path) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(lib).with_context(|| format!("cannot read {}", lib.display()))?;
    for entry in entries {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let foreign =
            ["llvmjit", "plperl", "plpython", "pltcl", "sepgsql"].iter().any(|part| name.contains(part));
        if !foreign && name.ends_with(".so") {
            tree.host(&file.display().to_string(), 0o644, &file);
            closure::libraries(tree, &file)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ENTRYPOINT;

    #[test]
    fn the_entrypoint_is_a_posix_script_that_parses() {
        assert!(ENTRYPOINT.starts_with("#!/bin/sh\n"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("entrypoint");
        std::fs::write(&path, ENTRYPOINT).unwrap();
        let output = std::process::Command::new("sh").arg("-n").arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn the_image_holds_what_initdb_and_temporal_need() {
        let image = super::postgres(&crate::tools::postgres().unwrap()).unwrap();
        let paths: Vec<_> = image.layers[0].paths().collect();
        for end in ["/initdb", "/plpgsql.so", "/postgres.bki", "bin/sh", "/btree_gin.so", "/libpq.so.5"] {
            assert!(paths.iter().any(|path| path.ends_with(end)), "{end}");
        }
        assert!(!paths.iter().any(|path| path.contains("libLLVM")));
    }
}
