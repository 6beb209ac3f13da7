//! Running statements and reading columns: prepared once a connection, no panics on odd values.

use std::borrow::Cow;
use std::str::FromStr;

use deadpool_postgres::GenericClient;
use domain::id::Id;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};
use uuid::Uuid;

use crate::error::StoreError;

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Runs a statement and takes its rows.
pub(crate) async fn rows<C: GenericClient>(
    client: &C,
    statement: &str,
    params: Params<'_>,
) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(statement).await?;
    Ok(client.query(&statement, params).await?)
}

/// Runs a statement that gives at most one row.
pub(crate) async fn row<C: GenericClient>(
    client: &C,
    statement: &str,
    params: Params<'_>,
) -> Result<Option<Row>, StoreError> {
    Ok(rows(client, statement, params).await?.pop())
}

/// Runs a statement for what it does; says how many rows it touched.
pub(crate) async fn execute<C: GenericClient>(
    client: &C,
    statement: &str,
    params: Params<'_>,
) -> Result<u64, StoreError> {
    let statement = client.prepare_cached(statement).await?;
    Ok(client.execute(&statement, params).await?)
}

/// A column of a type that Postgres and Rust share.
pub(crate) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: &'static str) -> Result<T, StoreError> {
    Ok(row.try_get(column)?)
}

/// A column that holds an identifier.
pub(crate) fn id<K>(row: &Row, column: &'static str) -> Result<Id<K>, StoreError> {
    get::<Uuid>(row, column).map(Id::from_uuid)
}

/// A column that may hold an identifier.
pub(crate) fn optional_id<K>(row: &Row, column: &'static str) -> Result<Option<Id<K>>, StoreError> {
    Ok(get::<Option<Uuid>>(row, column)?.map(Id::from_uuid))
}

/// A text column with a grammar.
pub(crate) fn parsed<T: FromStr>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    let text: &str = get(row, column)?;
    text.parse().map_err(|_| StoreError::unreadable(column))
}

/// A column of texts with a grammar.
pub(crate) fn all_parsed<T: FromStr>(
    row: &Row,
    column: &'static str,
) -> Result<Vec<T>, StoreError> {
    let texts: Vec<&str> = get(row, column)?;
    let values: Result<_, _> = texts.into_iter().map(str::parse).collect();
    values.map_err(|_| StoreError::unreadable(column))
}

/// A text column that holds one of an enum's names.
pub(crate) fn named<T>(
    row: &Row,
    column: &'static str,
    from_name: fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    from_name(get(row, column)?).ok_or_else(|| StoreError::unreadable(column))
}

/// The UUIDs of identifiers, as an array parameter.
pub(crate) fn uuids<K>(ids: impl IntoIterator<Item = Id<K>>) -> Vec<Uuid> {
    ids.into_iter().map(Id::uuid).collect()
}

/// The text with every U+0000 replaced, for what a stranger sent along and is only kept to be
/// shown: it must not fail the batch that it came with.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
