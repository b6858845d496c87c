//! What needs a server but no worker. How workflows answer is tested end to end, where there are workers.

use std::io::{BufRead, BufReader};

use crate::support::{Ran, command, eventually, keel_with, signal, unique};

fn address() -> String {
    std::env::var("KEEL_TEST_TEMPORAL_ADDRESS")
        .expect("set KEEL_TEST_TEMPORAL_ADDRESS or run `cargo xtask test`")
}

/// `keel` on the test server, on a queue that no worker polls.
fn on_server(args: &[&str], stdin: &str) -> Ran {
    let address = address();
    let env = [("TEMPORAL_ADDRESS", address.as_str()), ("TASK_QUEUE", "nobody-polls-this")];
    let args = [args, &["--output", "json", "--timeout", "3s"][..]].concat();
    keel_with(&env, &args, stdin)
}

fn order(id: &str, customer: &str) -> String {
    format!(
        r#"{{"orderId":"{id}","customerId":"{customer}","currency":"EUR","lines":[{{"sku":"MUG","quantity":1,"unitPriceMinor":5}}]}}"#
    )
}

#[test]
fn a_second_submit_finds_the_first() {
    let id = unique("CLI");
    let first = on_server(&["order", "submit", "--id", &id], "");
    first.check(0, &[]);
    assert_eq!(first.json()["result"], "started");
    let second = on_server(&["order", "submit", "--id", &id], "");
    second.check(0, &[]);
    assert_eq!(second.json()["result"], "alreadyRunning");
    assert_eq!(second.json()["runId"], first.json()["runId"]);
    let again = on_server(&["order", "submit", "--id", &id, "--again"], "");
    assert_eq!(again.json()["result"], "alreadyRunning");
}

#[test]
fn several_orders_are_placed_found_and_approved() {
    let customer = unique("CUSTOMER");
    let ids = [unique("CLI"), unique("CLI"), unique("CLI")];
    let lines: Vec<String> = ids.iter().map(|id| order(id, &customer)).collect();
    let placed = on_server(&["order", "submit", "--file", "-"], &lines.join("\n"));
    placed.check(0, &[]);
    let placed = placed.lines();
    assert_eq!(placed.iter().map(|line| line["orderId"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    let args = ["order", "list", "--customer", &customer, "--status", "pending"];
    let rows = eventually("the three orders in the list", || {
        let listed = on_server(&args, "");
        listed.check(0, &[]);
        Some(listed.lines()).filter(|rows| rows.len() == 3)
    });
    assert!(rows.iter().all(|row| row["customerId"] == customer.as_str() && row["runStatus"] == "running"));
    let limited = on_server(&[&args[..], &["--limit", "2"][..]].concat(), "");
    assert_eq!(limited.lines().len(), 2);
    let approve = ["order", "approve", &ids[0], "NO-SUCH-ORDER", &ids[1], "--by", "m@company.com"];
    let approved = on_server(&approve, "");
    approved.check(1, &["there is no order `NO-SUCH-ORDER`", "keel order submit --id NO-SUCH-ORDER"]);
    assert_eq!(approved.lines().len(), 2);
}

#[test]
fn without_a_worker_the_server_is_asked() {
    let id = unique("CLI");
    on_server(&["order", "submit", "--file", "-"], &order(&id, "C-1")).check(0, &[]);
    let shown = on_server(&["order", "show", &id], "");
    shown.check(0, &[]);
    let shown = shown.json();
    assert_eq!((shown["source"].as_str(), shown["status"].as_str()), (Some("server"), Some("pending")));
    assert_eq!(shown["run"]["customerId"], "C-1");
    let decided = on_server(&["order", "decide", &id, "approve", "--by", "m@company.com"], "");
    decided.check(1, &["no worker answers for order", "nothing came back"]);
    assert_eq!(decided.stdout, "");
    on_server(&["order", "cancel", &id], "").check(0, &[]);
}

#[test]
fn what_is_not_there_is_told_by_name() {
    on_server(&["order", "show", "NO-SUCH"], "")
        .check(1, &["there is no order `NO-SUCH`", "keel order list"]);
    on_server(&["task", "watch", "NO-SUCH"], "")
        .check(1, &["there is no task `NO-SUCH`", "keel task start NO-SUCH"]);
    on_server(&["dataset", "cancel", "NO-SUCH"], "").check(1, &["keel dataset start NO-SUCH"]);
    on_server(&["order", "list", "--namespace", "no-such-namespace"], "")
        .check(1, &["has no namespace `no-such-namespace`", "temporal operator namespace create"]);
}

#[test]
fn ctrl_c_ends_the_watching_and_not_the_run() {
    let id = unique("CLI");
    on_server(&["task", "start", &id], "").check(0, &[]);
    let address = address();
    let env = [("TEMPORAL_ADDRESS", address.as_str())];
    let mut child = command(&env, &["task", "watch", &id]).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("no worker answers on task queue nobody-polls-this"), "{line}");
    signal(child.id(), "INT").unwrap();
    let status = eventually("the end of watching", || child.try_wait().unwrap());
    line.clear();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("stopped watching") && line.contains("goes on"), "{line}");
    assert_eq!(status.code(), Some(130));
    let shown = on_server(&["task", "show", &id], "").json();
    assert_eq!(shown["run"]["status"], "running");
}
