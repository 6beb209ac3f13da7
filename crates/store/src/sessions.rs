//! Sessions in the dashboard, and the links that open them.
//!
//! **Invariant:** a session that came from a key allows no more than the key, and ends with it at the
//! latest. The end of each is set when it is opened, and nothing moves it.

use domain::id::{ApiKeyId, Id, SessionId, TenantId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::api_keys::{Reach, Scope, scopes};
use crate::audit::{Actor, Who, who};
use crate::directory::{Access, Audience};
use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{execute, id, optional_id, row};
use crate::token::{Token, TokenDigest};

/// What the text of every link's token begins with.
const LINK: &str = "phl_";

/// What the text of every session's token begins with.
pub(crate) const SESSION: &str = "phs_";

/// How many expired rows of a kind are swept in one statement.
const SWEPT_AT_ONCE: i64 = 10_000;

/// What a link's session allows of what its key does.
const OF_A_LINK: [Scope; 2] = [Scope::Read, Scope::Manage];

/// A session that was just opened.
#[derive(Debug)]
pub struct Opened {
    /// The session.
    pub id: SessionId,
    /// On whose behalf it is: of the key that it came from, or of the person who signed in.
    pub who: Who,
    /// The tenant of a link's or a person's session; none: it reaches what its key does, or
    /// everything.
    pub tenant: Option<TenantId>,
    /// What its bearer presents.
    pub token: Token,
}

impl Store {
    /// Makes a link that opens one session in a tenant's part of the dashboard until `expires_at`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant or no such key, or no longer.
    pub async fn create_portal_link(
        &self,
        by: ApiKeyId,
        tenant: TenantId,
        expires_at: OffsetDateTime,
    ) -> Result<Token, StoreError> {
        const CREATE: &str = "-- portal_link_create
            insert into portal_links (token_sha256, tenant_id, key_id, expires_at)
            select $1, t.id, k.id, $4 from tenants t, api_keys k
            where t.id = $2 and t.deleted_at is null and k.id = $3 and k.revoked_at is null";
        let token = Token::generate(LINK)?;
        let digest = TokenDigest::of(token.expose());
        self.bounded(async {
            let client = self.client().await?;
            let made = execute(
                &client,
                CREATE,
                &[&digest.column(), &tenant.uuid(), &by.uuid(), &expires_at],
            )
            .await?;
            match made {
                0 => Err(StoreError::NotFound),
                _ => Ok(()),
            }
        })
        .await?;
        Ok(token)
    }

    /// Revokes a tenant's links that were not opened, and ends the sessions that links have opened;
    /// gives how many of both.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn revoke_portal_links(&self, tenant: TenantId) -> Result<u64, StoreError> {
        const LINKS: &str = "-- portal_links_revoke
            delete from portal_links where tenant_id = $1";
        const SESSIONS: &str = "-- portal_sessions_end
            delete from sessions where tenant_id = $1 and key_id is not null";
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let links = execute(&transaction, LINKS, &[&tenant.uuid()]).await?;
            let sessions = execute(&transaction, SESSIONS, &[&tenant.uuid()]).await?;
            transaction.commit().await?;
            Ok(links + sessions)
        })
        .await
    }

    /// Opens a session by a link, which is used up by it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such link that can be opened at `now`: it was
    /// opened before, has expired, or its key was revoked.
    pub async fn open_portal_link(
        &self,
        presented: &str,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<Opened, StoreError> {
        const OPEN: &str = "-- portal_link_open
            with link as (
                delete from portal_links where token_sha256 = $1 and expires_at > $2
                returning tenant_id, key_id
            )
            insert into sessions (id, token_sha256, key_id, tenant_id, expires_at)
            select $3, $4, l.key_id, l.tenant_id, $5
            from link l join api_keys k on k.id = l.key_id and k.revoked_at is null
            returning id, key_id, person_id, tenant_id";
        let token = Token::generate(SESSION)?;
        let (link, digest) = (TokenDigest::of(presented), TokenDigest::of(token.expose()));
        self.bounded(async {
            let client = self.client().await?;
            let made = row(
                &client,
                OPEN,
                &[
                    &link.column(),
                    &now,
                    &Uuid::now_v7(),
                    &digest.column(),
                    &expires_at,
                ],
            )
            .await?;
            opened(&made.ok_or(StoreError::NotFound)?, token)
        })
        .await
    }

    /// Opens a session that reaches and allows what a key does.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such key, or no longer.
    pub async fn open_session(
        &self,
        key: ApiKeyId,
        expires_at: OffsetDateTime,
    ) -> Result<Opened, StoreError> {
        const OPEN: &str = "-- session_open
            insert into sessions (id, token_sha256, key_id, expires_at)
            select $1, $2, id, $4 from api_keys where id = $3 and revoked_at is null
            returning id, key_id, person_id, tenant_id";
        let token = Token::generate(SESSION)?;
        let digest = TokenDigest::of(token.expose());
        self.bounded(async {
            let client = self.client().await?;
            let made = row(
                &client,
                OPEN,
                &[&Uuid::now_v7(), &digest.column(), &key.uuid(), &expires_at],
            )
            .await?;
            opened(&made.ok_or(StoreError::NotFound)?, token)
        })
        .await
    }

    /// What the session of this token allows at `now`; none when there is none, or no longer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn session(
        &self,
        presented: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Access>, StoreError> {
        const GET: &str = "-- session_get
            select s.id, s.key_id, s.person_id, s.tenant_id as own_tenant_id, k.tenant_id,
                   coalesce(s.scopes, k.scopes) as scopes
            from sessions s left join api_keys k on k.id = s.key_id
            where s.token_sha256 = $1 and s.expires_at > $2
              and (s.key_id is null or k.revoked_at is null)";
        let digest = TokenDigest::of(presented);
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, GET, &[&digest.column(), &now]).await?;
            found.as_ref().map(access).transpose()
        })
        .await
    }

    /// Whether whoever began something in a tenant at some time may still go on at `now`: the tenant,
    /// their key if it was by one, and their session if it was in one are there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn is_allowed_still(
        &self,
        by: Actor,
        tenant: TenantId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        const HOLDS: &str = "-- access_holds
            select 1 from tenants t
            where t.id = $2 and t.deleted_at is null
              and ($1::uuid is null
                   or exists (select from api_keys k where k.id = $1 and k.revoked_at is null))
              and ($3::uuid is null
                   or exists (select from sessions s where s.id = $3 and s.expires_at > $4))";
        let (key, session) = (by.who.key().map(Id::uuid), by.session.map(Id::uuid));
        self.bounded(async {
            let client = self.client().await?;
            let asked: [&(dyn ToSql + Sync); 4] = [&key, &tenant.uuid(), &session, &now];
            Ok(row(&client, HOLDS, &asked).await?.is_some())
        })
        .await
    }

    /// Ends a session; one that has ended stays so.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn end_session(&self, session: SessionId) -> Result<(), StoreError> {
        const END: &str = "-- session_end
            delete from sessions where id = $1";
        self.bounded(async {
            let client = self.client().await?;
            execute(&client, END, &[&session.uuid()]).await?;
            Ok(())
        })
        .await
    }

    /// Ends the session of this token; one that has ended stays so.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn end_presented_session(&self, presented: &str) -> Result<(), StoreError> {
        const END: &str = "-- session_end_presented
            delete from sessions where token_sha256 = $1";
        let digest = TokenDigest::of(presented);
        self.bounded(async {
            let client = self.client().await?;
            execute(&client, END, &[&digest.column()]).await?;
            Ok(())
        })
        .await
    }

    /// Sweeps links and sessions that have expired before `now`, at most 10,000 of each; gives how
    /// many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn sweep_sessions(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        const LINKS: &str = "-- portal_links_sweep
            delete from portal_links where token_sha256 in (
                select token_sha256 from portal_links where expires_at <= $1
                order by expires_at limit $2 for update skip locked
            )";
        const SESSIONS: &str = "-- sessions_sweep
            delete from sessions where id in (
                select id from sessions where expires_at <= $1
                order by expires_at limit $2 for update skip locked
            )";
        self.bounded(async {
            let client = self.client().await?;
            let links = execute(&client, LINKS, &[&now, &SWEPT_AT_ONCE]).await?;
            let sessions = execute(&client, SESSIONS, &[&now, &SWEPT_AT_ONCE]).await?;
            Ok(links + sessions)
        })
        .await
    }
}

pub(crate) fn opened(row: &Row, token: Token) -> Result<Opened, StoreError> {
    Ok(Opened {
        id: id(row, "id")?,
        who: who(row)?,
        tenant: optional_id(row, "tenant_id")?,
        token,
    })
}

fn access(row: &Row) -> Result<Access, StoreError> {
    let by = Actor {
        who: who(row)?,
        session: Some(id(row, "id")?),
    };
    let mut scopes = scopes(row)?;
    let (reach, audience) = match (by.who, optional_id(row, "own_tenant_id")?) {
        (Who::Key(_), Some(tenant)) => {
            scopes.retain(|scope| OF_A_LINK.contains(scope));
            (Reach::Tenant(tenant), Audience::Customer)
        }
        (Who::Key(_), None) => {
            let reach = Reach::from_column(optional_id(row, "tenant_id")?);
            (reach, Audience::Platform)
        }
        (Who::Person(_), own) => (Reach::from_column(own), Audience::Platform),
    };
    Ok(Access {
        by,
        reach,
        scopes,
        audience,
    })
}
