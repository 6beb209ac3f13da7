//! A request: the body sealed and signed for its endpoint, and the headers.

use bytes::Bytes;
use domain::dispatch::{Content, HOPS_HEADER};
use domain::endpoint::BodyFormat;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use signature::{guide, standard};
use time::OffsetDateTime;

use crate::compose::{Bodies, content_type};
use crate::config::Switch;
use crate::directory::Target;
use crate::egress::WebhookRequest;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const HOPS: HeaderName = HeaderName::from_static(HOPS_HEADER);
const WEBHOOK_ID: HeaderName = HeaderName::from_static(standard::WEBHOOK_ID);
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static(standard::WEBHOOK_TIMESTAMP);
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static(standard::WEBHOOK_SIGNATURE);

/// What all requests of this dispatcher have in common.
pub(crate) struct Requests {
    pub(crate) user_agent: HeaderValue,
    pub(crate) traceparent: Switch,
}

impl Requests {
    /// The request of an attempt made at `now`.
    pub(crate) fn build(
        &self,
        target: &Target,
        content: &Content,
        body: Body<'_>,
        now: OffsetDateTime,
        traceparent: &str,
    ) -> WebhookRequest {
        let body = body.sealed(target, content, now);
        let mut headers = own_headers(target);
        // Ours come last and win: an endpoint's own can't pass for a signature.
        let id = content.event.to_string();
        let now_unix_s = now.unix_timestamp();
        let signature = standard::header_value(target.secrets(now), &id, now_unix_s, &body);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(content_type(target.endpoint.format)),
        );
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(HOPS, HeaderValue::from_static("1"));
        headers.insert(WEBHOOK_ID, visible(&id));
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(now_unix_s));
        headers.insert(WEBHOOK_SIGNATURE, visible(&signature));
        if self.traceparent == Switch::On
            && let Ok(traceparent) = HeaderValue::from_str(traceparent)
            && !traceparent.is_empty()
        {
            headers.insert(TRACEPARENT, traceparent);
        }
        WebhookRequest { headers, body }
    }
}

/// What the body is made of.
pub(crate) struct Body<'a> {
    pub(crate) shared: &'a Bodies,
    pub(crate) data: &'a [u8],
}

impl Body<'_> {
    /// The body as it is sent. During a rotation its signature member is by the newest secret.
    fn sealed(&self, target: &Target, content: &Content, now: OffsetDateTime) -> Bytes {
        let format = target.endpoint.format;
        let body = self.shared.get(format, content, self.data);
        match (format, target.secrets(now).next()) {
            (BodyFormat::Guide, Some(newest)) => guide::seal(newest, &body)
                .expect("the composed body is an object with members")
                .into(),
            (BodyFormat::Guide, None) | (BodyFormat::Standard | BodyFormat::CloudEvents, _) => body,
        }
    }
}

/// The endpoint's own headers, which were checked when they were set.
fn own_headers(target: &Target) -> HeaderMap {
    let own = &target.endpoint.headers;
    let mut headers = HeaderMap::with_capacity(own.len() + 7);
    for (name, value) in own {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            headers.append(name, value);
        }
    }
    headers
}

fn visible(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and signatures are visible ASCII")
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
