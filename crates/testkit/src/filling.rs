//! A record as it is after a while: many tenants, endpoints and attempts, written by SQL.
//!
//! **Invariant:** the rows are as the roles would have written them, apart from what no list
//! shows: the endpoints have no secrets.

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::Stack;

/// What an event comes to: up to four deliveries, a tenth of them held and a tenth of the others
/// attempted twice.
const ATTEMPTS_PER_EVENT: u32 = 4;

/// How much there is in a record.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    /// Tenants, 3 at least. The first has a hundredth of all endpoints and a tenth of all events;
    /// the second a thousandth, which are paused, and as many events, which are held.
    pub tenants: u32,
    /// Endpoints, 5,000 at least: fewer would leave the second tenant without.
    pub endpoints: u32,
    /// About so many attempts.
    pub attempts: u32,
    /// Over so many days, of which today is the last.
    pub days: u16,
}

impl Stack {
    /// Fills a migrated database, which has the partitions of the days; `tell` hears of each step.
    /// A million attempts take about half a minute, half of it for the disk.
    ///
    /// # Panics
    /// When the database is not as it was migrated.
    pub async fn fill(&self, filling: Filling, tell: impl Fn(String)) {
        let (client, connection) = tokio_postgres::connect(&self.postgres_url(), NoTls)
            .await
            .expect("the stack's database is there");
        let driver = tokio::spawn(connection);
        let of_all = [
            ("tenants", filling.tenants.to_string()),
            ("endpoints", filling.endpoints.to_string()),
            ("attempts", filling.attempts.to_string()),
        ];
        tell(format!("{} endpoints", filling.endpoints));
        run(&client, include_str!("filling/directory.sql"), &of_all).await;
        let events = filling.attempts / ATTEMPTS_PER_EVENT / u32::from(filling.days);
        for (number, day) in days(&client, filling.days).await.into_iter().enumerate() {
            tell(day.clone());
            let of_day = [
                ("day", day),
                ("number", number.to_string()),
                ("events", events.to_string()),
            ];
            let all = [&of_all[..], &of_day].concat();
            run(&client, include_str!("filling/day.sql"), &all).await;
        }
        tell("the ledger".to_owned());
        run(&client, include_str!("filling/rest.sql"), &of_all).await;
        tell("statistics".to_owned());
        run(&client, "vacuum (analyze)", &[]).await;
        run(&client, "checkpoint", &[]).await;
        drop(client);
        driver.abort();
    }
}

/// Runs statements in which `:name` stands for a value.
async fn run(client: &Client, statements: &str, values: &[(&str, String)]) {
    let statements = values
        .iter()
        .fold(statements.to_owned(), |text, (name, value)| {
            text.replace(&format!(":{name}"), value)
        });
    client
        .batch_execute(&statements)
        .await
        .unwrap_or_else(|error| panic!("{statements}: {error:?}"));
}

/// The last days, the earliest first.
async fn days(client: &Client, count: u16) -> Vec<String> {
    let list =
        format!("select current_date - n from generate_series(0, {count} - 1) n order by n desc");
    let messages = client.simple_query(&list).await;
    let messages = messages.expect("a series is no error");
    let days = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    days.collect()
}
