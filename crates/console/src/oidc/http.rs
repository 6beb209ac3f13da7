//! How the identity provider is asked: over https, within bounds, and nobody else is.

use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use super::config::is_safe;

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The longest answer that is read: keys and claims are far smaller.
const LONGEST_BYTES: usize = 512 * 1024;

/// Asks the identity provider. It follows no redirect.
#[derive(Debug, Clone)]
pub(super) struct Http(reqwest::Client);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// It would be in the clear.
    #[error("{0} is neither https nor on this machine")]
    InTheClear(String),
    /// It can't be reached, or breaks off.
    #[error(transparent)]
    Unanswered(#[from] reqwest::Error),
    /// It is too long.
    #[error("the answer is longer than {LONGEST_BYTES} bytes")]
    TooLong,
    /// It is none.
    #[error("the answer is no HTTP")]
    Unreadable(#[from] axum::http::Error),
}

impl Http {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "it asks the identity provider that the operator names, and nobody else; deliveries go through dispatcher::egress"
        )]
        let builder = reqwest::Client::builder();
        builder
            .timeout(DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map(Self)
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        if !is_safe(request.url()) {
            return Err(HttpError::InTheClear(request.url().to_string()));
        }
        let mut response = self.0.execute(request).await?;
        let mut answer = axum::http::Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            headers.clone_from(response.headers());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LONGEST_BYTES {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(answer.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}
