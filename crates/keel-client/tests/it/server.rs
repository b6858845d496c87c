//! What needs a server but no worker. How workflows answer is tested end to end, where there are workers.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use keel_config::TemporalSection;
use keel_temporal::{Instruments, Wait};
use keel_types::state::OrderStatus;
use keel_types::workflow::InteractiveOrder;
use temporalio_client::WorkflowTerminateOptions;

use crate::support::{Ran, command, eventually, keel_with, signal, unique};

pub(crate) fn address() -> String {
    std::env::var("KEEL_TEST_TEMPORAL_ADDRESS")
        .expect("set KEEL_TEST_TEMPORAL_ADDRESS or run `cargo xtask test`")
}

/// `keel` on the test server, on a queue that no worker polls.
pub(crate) fn on_server(args: &[&str], stdin: &str) -> Ran {
    on_server_as("json", args, stdin)
}

fn on_server_as(output: &str, args: &[&str], stdin: &str) -> Ran {
    let address = address();
    let env = [("TEMPORAL_ADDRESS", address.as_str()), ("TASK_QUEUE", "nobody-polls-this")];
    let args = [args, &["--output", output, "--timeout", "3s"][..]].concat();
    keel_with(&env, &args, stdin)
}

pub(crate) fn order(id: &str, customer: &str) -> String {
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

/// Ends a run of `workflow_id` as an operator does.
pub(crate) fn terminate(workflow_id: &str) {
    let section = TemporalSection { address: address(), ..TemporalSection::default() };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let call = async {
        let client = keel_temporal::connect(&section, "keel-test", &Instruments::default(), Wait::none())
            .await
            .expect("the server answers");
        let handle = client.get_workflow_handle::<InteractiveOrder>(workflow_id);
        handle.terminate(WorkflowTerminateOptions::builder().reason("test").build()).await.expect("it runs");
    };
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), call).await.expect("it ends in time")
    });
}

#[test]
fn an_order_that_was_ended_from_outside_is_dead_and_says_what_to_do() {
    let (id, customer) = (unique("CLI"), unique("CUSTOMER"));
    let document = order(&id, &customer);
    on_server(&["order", "submit", "--file", "-"], &document).check(0, &[]);
    terminate(&format!("order-{id}"));
    let remedy = format!("`keel order submit --id {id} --again` finishes or undoes it");
    let dead = ["ended from outside", "may remain", &remedy];

    let shown = on_server(&["order", "show", &id], "");
    assert_eq!(shown.check(0, &dead).json()["status"], "terminated");
    let watched = on_server(&["order", "watch", &id], "");
    assert_eq!(watched.check(1, &dead).json()["outcome"]["status"], "terminated");
    let submitted = on_server(&["order", "submit", "--file", "-"], &document);
    assert_eq!(submitted.check(1, &dead).json()["result"], "alreadyFinished");

    let closed = [&format!("order `{id}` is closed already: terminated")[..], &remedy];
    for command in [
        &["order", "decide", &id, "approve", "--by", "m@company.com"][..],
        &["order", "approve", &id, "--by", "m@company.com"],
        &["order", "reject", &id, "--reason", "late"],
        &["order", "cancel", &id],
    ] {
        assert_eq!(on_server(command, "").check(1, &closed).stdout, "", "{command:?}");
    }

    let list = ["order", "list", "--customer", &customer];
    eventually("the end of the order in the list", || {
        let rows = on_server(&list, "").lines();
        (rows.len() == 1 && rows[0]["status"] == "terminated").then_some(())
    });
    for status in OrderStatus::ALL {
        let listed = on_server(&[&list[..], &["--status", status.as_str()]].concat(), "");
        assert_eq!(listed.check(0, &[]).lines().len(), 0, "{status}");
    }

    let again = on_server(&["order", "submit", "--id", &id, "--again"], "");
    assert_eq!(again.check(0, &[]).json()["result"], "started");
    let unknown = on_server(&["order", "decide", "NO-SUCH", "approve", "--by", "m@company.com"], "");
    unknown.check(1, &["there is no order `NO-SUCH`"]);
}

#[test]
fn a_changed_order_needs_a_new_id() {
    let id = unique("CLI");
    let first = order(&id, "C-1");
    on_server(&["order", "submit", "--file", "-"], &first).check(0, &[]);
    let other = on_server(&["order", "submit", "--file", "-"], &order(&id, "C-2"));
    other.check(
        1,
        &[&format!("order `{id}` is there already with another content; a changed order needs a new id")],
    );
    assert_eq!(other.stdout, "");
    let same = on_server(&["order", "submit", "--file", "-"], &first.replace(':', " : "));
    assert_eq!(same.check(0, &[]).json()["result"], "alreadyRunning");
    let by_id = on_server(&["order", "submit", "--id", &id], "");
    assert_eq!(by_id.check(0, &[]).json()["result"], "alreadyRunning");
    terminate(&format!("order-{id}"));
}

#[test]
fn results_of_an_earlier_run_are_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let id = unique("CLI");
    let show = ["dataset", "show", &id, "--data-dir", data];
    let place = folder.path().join("results").join(&id);
    on_server(&show, "").check(1, &[place.to_str().unwrap(), "there is no dataset"]);
    on_server(&["task", "start", &id], "").check(0, &[]);
    on_server(&show, "").check(1, &[&format!("there is a task `{id}`, running")]);

    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("summary.json"), "{}").unwrap();
    assert_eq!(on_server(&show, "").check(0, &[]).json()["stale"], false);
    on_server(&["dataset", "start", &id], "").check(0, &[]);
    assert_eq!(on_server(&show, "").check(0, &[]).json()["stale"], true);
    let text = on_server_as("text", &show, "");
    assert!(text.stdout.contains("results of an earlier run in "), "{text:?}");
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
