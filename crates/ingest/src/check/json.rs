//! The native form: a JSON object whose member `data` is cut out as it stands.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;

use super::draft::Draft;
use super::refusal::{Reason, Refusal};

/// The members of an event. What isn't named here is refused by name, and so is a member twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    tenant: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    channels: Vec<Cow<'a, str>>,
}

/// Reads an event.
pub(crate) fn envelope(body: &Bytes) -> Result<Draft, Refusal> {
    let envelope: Envelope<'_> = serde_json::from_str(text(body)?).map_err(|e| refused(&e))?;
    Ok(Draft {
        tenant: envelope.tenant.map(Cow::into_owned),
        event: envelope.event.into_owned(),
        data: cut(body, envelope.data),
        timestamp: envelope.timestamp.map(Cow::into_owned),
        id: envelope.id.map(Cow::into_owned),
        channels: envelope.channels.into_iter().map(Cow::into_owned).collect(),
        ..Draft::default()
    })
}

/// Cuts an array into its items, 1 to `most` of them, each as it stands.
pub(crate) fn items(body: &Bytes, most: usize) -> Result<Vec<Bytes>, Refusal> {
    let mut array = serde_json::Deserializer::from_str(text(body)?);
    let items = array.deserialize_seq(Items { most });
    let items = items.and_then(|items| array.end().map(|()| items));
    let items = items.map_err(|e| refused(&e))?;
    countable(items.len(), most)?;
    Ok(items.into_iter().map(|item| cut(body, item)).collect())
}

/// Takes an array apart, and of one that is too long only what shows that.
struct Items {
    most: usize,
}

impl<'a> Visitor<'a> for Items {
    type Value = Vec<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() <= self.most {
            let Some(item) = array.next_element()? else {
                return Ok(items);
            };
            items.push(item);
        }
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

/// Refuses an event, or a batch that can't be taken apart, of more than `most` bytes.
pub(crate) fn sized(body: &[u8], most: usize) -> Result<(), Refusal> {
    too_large_if(body.len() > most, || {
        format!("it is larger than {most} bytes: send less at once")
    })
}

/// Refuses a batch of no events, or of more than `most`.
pub(crate) fn countable(events: usize, most: usize) -> Result<(), Refusal> {
    if events == 0 {
        return Err(Refusal::malformed(
            "the batch has no events: send at least one",
        ));
    }
    too_large_if(events > most, || {
        format!("a batch has at most {most} events: send several")
    })
}

fn too_large_if(is_too_large: bool, detail: impl FnOnce() -> String) -> Result<(), Refusal> {
    if !is_too_large {
        return Ok(());
    }
    Err(Refusal::new(Reason::TooLarge, "", detail()))
}

/// The payload in a text that is nothing else: without the white space around it.
pub(crate) fn payload(body: &Bytes) -> Result<Bytes, Refusal> {
    let value: &RawValue = serde_json::from_str(text(body)?).map_err(|e| refused(&e))?;
    Ok(cut(body, value))
}

pub(super) fn cut(body: &Bytes, value: &RawValue) -> Bytes {
    body.slice_ref(value.get().as_bytes())
}

pub(super) fn text(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Refusal::malformed(format!("not UTF-8 at byte {at}: send JSON as UTF-8"))
    })
}

/// The library's own words name the member or the position.
pub(super) fn refused(error: &serde_json::Error) -> Refusal {
    match error.classify() {
        serde_json::error::Category::Data => Refusal::invalid("#", error),
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => Refusal::malformed(format!("not JSON: {error}")),
    }
}
