//! The identity provider: what it publishes about itself, and what it answers.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, Client, ClientId, ClientSecret,
    CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken,
    IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl,
    RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse,
    StandardTokenResponse, TokenResponse, UserInfoClaims, UserInfoError,
};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;
use url::Url;

use super::attempt::Attempt;
use super::config::{OidcConfig, OidcConfigError, is_safe};
use super::http::{Http, HttpError};
use super::rule::Rule;
use super::vouched::{GroupsClaim, Others, Told, Vouched};

/// Where the provider sends browsers back to, below the console's own address.
const CALLBACK: &str = "login/oidc/callback";

/// How long what the provider says of itself is taken for true.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// How soon it is asked again: after it could not be read, or for a key that it didn't name.
const AGAIN: Duration = Duration::from_secs(5);

/// How many browsers that come back are looked into at once.
const AT_ONCE: usize = 16;

/// What an ID token may be signed with: keys that only the provider has.
const SIGNED: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Fields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Token =
    IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

type OidcClient = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The identity provider that people sign in by, and what they may do here.
#[derive(Debug)]
pub struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    secret: Option<ClientSecret>,
    scopes: Vec<Scope>,
    groups: GroupsClaim,
    /// Who may do what.
    pub(crate) rules: Vec<Rule>,
    /// What people call it.
    pub(crate) name: String,
    http: Http,
    known: Mutex<Known>,
    places: Semaphore,
}

/// What the provider says of itself.
#[derive(Debug)]
enum Known {
    Nothing,
    /// As it was read then.
    Read(Arc<CoreProviderMetadata>, Instant),
    /// It could not be read then.
    Unread(Instant),
}

/// A sign-in that has begun.
pub(crate) struct Begun {
    /// Where the browser goes.
    pub(crate) to: Url,
    /// What it keeps.
    pub(crate) attempt: Attempt,
}

