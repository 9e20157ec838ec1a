//! A statement's page in a real browser: that it renders at every width, asks for nothing, and adds up as it is read.
//!
//! The browser is the system's Chromium, driven through the chromedriver that comes with it. Where there is none the check
//! says so on standard error and does nothing; where there is one, whatever goes wrong with it is a failure.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fantoccini::wd::{PrintConfiguration, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// What is read from the page in the browser.
const READ: &str = include_str!("read.js");

/// How the page is looked at: a phone, a ward terminal, and the paper between the margins of A4.
const VIEWS: [(u32, u32, &str); 3] = [(360, 740, "screen"), (1024, 768, "screen"), (696, 1000, "print")];

/// A page to look at.
pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) html: String,
    /// The bills' totals in fen, one for each statement.
    pub(crate) totals: Vec<i64>,
    /// Lines of each bill.
    pub(crate) lines: Vec<usize>,
}

/// Looks at every page in every way; whether there was a browser to do it with.
pub(crate) fn check(pages: &[Page]) -> bool {
    let Some(chromium) = found(&["chromium", "chromium-browser", "google-chrome"]) else {
        // Not `eprintln!`: the test runner would keep it to itself.
        let _ = writeln!(
            std::io::stderr(),
            "\nSKIPPED: no chromium in PATH; {} statement pages were not looked at in a browser\n",
            pages.len()
        );
        return false;
    };
    let driver = Driver::start();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let client = session(&driver, &chromium, dir.path()).await;
        for page in pages {
            let file = dir.path().join(format!("{}.html", page.name));
            std::fs::write(&file, &page.html).unwrap();
            for view in VIEWS {
                look(&client, page, &file, view).await;
            }
        }
        client.close().await.unwrap();
    });
    true
}

fn found(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    names
        .iter()
        .find_map(|name| std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file()))
}

/// A chromedriver on a port that it chose itself.
struct Driver {
    child: Child,
    address: String,
}

impl Driver {
    fn start() -> Driver {
        let program = found(&["chromedriver"])
            .expect("chromium is in PATH but no chromedriver (package chromium-driver)");
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                Some(port.trim_end_matches('.').to_owned())
            })
            .expect("chromedriver names its port");
        // Goes on reading, so that the driver never waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Driver { child, address: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Driver {
    /// Asks it to end, which ends its browsers too.
    fn drop(&mut self) {
        let asked = Command::new("sh").arg("-c").arg(format!("kill {}", self.child.id())).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

async fn session(driver: &Driver, chromium: &Path, dir: &Path) -> Client {
    let profile = format!("--user-data-dir={}", dir.join("profile").display());
    let capabilities = json!({
        "goog:chromeOptions": {
            "binary": chromium,
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", profile,
            ],
            "perfLoggingPrefs": {"enableNetwork": true},
        },
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    });
    let Value::Object(capabilities) = capabilities else { unreachable!("an object") };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities);
    builder.connect(&driver.address).await.expect("chromedriver opens a session")
}

/// A command of chromedriver beyond the standard.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

async fn vendor(client: &Client, path: &'static str, body: Value) -> Value {
    client.issue_cmd(Vendor { path, body }).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}

async fn look(client: &Client, page: &Page, file: &Path, (width, height, medium): (u32, u32, &str)) {
    let at = format!("{} at {width} ({medium})", page.name);
    let device = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
    for (command, parameters) in [
        ("Emulation.setDeviceMetricsOverride", device),
        ("Emulation.setEmulatedMedia", json!({"media": medium})),
    ] {
        vendor(client, "goog/cdp/execute", json!({"cmd": command, "params": parameters})).await;
    }
    let address = format!("file://{}", file.display());
    client.goto(&address).await.unwrap();
    let read = client.execute(READ, vec![json!(medium)]).await.unwrap();

    assert_eq!(read["inner_width"], width, "{at}: the browser has another width");
    assert!(
        read["scroll_width"].as_u64() <= read["inner_width"].as_u64(),
        "{at}: scrolls sideways: {}",
        read["misfits"]
    );
    assert_eq!(read["misfits"], json!([]), "{at}");
    assert_eq!(read["dead_links"], json!([]), "{at}");
    assert_eq!(read["tables_without_heads"], 0, "{at}");
    assert_eq!(read["hidden"], 0, "{at}: lines are not printed");
    assert_eq!(read["resources"], json!([]), "{at}: asks for something");
    let sheets = read["sheets"].as_array().unwrap();
    assert_eq!(sheets.len(), page.totals.len(), "{at}");
    for (place, sheet) in sheets.iter().enumerate() {
        adds_up(&format!("{at}, statement {}", place + 1), sheet, page.totals[place], page.lines[place]);
    }

    let said = vendor(client, "se/log", json!({"type": "browser"})).await;
    assert_eq!(said, json!([]), "{at}: the console says something");
    let asked = asked(&address, &vendor(client, "se/log", json!({"type": "performance"})).await);
    assert!(asked.contains(&address), "{at}: the log of requests lacks the page itself: {asked:?}");
    let others: Vec<&String> =
        asked.iter().filter(|url| **url != address && !url.starts_with("data:")).collect();
    assert!(others.is_empty(), "{at}: asks for {others:?}");
    if medium == "print" {
        let pdf = client.print(PrintConfiguration::default()).await.unwrap();
        assert!(pdf.starts_with(b"%PDF"), "{at}: is not printed");
        let sheets_of_paper = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count();
        assert!(sheets_of_paper >= page.totals.len(), "{at}: {sheets_of_paper} sheets of paper");
    }
}

