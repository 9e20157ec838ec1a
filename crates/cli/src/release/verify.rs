//! `bedside verify release`: a release against a settlement's digest, without anything else.
//!
//! What is shown must hash to the digest, and what can be added up must add up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bedside_claim::{Lang, Money};
use clap::Args;
use serde_json::{Value, json};

use super::tree::{Hash, leaf, root, unhex};
use super::{FORMAT, Granularity, digest};
use crate::failure::Failure;
use crate::format::{LangArgument, OutputFormat, hex, print};

/// What `verify release` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it verifies, 3 it does not, 2 the file is no release.\n\nExamples:\n  bedside settle case.json --reveal benefit --salt-key salts.key > release.json\n  bedside verify release release.json --digest 4f2c..."
)]
pub(crate) struct ReleaseArguments {
    /// The release.
    release: PathBuf,
    /// The settlement's digest, from a source that is trusted; without it the release is only held against the digest that
    /// it names itself.
    #[arg(long, value_name = "64 HEX DIGITS")]
    digest: Option<String>,
    /// Print for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// The language.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
}

pub(crate) fn run(arguments: &ReleaseArguments) -> Result<(), Failure> {
    let path = arguments.release.display();
    let text = std::fs::read_to_string(&arguments.release)
        .map_err(|error| Failure::wrong_input(format!("cannot read `{path}`: {error}")))?;
    let document: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::wrong_input(format!("`{path}` is not JSON: {error}")))?;
    let release = Release::read(&document)
        .map_err(|what| Failure::wrong_input(format!("`{path}` is not a release: {what}")))?;
    let trusted = arguments.digest.as_deref().map(|text| {
        unhex(&text.to_ascii_lowercase())
            .ok_or_else(|| Failure::wrong_input("`--digest` is not 64 hexadecimal digits"))
    });
    let trusted = trusted.transpose()?;
    let sums = release.check(trusted).map_err(|what| Failure::refused(format!("`{path}`: {what}")))?;
    let digest = hex(&release.digest);
    let Release { reveal, shown, .. } = &release;
    print(&match (arguments.format, Lang::from(arguments.lang)) {
        (OutputFormat::Json, _) => {
            let items: BTreeMap<&String, &String> = shown.iter().collect();
            let proved = json!({ "digest": digest, "digest_given": trusted.is_some(),
                "reveal": reveal.name(), "plan": release.plan, "sums": sums, "items": items });
            format!("{proved:#}\n")
        }
        (OutputFormat::Text, lang) => {
            let of_itself = trusted.is_none();
            let (head, own) = match lang {
                Lang::Zh => (
                    format!("已核验：{} 项与摘要 {digest} 相符，{sums} 个合计相等\n", shown.len()),
                    "注意：未给出可信来源的摘要（--digest），仅与文件自带的摘要核对\n",
                ),
                Lang::En => (
                    format!("verified: {} items belong to digest {digest}, {sums} sums hold\n", shown.len()),
                    "note: no digest from a trusted source was given (--digest); held against the file's own\n",
                ),
            };
            let items = shown.iter().map(|(path, value)| format!("  {path} = {value}\n"));
            head + if of_itself { own } else { "" } + &items.collect::<String>()
        }
    })
}

/// A release as it was read.
struct Release {
    digest: Hash,
    reveal: Granularity,
    plan: Option<String>,
    /// What is shown, by path.
    shown: BTreeMap<String, String>,
    /// The roots that follow from it.
    roots: Vec<Hash>,
}

