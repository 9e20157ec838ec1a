//! Two readings of the five Hangzhou plans must agree: the core's, and a slow, obvious one written from the documents.
//!
//! Random persons with random bills are settled by both, and every line's split, every payment, deductible, share,
//! accumulator and reason is compared. The module `reading` must know nothing of the core but the types of a claim;
//! only this file calls both. A run also counts the edges that it met, so that a generator that no longer reaches one
//! is seen.
//!
//! `BEDSIDE_SECOND_CASES` sets the number of histories and `BEDSIDE_SECOND_SEED` draws others:
//! `BEDSIDE_SECOND_CASES=1000000 cargo test -p bedside-adjudication --test second --release -- --nocapture`
#![allow(clippy::unwrap_used, clippy::panic)]

mod exact;
mod histories;
mod packs;
mod page;
mod reading;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;

use bedside_adjudication::adjudicate;
use bedside_claim::{
    Accumulators, BenefitCard, Bill, Claim, FeeCategory, FourWaySplit, Money, Origin, Reason, Settlement,
    Step, Term,
};
use bedside_policy::Library;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::exact::{Fen, shown};
use crate::histories::{History, histories};
use crate::packs::Packs;
use crate::reading::{Answer, Name, Used};

/// Of both tests together.
const CASES: u32 = 20_000;

/// So many histories of one test must meet every edge.
const CASES_THAT_MEET_EVERY_EDGE: u32 = 10_000;

#[expect(clippy::disallowed_methods, reason = "how long to try is the caller's; the core sees none of it")]
fn from_environment(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}=`{text}`")))
}

fn fen(amount: Money) -> Fen {
    Fen::from(amount.units())
}

fn parts(split: &FourWaySplit) -> [Fen; 4] {
    split.parts().map(fen)
}

fn name(benefit: &BenefitCard) -> Name {
    let Origin::Pack(pack) = &benefit.origin else { panic!("a benefit of no pack") };
    (pack.id.to_string(), benefit.id.to_string())
}

/// The five plans count over calendar years, and over stays that are settled in parts.
fn term(term: &Term) -> String {
    match term {
        Term::Year(_) | Term::Visit(_) => term.to_string(),
        other => panic!("the plans keep nothing over {other}"),
    }
}

fn subject(subject: &str) -> &'static str {
    match subject {
        "" => "",
        "base" => "base",
        other => panic!("the plans keep nothing of `{other}`"),
    }
}

/// The values that differ, each in a sentence.
struct Differences(Vec<String>);

impl Differences {
    fn amount(&mut self, what: &str, core: Fen, second: Fen) {
        if core != second {
            self.0.push(format!(
                "{what}: the core says {}, the second reading {}",
                shown(core),
                shown(second)
            ));
        }
    }

    fn value<T: PartialEq + Debug>(&mut self, what: &str, core: T, second: T) {
        if core != second {
            self.0.push(format!("{what}: the core says {core:?}, the second reading {second:?}"));
        }
    }
}

