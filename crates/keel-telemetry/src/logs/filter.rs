//! Which modules may log how much.

/// Libraries that drown the rest when they log at our level, and what they get instead.
///
/// The SDK's core warns about what matters (slow tasks, lost polls); the network libraries have nothing to say that
/// the caller's own error does not say better. What OpenTelemetry has to say, `traces` says once and by its effect.
const QUIETER: [(&str, &str); 15] = [
    ("temporalio_sdk", "warn"),
    ("temporalio_sdk_core", "warn"),
    ("temporalio_client", "warn"),
    ("temporalio_common", "warn"),
    ("temporalio_workflow", "warn"),
    ("sqlx", "warn"),
    ("reqwest", "warn"),
    ("hyper", "off"),
    ("hyper_util", "off"),
    ("h2", "off"),
    ("tonic", "off"),
    ("tower", "off"),
    ("opentelemetry", "off"),
    ("rustls", "warn"),
    ("rustls_platform_verifier", "warn"),
];

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The filter for `level`: the level for everything, the quieter libraries at theirs unless `level` names them.
///
/// A quieter library never becomes louder than the level itself, so `off` and `error` hold for all.
#[must_use]
pub(crate) fn directives(level: &str) -> String {
    let level = &level.to_ascii_lowercase();
    let mut words = level.split(',').map(str::trim).filter(|part| !part.contains('='));
    // The parser would take any other word for the name of a module, and log nothing else.
    if !words.clone().all(|word| LEVELS.contains(&word)) {
        return "=".to_owned();
    }
    let base = words.next().unwrap_or("info");
    let mut filter = if level.contains('=') && !level.split(',').any(|part| !part.contains('=')) {
        format!("{base},{level}")
    } else {
        level.to_owned()
    };
    for (target, quieter) in QUIETER {
        if !names(level, target) {
            let quieter = if matches!(base, "off" | "error") { base } else { quieter };
            filter.push_str(&format!(",{target}={quieter}"));
        }
    }
    // An empty level must stay visible as the mistake it is.
    if level.trim().is_empty() { "=".to_owned() } else { filter }
}

fn names(level: &str, target: &str) -> bool {
    level.split(',').filter_map(|part| part.split_once('=')).any(|(named, _)| named.trim() == target)
}

#[cfg(test)]
mod tests {
    use super::directives;

    #[test]
    fn libraries_are_quiet_unless_they_are_named() {
        let plain = directives("debug");
        assert!(plain.starts_with("debug,") && plain.contains(",temporalio_sdk_core=warn,"), "{plain}");
        let named = directives("info,temporalio_sdk_core=debug");
        assert!(!named.contains("temporalio_sdk_core=warn"), "{named}");
        assert!(directives("ERROR").contains(",sqlx=error,"));
        assert_eq!(directives("inof"), "=", "a slip is not a module that alone may log");
        assert!(directives("off").contains(",sqlx=off,"));
        assert!(directives("keel_worker=debug").starts_with("info,keel_worker=debug,"));
    }
}
