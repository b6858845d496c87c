//! `keel order …`

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use futures::StreamExt;
use keel_client::orders::Submitted;
use keel_client::{Kind, OrderFilter, Orders, Subject, Submission};
use keel_types::decision::DecideRequest;
use keel_types::input::OrderInput;
use keel_types::state::OrderStatus;
use serde_json::json;

use crate::cli::{id, some_text};
use crate::output::{Exit, Failure, note};
use crate::settings::Context;
use crate::{show, watch};

/// How many orders of a file are on their way at once.
const IN_FLIGHT: usize = 8;

#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// Place an order; one that is there already is found, not placed twice
    #[command(group(ArgGroup::new("source").required(true).args(["file", "id"])))]
    Submit(SubmitArgs),
    /// Approve orders (signal; recorded even while no worker runs)
    Approve {
        /// The orders
        #[arg(required = true, value_name = "ID", value_parser = id)]
        ids: Vec<String>,
        /// Who approves
        #[arg(long, value_name = "WHO", value_parser = some_text)]
        by: String,
    },
    /// Reject an order (signal; recorded even while no worker runs)
    Reject {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT", value_parser = some_text)]
        reason: String,
        /// Who rejects; added to the reason, since the signal carries nothing else
        #[arg(long, value_name = "WHO", value_parser = some_text)]
        by: Option<String>,
    },
    /// Decide and wait for the answer: the new state, or why it is refused
    Decide {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        decision: Choice,
        /// Who decides
        #[arg(long, value_name = "WHO", value_parser = some_text)]
        by: String,
        /// Why; needed to reject
        #[arg(long, value_name = "TEXT", value_parser = some_text, required_if_eq("decision", "reject"))]
        reason: Option<String>,
    },
    /// Show everything known of an order
    Show {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
    },
    /// Follow an order until it ends; exit 0 if it completed
    Watch {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
    },
    /// List orders: running ones first, each kind newest first
    List {
        /// Only this status
        #[arg(long, value_parser = status)]
        status: Option<OrderStatus>,
        /// Only this customer
        #[arg(long, value_name = "ID", value_parser = some_text)]
        customer: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Cancel an order; what was done for it is undone
    Cancel {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "cancelled with keel")]
        reason: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct SubmitArgs {
    /// File with one order as JSON, a list of orders, or one order a line; `-` is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Id of an order that the store already holds
    #[arg(long, value_name = "ID", value_parser = id)]
    id: Option<String>,
    /// Who places the orders of the file, where they do not say so themselves
    #[arg(long, value_name = "WHO", value_parser = some_text, conflicts_with = "id")]
    requested_by: Option<String>,
    /// Run an order again that has ended; it ends at once with the recorded outcome, or finishes or undoes an order
    /// whose run was ended from outside
    #[arg(long)]
    again: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Choice {
    Approve,
    Reject,
}

pub(crate) async fn run(context: &Context, command: OrderCommand) -> Result<Exit, Failure> {
    match command {
        OrderCommand::Submit(args) => submit(context, args).await,
        OrderCommand::Approve { ids, by } => approve(context, &ids, &by).await,
        OrderCommand::Reject { id, reason, by } => {
            let reason = by.map_or_else(|| reason.clone(), |by| format!("{reason} ({by})"));
            Orders::new(context.connect().await?).reject(&id, &reason).await?;
            sent(context, &id, "reject", "rejection")
        }
        OrderCommand::Decide { id, decision, by, reason } => {
            let decision = match decision {
                Choice::Approve => "approve",
                Choice::Reject => "reject",
            };
            let request = DecideRequest { decision: decision.to_owned(), by, reason };
            let state = Orders::new(context.connect().await?).decide(&id, request).await?;
            context.out.data(&state, || show::state(&state))?;
            Ok(Exit::Success)
        }
        OrderCommand::Show { id } => {
            let view = Orders::new(context.connect().await?).view(&id).await?;
            context.out.data(&view, || show::order(&view))?;
            let subject = Subject::new(Kind::Order, &id);
            if let Some(remedy) = subject.after(view.run.status) {
                note(&format!("{subject}: {remedy}"));
            }
            Ok(Exit::Success)
        }
        OrderCommand::Watch { id } => {
            let watcher = Orders::new(context.connect().await?).watch(&id);
            watch::order(context.out, &id, watcher).await
        }
        OrderCommand::List { status, customer, limit } => {
            list(context, &OrderFilter { status, customer, limit: limit as usize }).await
        }
        OrderCommand::Cancel { id, reason } => {
            Orders::new(context.connect().await?).cancel(&id, &reason).await?;
            sent(context, &id, "cancel", "cancellation")
        }
    }
}

async fn submit(context: &Context, args: SubmitArgs) -> Result<Exit, Failure> {
    let inputs = match (args.id, args.file) {
        (Some(id), _) => vec![OrderInput::Id(id)],
        (None, Some(file)) => {
            let mut orders = keel_client::order_file::read_orders(&file)?;
            for order in &mut orders {
                order.requested_by = order.requested_by.take().or_else(|| args.requested_by.clone());
            }
            orders.into_iter().map(OrderInput::Order).collect()
        }
        (None, None) => Vec::new(),
    };
    let orders = &Orders::new(context.connect().await?);
    let mut calls = futures::stream::iter(inputs)
        .map(|input| {
            let name = input.order_id().unwrap_or_default().to_owned();
            async move { (name, orders.submit(input, args.again).await) }
        })
        .buffered(IN_FLIGHT);
    let mut failed = 0_usize;
    let mut ended_from_outside = Vec::new();
    while let Some((name, answer)) = calls.next().await {
        match answer {
            Ok(submission) => {
                context.out.data(&submission, || submitted(&submission))?;
                ended_from_outside.extend(remedy(&submission));
            }
            Err(error) => {
                failed += 1;
                note(&format!("order `{name}` was not placed"));
                Failure::new(error).print();
            }
        }
    }
    ended_from_outside.iter().for_each(|text| note(text));
    Ok(Exit::of(failed == 0 && ended_from_outside.is_empty()))
}

/// What to do about an order that was there already and can neither finish nor be undone by itself.
fn remedy(submission: &Submission) -> Option<String> {
    let subject = Subject::new(Kind::Order, &submission.order_id);
    let remedy = subject.after(submission.outcome.as_ref()?.status)?;
    Some(format!("{subject} was not started: {remedy}"))
}

fn submitted(submission: &Submission) -> String {
    let Submission { order_id, workflow_id, run_id, result, outcome } = submission;
    match (result, outcome) {
        (Submitted::Started, _) => {
            format!("order {order_id} is placed (workflow {workflow_id}, run {run_id})")
        }
        (Submitted::AlreadyRunning, _) => {
            format!(
                "order {order_id} is already running (workflow {workflow_id}, run {run_id}); nothing was started"
            )
        }
        (Submitted::AlreadyFinished, Some(outcome)) if outcome.status.is_from_outside() => {
            format!("order {order_id} is {outcome}; nothing was started")
        }
        (Submitted::AlreadyFinished, outcome) => {
            let how = outcome.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                "order {order_id} has already ended: {how}; nothing was started (--again runs it once more, to the \
                 same end)"
            )
        }
    }
}