/// Every address that was asked for on behalf of the page since the log was last read; not what the browser's own first tab
/// is made of.
fn asked(page: &str, log: &Value) -> Vec<String> {
    let entries = log.as_array().unwrap();
    entries
        .iter()
        .filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let is_request =
                message["method"] == "Network.requestWillBeSent" && message["params"]["documentURL"] == page;
            is_request.then(|| message["params"]["request"]["url"].as_str().unwrap().to_owned())
        })
        .collect()
}

/// An amount as it is shown, in fen; a dash is nothing. Of its own, so that the program's reading is not its own judge.
fn fen(shown: &Value) -> i64 {
    let text = shown.as_str().unwrap_or_else(|| panic!("no amount: {shown}"));
    if text == "–" {
        return 0;
    }
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (yuan, rest) = digits.split_once('.').unwrap_or_else(|| panic!("`{text}` is not an amount"));
    assert_eq!(rest.len(), 2, "`{text}` is not an amount");
    sign * (yuan.parse::<i64>().unwrap() * 100 + rest.parse::<i64>().unwrap())
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of[name].as_array().unwrap_or_else(|| panic!("no `{name}`: {of}")).iter()
}

/// Reads a statement like someone with a pencil.
fn adds_up(at: &str, sheet: &Value, total: i64, lines: usize) {
    assert_eq!(fen(&sheet["total"]), total, "{at}: the bill's total");
    assert_eq!(fen(&sheet["foot"]), total, "{at}: the payers' total");
    let payers: i64 = list(sheet, "payers").map(|payer| fen(&payer["amount"])).sum();
    assert_eq!(payers, total, "{at}: the payers");
    let pictures = if total == 0 { 0 } else { 2 };
    assert_eq!(
        (&sheet["pictures"], &sheet["described"]),
        (&json!(pictures), &json!(pictures)),
        "{at}: pictures"
    );

    // Forward: every line is its parts and its shares. The shares are gathered by payer, line by line.
    let mut by_payer: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    let mut seen = 0;
    for (place, category) in list(sheet, "categories").enumerate() {
        let mut sum = 0;
        for line in list(category, "lines") {
            let id = line["id"].as_str().unwrap();
            let amount = fen(&line["amount"]);
            let parts: Vec<i64> = list(line, "parts").map(fen).collect();
            assert_eq!((parts.len(), parts.iter().sum()), (4, amount), "{at}: the parts of {id}");
            let shares: i64 = list(line, "shares").map(|share| fen(&share["amount"])).sum();
            assert_eq!(shares, amount, "{at}: the shares of {id}");
            for share in list(line, "shares") {
                let number = share["number"].as_str().unwrap().to_owned();
                assert!(
                    share["payer"].as_str().unwrap().ends_with(&format!("-p{number}")),
                    "{at}: a share of {id}"
                );
                let old = by_payer.entry(number).or_default().insert(id.to_owned(), fen(&share["amount"]));
                assert_eq!(old, None, "{at}: a payer comes twice in {id}");
            }
            sum += amount;
            seen += 1;
        }
        assert_eq!(fen(&category["amount"]), sum, "{at}: category {}", place + 1);
        let row: Vec<i64> = sheet["sums"][place].as_array().unwrap().iter().map(fen).collect();
        assert_eq!((row[0], row[1] + row[2]), (sum, sum), "{at}: the row of category {}", place + 1);
    }
    assert_eq!(seen, lines, "{at}: lines");

    // Back: every payment is the lines that it names, and they are the ones that name it.
    for payer in list(sheet, "payers").filter(|_| lines > 0) {
        let number = payer["number"].as_str().unwrap();
        let from: BTreeMap<String, i64> = list(payer, "from")
            .map(|source| (source["line"].as_str().unwrap().to_owned(), fen(&source["amount"])))
            .collect();
        assert_eq!(from.values().sum::<i64>(), fen(&payer["amount"]), "{at}: the lines of payer {number}");
        assert_eq!(from, by_payer.remove(number).unwrap_or_default(), "{at}: payer {number} and its lines");
    }
    assert!(by_payer.is_empty(), "{at}: shares without a payer");
    if lines > 0 {
        let column = |place: usize| -> i64 { list(sheet, "sums").map(|row| fen(&row[place])).sum() };
        let foot: Vec<i64> = list(sheet, "sums_foot").map(fen).collect();
        assert_eq!(foot, [column(0), column(1), column(2)], "{at}: the categories' sums");
        assert_eq!((foot[0], foot[1] + foot[2]), (total, total), "{at}: the categories' total");
        assert_eq!(foot[1], fen(&sheet["paid"]), "{at}: what is paid for the patient");
    }
}
