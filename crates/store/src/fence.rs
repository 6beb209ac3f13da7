//! The second wall between tenants: a transaction in which the database shows one tenant's rows and
//! no others, whatever the statement asks for.
//!
//! The first wall is the tenant in every statement; this one holds where a statement forgets it.
//! Row-level security is what it is made of: the policies are a part of the schema, and the role
//! that they bind can read what a tenant may read and write nothing.

use deadpool_postgres::{Client, Transaction};
use domain::id::TenantId;
use tokio_postgres::error::SqlState;

use crate::error::StoreError;
use crate::sql;

/// The role in which one tenant's rows are read. It is one for all databases of a server.
pub const ROLE: &str = "posthaste_tenant";

/// Begins a transaction that sees this tenant's rows alone. It reads, so dropping it ends it.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database is.
pub(crate) async fn fence(
    client: &mut Client,
    tenant: TenantId,
) -> Result<Transaction<'_>, StoreError> {
    const FENCE: &str = "-- fence
        select set_config('posthaste.tenant', $1, true), set_config('role', $2, true)";
    let transaction = client.build_transaction().read_only(true).start().await?;
    let tenant = tenant.uuid().to_string();
    sql::execute(&transaction, FENCE, &[&tenant, &ROLE]).await?;
    Ok(transaction)
}

/// Sees to it that there is the role, that it may read what tenants may, and that we may take it on.
///
/// # Errors
/// [`StoreError::Role`] when we may not make it, [`StoreError::Unavailable`] when the database is.
pub(crate) async fn build(client: &tokio_postgres::Client) -> Result<(), StoreError> {
    // Another database's migration may make it at the same time.
    const BUILD: &str = "-- fence_build
        do $$ begin
            if not exists (select from pg_roles where rolname = 'posthaste_tenant') then
                create role posthaste_tenant nologin;
            end if;
        exception when duplicate_object or unique_violation then
            null;
        end $$;
        do $$ begin
            if not pg_has_role(current_user, 'posthaste_tenant', 'member') then
                execute format('grant posthaste_tenant to %I', current_user);
            end if;
        end $$;
        grant usage on schema public to posthaste_tenant;
        grant select on events, idempotency_keys, deliveries, attempts, endpoints, replays,
            dead_letters, ledger_days, ledger_minutes, ledger_taken, endpoint_health,
            endpoint_secrets to posthaste_tenant";
    client.batch_execute(BUILD).await.map_err(|error| {
        match error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            true => StoreError::Role(Box::new(error)),
            false => error.into(),
        }
    })
}
