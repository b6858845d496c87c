//! A store, a sandbox and the activities over both.

use std::sync::Arc;
use std::time::Duration;

use keel_activities::order::OrderActivities;
use keel_activities::provider::{CourierClient, PaymentClient, ProviderOptions};
use keel_activities::store::{Owner, Store, StoreOptions, connect};
use keel_sandbox::Sandbox;
use keel_sandbox::fault::Fault;
use keel_sandbox::protocol::Provider;
use keel_types::decision::ApprovalRule;
use keel_types::failure::FailureType;
use keel_types::input::OrderInput;
use keel_types::order::Order;
use serde_json::Value;
use tempfile::TempDir;
use temporalio_common::error::ApplicationErrorCategory;
use temporalio_sdk::activities::ActivityError;
use temporalio_sdk::testing::{ActivityEnvironment, ActivityEnvironmentError, TestActivityInfoOptions};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Longest wait for a provider in these tests.
pub const TIMEOUT: Duration = Duration::from_millis(500);

/// Everything an order touches.
pub struct World {
    pub store: Arc<dyn Store>,
    pub sandbox: Sandbox,
    /// `http://host:port` of the sandbox.
    pub base: String,
    pub payments: PaymentClient,
    pub courier: CourierClient,
    server: JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// How an activity failed.
#[derive(Debug)]
pub struct Failed {
    pub kind: FailureType,
    pub message: String,
    pub is_final: bool,
    pub retry_delay: Option<Duration>,
    /// Whether it stays out of the worker's failures.
    pub is_benign: bool,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("keel.db").display());
        let store = connect(&StoreOptions::at(url)).await.expect("a store");
        store.add_stock(&[("A", 100), ("B", 100)]).await.expect("stock");
        let sandbox = Sandbox::in_memory();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let served = sandbox.clone();
        let server = tokio::spawn(async move {
            keel_sandbox::serve(listener, served, std::future::pending()).await.expect("the sandbox serves");
        });
        let base = format!("http://{address}");
        let (payments, courier) = clients(&base);
        Self { store, sandbox, base, payments, courier, server, _folder: folder }
    }

    /// The activities as the run `owner` sees them.
    pub fn env(&self, owner: Owner) -> ActivityEnvironment {
        let (payments, courier) = (self.payments.clone(), self.courier.clone());
        self.env_with(owner, payments, courier)
    }

    pub fn env_with(
        &self,
        owner: Owner,
        payments: PaymentClient,
        courier: CourierClient,
    ) -> ActivityEnvironment {
        let info = TestActivityInfoOptions::builder()
            .workflow_id(Some(owner.workflow_id))
            .workflow_run_id(Some(owner.run_id))
            .build();
        let rule = ApprovalRule::default();
        let activities = OrderActivities::new(self.store.clone(), payments, courier, rule);
        ActivityEnvironment::builder().register_activities(activities).info(info).build()
    }

    /// An order that is opened by `owner`.
    pub async fn opened(&self, order: &Order, owner: Owner) -> ActivityEnvironment {
        let env = self.env(owner);
        let opened = env.run(OrderActivities::open_order, OrderInput::Order(order.clone())).await;
        assert_eq!(opened.expect("opened").order, *order);
        env
    }

    pub fn fault(&self, provider: Provider, fault: Fault) {
        self.sandbox.faults().set(provider, fault);
    }

    /// Charges captured and refunded, shipments booked and cancelled.
    pub fn effects(&self, order_id: &str) -> [u64; 4] {
        let summary: Value = serde_json::from_str(&self.sandbox.summary()).expect("JSON");
        let count = |name: &str| summary["orders"][order_id][name].as_u64().unwrap_or(0);
        ["captured", "refunded", "booked", "cancelled"].map(count)
    }

    /// How many requests the sandbox saw.
    pub fn requests(&self) -> usize {
        self.sandbox.journal_page(1, usize::MAX, None).0.lines().count()
    }
}

/// Clients of a sandbox.
pub fn clients(base: &str) -> (PaymentClient, CourierClient) {
    let options = |path: &str| ProviderOptions {
        connect_timeout: TIMEOUT,
        timeout: TIMEOUT,
        ..ProviderOptions::at(format!("{base}{path}"))
    };
    let payments = PaymentClient::new(&options("/payments")).expect("a client");
    let courier = CourierClient::new(&options("/courier")).expect("a client");
    (payments, courier)
}

/// What an activity failed with.
pub fn failed<T: std::fmt::Debug>(result: Result<T, ActivityEnvironmentError>) -> Failed {
    match result {
        Err(ActivityEnvironmentError::Activity(ActivityError::Application(failure))) => Failed {
            kind: FailureType::parse(failure.type_name().unwrap_or_default()).expect("a known type"),
            message: failure.source_error().to_string(),
            is_final: failure.is_non_retryable(),
            retry_delay: failure.next_retry_delay(),
            is_benign: failure.category() == ApplicationErrorCategory::Benign,
        },
        other => panic!("{other:?} should be an application failure"),
    }
}
