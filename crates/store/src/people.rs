//! People who sign in to the dashboard by the platform's identity provider, and their sessions.
//!
//! **Invariant:** what a person's session reaches and allows was settled when they signed in. Who
//! is to have less from now on is signed out.

use domain::id::PersonId;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::api_keys::{Reach, Scope};
use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sessions::{Opened, SESSION, opened};
use crate::sql::{execute, get, id, row, rows};
use crate::token::{Token, TokenDigest};

/// Who signs in, as the identity provider says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// Who it is there, for good.
    pub subject: String,
    /// What they are called now.
    pub name: String,
}

/// Somebody whom the identity provider has vouched for, let in or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person.
    pub id: PersonId,
    /// As the identity provider says it.
    pub identity: Identity,
    /// When they first came.
    pub first_seen_at: OffsetDateTime,
    /// When they last came.
    pub last_seen_at: OffsetDateTime,
    /// How many sessions they have open.
    pub sessions: u64,
}

impl Store {
    /// Notes that somebody came, who may be new; gives who it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn meet(&self, identity: &Identity) -> Result<PersonId, StoreError> {
        const MEET: &str = "-- person_meet
            insert into people (id, issuer, subject, name) values ($1, $2, $3, $4)
            on conflict (issuer, subject) do update set
                name = excluded.name, last_seen_at = now()
            returning id";
        let Identity {
            issuer,
            subject,
            name,
        } = identity;
        self.bounded(async {
            let client = self.client().await?;
            let met = row(&client, MEET, &[&Uuid::now_v7(), issuer, subject, name]).await?;
            id(&met.ok_or(StoreError::NotFound)?, "id")
        })
        .await
    }

    /// Opens a person's session that reaches and allows this.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such person or tenant, or no longer.
    pub async fn open_person_session(
        &self,
        person: PersonId,
        reach: Reach,
        scopes: &[Scope],
        expires_at: OffsetDateTime,
    ) -> Result<Opened, StoreError> {
        const OPEN: &str = "-- person_session_open
            insert into sessions (id, token_sha256, person_id, tenant_id, scopes, expires_at)
            select $1, $2, p.id, $4, $5, $6 from people p
            where p.id = $3 and ($4::uuid is null
                or exists (select from tenants t where t.id = $4 and t.deleted_at is null))
            returning id, key_id, person_id, tenant_id";
        let token = Token::generate(SESSION)?;
        let digest = TokenDigest::of(token.expose());
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        self.bounded(async {
            let client = self.client().await?;
            let made = row(
                &client,
                OPEN,
                &[
                    &Uuid::now_v7(),
                    &digest.column(),
                    &person.uuid(),
                    &reach.column(),
                    &scopes,
                    &expires_at,
                ],
            )
            .await?;
            opened(&made.ok_or(StoreError::NotFound)?, token)
        })
        .await
    }

    /// Everybody who ever came, who came last first; with their sessions at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn people(
        &self,
        now: OffsetDateTime,
        page: PageRequest,
    ) -> Result<Page<Person>, StoreError> {
        const LIST: &str = "-- people_list
            select p.id, p.issuer, p.subject, p.name, p.first_seen_at, p.last_seen_at,
                   (select count(*) from sessions s
                    where s.person_id = p.id and s.expires_at > $4) as sessions
            from people p where (p.last_seen_at, p.id) < ($1, $2)
            order by p.last_seen_at desc, p.id desc limit $3";
        self.bounded(async {
            let client = self.client().await?;
            let after = page.below();
            let found = rows(&client, LIST, &[&after.at, &after.id, &page.limit(), &now]).await?;
            let found: Result<_, _> = found.iter().map(person).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.last_seen_at,
                id: one.id.uuid(),
            }))
        })
        .await
    }

    /// Signs a person out everywhere; gives how many sessions have ended.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such person.
    pub async fn end_sessions_of(&self, person: PersonId) -> Result<u64, StoreError> {
        const KNOWN: &str = "-- person_is_known
            select 1 from people where id = $1";
        const END: &str = "-- person_sessions_end
            delete from sessions where person_id = $1";
        self.bounded(async {
            let client = self.client().await?;
            let known = row(&client, KNOWN, &[&person.uuid()]).await?;
            known.ok_or(StoreError::NotFound)?;
            execute(&client, END, &[&person.uuid()]).await
        })
        .await
    }
}

fn person(row: &Row) -> Result<Person, StoreError> {
    let sessions: i64 = get(row, "sessions")?;
    Ok(Person {
        id: id(row, "id")?,
        identity: Identity {
            issuer: get(row, "issuer")?,
            subject: get(row, "subject")?,
            name: get(row, "name")?,
        },
        first_seen_at: get(row, "first_seen_at")?,
        last_seen_at: get(row, "last_seen_at")?,
        sessions: sessions.unsigned_abs(),
    })
}