async fn approve(context: &Context, ids: &[String], by: &str) -> Result<Exit, Failure> {
    let orders = &Orders::new(context.connect().await?);
    let mut calls = futures::stream::iter(ids)
        .map(|id| async move { (id, orders.approve(id, by).await) })
        .buffered(IN_FLIGHT);
    let mut all = Exit::Success;
    while let Some((id, answer)) = calls.next().await {
        match answer {
            Ok(()) => drop(sent(context, id, "approve", "approval")?),
            Err(error) => {
                Failure::new(error).print();
                all = Exit::Failed;
            }
        }
    }
    Ok(all)
}

/// Says that a request is recorded; whether it has an effect is the workflow's say.
fn sent(context: &Context, id: &str, verb: &str, noun: &str) -> Result<Exit, Failure> {
    let document = json!({"orderId": id, "sent": verb});
    context.out.data(&document, || {
        format!("{noun} of order {id} is sent; `keel order show {id}` tells its effect")
    })?;
    Ok(Exit::Success)
}

async fn list(context: &Context, filter: &OrderFilter) -> Result<Exit, Failure> {
    let rows = Orders::new(context.connect().await?).list(filter).await?;
    if context.out.is_json() {
        for row in &rows {
            context.out.data(row, String::new)?;
        }
    } else if rows.is_empty() {
        note("no orders fit; a new one may take a second to appear");
    } else {
        context.out.data(&(), || show::orders(&rows))?;
    }
    Ok(Exit::Success)
}

fn status(text: &str) -> Result<OrderStatus, String> {
    OrderStatus::parse(text).ok_or_else(|| {
        let known: Vec<&str> = OrderStatus::ALL.iter().map(|status| status.as_str()).collect();
        format!("it is one of {}", known.join(", "))
    })
}
