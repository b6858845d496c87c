//! Wrong usage and wrong settings: exit 64, and the reason on stderr.

use crate::support::{command, keel, keel_with};

#[test]
fn mistakes_in_usage_exit_64() {
    for (args, reason) in [
        (&["order", "submit"][..], "--file <FILE>|--id <ID>"),
        (&["order", "submit", "--id", ""], "the id is empty"),
        (&["order", "show", "../etc"], "may hold only letters, digits"),
        (&["order", "approve", "O-1"], "--by <WHO>"),
        (&["order", "approve", "O-1", "--by", " "], "it is empty"),
        (&["order", "decide", "O-1", "maybe", "--by", "x"], "[possible values: approve, reject]"),
        (&["order", "decide", "O-1", "reject", "--by", "x"], "--reason <TEXT>"),
        (&["order", "list", "--status", "lost"], "it is one of pending, approved"),
        (&["dataset", "generate", "D", "--rows", "1", "--seed", "1", "--bad-share", "2"], "between 0 and 1"),
        (&["order", "list", "--timeout", "0s"], "between 100ms and 10m"),
        (&["nonsense"], "unrecognized subcommand"),
    ] {
        let ran = keel(args);
        ran.check(64, &[reason]);
        assert_eq!(ran.stdout, "", "{args:?}");
    }
}

#[test]
fn wrong_settings_are_told_all_at_once() {
    let env = [
        ("TEMPORAL_ADDRESS", "ftp://x"),
        ("KEEL__TEMPORAL__NAMESPASE", "y"),
        ("KEEL__LOG__LEVEL", "a=b=c"),
        ("KEEL__STORE__URL", "sqlite://not-ours"),
    ];
    keel_with(&env, &["order", "list"], "").check(
        64,
        &[
            "temporal.namespase: is not a setting (from KEEL__TEMPORAL__NAMESPASE); did you mean `temporal.namespace`?",
            "temporal.address: scheme `ftp` is not http or https; write host:port",
            "log.level: `a=b=c` is not a level",
        ],
    );
    keel(&["order", "list", "--config", "/nonexistent.toml"])
        .check(64, &["settings file /nonexistent.toml: cannot be read"]);
}

#[test]
fn help_and_completions_are_data() {
    let help = keel(&["--help"]);
    help.check(0, &[]);
    assert!(help.stdout.contains("Exit codes: 0 done") && help.stderr.is_empty(), "{help:?}");
    let script = keel(&["completions", "bash"]);
    script.check(0, &[]);
    assert!(script.stdout.contains("_keel()"), "{script:?}");
}

#[test]
fn a_full_disk_is_told() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let child = command(&[], &["completions", "bash"]).stdout(full).output().unwrap();
    let stderr = String::from_utf8(child.stderr).unwrap();
    assert_eq!(child.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("cannot write to standard output") && stderr.contains("cause: No space"),
        "{stderr}"
    );
}

#[test]
fn a_server_that_is_not_there_is_told_with_the_remedy() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let ran = keel(&["order", "show", "O-1", "--address", &address]);
    ran.check(1, &[&address, "nothing listens there", "cargo xtask up", "cause: Connection refused"]);
    assert_eq!(ran.stdout, "");
    keel(&["order", "list", "--address", "no-such-host.invalid"]).check(1, &["does not resolve"]);
}