/// Why somebody can't be vouched for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// The provider can't be asked: it may be in a while.
    #[error("the identity provider does not answer as one")]
    Away(#[source] Box<dyn Error + Send + Sync>),
    /// It could not be asked a moment ago, or too many wait for it.
    #[error("the identity provider is not asked now")]
    NotNow,
    /// It doesn't take what the browser brought back, or doesn't take this console for its client.
    #[error("the identity provider refuses: {0}")]
    Refused(String),
    /// What it says does not hold.
    #[error("what the identity provider says does not hold")]
    Untrue(#[source] Box<dyn Error + Send + Sync>),
}

impl Provider {
    /// The provider of this configuration; none where it names none.
    ///
    /// # Errors
    /// When the configuration is not whole, or its secret can't be read.
    pub fn new(config: &OidcConfig) -> Result<Option<Self>, OidcConfigError> {
        let Some((issuer, client_id)) = config.client()? else {
            return Ok(None);
        };
        Ok(Some(Self {
            issuer,
            client_id: ClientId::new(client_id),
            secret: config.secret()?,
            scopes: config.scopes.iter().cloned().map(Scope::new).collect(),
            groups: GroupsClaim::new(&config.groups_claim),
            rules: config.roles.clone(),
            name: config.name.clone(),
            http: Http::new().map_err(OidcConfigError::Http)?,
            known: Mutex::new(Known::Nothing),
            places: Semaphore::new(AT_ONCE),
        }))
    }

    /// Whether this is how the provider calls itself.
    pub(crate) fn is_issuer(&self, name: &str) -> bool {
        self.issuer.as_str() == name
    }

    /// Begins a sign-in of a browser that finds this console at `public_url`.
    pub(crate) async fn begin(&self, public_url: &Url) -> Result<Begun, OidcError> {
        let known = self.known(KEPT).await?;
        let client = self.client(&known, public_url)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let asked = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(self.scopes.iter().cloned())
            .set_pkce_challenge(challenge);
        let (to, state, nonce) = asked.url();
        if !is_safe(&to) {
            return Err(OidcError::Away(Box::new(HttpError::InTheClear(
                to.to_string(),
            ))));
        }
        let attempt = Attempt {
            state,
            nonce,
            verifier,
        };
        Ok(Begun { to, attempt })
    }

    /// Who it is that came back with this code.
    pub(crate) async fn finish(
        &self,
        public_url: &Url,
        attempt: Attempt,
        code: String,
    ) -> Result<Vouched, OidcError> {
        let _place = self.places.try_acquire().map_err(|_| OidcError::NotNow)?;
        let Attempt {
            nonce, verifier, ..
        } = attempt;
        let known = self.known(KEPT).await?;
        let client = self.client(&known, public_url)?;
        let asked = client.exchange_code(AuthorizationCode::new(code));
        let answer = asked
            .map_err(away)?
            .set_pkce_verifier(verifier)
            .request_async(&self.http)
            .await
            .map_err(of_exchange)?;
        let token = answer
            .id_token()
            .ok_or_else(|| untrue("there is no ID token in its answer"))?;
        let (client, vouched) = self.held(client, public_url, token, &nonce).await?;
        if !self.rules.iter().any(|rule| rule.lacks(&vouched)) {
            return Ok(vouched);
        }
        let subject = openidconnect::SubjectIdentifier::new(vouched.subject.clone());
        let access = answer.access_token().clone();
        let Ok(asked) = client.user_info(access, Some(subject)) else {
            return Ok(vouched);
        };
        let more: UserInfoClaims<Others, CoreGenderClaim> = asked
            .request_async(&self.http)
            .await
            .map_err(of_user_info)?;
        let standard = more.standard_claims();
        let told = Told {
            subject: standard.subject(),
            email: standard.email(),
            email_verified: standard.email_verified(),
            username: standard.preferred_username(),
            name: standard.name(),
            others: more.additional_claims(),
        };
        let more = Vouched::of(self.issuer.as_str(), &told, &self.groups);
        Ok(vouched.or(more))
    }

    /// What an ID token says, once its signature and all else holds. The provider may have another
    /// key by now.
    async fn held(
        &self,
        client: OidcClient,
        public_url: &Url,
        token: &Token,
        nonce: &Nonce,
    ) -> Result<(OidcClient, Vouched), OidcError> {
        match self.says(&client, token, nonce) {
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let known = self.known(AGAIN).await?;
                let client = self.client(&known, public_url)?;
                let said = self.says(&client, token, nonce).map_err(untrue)?;
                Ok((client, said))
            }
            said => Ok((client, said.map_err(untrue)?)),
        }
    }

    fn says(
        &self,
        client: &OidcClient,
        token: &Token,
        nonce: &Nonce,
    ) -> Result<Vouched, ClaimsVerificationError> {
        let verifier = client.id_token_verifier().set_allowed_algs(SIGNED);
        let claims = token.claims(&verifier, nonce)?;
        let told = Told {
            subject: claims.subject(),
            email: claims.email(),
            email_verified: claims.email_verified(),
            username: claims.preferred_username(),
            name: claims.name(),
            others: claims.additional_claims(),
        };
        Ok(Vouched::of(self.issuer.as_str(), &told, &self.groups))
    }

    fn client(
        &self,
        metadata: &CoreProviderMetadata,
        public_url: &Url,
    ) -> Result<OidcClient, OidcError> {
        let back = public_url.join(CALLBACK).map_err(away)?;
        let client = Client::from_provider_metadata(
            metadata.clone(),
            self.client_id.clone(),
            self.secret.clone(),
        );
        Ok(client
            .set_auth_type(auth_type(metadata))
            .set_redirect_uri(RedirectUrl::from_url(back)))
    }

    /// What the provider says of itself, not longer ago than this.
    async fn known(&self, kept: Duration) -> Result<Arc<CoreProviderMetadata>, OidcError> {
        let mut known = self.known.lock().await;
        match &*known {
            Known::Read(metadata, at) if at.elapsed() < kept => return Ok(Arc::clone(metadata)),
            Known::Unread(at) if at.elapsed() < AGAIN => return Err(OidcError::NotNow),
            _ => {}
        }
        let asked = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http).await;
        match asked {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *known = Known::Read(Arc::clone(&metadata), Instant::now());
                Ok(metadata)
            }
            Err(error) => {
                *known = Known::Unread(Instant::now());
                Err(away(error))
            }
        }
    }
}

/// How the client shows its secret: in the header, unless the provider takes it in the body alone.
/// Source: OpenID Connect Discovery 1.0, `token_endpoint_auth_methods_supported`.
fn auth_type(metadata: &CoreProviderMetadata) -> AuthType {
    let taken = metadata.token_endpoint_auth_methods_supported();
    let takes = |method| taken.is_none_or(|taken| taken.contains(method));
    let in_body = taken.is_some() && takes(&CoreClientAuthMethod::ClientSecretPost);
    if in_body && !takes(&CoreClientAuthMethod::ClientSecretBasic) {
        AuthType::RequestBody
    } else {
        AuthType::BasicAuth
    }
}

fn away(error: impl Into<Box<dyn Error + Send + Sync>>) -> OidcError {
    OidcError::Away(error.into())
}

fn untrue(error: impl Into<Box<dyn Error + Send + Sync>>) -> OidcError {
    OidcError::Untrue(error.into())
}

fn of_exchange(
    error: RequestTokenError<HttpError, StandardErrorResponse<CoreErrorResponseType>>,
) -> OidcError {
    match error {
        RequestTokenError::ServerResponse(refusal) => OidcError::Refused(refusal.to_string()),
        RequestTokenError::Request(error) => away(error),
        // What is wrong with it may quote it, and there may be tokens in it.
        RequestTokenError::Parse(..) => away("its answer to the code can't be read"),
        RequestTokenError::Other(reason) => away(reason),
    }
}

fn of_user_info(error: UserInfoError<HttpError>) -> OidcError {
    match error {
        UserInfoError::ClaimsVerification(error) => untrue(error),
        // Nor is it told what else it answered.
        UserInfoError::Response(status, ..) => away(format!("its userinfo answers {status}")),
        error => away(error),
    }
}