fn compare(claim: &Claim, core: &Settlement, second: &Answer, after: &Used) -> Vec<String> {
    let mut found = Differences(Vec::new());
    let pools = ["own expense", "over limit", "first-pay", "in scope"];
    let mut totals = [0; 4];
    for (line, split) in core.line_splits.iter().enumerate() {
        for pool in 0..4 {
            let what = format!("{} of line {}", pools[pool], line + 1);
            found.amount(&what, parts(&split.split)[pool], second.splits[line][pool]);
            totals[pool] += second.splits[line][pool];
        }
        found.value(&format!("reason of line {}", line + 1), split.reason, second.line_reasons[line]);
    }
    found.value("split of the bill", parts(&core.split), totals);

    let mut denied: BTreeMap<Name, Reason> = BTreeMap::new();
    let mut charged: BTreeMap<Name, Fen> = BTreeMap::new();
    let mut account_reason = None;
    for step in &core.explanation {
        match step {
            Step::Denied { benefit, reason } => {
                found.value("denied twice", denied.insert(name(benefit), *reason), None);
            }
            Step::Deductible { benefit, charged: amount, .. } => {
                charged.insert(name(benefit), fen(*amount));
            }
            Step::AccountDenied { reason } => account_reason = Some(*reason),
            _ => {}
        }
    }
    found.value("denied benefits", denied, second.denied.clone());
    for (benefit, amount) in &second.charged {
        let what = format!("deductible of {} {}", benefit.0, benefit.1);
        found.amount(&what, charged.remove(benefit).unwrap_or(0), *amount);
    }
    found.value("deductibles of other benefits", charged, BTreeMap::new());
    found.amount("act_pay_dedc", fen(core.act_pay_dedc), second.act_pay_dedc);

    let paid: Vec<(Name, Fen)> = core.payments.iter().map(|p| (name(&p.benefit), fen(p.amount))).collect();
    let expected: Vec<_> = second.pays.iter().filter(|(_, amount)| *amount != 0).cloned().collect();
    found.value("payments", &paid, &expected);
    found.amount("account", fen(core.acct_pay), second.account);
    found.value("reason of the account", account_reason, second.account_reason);
    found.amount("cash", fen(core.psn_cash_pay), second.cash);
    found.amount("hospital share", fen(core.hosp_part_amt), 0);
    for line in 0..claim.bill.lines().len() {
        let row = core.shares.row(line);
        for ((name, _), share) in paid.iter().zip(row.payments) {
            let name = format!("{}/{}", name.0, name.1);
            let what = format!("share of {name} in line {}", line + 1);
            found.amount(&what, fen(*share), second.shares.get(&name).map_or(0, |shares| shares[line]));
        }
        found.amount(
            &format!("account's share of line {}", line + 1),
            fen(row.acct_pay),
            second.shares["account"][line],
        );
        found.amount(
            &format!("cash of line {}", line + 1),
            fen(row.psn_cash_pay),
            second.shares["cash"][line],
        );
        found.amount(&format!("hospital's share of line {}", line + 1), fen(row.hosp_part_amt), 0);
    }
    for key in after.keys().chain(second.used.keys()) {
        let (term, pack, benefit, measure, subject) = key;
        let what = format!("accumulator {term} {pack} {benefit} {} {subject}", measure.name());
        let [core, second] = [after, &second.used].map(|used| used.get(key).copied().unwrap_or(0));
        found.amount(&what, core, second);
    }
    found.0
}

fn used(accumulators: &Accumulators) -> Used {
    let read = |(key, value): (&bedside_claim::AccumulatorKey, Money)| {
        let (pack, benefit) = (key.pack.to_string(), key.benefit.to_string());
        ((term(&key.term), pack, benefit, key.measure, subject(&key.subject)), fen(value))
    };
    accumulators.iter().map(read).collect()
}

/// How often each edge was met.
type Edges = BTreeMap<String, u64>;

fn meet(edges: &mut Edges, claim: &Claim, answer: &Answer) {
    let mut met = |edge: String| *edges.entry(edge).or_default() += 1;
    for working in &answer.workings {
        let name = format!("{}/{}", working.name.0, working.name.1);
        if working.goes_on {
            met("base of a stay goes on".to_owned());
            if working.charged > 0 {
                met("deductible rises in a later part".to_owned());
            }
            if working.cap_left.is_some_and(|left| working.uncapped > left) {
                met("limit cuts a later part".to_owned());
            }
        }
        if let Some(reason) = working.reason {
            met(format!("{name}: {}", reason.code()));
        }
        for off in -1..=1 {
            if working.deductible_left > 1 && working.base == working.deductible_left + off {
                met(format!("{name}: deductible {off:+} fen"));
            }
            if working.cap_left.is_some_and(|left| left > 1 && working.uncapped == left + off) {
                met(format!("{name}: limit {off:+} fen"));
            }
            for edge in working.edges.iter().filter(|edge| working.reached == **edge + off) {
                met(format!("{name}: band edge {} {off:+} fen", shown(*edge)));
            }
        }
        if working.pays == 0 && working.reason.is_none() {
            met(format!("{name}: pays, but less than half a fen"));
        }
    }
    for reason in answer.line_reasons.iter().flatten().chain(&answer.account_reason) {
        met(reason.code().to_owned());
    }
    let lines = claim.bill.lines();
    for (line, refunded) in (0..lines.len()).filter_map(|line| Some((line, claim.bill.refunded(line)?))) {
        let kind = if lines[line].adopted_split.is_some() { "with a split" } else { "by the catalogue" };
        met(format!("refund {kind}"));
        if lines[line].hosp_appr_flag != lines[refunded].hosp_appr_flag {
            met("refund with another approval".to_owned());
        }
        if lines[line].fee_ocur_time < lines[refunded].fee_ocur_time {
            met("refund before its charge".to_owned());
        }
    }
    if answer.account > 0 {
        met(if answer.account == fen(claim.person.balc.current_year) {
            "account emptied"
        } else {
            "account pays"
        }
        .to_owned());
    }
    if claim.bill.order().iter().enumerate().any(|(place, line)| place != *line) {
        met("lines out of order".to_owned());
    }
}

