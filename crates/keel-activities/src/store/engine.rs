//! What the two databases have in common, so that every rule of the store is written once.
//!
//! Statements use `$1`, which both understand, and only text and 64-bit integers, which both keep alike.

use std::borrow::Cow;
use std::fmt::Debug;

use async_trait::async_trait;
use sqlx::{SqlSafeStr, SqlStr};

use super::error::Refusal;
use crate::count::Change;

/// A value bound to a statement.
#[derive(Clone, Debug)]
pub(super) enum Arg<'a> {
    Text(Cow<'a, str>),
    Null,
    Int(i64),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        // PostgreSQL keeps no NUL, and free text of people must never make an order fail.
        if text.contains('\0') {
            Self::Text(text.replace('\0', "\u{fffd}").into())
        } else {
            Self::Text(text.into())
        }
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Into::into)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// `args![a, b]`: values for a statement.
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::engine::Arg::from($value)),*]
    };
}
pub(super) use args;

/// A value read from a row.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
}

/// A row, read by position.
#[derive(Clone, Debug)]
pub(super) struct Row(pub(super) Vec<Cell>);

impl Row {
    pub(super) fn text(&self, index: usize) -> Result<String, OpError> {
        self.optional_text(index)?.ok_or_else(|| OpError::Damaged(format!("column {index} is null")))
    }

    pub(super) fn optional_text(&self, index: usize) -> Result<Option<String>, OpError> {
        match self.0.get(index) {
            Some(Cell::Text(text)) => Ok(Some(text.clone())),
            Some(Cell::Null) => Ok(None),
            other => Err(OpError::Damaged(format!("column {index} is {other:?}, not text"))),
        }
    }

    pub(super) fn int(&self, index: usize) -> Result<i64, OpError> {
        match self.0.get(index) {
            Some(Cell::Int(number)) => Ok(*number),
            other => Err(OpError::Damaged(format!("column {index} is {other:?}, not a number"))),
        }
    }

    /// A text column that holds one of a closed set of names.
    pub(super) fn name<T>(&self, index: usize, parse: impl Fn(&str) -> Option<T>) -> Result<T, OpError> {
        let text = self.text(index)?;
        parse(&text)
            .ok_or_else(|| OpError::Damaged(format!("column {index} holds the unknown name `{text}`")))
    }
}

/// Why an operation inside a transaction ended; [`super::sql`] adds which operation and which store.
#[derive(Debug)]
pub(super) enum OpError {
    Refused(Refusal),
    Database(sqlx::Error),
    Damaged(String),
}

impl From<sqlx::Error> for OpError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Refusal> for OpError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A transaction. Dropped without [`Tx::commit`] it leaves nothing behind.
#[async_trait]
pub(super) trait Tx: Send {
    /// Runs a statement and tells how many rows it changed.
    async fn run(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<u64, sqlx::Error>;
    /// Runs a query and reads all its rows.
    async fn fetch(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<Vec<Row>, sqlx::Error>;
    /// Whether rows must be locked with `FOR UPDATE`, because other writers run at the same time.
    fn locks_rows(&self) -> bool;
    /// What this transaction changes, to be told to the metrics once it is durable.
    fn changes(&mut self) -> &mut Vec<Change>;
    /// Makes everything durable, and then tells it.
    async fn commit(self: Box<Self>) -> Result<(), sqlx::Error>;
}

impl dyn Tx + '_ {
    pub(super) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
    ) -> Result<u64, sqlx::Error> {
        self.run(sql.into_sql_str(), args).await
    }

    pub(super) async fn rows(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        self.fetch(sql.into_sql_str(), args).await
    }
}

/// A database.
#[async_trait]
pub(super) trait Backend: Debug + Send + Sync {
    /// Begins a transaction that writes.
    async fn write(&self) -> Result<Box<dyn Tx>, sqlx::Error>;
    /// Begins a transaction that only reads, and sees one moment.
    async fn read(&self) -> Result<Box<dyn Tx>, sqlx::Error>;
    /// Closes all connections.
    async fn close(&self);
}
