//! Whose pages are looked at.

use super::reader::Reader;
use super::text;

/// How many of the ordinary tenants are looked at in turn.
const OTHERS: u32 = 50;

/// What stands for the parameters of paths.
pub(super) struct Subject {
    pub(super) ids: Vec<(&'static str, String)>,
}

/// The tenant that has the most, the one whose endpoints are all paused, and others.
pub(super) async fn subjects(reader: &Reader) -> anyhow::Result<Vec<(&'static str, Vec<Subject>)>> {
    let mut others = Vec::new();
    for number in 3..3 + OTHERS {
        others.push(Subject::of(reader, number).await?);
    }
    Ok(vec![
        ("largest", vec![Subject::of(reader, 1).await?]),
        ("paused", vec![Subject::of(reader, 2).await?]),
        ("others", others),
    ])
}

impl Subject {
    /// The tenant of this number, with the newest of each kind that it has.
    async fn of(reader: &Reader, number: u32) -> anyhow::Result<Self> {
        let tenant = format!("tenant-{number}");
        let found = reader.json(&format!("/v1/tenants/{tenant}")).await?;
        let mut ids = vec![
            ("tenant_id", text(&found, "id")?.to_owned()),
            ("name", "shipment.created".to_owned()),
        ];
        for (name, list) in [
            ("endpoint", "endpoints?limit=1"),
            ("event", "events?limit=1"),
            ("delivery", "deliveries?state=delivered&limit=1"),
            ("letter", "dead-letters?limit=1"),
            ("replay", "replays?limit=1"),
        ] {
            let path = format!("/v1/tenants/{tenant}/{list}");
            let listed = reader.json(&path).await?;
            if let Some(first) = listed["data"].get(0) {
                ids.push((name, text(first, "id")?.to_owned()));
            }
        }
        ids.push(("tenant", tenant));
        Ok(Self { ids })
    }
}