fn settle_both(
    library: &Library,
    packs: &Packs,
    history: &History,
    edges: &RefCell<Edges>,
) -> Result<(), String> {
    let mut accumulators = Accumulators::default();
    let mut state = Used::new();
    let mut claims = Vec::new();
    for bill in 0..history.bills() {
        let Some(claim) = history.claim(bill, packs, &state) else { continue };
        claims.push(claim.clone());
        let fail =
            |problem: String| Err(format!("{problem}\nat the last bill of\n{}", page::history(&claims)));
        let second = reading::settle(packs, &claim, &state);
        let programme = library.programme_for(&claim);
        let (second, programme) = match (second, programme) {
            (Some(second), Ok(programme)) => (second, programme),
            (None, Err(_)) => {
                *edges.borrow_mut().entry("refused".to_owned()).or_default() += 1;
                continue;
            }
            (None, Ok(_)) => {
                return fail("the second reading refuses the claim, the library does not".to_owned());
            }
            (Some(_), Err(error)) => return fail(format!("the library refuses the claim: {error}")),
        };
        let core = match adjudicate(&claim, &programme, &accumulators) {
            Ok(core) => core,
            Err(fault) => return fail(format!("the core ends in a fault: {fault}")),
        };
        if let Err(stale) = accumulators.apply(&core.accumulators) {
            return fail(stale.to_string());
        }
        let differences = compare(&claim, &core, &second, &used(&accumulators));
        if !differences.is_empty() {
            return fail(differences.join("\n"));
        }
        meet(&mut edges.borrow_mut(), &claim, &second);
        *edges.borrow_mut().entry("bills".to_owned()).or_default() += 1;
        state = second.used;
    }
    Ok(())
}

