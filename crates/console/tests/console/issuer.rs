//! An OpenID Connect provider of the tests' own: real HTTP, real signatures, and one lie at a time.
//!
//! It signs everybody in as the person that the test names, without asking.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use console::OidcConfig;
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the console is called there, and its secret.
const CLIENT: (&str, &str) = ("posthaste", "s3cret/with=signs");

/// What is wrong with what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// Of another sign-in.
    Nonce,
    /// For somebody else.
    Audience,
    /// By somebody else.
    Issuer,
    /// No longer good.
    Expired,
    /// Signed with a key that it does not publish, under the id of one that it does.
    ForeignKey,
    /// Not signed.
    Unsigned,
    /// No ID token in the answer.
    NoToken,
    /// What userinfo says is of another person.
    OtherSubject,
}

/// The provider.
pub(crate) struct Issuer {
    pub(crate) url: String,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
    /// The file with the console's secret.
    secret: PathBuf,
}

struct Inner {
    url: String,
    now: Mutex<Now>,
    codes: Mutex<HashMap<String, Asked>>,
}

/// What it does for the next who come.
struct Now {
    lie: Lie,
    is_away: bool,
    /// The claims of the ID token, and those that userinfo alone tells.
    claims: (Value, Value),
    key: Arc<CoreEdDsaPrivateSigningKey>,
}

/// What was asked for where a code was given.
#[derive(Clone)]
struct Asked {
    redirect_uri: String,
    nonce: String,
    challenge: String,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        // The console asks over HTTP with a client that may use TLS.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            url: url.clone(),
            now: Mutex::new(Now {
                lie: Lie::None,
                is_away: false,
                claims: (json!({}), json!({})),
                key: Arc::new(key("one")),
            }),
            codes: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&inner));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let secret = std::env::temp_dir().join(format!("secret-{}", uuid::Uuid::now_v7()));
        std::fs::write(&secret, format!("{}\n", CLIENT.1)).unwrap();
        Self {
            url,
            inner,
            serving,
            secret,
        }
    }

    /// A console's configuration with it, and these rules.
    pub(crate) fn config(&self, rules: &[&str]) -> OidcConfig {
        OidcConfig {
            issuer: Some(openidconnect::IssuerUrl::new(self.url.clone()).unwrap()),
            client_id: Some(CLIENT.0.to_owned()),
            client_secret_file: Some(self.secret.clone()),
            roles: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
            scopes: vec!["email".to_owned()],
            groups_claim: "groups".to_owned(),
            name: "Example".to_owned(),
        }
    }

    /// Whoever comes next is this, as its ID tokens tell.
    pub(crate) fn signs_in(&self, claims: Value) {
        self.tells(claims, json!({}));
    }

    /// The same, with what its userinfo alone tells.
    pub(crate) fn tells(&self, in_token: Value, elsewhere: Value) {
        self.inner.now.lock().unwrap().claims = (in_token, elsewhere);
    }

    pub(crate) fn lies(&self, lie: Lie) {
        self.inner.now.lock().unwrap().lie = lie;
    }

    pub(crate) fn is_away(&self, is_away: bool) {
        self.inner.now.lock().unwrap().is_away = is_away;
    }

    /// Signs with another key from now on.
    pub(crate) fn rotates(&self) {
        self.inner.now.lock().unwrap().key = Arc::new(key("two"));
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = std::fs::remove_file(&self.secret);
    }
}

fn key(id: &str) -> CoreEdDsaPrivateSigningKey {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let id = JsonWebKeyId::new(id.to_owned());
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pair.serialize_pem(), Some(id)).unwrap()
}

type Served = State<Arc<Inner>>;

