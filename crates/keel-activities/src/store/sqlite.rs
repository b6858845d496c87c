//! SQLite: one file, one writer, many readers.

use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Arguments, Column, Executor, Row as _, SqlStr, Sqlite, Transaction, TypeInfo, ValueRef};

use super::engine::{Arg, Backend, Cell, Row, Tx};
use super::error::ConnectError;
use super::options::StoreOptions;
use crate::count::Change;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Pause between two tries to open a file that another process is just creating.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct SqliteBackend {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteBackend {
    pub(super) async fn connect(options: &StoreOptions) -> Result<Self, ConnectError> {
        let store = options.url.to_string();
        let open = |source| ConnectError::Open { store: store.clone(), source: Box::new(source) };
        let connect = SqliteConnectOptions::from_str(options.url.reveal())
            .map_err(open)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL, not NORMAL: a mark the workflow relies on must survive a power cut, or a step would run
            // twice.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(options.statement_timeout);
        create_folder(connect.get_filename())?;
        // A file does not go away like a server: connections need no test before use.
        let pool =
            || SqlitePoolOptions::new().acquire_timeout(options.acquire_timeout).test_before_acquire(false);
        // One writer waits in our own fair queue instead of SQLite's polling.
        let writer = pool().max_connections(1).connect_lazy_with(connect.clone());
        first_connection(&writer, options.acquire_timeout).await.map_err(open)?;
        migrate(&writer).await.map_err(|error| match error {
            MigrateError::Execute(source) if is_busy(&source) => open(source),
            source => ConnectError::Migrate { store: store.clone(), source: Box::new(source) },
        })?;
        let readers = pool()
            .max_connections(options.max_connections.saturating_sub(1).max(1))
            .connect_lazy_with(connect.read_only(true).create_if_missing(false));
        Ok(Self { writer, readers })
    }
}

fn create_folder(file: &Path) -> Result<(), ConnectError> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    std::fs::create_dir_all(folder)
        .map_err(|source| ConnectError::Folder { path: folder.display().to_string(), source })
}

/// Opens the file, which the first one to do so puts into WAL mode. SQLite answers the others with "database is locked" at
/// once, without its busy timeout, because waiting while each reads and wants to write could last for ever.
async fn first_connection(pool: &SqlitePool, limit: Duration) -> Result<(), sqlx::Error> {
    let deadline = Instant::now() + limit;
    loop {
        match pool.acquire().await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            other => return other.map(drop),
        }
    }
}

/// Whether another connection is in the way: `SQLITE_BUSY`, the low byte of whatever extended code says more.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

/// Migrates in one transaction that writes from its beginning, so that of several processes one does it and the others wait
/// and find it done: the migrator has no lock of its own for SQLite. A store that is up to date is only read.
async fn migrate(pool: &SqlitePool) -> Result<(), MigrateError> {
    let done: Result<i64, _> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(pool).await;
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max();
    if done.is_ok_and(|done| Some(done) >= newest) {
        return MIGRATIONS.run(pool).await;
    }
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    MIGRATIONS.run(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

#[async_trait]
impl Backend for SqliteBackend {
    async fn write(&self) -> Result<Box<dyn Tx>, sqlx::Error> {
        // IMMEDIATE, so that a transaction that has read never fails to become a writer.
        Ok(SqliteTx::boxed(self.writer.begin_with("BEGIN IMMEDIATE").await?))
    }

    async fn read(&self) -> Result<Box<dyn Tx>, sqlx::Error> {
        Ok(SqliteTx::boxed(self.readers.begin().await?))
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

struct SqliteTx {
    inner: Transaction<'static, Sqlite>,
    changes: Vec<Change>,
}

impl SqliteTx {
    fn boxed(inner: Transaction<'static, Sqlite>) -> Box<dyn Tx> {
        Box::new(Self { inner, changes: Vec::new() })
    }
}

#[async_trait]
impl Tx for SqliteTx {
    async fn run(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        let query = sqlx::query_with(sql, bind(args)?);
        Ok(self.inner.execute(query).await?.rows_affected())
    }

    async fn fetch(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        let query = sqlx::query_with(sql, bind(args)?);
        self.inner.fetch_all(query).await?.iter().map(read).collect()
    }

    fn locks_rows(&self) -> bool {
        false
    }

    fn changes(&mut self) -> &mut Vec<Change> {
        &mut self.changes
    }

    async fn commit(self: Box<Self>) -> Result<(), sqlx::Error> {
        let Self { inner, changes } = *self;
        inner.commit().await?;
        changes.into_iter().for_each(Change::tell);
        Ok(())
    }
}

fn bind(args: &[Arg<'_>]) -> Result<SqliteArguments, sqlx::Error> {
    let mut bound = SqliteArguments::default();
    for arg in args {
        match arg {
            Arg::Text(text) => bound.add(text.as_ref()),
            Arg::Null => bound.add(None::<&str>),
            Arg::Int(number) => bound.add(*number),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

fn read(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let cell = |index: usize| -> Result<Cell, sqlx::Error> {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        match value.type_info().name() {
            "INTEGER" => row.try_get(index).map(Cell::Int),
            _ => row.try_get(index).map(Cell::Text),
        }
    };
    row.columns().iter().map(|column| cell(column.ordinal())).collect::<Result<_, _>>().map(Row)
}
