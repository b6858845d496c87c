//! Holds `deploy/docker/Dockerfile`, the second way to the same images, to the first one.

use std::path::Path;

use super::Role;
use super::product::{PRODUCTS, Product};
use super::spec::{BUILD_LABEL, HEALTH_INTERVAL, HEALTH_RETRIES, HEALTH_TIMEOUT};
use super::stamp::Stamp;
use super::tree::USER;
use crate::paths;

/// A stage: how it begins, and its instructions with continued lines joined.
#[derive(Debug)]
struct Stage {
    from: String,
    instructions: Vec<String>,
}

/// Reads a Dockerfile; what comes before the first stage is a stage without a beginning.
fn parse(text: &str) -> Vec<Stage> {
    let mut stages = vec![Stage { from: String::new(), instructions: Vec::new() }];
    let mut open = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        open.push_str(line.trim_end_matches('\\').trim());
        if line.ends_with('\\') {
            open.push(' ');
            continue;
        }
        let instruction = std::mem::take(&mut open);
        if let Some(from) = instruction.strip_prefix("FROM ") {
            stages.push(Stage { from: from.to_owned(), instructions: Vec::new() });
        } else if let Some(stage) = stages.last_mut() {
            stage.instructions.push(instruction);
        }
    }
    assert!(open.is_empty(), "the last line goes on");
    stages
}

fn dockerfile() -> Vec<Stage> {
    let path = paths::root().join("deploy/docker/Dockerfile");
    parse(&std::fs::read_to_string(path).unwrap())
}

/// The instructions that give an image the same configuration as [`Product::image`].
fn expected(product: &Product) -> Vec<String> {
    let stamp = Stamp {
        revision: String::new(),
        build_id: String::new(),
        version: String::new(),
        created: String::new(),
    };
    let image = product.image(Path::new("/binary"), &stamp);
    let config = image.config(&[]);
    let json = |words: &[String]| {
        format!("[{}]", words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", "))
    };
    let mut lines =
        vec!["COPY --from=build /image/etc /etc".to_owned(), "COPY --from=build /image/usr /usr".to_owned()];
    for dir in ["/tmp", super::product::DATA] {
        lines.push(format!("COPY --from=build --chown={USER}:{USER} /image{dir} {dir}"));
    }
    lines.extend(image.env.iter().map(|(name, value)| format!("ENV {name}={value}")));
    lines.push(format!("WORKDIR {}", image.working_dir));
    lines.push(format!("USER {}", config["config"]["User"].as_str().unwrap()));
    lines.extend(image.ports.iter().map(|port| format!("EXPOSE {port}")));
    lines.push(format!("STOPSIGNAL {}", config["config"]["StopSignal"].as_str().unwrap()));
    lines.push(format!(
        "HEALTHCHECK --interval={HEALTH_INTERVAL}s --timeout={HEALTH_TIMEOUT}s --start-period={}s \
         --retries={HEALTH_RETRIES} CMD {}",
        image.health.start_period,
        json(&image.health.test)
    ));
    lines.push(format!("ENTRYPOINT {}", json(&image.entrypoint)));
    lines.push(format!("LABEL org.opencontainers.image.title={:?}", product.title));
    lines
}

#[test]
fn every_product_has_a_stage_with_the_configuration_of_xtask() {
    let stages = dockerfile();
    for product in &PRODUCTS {
        let stage = stages
            .iter()
            .find(|stage| stage.from == format!("scratch AS {}", product.role))
            .unwrap_or_else(|| panic!("no stage for {}", product.role));
        assert_eq!(stage.instructions, expected(product), "{}", product.role);
    }
    let scratch = stages.iter().filter(|stage| stage.from.starts_with("scratch AS ")).count();
    assert_eq!(scratch, Role::PRODUCTS.len(), "a stage for something that is no product");
}

#[test]
fn the_build_is_left_to_xtask_with_the_pinned_toolchain() {
    let stages = dockerfile();
    assert_eq!(stages[0].instructions, ["ARG ROLE=worker"]);
    let build = &stages[1];
    let toolchain = std::fs::read_to_string(paths::root().join("rust-toolchain.toml")).unwrap();
    let version = toolchain.split("channel = \"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(build.from, format!("docker.io/library/rust:{version}-slim-bookworm AS build"));
    assert!(build.instructions.contains(&format!("ENV RUSTUP_TOOLCHAIN={version}")));
    assert_eq!(build.instructions.last().unwrap(), "RUN cargo xtask image \"$ROLE\" --root /image");
    assert!(build.instructions.contains(&"ARG ROLE".to_owned()));
}

#[test]
fn the_last_stage_adds_every_label_of_the_source() {
    let stages = dockerfile();
    let last = stages.last().unwrap();
    assert_eq!(last.from, "${ROLE}");
    let stamp = Stamp {
        revision: "${REVISION}".to_owned(),
        build_id: "${BUILD_ID}".to_owned(),
        version: "${VERSION}".to_owned(),
        created: "${CREATED}".to_owned(),
    };
    let mut labels = PRODUCTS[0].labels(&stamp);
    assert!(labels.contains_key(BUILD_LABEL));
    labels.remove("org.opencontainers.image.title");
    for (name, value) in &labels {
        let line = format!("LABEL {name}={value:?}");
        assert!(last.instructions.contains(&line), "{line} is missing in {:?}", last.instructions);
    }
    let written = last.instructions.iter().filter(|line| line.starts_with("LABEL ")).count();
    assert_eq!(written, labels.len());
    for argument in ["VERSION", "REVISION", "BUILD_ID", "CREATED"] {
        assert!(last.instructions.contains(&format!("ARG {argument}=unknown")), "{argument}");
    }
}

#[test]
fn continued_lines_are_one_instruction() {
    let stages = parse("# x\nFROM a AS b\nRUN one \\\n    && two\n");
    assert_eq!(stages[1].from, "a AS b");
    assert_eq!(stages[1].instructions, ["RUN one && two"]);
}