impl Release {
    fn read(document: &Value) -> Result<Release, String> {
        let text = |field: &str| {
            document[field].as_str().ok_or_else(|| format!("`{field}` is missing or not a text"))
        };
        if text("format")? != FORMAT {
            return Err(format!("`format` is `{}`, not `{FORMAT}`", text("format")?));
        }
        let digest = unhex(text("digest")?).ok_or("`digest` is not 64 hexadecimal digits")?;
        let reveal = Granularity::from_name(text("reveal")?).ok_or_else(|| {
            format!("`reveal`: `{}` is not total, benefit, category or line", document["reveal"])
        })?;
        let plan = document.get("plan").map(|_| text("plan").map(str::to_owned)).transpose()?;
        let (mut shown, mut roots) = (BTreeMap::new(), Vec::new());
        for granularity in Granularity::ALL {
            let place = format!("levels.{}", granularity.name());
            let level = &document["levels"][granularity.name()];
            roots.push(match (&level["root"], &level["leaves"]) {
                (Value::String(root), Value::Null) if granularity > reveal => {
                    unhex(root).ok_or_else(|| format!("`{place}.root` is not 64 hexadecimal digits"))?
                }
                (Value::Null, Value::Array(leaves)) if granularity <= reveal => {
                    let hashes = leaves.iter().enumerate().map(|(at, value)| {
                        read_leaf(value, &mut shown).map_err(|what| format!("`{place}.leaves[{at}]`: {what}"))
                    });
                    root(&hashes.collect::<Result<Vec<_>, _>>()?)
                }
                _ => return Err(format!("`{place}` must have leaves down to `reveal`, and a root below")),
            });
        }
        Ok(Release { digest, reveal, plan, shown, roots })
    }

    /// Holds what is shown against the digest and adds it up; how many sums there were.
    fn check(&self, trusted: Option<Hash>) -> Result<u32, String> {
        let follows = digest(&self.roots);
        if follows != self.digest {
            return Err(format!(
                "what is shown belongs to digest {}, not {}",
                hex(&follows),
                hex(&self.digest)
            ));
        }
        if let Some(trusted) = trusted.filter(|trusted| *trusted != self.digest) {
            return Err(format!("it is a release of digest {}, not of {}", hex(&self.digest), hex(&trusted)));
        }
        let mut sums = Sums { shown: &self.shown, held: 0 };
        sums.whole("medfee_sumamt", &Sums::PAYERS)?;
        if self.reveal >= Granularity::Benefit {
            sums.plans()?;
        }
        if self.reveal >= Granularity::Category {
            sums.payments("category/")?;
            sums.rows("category/")?;
        }
        if self.reveal >= Granularity::Line {
            sums.payments("line/")?;
            sums.rows("line/")?;
        }
        Ok(sums.held)
    }
}

fn read_leaf(value: &Value, shown: &mut BTreeMap<String, String>) -> Result<Hash, String> {
    let hash = |text: &Value| text.as_str().and_then(unhex);
    if let Some(hidden) = value.get("hash") {
        return hash(hidden).ok_or_else(|| "`hash` is not 64 hexadecimal digits".to_owned());
    }
    let (Some(path), Some(text), Some(salt)) =
        (value["path"].as_str(), value["value"].as_str(), hash(&value["salt"]))
    else {
        return Err("neither a `hash` nor `path`, `value` and `salt`".to_owned());
    };
    if shown.insert(path.to_owned(), text.to_owned()).is_some() {
        return Err(format!("`{path}` is there twice"));
    }
    Ok(leaf(&salt, path, text))
}

/// Adds up what is shown.
struct Sums<'a> {
    shown: &'a BTreeMap<String, String>,
    held: u32,
}

