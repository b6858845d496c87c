//! PostgreSQL: rows are locked, so that many workers on many machines can write.

use std::str::FromStr;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{Arguments, Column, Executor, Postgres, Row as _, SqlStr, Transaction, TypeInfo, ValueRef};

use super::engine::{Arg, Backend, Cell, Row, Tx};
use super::error::ConnectError;
use super::options::StoreOptions;
use crate::count::Change;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

#[derive(Debug)]
pub(super) struct PostgresBackend {
    pool: PgPool,
}

impl PostgresBackend {
    pub(super) async fn connect(options: &StoreOptions) -> Result<Self, ConnectError> {
        let store = options.url.to_string();
        let open = |source| ConnectError::Open { store: store.clone(), source: Box::new(source) };
        let limit = options.statement_timeout.as_millis().to_string();
        let connect = PgConnectOptions::from_str(options.url.reveal())
            .map_err(open)?
            .application_name("keel")
            // The server gives up too when we do, so that a lost worker holds no locks.
            .options([
                ("statement_timeout", limit.as_str()),
                ("idle_in_transaction_session_timeout", limit.as_str()),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .connect_with(connect)
            .await
            .map_err(open)?;
        MIGRATIONS
            .run(&pool)
            .await
            .map_err(|source| ConnectError::Migrate { store: store.clone(), source: Box::new(source) })?;
        Ok(Self { pool })
    }
}

#[async_trait]
impl Backend for PostgresBackend {
    async fn write(&self) -> Result<Box<dyn Tx>, sqlx::Error> {
        Ok(PostgresTx::boxed(self.pool.begin().await?))
    }

    async fn read(&self) -> Result<Box<dyn Tx>, sqlx::Error> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(PostgresTx::boxed(self.pool.begin_with(begin).await?))
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

struct PostgresTx {
    inner: Transaction<'static, Postgres>,
    changes: Vec<Change>,
}

impl PostgresTx {
    fn boxed(inner: Transaction<'static, Postgres>) -> Box<dyn Tx> {
        Box::new(Self { inner, changes: Vec::new() })
    }
}

#[async_trait]
impl Tx for PostgresTx {
    async fn run(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        let query = sqlx::query_with(sql, bind(args)?);
        Ok(self.inner.execute(query).await?.rows_affected())
    }

    async fn fetch(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        let query = sqlx::query_with(sql, bind(args)?);
        self.inner.fetch_all(query).await?.iter().map(read).collect()
    }

    fn locks_rows(&self) -> bool {
        true
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

fn bind(args: &[Arg<'_>]) -> Result<PgArguments, sqlx::Error> {
    let mut bound = PgArguments::default();
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

fn read(row: &PgRow) -> Result<Row, sqlx::Error> {
    let cell = |index: usize| -> Result<Cell, sqlx::Error> {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        match value.type_info().name() {
            "INT8" => row.try_get(index).map(Cell::Int),
            "INT4" => row.try_get::<i32, _>(index).map(|number| Cell::Int(number.into())),
            _ => row.try_get(index).map(Cell::Text),
        }
    };
    row.columns().iter().map(|column| cell(column.ordinal())).collect::<Result<_, _>>().map(Row)
}