fn check(employee: bool, expected: &[String]) {
    let cases = from_environment("BEDSIDE_SECOND_CASES", CASES).div_ceil(2);
    let seed = from_environment("BEDSIDE_SECOND_SEED", 0);
    let mut bytes = [u8::from(employee); 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let (library, packs) = (Library::builtin().unwrap(), Packs::read());
    let edges = RefCell::new(Edges::new());
    let run = runner.run(&histories(employee), |history| {
        settle_both(&library, &packs, &history, &edges).map_err(TestCaseError::fail)
    });
    if let Err(proptest::test_runner::TestError::Fail(reason, _)) = run {
        panic!("{}", reason.message());
    }
    run.unwrap();
    let edges = edges.into_inner();
    println!("{cases} histories");
    for (edge, times) in &edges {
        println!("{times:>9}  {edge}");
    }
    if cases >= CASES_THAT_MEET_EVERY_EDGE {
        for edge in expected {
            assert!(edges.contains_key(edge), "no history met `{edge}`");
        }
    }
}

/// Each benefit's deductible and limit, and each band edge, exactly and a fen to either side.
fn about(edges: &[&str]) -> Vec<String> {
    edges.iter().flat_map(|edge| ["-1", "+0", "+1"].map(|off| format!("{edge} {off} fen"))).collect()
}

const OF_EVERYBODY: [&str; 25] = [
    "account.not_used",
    "base of a stay goes on",
    "deductible rises in a later part",
    "limit cuts a later part",
    "hangzhou/xihu-yilianbao/out-of-catalogue-drugs: base.nothing",
    "hangzhou/xihu-yilianbao/out-of-catalogue-drugs: cap.used_up",
    "hangzhou/xihu-yilianbao/out-of-catalogue-drugs: cover.not_in_force",
    "hangzhou/xihu-yilianbao/out-of-catalogue-drugs: deductible.not_reached",
    "hangzhou/xihu-yilianbao/out-of-catalogue-drugs: gate.visit_type",
    "item.above_ceiling",
    "item.approval_missing",
    "item.approval_refused",
    "item.not_in_catalogue",
    "item.own_expense",
    "lines out of order",
    "refund before its charge",
    "refund by the catalogue",
    "refund with a split",
    "refund with another approval",
    "refused",
    "zhejiang/critical-illness/major: deductible.not_reached",
    "zhejiang/critical-illness/major: pays, but less than half a fen",
    "zhejiang/medical-assistance/inpatient: base.nothing",
    "zhejiang/medical-assistance/inpatient: cap.used_up",
    "zhejiang/medical-assistance/inpatient: gate.identity_category",
];

const NUMBERS_OF_EVERYBODY: [&str; 6] = [
    "hangzhou/xihu-yilianbao/out-of-catalogue-drugs: deductible",
    "hangzhou/xihu-yilianbao/out-of-catalogue-drugs: limit",
    "zhejiang/critical-illness/major: deductible",
    "zhejiang/critical-illness/major: band edge 100000.00",
    "zhejiang/critical-illness/major: band edge 200000.00",
    "zhejiang/medical-assistance/inpatient: limit",
];

#[test]
fn employees() {
    let mut expected = about(&NUMBERS_OF_EVERYBODY);
    expected.extend(about(&[
        "hangzhou/employee-basic/inpatient: deductible",
        "hangzhou/employee-basic/inpatient: limit",
        "hangzhou/employee-basic/outpatient: deductible",
    ]));
    expected.extend(OF_EVERYBODY.map(str::to_owned));
    let own = [
        "account emptied",
        "account pays",
        "account.empty",
        "hangzhou/employee-basic/inpatient: cap.used_up",
        "hangzhou/employee-basic/outpatient: deductible.not_reached",
    ];
    expected.extend(own.map(str::to_owned));
    check(true, &expected);
}

#[test]
fn residents() {
    let mut expected = about(&NUMBERS_OF_EVERYBODY);
    expected.extend(about(&[
        "hangzhou/resident-basic/inpatient: deductible",
        "hangzhou/resident-basic/outpatient: deductible",
    ]));
    expected.extend(OF_EVERYBODY.map(str::to_owned));
    check(false, &expected);
}

/// Settles the one bill of a case in Markdown by both readings.
fn check_case(case: &str) {
    let cases = bedside_fixtures::cases::read(case);
    let claim = &cases[0].bills[0].claim;
    let second = reading::settle(&Packs::read(), claim, &Used::new()).unwrap();
    let programme = Library::builtin().unwrap().programme_for(claim).unwrap();
    let core = adjudicate(claim, &programme, &Accumulators::default());
    let core = core.unwrap_or_else(|fault| panic!("the core ends in a fault: {fault}"));
    let mut accumulators = Accumulators::default();
    accumulators.apply(&core.accumulators).unwrap();
    let differences = compare(claim, &core, &second, &used(&accumulators));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// `docs/rounding.md`: the order in which a hospital sends its lines changes nothing. Here the later refund is sent
/// first: 0.68 of first-pay becomes 0.45 by the refund of the 3rd and 0.23 by that of the 4th.
#[test]
fn refunds_of_one_charge_sent_out_of_order() {
    check_case(
        "# refunds
## charged 3, refunded 1 and 1
| bill | |
|---|---|

| item | pric | cnt | refunds | date |
|---|---|---|---|---|
| XC15XCA000A008064084520 | 4.52 | 3 | | 2026-03-02 |
| XC15XCA000A008064084520 | 4.52 | -1 | 1 | 2026-03-04 |
| XC15XCA000A008064084520 | 4.52 | -1 | 1 | 2026-03-03 |

| settlement | |
|---|---|
",
    );
}

/// Four at 1.205 are 4.82, three refunds of one are 1.21 each: 1.19 is left for one piece whose ceiling is 1.20. Nothing
/// of it is above the ceiling, and no part is below zero.
#[test]
fn rounded_refunds_below_the_ceiling() {
    check_case(
        "# refunds
## charged 4, refunded 1, 1 and 1
| bill | |
|---|---|
| insutype | 310 |
| psn_type | 11 |
| balc | 10 |

| item | pric | cnt | refunds |
|---|---|---|---|
| XA10XGD003A008061089736 | 1.205 | 4 | |
| XA10XGD003A008061089736 | 1.205 | -1 | 1 |
| XA10XGD003A008061089736 | 1.205 | -1 | 1 |
| XA10XGD003A008061089736 | 1.205 | -1 | 1 |

| settlement | |
|---|---|
",
    );
}

/// A benefit counts lines by fee category. A charge in it, taken back under another category, would leave the whole
/// charge in the base of 西湖益联保, which would pay (50,000 - 18,000) x 80 % of a bill of 5,000.
#[test]
fn refund_under_another_category() {
    let cases = bedside_fixtures::cases::read(
        "# refunds
## charged 50,000, refunded 45,000
| bill | |
|---|---|
| policies | hangzhou/xihu-yilianbao |

| item | category | pric | cnt | refunds |
|---|---|---|---|---|
| XR13CGS200A008074092985 | 09 | 5000 | 10 | |
| XR13CGS200A008074092985 | 09 | 5000 | -9 | 1 |

| settlement | |
|---|---|
",
    );
    let bill = &cases[0].bills[0].claim.bill;
    let mut lines = bill.lines().to_vec();
    lines[1].med_chrgitm_type = FeeCategory::from_code("08").unwrap();
    assert!(Bill::new(lines, bill.medfee_sumamt()).is_err());
}