async fn discovery(State(issuer): Served) -> Response {
    if issuer.now.lock().unwrap().is_away {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let at = |path: &str| format!("{}/{path}", issuer.url);
    let told = json!({
        "issuer": issuer.url,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // More than it does, and than is taken.
        "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
    });
    Json(told).into_response()
}

async fn keys(State(issuer): Served) -> Json<Value> {
    let key = issuer.now.lock().unwrap().key.as_verification_key();
    Json(json!({"keys": [key]}))
}

/// Sends everybody back at once.
async fn authorize(
    State(issuer): Served,
    Query(asked): Query<HashMap<String, String>>,
) -> Redirect {
    let one = |name: &str| asked[name].clone();
    assert_eq!(
        (&*one("client_id"), &*one("response_type")),
        (CLIENT.0, "code")
    );
    assert_eq!(one("code_challenge_method"), "S256");
    assert!(one("scope").split(' ').any(|scope| scope == "openid"));
    let code = uuid::Uuid::now_v7().simple().to_string();
    let kept = Asked {
        redirect_uri: one("redirect_uri"),
        nonce: one("nonce"),
        challenge: one("code_challenge"),
    };
    issuer.codes.lock().unwrap().insert(code.clone(), kept);
    let mut back: url::Url = one("redirect_uri").parse().unwrap();
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &one("state"))
        .append_pair("iss", &issuer.url);
    Redirect::to(back.as_str())
}

/// Gives an ID token for a code, once, to whoever began with it.
async fn token(
    State(issuer): Served,
    headers: HeaderMap,
    Form(given): Form<HashMap<String, String>>,
) -> Response {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let (id, secret): (String, String) = (encoded(CLIENT.0), encoded(CLIENT.1));
    let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
    let refuse = |error: &str| {
        let told = json!({"error": error, "error_description": "no"});
        (StatusCode::BAD_REQUEST, Json(told)).into_response()
    };
    if headers
        .get(header::AUTHORIZATION)
        .is_none_or(|sent| *sent != *expected)
    {
        return refuse("invalid_client");
    }
    let asked = issuer.codes.lock().unwrap().remove(&given["code"]);
    let verifier = Sha256::digest(given["code_verifier"].as_bytes());
    let asked = asked.filter(|asked| {
        asked.redirect_uri == given["redirect_uri"]
            && asked.challenge == BASE64_URL_SAFE_NO_PAD.encode(verifier)
    });
    let Some(asked) = asked else {
        return refuse("invalid_grant");
    };
    let mut told = json!({"access_token": "access", "token_type": "Bearer", "expires_in": 60});
    if let Some(token) = issuer.id_token(&asked.nonce) {
        told["id_token"] = token.into();
    }
    Json(told).into_response()
}

async fn userinfo(State(issuer): Served, headers: HeaderMap) -> Response {
    if headers
        .get(header::AUTHORIZATION)
        .is_none_or(|sent| sent != "Bearer access")
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let now = issuer.now.lock().unwrap();
    let mut told = now.claims.1.clone();
    told["sub"] = match now.lie {
        Lie::OtherSubject => "somebody else".into(),
        _ => now.claims.0["sub"].clone(),
    };
    Json(told).into_response()
}

impl Inner {
    fn id_token(&self, nonce: &str) -> Option<String> {
        let now = self.now.lock().unwrap();
        let lie = now.lie;
        let unless = |own: Lie, truth: &str| {
            let lied = format!("{truth}/not");
            if lie == own { lied } else { truth.to_owned() }
        };
        let at = OffsetDateTime::now_utc().unix_timestamp();
        let mut claims = now.claims.0.clone();
        claims["iss"] = unless(Lie::Issuer, &self.url).into();
        claims["aud"] = unless(Lie::Audience, CLIENT.0).into();
        claims["nonce"] = unless(Lie::Nonce, nonce).into();
        claims["iat"] = (at - 60).into();
        claims["exp"] = if lie == Lie::Expired {
            at - 30
        } else {
            at + 300
        }
        .into();
        let algorithm = if lie == Lie::Unsigned {
            "none"
        } else {
            "EdDSA"
        };
        let id = now.key.as_verification_key();
        let id = serde_json::to_value(&id).unwrap()["kid"].clone();
        let header = json!({"alg": algorithm, "kid": id, "typ": "JWT"});
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let foreign = key("foreign");
        let signing: &CoreEdDsaPrivateSigningKey = match lie {
            Lie::ForeignKey => &foreign,
            _ => &now.key,
        };
        let signature = match lie {
            Lie::NoToken => return None,
            Lie::Unsigned => Vec::new(),
            _ => signing
                .sign(&CoreJwsSigningAlgorithm::EdDsa, signed.as_bytes())
                .unwrap(),
        };
        Some(format!(
            "{signed}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature)
        ))
    }
}
