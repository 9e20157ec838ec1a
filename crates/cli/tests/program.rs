//! The program as its users run it: exit codes, files, the demo, a gateway that is killed and started again.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use bedside_gateway::v1::bedside_service_client::BedsideServiceClient;
use bedside_gateway::{parse_case, v1};
use serde_json::Value;

fn bedside(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bedside")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn morning() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("morning")
}

fn case(name: &str) -> String {
    std::fs::read_to_string(morning().join(name)).unwrap()
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_demo_accounts_for_every_fen() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let ledger = ledger.to_str().unwrap();
    let demo = bedside(&["demo", "--data", ledger]);
    assert!(demo.status.success(), "{}", stderr(&demo));
    let text = stdout(&demo);
    for part in [
        "医疗费用结算单",
        "参数未经核实",
        "5000.00 ┆   3760.00",
        "20000.00 ┆  13650.00",
        "6000.00 ┆   4500.00",
        "feedetail[1].det_item_fee_sumamt",
        "账本回读：25 条记录（结算 15，撤销 1，冲正 2，保留 2，住院 5）",
        "答复丢失后凭 msgid 找回",
        "未到达的报文已冲正",
        "具有约束力的预结算",
        ledger,
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let again = bedside(&["demo", "--data", ledger]);
    assert_eq!(again.status.code(), Some(2), "a ledger that is there is not written to");

    let english = bedside(&["demo", "--lang", "en", "--data", dir.path().join("english").to_str().unwrap()]);
    assert!(english.status.success() && stdout(&english).contains("a parameter is not verified"));
}

/// The demo settles its newborn, reverses that and settles again.
#[test]
fn a_claims_life_is_on_one_screen_and_its_statements_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ledger");
    let folder = folder.to_str().unwrap();
    assert!(bedside(&["demo", "--data", folder]).status.success());
    let show = |words: &[&str]| bedside(&[&["ledger", "show", "--data", folder], words].concat());

    let claim = "MDTRT20260316013";
    let screen = stdout(&show(&[claim]));
    for part in [
        "●立案 ○信息变更",
        "10 结案",
        "12 撤销",
        "-3215.00",
        "个人现金 1738.00，城乡居民基本医疗保险基金 1477.00",
    ] {
        assert!(screen.contains(part), "`{part}` is not in\n{screen}");
    }
    let life = |words: &[&str]| -> Value {
        serde_json::from_str(&stdout(&show(&[words, &["--format", "json"]].concat()))).unwrap()
    };
    let life_of_claim = life(&[claim]);
    let nodes = life_of_claim["nodes"].as_array().unwrap().iter().map(|node| node["node"].as_str().unwrap());
    let once = ["opened", "fees_in", "discharged", "settled"];
    let expected: Vec<&str> = once.into_iter().chain(["undone"]).chain(once).collect();
    assert_eq!(nodes.collect::<Vec<_>>(), expected);
    assert_eq!(life_of_claim["standing"]["cash"], "1738.00");

    let setl_id = life_of_claim["nodes"][0]["setl_id"].as_str().unwrap();
    assert_eq!(life(&[setl_id]), life_of_claim, "a settlement leads to its claim");
    let statement = |setl_id: &str, form: &str| {
        bedside(&["ledger", "statement", "--data", folder, setl_id, "--format", form])
    };
    let booked: Value = serde_json::from_str(&stdout(&statement(setl_id, "json"))).unwrap();
    assert_eq!((&booked["setl_id"], &booked["mdtrt_id"]), (&setl_id.into(), &claim.into()));
    let reversal = life_of_claim["nodes"][4]["setl_id"].as_str().unwrap();
    assert!(stdout(&statement(reversal, "text")).contains("-1738.00"));
    assert!(stdout(&statement(setl_id, "html")).contains(setl_id));

    for (output, names) in [
        (show(&["NO-SUCH-CLAIM"]), "no claim `NO-SUCH-CLAIM`"),
        (show(&[claim, "--hospital", "H2"]), "no claim `MDTRT20260316013`"),
        (statement("S0000000000000099", "text"), "no settlement `S0000000000000099`"),
    ] {
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(names), "{}", stderr(&output));
    }
}

