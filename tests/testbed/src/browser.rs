//! A real browser: Debian's Chromium without a window, controlled by WebDriver.

mod session;

use std::{fs, path::Path, sync::Mutex, time::Duration};

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use self::session::Session;
use crate::{
    eventually::eventually,
    guard::Folder,
    install,
    picture::smaller,
    port,
    process::{Launch, Process},
};

const START_DEADLINE: Duration = Duration::from_secs(60);

/// The paths in Debian's packages.
const CHROMIUM: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";

/// A browser with one page. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    session: Session,
    // Before the folder, so that it is dropped, and with it the browser killed, first.
    _driver: Mutex<Process>,
    _folder: Folder,
}

impl Browser {
    /// Starts a browser with `language` as the user's preferred language.
    ///
    /// # Errors
    /// If it is not installed or does not start.
    pub async fn start(language: &str) -> Result<Self> {
        for program in [CHROMIUM, DRIVER] {
            ensure!(
                Path::new(program).exists(),
                "there is no {program}: apt-get install --no-install-recommends chromium \
                 chromium-driver"
            );
        }
        let folder = Folder::new("browser")?;
        let port = port::free()?;
        let (args, log) = (vec![format!("--port={port}").into()], folder.path().join("log"));
        let driver = Process::start(&Launch {
            env: vec![("HOME".into(), Some(folder.path().into()))],
            ..Launch::new(DRIVER.as_ref(), args, folder.path(), &log)
        })?;
        let driver = Mutex::new(driver);
        let data = folder.path().join("data");
        // It sends requests to the page's server only.
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--disable-breakpad",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            format!("--user-data-dir={}", data.display()),
        ]);
        let capabilities = json!({
            "goog:chromeOptions": {
                "binary": CHROMIUM,
                "args": arguments,
                "prefs": {"intl.accept_languages": language},
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let session = eventually("browser", START_DEADLINE, async || {
            Session::start(port, &capabilities).await.with_context(|| {
                driver.lock().map_or_else(|_| "no driver".to_owned(), |mut driver| driver.state())
            })
        })
        .await?;
        Ok(Self { session, _driver: driver, _folder: folder })
    }

    /// Opens a page, and returns when its scripts are loaded.
    ///
    /// # Errors
    /// If no server answers.
    pub async fn open(&self, url: &str) -> Result<()> {
        let opened = self.session.post("url", &json!({"url": url})).await;
        opened.map(drop).with_context(|| format!("cannot open {url}"))
    }

    /// Sets the width and height of the page in CSS pixels.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let measure = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", measure).await.map(drop)
    }

    /// Sets a CSS media feature of the user's preferences, such as `prefers-color-scheme`, `dark`.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn prefer(&self, features: &[(&str, &str)]) -> Result<()> {
        let feature = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
        let features: Vec<_> = features.iter().map(feature).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await.map(drop)
    }

    /// Displays the page as printed, until [`Self::prefer`] is called.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn as_printed(&self) -> Result<()> {
        self.devtools("Emulation.setEmulatedMedia", json!({"media": "print"})).await.map(drop)
    }

    /// The result of a script in the page, which must `return` it.
    ///
    /// # Errors
    /// If the script throws.
    pub async fn evaluate(&self, script: &str) -> Result<Value> {
        let parameters = json!({"script": script, "args": []});
        let result = self.session.post("execute/sync", &parameters).await;
        result.with_context(|| script.to_owned())
    }

    /// The visible text of the first element that matches a selector.
    ///
    /// # Errors
    /// If there is none.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let element = self.session.element(selector).await?;
        let text = self.session.get(&format!("{element}/text")).await?;
        Ok(text.as_str().context("the driver answered without text")?.to_owned())
    }

    /// Clicks on the first element that matches a selector.
    ///
    /// # Errors
    /// If there is none that can be clicked.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let element = self.session.element(selector).await?;
        self.session.post(&format!("{element}/click"), &json!({})).await.map(drop)
    }

    /// New messages in the browser's console: level, then message.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn console(&self) -> Result<Vec<String>> {
        let entries = self.session.post("se/log", &json!({"type": "browser"})).await?;
        let line = |entry: &Value| format!("{} {}", entry["level"], entry["message"]);
        Ok(entries.as_array().into_iter().flatten().map(line).collect())
    }

    /// Accessibility violations of the page that axe-core finds: each rule, and the elements that
    /// violate it.
    ///
    /// # Errors
    /// If axe-core cannot be installed, or cannot complete all checks.
    pub async fn violations(&self) -> Result<Vec<String>> {
        let axe = fs::read_to_string(install::axe()?)?;
        self.evaluate(&format!("{axe}\nwindow.axe = axe;")).await?;
        let found = self
            .evaluate(
                "return axe.run(document, {resultTypes: ['violations']}).then(({violations}) => \
                 violations.map(({id, help, nodes}) => `${id}: ${help}: ${nodes.map((node) => \
                 `${node.html} (${node.failureSummary})`).join(', ')}`))",
            )
            .await?;
        Ok(serde_json::from_value(found)?)
    }

    /// Presses a key, such as `ArrowLeft` or `Tab`, at the focus.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn press(&self, key: &str) -> Result<()> {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            _ => 0,
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.devtools("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    /// Writes a screenshot of the whole page as PNG.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let measure = self.devtools("Page.getLayoutMetrics", json!({})).await?;
        let size = &measure["cssContentSize"];
        let all = json!({
            "captureBeyondViewport": true,
            "clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
        });
        let picture = self.devtools("Page.captureScreenshot", all).await?;
        let data = picture["data"].as_str().context("no picture")?;
        fs::write(file, smaller(&BASE64_STANDARD.decode(data)?)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// A command of Chromium's own protocol.
    async fn devtools(&self, command: &str, params: Value) -> Result<Value> {
        let body = json!({"cmd": command, "params": params});
        let answer = self.session.post("goog/cdp/execute", &body).await;
        answer.with_context(|| command.to_owned())
    }
}
