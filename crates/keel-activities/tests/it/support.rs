//! Databases of their own for each test, and orders to put into them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use keel_activities::store::{Owner, Refusal, Store, StoreError, StoreOptions, connect};
use keel_types::order::{Order, OrderLine};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// Every test ends within this time.
const DEADLINE: Duration = Duration::from_secs(120);

/// A fresh database with its store.
pub struct Db {
    pub store: Arc<dyn Store>,
    pub options: StoreOptions,
    url: String,
    home: Home,
}

enum Home {
    File(TempDir),
    Server { admin: String, name: String },
}

impl Db {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("deep/er/keel.db").display());
        Self::open(url, Home::File(folder)).await
    }

    pub async fn postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let admin = std::env::var("KEEL_TEST_POSTGRES_URL").unwrap_or_else(|_| {
            panic!(
                "set KEEL_TEST_POSTGRES_URL or run `cargo xtask test`, which starts one \
                 (Debian: apt-get install postgresql)"
            )
        });
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keel_test_{}_{now}_{count}", std::process::id());
        server(&admin, format!("CREATE DATABASE {name}")).await;
        let mut url = url::Url::parse(&admin).expect("KEEL_TEST_POSTGRES_URL is a URL");
        url.set_path(&name);
        Self::open(url.into(), Home::Server { admin, name }).await
    }

    async fn open(url: String, home: Home) -> Self {
        let options = StoreOptions::at(url.clone());
        let store = connect(&options).await.expect("a store");
        Self { store, options, url, home }
    }

    /// Runs a statement behind the store's back.
    pub async fn raw(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self.home {
            Home::File(_) => SqliteConnection::connect(&self.url).await?.execute(sql).await.map(drop),
            Home::Server { .. } => PgConnection::connect(&self.url).await?.execute(sql).await.map(drop),
        }
    }

    /// Options of a database that is still empty.
    pub async fn unmigrated(&self) -> StoreOptions {
        match &self.home {
            Home::File(folder) => {
                StoreOptions::at(format!("sqlite://{}", folder.path().join("empty.db").display()))
            }
            Home::Server { .. } => {
                self.raw("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                    .await
                    .expect("an empty database");
                self.options.clone()
            }
        }
    }

    async fn remove(self) {
        self.store.close().await;
        if let Home::Server { admin, name } = self.home {
            server(&admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

async fn server(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.expect("the PostgreSQL of KEEL_TEST_POSTGRES_URL");
    connection.execute(AssertSqlSafe(sql)).await.expect("a superuser may create and drop databases");
}

/// Runs a test on a database, within a deadline, and removes the database whatever happens.
pub async fn on(db: Db, test: impl AsyncFnOnce(&Db)) {
    let outcome = AssertUnwindSafe(tokio::time::timeout(DEADLINE, test(&db))).catch_unwind().await;
    db.remove().await;
    match outcome {
        Ok(in_time) => in_time.expect("the test ends in time"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// An order of `quantity` pieces of each SKU at 100 each.
pub fn order(id: &str, skus: &[&str], quantity: u32) -> Order {
    let line = |sku: &&str| OrderLine { sku: (*sku).to_owned(), quantity, unit_price_minor: 100 };
    Order {
        order_id: id.to_owned(),
        customer_id: "CUST-1".to_owned(),
        currency: "EUR".to_owned(),
        lines: skus.iter().map(line).collect(),
        requested_by: None,
    }
}

/// The run that owns orders in tests of the store.
pub fn me() -> Owner {
    Owner::new("workflow", "run-1")
}

/// What the store refused.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Refusal {
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("{other:?} should be a refusal"),
    }
}

/// The kinds of an order's audit rows, whose numbers must be without gaps.
pub async fn kinds(store: &dyn Store, order_id: &str) -> Vec<String> {
    let orders = store.orders_after("", 1_000).await.expect("orders");
    let order = orders.into_iter().find(|order| order.order_id == order_id).expect("the order");
    let seqs: Vec<_> = order.events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());
    assert!(order.events.is_sorted_by(|a, b| a.at <= b.at), "{:?}", order.events);
    order.events.into_iter().map(|event| event.kind).collect()
}

/// On hand, reserved and shipped pieces of a SKU.
pub async fn pieces(store: &dyn Store, sku: &str) -> (i64, i64, i64) {
    let stock = store.stock().await.expect("stock");
    let stock = stock.iter().find(|stock| stock.sku == sku).expect("the SKU");
    (stock.on_hand, stock.reserved, stock.shipped)
}