#[test]
fn settle_tells_wrong_input_refusal_and_fault_apart() {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(morning()).unwrap() {
        let path = entry.unwrap().path();
        let output = bedside(&["settle", path.to_str().unwrap()]);
        let wrong = path.ends_with("12-does-not-add-up.json");
        assert_eq!(output.status.code(), Some(if wrong { 2 } else { 0 }), "{}", path.display());
    }
    let text = case("01-resident-child.json");
    let cases = [
        (text.replace("\"330100\"", "\"440100\""), 3, "no programme for `insutype` 390 insured in 440100"),
        (
            text.replace("\"cnt\": \"5\"", "\"cnt\": 5"),
            2,
            "`feedetail[0].cnt`: expected a string, found a number",
        ),
        (text.replace("\"baseinfo\"", "\"basinfo\""), 2, "unknown field `basinfo`"),
        (text.replace("\"2026-03-11 09:20:00\"", "\"2026-03-32 09:20:00\""), 2, "mdtrtinfo.begntime"),
        (String::new(), 2, "line 1 column 0"),
        ("[".repeat(100_000), 2, "expected an object, found a list"),
    ];
    for (text, code, message) in cases {
        let path = write(dir.path(), "case.json", &text);
        let output = bedside(&["settle", &path, "--lang", "en"]);
        assert_eq!(output.status.code(), Some(code), "{message}: {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
    let missing = bedside(&["settle", "no-such-file.json"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("no-such-file.json"));
}

#[test]
fn settle_sets_english_beside_the_chinese() {
    let file = morning().join("08-cancer-out-of-catalogue.json");
    let output = bedside(&["settle", file.to_str().unwrap(), "--lang", "both"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for part in ["医疗费用结算单 Settlement statement", "个人现金 patient, cash", "床位费 bed", "30651.20"]
    {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

#[test]
fn a_line_leads_to_its_payers_and_a_payment_back_to_its_lines() {
    let file = morning().join("07-low-income.json");
    let settle =
        |more: &[&str]| bedside(&[&["settle", file.to_str().unwrap(), "--lang", "en"], more].concat());
    let shares = |text: &str, arrow: &str| -> i64 {
        let amounts = text.lines().filter_map(|line| line.strip_prefix(arrow));
        amounts
            .map(|rest| rest.split_whitespace().next().unwrap().replace('.', "").parse::<i64>().unwrap())
            .sum()
    };
    let line = stdout(&settle(&["--line", "0007"]));
    assert_eq!(shares(&line, "→ "), 528_000, "{line}");
    assert!(line.contains("item.above_ceiling") && line.contains("118862.00 x 70 % = 83203.40"), "{line}");
    let payment = stdout(&settle(&["--payment", "2"]));
    assert_eq!(shares(&payment, "← "), 802_102, "{payment}");
    assert!(payment.contains("11458.60 x 70 % = 8021.02") && !payment.contains("83203.40"), "{payment}");
    for (more, message) in [
        (["--line", "9"], "the settlement has no line `9`"),
        (["--payment", "0"], "the settlement has no payment `0`"),
        (["--payment", "4"], "the settlement has no payment `4`"),
    ] {
        let output = settle(&more);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
}

#[test]
fn settle_reads_standard_input_and_writes_json() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bedside"))
        .args(["settle", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(case("08-cancer-out-of-catalogue.json").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let settlement: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(settlement["setlinfo"]["commercial_pay"], "30651.20");
    assert_eq!(settlement["payments"][1]["pack_id"], "hangzhou/xihu-yilianbao");
}

#[test]
fn packs_are_read_from_a_folder_and_a_defect_is_named() {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            if path.is_dir() { copy(&path, &target) } else { assert!(std::fs::copy(&path, &target).is_ok()) }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/packs"), dir.path());
    let packs = dir.path().to_str().unwrap();
    let file = morning().join("01-resident-child.json");
    let settle = || bedside(&["settle", file.to_str().unwrap(), "--packs", packs]);
    assert!(settle().status.success());
    let plan = dir.path().join("hangzhou/resident-basic/2021.toml");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("\"0.70\"", "\"7.0\"")).unwrap();
    let output = settle();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains(
            "`hangzhou/resident-basic/2021.toml`: `parameter.inpatient_rate`: `7.0` is outside 0 to 1"
        ),
        "{}",
        stderr(&output)
    );
}

#[test]
fn replay_writes_the_same_bytes_with_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/bills-1000.ndjson");
    let mut rows: Vec<String> =
        std::fs::read_to_string(fixture).unwrap().lines().map(str::to_owned).collect();
    rows.truncate(300);
    rows.insert(7, "not json".to_owned());
    rows[20] = rows[20].replacen("\"cnt\":\"", "\"cnt\":\"x", 1);
    rows.push(rows[0].clone());
    let bills = write(dir.path(), "bills.ndjson", &rows.join("\n"));
    let run = |threads: &str, more: &[&str]| {
        let out = dir.path().join(format!("results-{threads}.ndjson"));
        let rejects = dir.path().join(format!("rejects-{threads}.ndjson"));
        let mut arguments = vec!["replay", &bills, "--threads", threads];
        arguments.extend(["--out", out.to_str().unwrap(), "--rejects", rejects.to_str().unwrap()]);
        arguments.extend(more);
        let output = bedside(&arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        (std::fs::read_to_string(out).unwrap(), std::fs::read_to_string(rejects).unwrap(), stdout(&output))
    };
    let (results, rejects, summary) = run("1", &[]);
    assert_eq!((results.lines().count(), rejects.lines().count()), (299, 3));
    let lines: Vec<u64> = rejects
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [8, 21, 302]);
    assert!(rejects.contains("feedetail[0].cnt") && rejects.contains("was used by the row on line 1"));
    assert!(summary.contains("299 bills settled, 3 rejected"), "{summary}");
    let (again, rejects_again, summary) = run("4", &["--format", "json"]);
    assert_eq!((again, rejects_again), (results, rejects));
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["settled"], 299);

    let linked = dir.path().join("linked.ndjson");
    std::fs::hard_link(&bills, &linked).unwrap();
    let hidden = bedside(&["replay", &bills, "--out", linked.to_str().unwrap()]);
    assert_eq!(hidden.status.code(), Some(2));
    let both = dir.path().join("both.ndjson");
    let both = both.to_str().unwrap();
    assert_eq!(bedside(&["replay", &bills, "--out", both, "--rejects", both]).status.code(), Some(2));
    let rejects = dir.path().join("rejects.ndjson");
    let full = bedside(&["replay", &bills, "--out", "/dev/full", "--rejects", rejects.to_str().unwrap()]);
    assert_eq!(full.status.code(), Some(1), "{}", stdout(&full));
    let nothing = write(dir.path(), "nothing.ndjson", "not json\n");
    let out = dir.path().join("nothing.out");
    assert_eq!(bedside(&["replay", &nothing, "--out", out.to_str().unwrap()]).status.code(), Some(2));
    let same = bedside(&["replay", &bills, "--out", &bills]);
    assert_eq!(same.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&bills).unwrap().lines().count(), 302, "the bills are still there");
}

/// A gateway of its own process; killed when dropped.
struct Gateway {
    child: Child,
    address: String,
}

impl Gateway {
    fn start(data: &Path) -> Gateway {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bedside"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("bedside listens on ").unwrap().to_owned();
        Gateway { child, address }
    }

    async fn settle(&self, request: &v1::SettleBillRequest) -> v1::Settlement {
        let mut client = BedsideServiceClient::connect(format!("http://{}", self.address)).await.unwrap();
        client.settle_bill(request.clone()).await.unwrap().into_inner().settlement.unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_answers_as_before_and_a_stopped_one_exits_well() {
    let dir = tempfile::tempdir().unwrap();
    let requests: Vec<v1::SettleBillRequest> = ["01-resident-child.json", "03-retired-secondary.json"]
        .map(|name| parse_case(&case(name)).unwrap())
        .into();
    let mut gateway = Gateway::start(dir.path());
    let mut answers = Vec::new();
    for request in &requests {
        answers.push(gateway.settle(request).await);
    }
    gateway.child.kill().unwrap();
    drop(gateway);

    let mut gateway = Gateway::start(dir.path());
    for (request, answer) in requests.iter().zip(&answers) {
        assert_eq!(gateway.settle(request).await, *answer);
    }
    let killed = Command::new("kill").args(["-TERM", &gateway.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(gateway.child.wait().unwrap().success());

    let taken = Gateway::start(dir.path());
    let second = bedside(&["serve", "--listen", "127.0.0.1:0", "--data", dir.path().to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1), "the ledger is in use");
    drop(taken);
}
