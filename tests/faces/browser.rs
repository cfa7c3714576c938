//! The hostile page in a real browser, beside a page that shows that the browser would have noticed.
//!
//! Where Chromium is not installed the test says so and passes, unless `PROXYPROBE_REQUIRE_FIELD=1`.

use super::dom::Page;
use super::hostile;
use proxyprobe::report::Format;
use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where the browser is.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let found = path.split(':').map(|dir| Path::new(dir).join("chromium")).find(|file| file.is_file());
    if found.is_none() {
        let required = std::env::var("PROXYPROBE_REQUIRE_FIELD").as_deref() == Ok("1");
        assert!(!required, "CI requires the field ring, but chromium is not installed");
        let _ = writeln!(std::io::stderr(), "field: skipped, chromium is not installed");
    }
    found
}

/// A directory that is gone when the test is.
struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A proxy that answers nothing and keeps what it was asked for.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let book = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut head = [0; 1024];
                let read = match stream.read(&mut head) {
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
                    Err(error) => panic!("{error}"),
                };
                let line = String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned();
                book.lock().unwrap().push(line);
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            }
        });
        Self { port, asked }
    }

    /// What was asked of the host that only a planted text names.
    fn asked_of_canary(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|line| line.contains("canary.test")).cloned().collect()
    }
}

/// Opens a page and gives the document back as it is when all is loaded.
fn opened(chromium: &Path, dir: &Dir, name: &str, html: &str, proxy: &Proxy) -> String {
    let file = dir.0.join(name);
    fs::write(&file, html).unwrap();
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--dump-dom"])
        .arg(format!("--proxy-server=127.0.0.1:{}", proxy.port))
        .arg(format!("--user-data-dir={}", dir.0.join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let dumped = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !dumped.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    dumped
}

/// The title of a document, as a reader sees it.
fn title(document: &str) -> BTreeSet<String> {
    // A drawing may have titles of its own.
    Page::of(document).texts(|one| one.name == "title" && one.in_head)
}

#[test]
fn nothing_that_is_planted_runs_or_loads_in_a_browser() {
    let Some(chromium) = chromium() else { return };
    let dir = Dir(std::env::temp_dir().join(format!("proxyprobe-faces-{}", std::process::id())));
    fs::create_dir_all(&dir.0).unwrap();
    // The canary is alive: as markup, what is planted runs and asks for another host.
    let proxy = Proxy::start();
    let image = hostile::MARKUP.iter().find(|text| text.contains("canary.test/image")).unwrap();
    let script = hostile::MARKUP.first().unwrap();
    let control = format!("<!DOCTYPE html><meta charset=utf-8><title>quiet</title>{script}<!-- {image}");
    let document = opened(&chromium, &dir, "control.html", &control, &proxy);
    assert_eq!(title(&document), BTreeSet::from(["ran".to_owned()]));
    assert_eq!(proxy.asked_of_canary().len(), 1, "{document}");

    let proxy = Proxy::start();
    let report = hostile::report();
    let page = report.render(Format::Html, false);
    let document = opened(&chromium, &dir, "report.html", &page, &proxy);
    assert_eq!(title(&document), title(&page));
    assert_eq!(Page::of(&document).loads_or_runs(), [""; 0]);
    assert_eq!(proxy.asked_of_canary(), [""; 0]);
}