impl Sums<'_> {
    const PAYERS: [&'static str; 5] =
        ["fund_pay_sumamt", "commercial_pay", "hosp_part_amt", "acct_pay", "psn_cash_pay"];

    fn amount(&self, path: &str) -> Result<Option<Money>, String> {
        let Some(text) = self.shown.get(path) else { return Ok(None) };
        Money::parse(text).map(Some).map_err(|_| format!("`{path}`: `{text}` is not an amount"))
    }

    fn hold(&mut self, path: &str, whole: Money, parts: Vec<Money>) -> Result<(), String> {
        let sum = Money::sum(parts).map_err(|_| format!("the parts of `{path}` are out of range"))?;
        if sum != whole {
            return Err(format!("`{path}` is {whole}, but its parts sum to {sum}"));
        }
        self.held += 1;
        Ok(())
    }

    /// One amount and its parts, where all of them are shown.
    fn whole(&mut self, path: &str, parts: &[&str]) -> Result<(), String> {
        let amounts = parts.iter().map(|part| self.amount(part)).collect::<Result<Option<Vec<_>>, _>>()?;
        match (self.amount(path)?, amounts) {
            (Some(whole), Some(parts)) => self.hold(path, whole, parts),
            _ => Ok(()),
        }
    }

    /// What is shown below a place, by what stands behind its position: `payment/2/amount` under `payment/` and `amount`.
    fn under(&self, place: &str, name: &str) -> Vec<(String, String)> {
        let below = self.shown.range(place.to_owned()..).take_while(|(path, _)| path.starts_with(place));
        below
            .filter_map(|(path, value)| {
                let (position, behind) = path[place.len()..].split_once('/')?;
                (behind == name).then(|| (position.to_owned(), value.clone()))
            })
            .collect()
    }

    /// Each plan's payments sum to what the plan pays.
    fn plans(&mut self) -> Result<(), String> {
        let mut paid: BTreeMap<String, Vec<Money>> = BTreeMap::new();
        for (position, plan) in self.under("payment/", "plan") {
            let path = format!("payment/{position}/amount");
            let amount = self.amount(&path)?.ok_or_else(|| format!("`{path}` is missing"))?;
            paid.entry(plan).or_default().push(amount);
        }
        for (plan, amounts) in paid {
            let path = format!("plan/{plan}");
            let whole = self.amount(&path)?.ok_or_else(|| format!("`{path}` is missing"))?;
            self.hold(&path, whole, amounts)?;
        }
        Ok(())
    }

    /// Each payment is the sum of its parts by category or line.
    fn payments(&mut self, place: &str) -> Result<(), String> {
        for (position, amount) in self.under("payment/", "amount") {
            let path = format!("payment/{position}/amount");
            let whole =
                Money::parse(&amount).map_err(|_| format!("`{path}`: `{amount}` is not an amount"))?;
            let parts = self.under(place, &format!("payment/{position}"));
            let parts = parts.iter().map(|(_, part)| Money::parse(part)).collect::<Result<Vec<_>, _>>();
            self.hold(&path, whole, parts.map_err(|_| format!("a part of `{path}` is not an amount"))?)?;
        }
        Ok(())
    }

    /// Each category or line is the sum of its shares; all of them are the bill.
    fn rows(&mut self, place: &str) -> Result<(), String> {
        let rows = self.under(place, "det_item_fee_sumamt");
        if rows.is_empty() {
            return Ok(());
        }
        let mut whole_bill = Vec::new();
        for (position, _) in &rows {
            let row = format!("{place}{position}/");
            let path = format!("{row}det_item_fee_sumamt");
            let amount = self.amount(&path)?.ok_or_else(|| format!("`{path}` is missing"))?;
            whole_bill.push(amount);
            let shares = self.shown.range(row.clone()..).take_while(|(path, _)| path.starts_with(&row));
            let is_share = |name: &str| {
                name.starts_with("payment/") || ["hosp_part_amt", "acct_pay", "psn_cash_pay"].contains(&name)
            };
            let shares = shares
                .filter(|(path, _)| is_share(&path[row.len()..]))
                .map(|(path, share)| Money::parse(share).map_err(|_| format!("`{path}` is not an amount")))
                .collect::<Result<Vec<_>, _>>()?;
            self.hold(&path, amount, shares)?;
        }
        let bill = self.amount("medfee_sumamt")?.ok_or("`medfee_sumamt` is missing")?;
        self.hold("medfee_sumamt", bill, whole_bill)
    }
}
