//! A browser without a screen, driven by the WebDriver protocol over [`fetch`].
//!
//! A handful of the protocol's commands is all that tests here need. The client libraries bring a
//! feature of `serde_json` that would change, in tests alone, the order in which our own JSON is
//! written. Source: W3C WebDriver.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use sandbox::{Install, Progress};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::port::free_port;
use crate::{eventually, fetch};

/// How long the driver may take to start, and anything on a page to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the protocol names an element by.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How a browser shows pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// In CSS pixels.
    pub width: u16,
    /// In CSS pixels.
    pub height: u16,
    /// What the reader prefers.
    pub scheme: Scheme,
}

/// What colours a reader prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A browser with one window. Dropping it ends both the browser and its driver.
#[derive(Debug)]
pub struct Browser {
    /// Where the session's commands go.
    url: String,
    _driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with a profile of its own; installs the packages where they are missing and that
    /// is permitted. None, and a word on standard error, where they can't be had: a browser is a
    /// tool of the test's, and what it would show is not checked then.
    ///
    /// # Panics
    /// When there is a browser and it doesn't start.
    #[expect(clippy::print_stderr, reason = "for whoever reads the test's output")]
    pub async fn start() -> Option<Self> {
        let found = sandbox::Browser::find(Install::WhenPermitted, &Progress::default()).await;
        let programs = found
            .inspect_err(|error| eprintln!("not checked: {error}"))
            .ok()?;
        let port = free_port();
        let driver = Command::new(&programs.driver)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the driver is a program");
        let base = format!("http://127.0.0.1:{port}");
        eventually(PATIENCE, "the driver to be ready", async || {
            let status = call(&base, Method::GET, "/status", None).await?;
            if status["ready"] == true {
                Ok(())
            } else {
                Err(status.to_string())
            }
        })
        .await;
        let profile = TempDir::new().expect("the temporary directory is writable");
        // Root has no sandbox of chromium's, and a container little shared memory.
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--window-size=1200,900".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let chrome = json!({"binary": programs.browser, "args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": chrome}}});
        let session = call(&base, Method::POST, "/session", Some(&wanted)).await;
        let session = session.unwrap_or_else(|error| panic!("no browser: {error}"));
        let id = session["sessionId"].as_str().expect("a session has an id");
        Some(Self {
            url: format!("{base}/session/{id}"),
            _driver: driver,
            _profile: profile,
        })
    }

    /// Opens a page.
    ///
    /// # Panics
    /// When it doesn't load.
    pub async fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url})).await;
    }

    /// Where the window is.
    ///
    /// # Panics
    /// When the browser is gone.
    pub async fn location(&self) -> String {
        let url = call(&self.url, Method::GET, "/url", None).await;
        let url = url.unwrap_or_else(|error| panic!("no location: {error}"));
        url.as_str().expect("an address is text").to_owned()
    }

    /// Clicks what the CSS selector names, once it is there.
    ///
    /// # Panics
    /// When it is not there in time, or can't be clicked.
    pub async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/click"), &json!({}))
            .await;
    }

    /// Types into what the CSS selector names, once it is there.
    ///
    /// # Panics
    /// When it is not there in time, or takes no text.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/value"), &json!({"text": text}))
            .await;
    }

    /// Goes into the frame that the CSS selector names: everything is of the page in it, until a
    /// page is opened in the window.
    ///
    /// # Panics
    /// When it is not there in time.
    pub async fn enter_frame(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post("/frame", &json!({"id": {ELEMENT: element}}))
            .await;
    }

    /// What a script's function gives.
    ///
    /// # Panics
    /// When it fails.
    pub async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.post("/execute/sync", &body).await
    }

    /// Shows pages so from now on.
    ///
    /// # Panics
    /// When the browser is gone.
    pub async fn view(&self, view: View) {
        let size = json!({"width": view.width, "height": view.height,
            "deviceScaleFactor": 1, "mobile": view.width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &size)
            .await;
        let value = match view.scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.devtools("Emulation.setEmulatedMedia", &media).await;
    }

    /// A picture of the whole page, as WebP.
    ///
    /// # Panics
    /// When the browser is gone.
    pub async fn picture(&self) -> Vec<u8> {
        let how = json!({"format": "webp", "quality": 80, "captureBeyondViewport": true});
        let taken = self.devtools("Page.captureScreenshot", &how).await;
        let data = taken["data"].as_str().expect("a picture has data");
        BASE64_STANDARD.decode(data).expect("a picture is Base64")
    }

    /// Gives the browser one of its own commands, beside the protocol's.
    async fn devtools(&self, command: &str, params: &Value) -> Value {
        let body = json!({"cmd": command, "params": params});
        self.post("/goog/cdp/execute", &body).await
    }

    /// The text of the page, once it holds `expected`.
    ///
    /// # Panics
    /// When it doesn't in time, with what there is instead.
    pub async fn text_with(&self, expected: &str) -> String {
        eventually(
            PATIENCE,
            &format!("“{expected}” on the page"),
            async || {
                let text = self.run("return document.body.innerText").await;
                let text = text.as_str().unwrap_or_default().to_owned();
                if text.contains(expected) {
                    Ok(text)
                } else {
                    Err(text)
                }
            },
        )
        .await
    }

    async fn element(&self, selector: &str) -> String {
        let using = json!({"using": "css selector", "value": selector});
        eventually(PATIENCE, &format!("{selector} on the page"), async || {
            let found = call(&self.url, Method::POST, "/element", Some(&using)).await?;
            let id = found[ELEMENT].as_str().map(str::to_owned);
            id.ok_or_else(|| found.to_string())
        })
        .await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = call(&self.url, Method::POST, path, Some(body)).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let url = self.url.clone();
        // On a thread with a runtime of its own: the test's may be the one that runs this drop. A
        // driver that is killed would leave its browser behind.
        let end = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            let _gone_already = runtime.block_on(call(&url, Method::DELETE, "", None));
        });
        let _panicked = end.join();
    }
}

/// Gives a command's value, or what the driver says is wrong.
async fn call(
    base: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, String> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(format!("{base}{path}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("the driver's URL is one");
    let answer = fetch(request).await.map_err(|error| error.to_string())?;
    let value = answer.json()["value"].take();
    if answer.status.is_success() {
        Ok(value)
    } else {
        Err(value["message"].as_str().unwrap_or("no message").to_owned())
    }
}
