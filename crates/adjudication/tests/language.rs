//! Constructs of the pack language that the program's own packs do not use, on a plan made up for this test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use bedside_adjudication::adjudicate;
use bedside_claim::{Accumulators, Money, Reason, Settlement, Settling, Step, Term};
use bedside_fixtures::cases;
use bedside_policy::Library;

/// A plan whose one benefit has these parts, beside a programme and a catalogue without items.
fn library(plans: &[(&str, &str, &str)]) -> Library {
    let mut files = BTreeMap::new();
    for (version, valid, parts) in plans {
        files.insert(
            format!("test/plan/{version}.toml"),
            format!(
                r#"
version = "{version}"
name = {{ zh = "测试", en = "test" }}
valid = {{ {valid} }}
status = "demo"
payer = {{ kind = "commercial", code = "T", zh = "测试", en = "test" }}
source.none = {{ title = "made up", grade = "assumed" }}
{parts}
"#
            ),
        );
    }
    files.insert(
        "test/programmes/all.toml".to_owned(),
        r#"
valid = { from = "2020-01-01", until = "2030-01-01" }
insutype = "390"
area = "33"
catalogue = "test/catalogue"
layers = [{ policy = "test/plan" }]
"#
        .to_owned(),
    );
    files.insert(
        "test/catalogue/none.toml".to_owned(),
        r#"
version = "none"
name = { zh = "空", en = "empty" }
valid = { from = "2020-01-01", until = "2030-01-01" }
status = "demo"
grade = "assumed"
"#
        .to_owned(),
    );
    let columns = "hilist_code,hilist_name,med_chrgitm_type,chrgitm_lv,begndate,enddate,lmt_used_flag,selfpay_prop_310,\
                   selfpay_prop_390,pric_uplmt_tertiary,pric_uplmt_secondary,pric_uplmt_other\n";
    files.insert("test/catalogue/none.csv".to_owned(), columns.to_owned());
    Library::from_files(&files).unwrap_or_else(|error| panic!("{error}"))
}

fn parameter(name: &str, unit: &str, value: &str) -> String {
    format!(
        "parameter.{name} = {{ unit = \"{unit}\", source = \"none\", article = \"-\", value = \"{value}\" }}\n"
    )
}

fn benefit(parts: &str) -> String {
    format!(
        "[[benefit]]\nid = \"b\"\nname = {{ zh = \"责任\", en = \"benefit\" }}\nclause = \"-\"\n{parts}\n"
    )
}

/// Settles bills of these facts and in-scope amounts, in order.
fn settle(library: &Library, bills: &[(&str, &str)]) -> Vec<Settlement> {
    settle_as(Settling::AtOnce, library, bills)
}

fn settle_as(settling: Settling, library: &Library, bills: &[(&str, &str)]) -> Vec<Settlement> {
    let mut accumulators = Accumulators::default();
    let mut settlements = Vec::new();
    for (facts, in_scope) in bills {
        let facts: String =
            facts.split_terminator(", ").map(|fact| format!("| {} |\n", fact.replace(": ", " | "))).collect();
        let text = format!(
            "# c\n\n## b\n| bill | |\n|---|---|\n| policies | test/plan |\n{facts}\n| item | in_scope |\n|---|---|\n| A | {in_scope} |\n\n| settlement | |\n|---|---|\n"
        );
        let mut claim = cases::read(&text).remove(0).bills.remove(0).claim;
        claim.visit.settling = settling;
        let programme = library.programme_for(&claim).unwrap();
        let settlement = adjudicate(&claim, &programme, &accumulators).unwrap();
        accumulators.apply(&settlement.accumulators).unwrap();
        settlements.push(settlement);
    }
    settlements
}

fn paid(settlement: &Settlement) -> Money {
    settlement.commercial_pay().unwrap()
}

fn yuan(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn denied(settlement: &Settlement) -> Option<Reason> {
    settlement.explanation.iter().filter(|step| matches!(step, Step::Denied { .. })).find_map(Step::reason)
}

const ALWAYS: &str = "from = \"2020-01-01\", until = \"2030-01-01\"";

fn one(parts: &str) -> Library {
    library(&[("v", ALWAYS, parts)])
}

#[test]
fn a_deductible_per_visit_is_charged_at_every_visit() {
    let parts = "date_rule = \"settlement\"\n".to_owned()
        + &parameter("d", "CNY", "100")
        + &parameter("r", "ratio", "0.5")
        + &benefit(
            "base = { pools = [\"in_scope\"] }\ndeductible = { rule = \"per_visit\", standard = \"d\" }\nbands = [{ rate = \"r\" }]",
        );
    let settled = settle(&one(&parts), &[("", "300"), ("", "300"), ("", "100")]);
    assert_eq!(settled.iter().map(paid).collect::<Vec<_>>(), [yuan("100"), yuan("100"), yuan("0")]);
    assert_eq!(denied(&settled[2]), Some(Reason::BelowDeductible));
}

/// The first 100 of a stay are paid in full, and fill the deductible of the next benefit: of 200 it pays half of the rest. A first part
/// of 100 leaves nothing in its base, and fills the deductible all the same.
#[test]
fn what_other_cover_paid_of_an_earlier_part_fills_the_deductible_of_the_stay() {
    let parts = "date_rule = \"settlement\"\n".to_owned()
        + &parameter("d", "CNY", "100")
        + &parameter("cap", "CNY", "100")
        + &parameter("whole", "ratio", "1")
        + &parameter("half", "ratio", "0.5")
        + &benefit(
            "base = { pools = [\"in_scope\"] }\nbands = [{ rate = \"whole\" }]\ncaps = [{ period = \"visit\", limit = \"cap\" }]",
        )
        + &benefit(
            "base = { pools = [\"in_scope\"] }\ndeductible = { rule = \"per_visit\", standard = \"d\", filled_by = \"own_and_commercial\" }\n\
             bands = [{ rate = \"half\" }]",
        )
        .replace("id = \"b\"", "id = \"next\"");
    let library = one(&parts);
    assert_eq!(paid(&settle(&library, &[("", "200")])[0]), yuan("150"));
    let in_parts = settle_as(Settling::InParts, &library, &[("", "100"), ("", "100")]);
    assert_eq!(in_parts.iter().map(paid).collect::<Vec<_>>(), [yuan("100"), yuan("50")]);
}

/// A limit for each accident binds the visit where it treats none: over all its parts, not in each of them.
#[test]
fn an_accident_limit_of_a_stay_without_accident_binds_the_stay() {
    let parts = "date_rule = \"settlement\"\n".to_owned()
        + &parameter("cap", "CNY", "100")
        + &parameter("whole", "ratio", "1")
        + &benefit(
            "base = { pools = [\"in_scope\"] }\nbands = [{ rate = \"whole\" }]\ncaps = [{ period = \"event\", limit = \"cap\" }]",
        );
    let library = one(&parts);
    let bills = [("", "70"), ("", "70"), ("", "70")];
    let visits = settle(&library, &bills);
    assert_eq!(visits.iter().map(paid).collect::<Vec<_>>(), [yuan("70"), yuan("70"), yuan("70")]);
    let in_parts = settle_as(Settling::InParts, &library, &bills);
    assert_eq!(in_parts.iter().map(paid).collect::<Vec<_>>(), [yuan("70"), yuan("30"), yuan("0")]);
}

#[test]
fn bands_above_the_deductible_and_bands_over_the_base_differ() {
    let numbers = "date_rule = \"settlement\"\n".to_owned()
        + &parameter("d", "CNY", "100")
        + &parameter("edge", "CNY", "300")
        + &parameter("low", "ratio", "0.5")
        + &parameter("high", "ratio", "0.9");
    let bands = "base = { pools = [\"in_scope\"] }\ndeductible = { rule = \"per_visit\", standard = \"d\" }\n\
                 bands = [{ until = \"edge\", rate = \"low\" }, { rate = \"high\" }]\n";
    let over_excess = one(&(numbers.clone() + &benefit(bands)));
    let over_base = one(&(numbers + &benefit(&(bands.to_owned() + "band_edges = \"base\""))));
    // 1,000: above the deductible 900 = 300 x 50 % + 600 x 90 %; over the base 200 x 50 % + 700 x 90 %.
    assert_eq!(paid(&settle(&over_excess, &[("", "1000")])[0]), yuan("690"));
    assert_eq!(paid(&settle(&over_base, &[("", "1000")])[0]), yuan("730"));
    // 300 is the edge of the base: 200 x 50 %; one fen more pays 0.009, rounded to 0.01.
    assert_eq!(paid(&settle(&over_base, &[("", "300")])[0]), yuan("100"));
    assert_eq!(paid(&settle(&over_base, &[("", "300.01")])[0]), yuan("100.01"));
}

#[test]
fn a_cap_per_visit_binds_each_visit_and_factors_come_before_it() {
    let parts = "date_rule = \"settlement\"\n".to_owned()
        + &parameter("r", "ratio", "0.8")
        + &parameter("f", "ratio", "0.9")
        + &parameter("cap", "CNY", "100")
        + &benefit(
            "base = { pools = [\"in_scope\"] }\nbands = [{ rate = \"r\" }]\nfactors = [\"f\"]\ncaps = [{ period = \"visit\", limit = \"cap\" }]",
        );
    let settled = settle(&one(&parts), &[("", "100"), ("", "138.89"), ("", "138.90"), ("", "5000")]);
    // 100 x 0.8 x 0.9; 138.89 x 0.8 = 111.11 x 0.9 = 100.00; 138.90 gives 100.01, cut.
    assert_eq!(
        settled.iter().map(paid).collect::<Vec<_>>(),
        [yuan("72"), yuan("100"), yuan("100"), yuan("100")]
    );
    let cut =
        |settlement: &Settlement| settlement.explanation.iter().any(|step| matches!(step, Step::Cap { .. }));
    assert_eq!(settled.iter().map(cut).collect::<Vec<_>>(), [false, false, true, true]);
}

#[test]
fn every_gate_denies_with_its_own_reason_and_the_first_wins() {
    let gate = |gate: &str| {
        one(&("date_rule = \"settlement\"\n".to_owned()
            + &parameter("r", "ratio", "0.5")
            + &benefit(&format!(
                "gate = {{ {gate} }}\nbase = {{ pools = [\"in_scope\"] }}\nbands = [{{ rate = \"r\" }}]"
            ))))
    };
    let cases = [
        ("insutype = \"310\"", "insutype = \"390\"", Reason::InsuranceType),
        ("psn_type = \"14\"", "psn_type = [\"14\", \"15\"]", Reason::PersonType),
        ("identity = \"D01\"", "identity = [\"D02\", \"D01\"]", Reason::IdentityCategory),
        ("setting = \"outpatient\"", "setting = \"inpatient\"", Reason::VisitType),
        ("tier = [\"secondary\", \"primary\"]", "tier = \"tertiary\"", Reason::HospitalTier),
        ("care_area = [\"referral\"]", "care_area = \"local\"", Reason::CareArea),
        ("diagnosis = [\"C\", \"I21\"]", "diagnosis = \"J18\"", Reason::Diagnosis),
    ];
    for (shut, open, reason) in cases {
        let facts =
            if reason == Reason::IdentityCategory && open.contains("D02") { "identities: D02" } else { "" };
        assert_eq!(denied(&settle(&gate(shut), &[(facts, "100")])[0]), Some(reason), "{shut}");
        assert_eq!(paid(&settle(&gate(open), &[(facts, "100")])[0]), yuan("50"), "{open}");
    }
    let both = gate("diagnosis = \"C\", tier = \"secondary\"");
    assert_eq!(denied(&settle(&both, &[("", "100")])[0]), Some(Reason::HospitalTier));
}

#[test]
fn the_plan_says_which_date_picks_its_version() {
    let version = |rule: &str, rate: &str| {
        format!("date_rule = \"{rule}\"\n")
            + &parameter("r", "ratio", rate)
            + &benefit("base = { pools = [\"in_scope\"] }\nbands = [{ rate = \"r\" }]")
    };
    let stay = "admitted: 2025-12-30, discharged: 2026-01-02";
    for (rule, expected) in [("admission", "50"), ("settlement", "80")] {
        let library = library(&[
            ("2025", "from = \"2025-01-01\", until = \"2026-01-01\"", &version(rule, "0.5")),
            ("2026", "from = \"2026-01-01\", until = \"2027-01-01\"", &version(rule, "0.8")),
        ]);
        let settlement = settle(&library, &[(stay, "100")]).remove(0);
        assert_eq!(paid(&settlement), yuan(expected), "{rule}");
        let term = &settlement.accumulators[0].key.term;
        assert_eq!(*term, Term::Year(if rule == "admission" { 2025 } else { 2026 }));
    }
}

#[test]
fn a_case_without_a_row_is_a_fault_and_not_a_zero() {
    let parts = "date_rule = \"settlement\"\n\
                 parameter.r = { unit = \"ratio\", source = \"none\", article = \"-\", rows = [{ tier = \"secondary\", value = \"0.5\" }] }\n"
        .to_owned()
        + &benefit("base = { pools = [\"in_scope\"] }\nbands = [{ rate = \"r\" }]");
    let text = "# c\n\n## b\n| bill | |\n|---|---|\n| policies | test/plan |\n\n| item | in_scope |\n|---|---|\n| A | 100 |\n\n| settlement | |\n|---|---|\n";
    let claim = cases::read(text).remove(0).bills.remove(0).claim;
    let library = one(&parts);
    let programme = library.programme_for(&claim).unwrap();
    let fault = adjudicate(&claim, &programme, &Accumulators::default()).unwrap_err();
    assert_eq!(fault.to_string(), "pack `test/plan`: parameter `r` has no value for this case");
}

#[test]
fn a_settlement_names_every_pack_that_had_a_say() {
    let parts = "date_rule = \"settlement\"\n".to_owned()
        + &parameter("r", "ratio", "0.5")
        + &benefit("base = { pools = [\"in_scope\"] }\nbands = [{ rate = \"r\" }]");
    let library = one(&parts);
    let packs = |items: &str| {
        let text = format!(
            "# c\n\n## b\n| bill | |\n|---|---|\n| policies | test/plan |\n\n{items}\n| settlement | |\n|---|---|\n"
        );
        let claim = cases::read(&text).remove(0).bills.remove(0).claim;
        let programme = library.programme_for(&claim).unwrap();
        let settlement = adjudicate(&claim, &programme, &Accumulators::default()).unwrap();
        settlement.packs.iter().map(|pack| pack.id.to_string()).collect::<Vec<_>>()
    };
    // The catalogue is asked as soon as one line does not say how it splits.
    let split = "| item | pric | cnt | in_scope |\n|---|---|---|---|\n| A | 100 | 1 | 100 |\n";
    assert_eq!(packs(split), ["test/plan"]);
    assert_eq!(packs(&(split.to_owned() + "| B | 1 | 1 | |\n")), ["test/plan", "test/catalogue"]);
}

#[test]
fn what_takes_exactly_what_is_left_is_not_said_to_be_cut() {
    let cut = |settlement: &Settlement| {
        let cuts = |step: &&Step| {
            matches!(step, Step::Ceiling { .. } | Step::Indemnity { .. } | Step::SolvedBack { .. })
        };
        settlement.explanation.iter().filter(cuts).count()
    };
    // 80 % of the bill of 100 under a ceiling of 80 % of it, then of 79 %: 80.00 as it stands, 79.00 cut.
    let under = |ceiling: &str| {
        one(&("date_rule = \"settlement\"\n".to_owned()
            + &parameter("r", "ratio", "0.8")
            + &parameter("stop", "ratio", ceiling)
            + &benefit(
                "base = { pools = [\"in_scope\"] }\nbands = [{ rate = \"r\" }]\ncaps = [{ ceiling = \"stop\" }]",
            )))
    };
    for (ceiling, expected, steps) in [("0.8", "80", 0), ("0.79", "79", 2)] {
        let settlement = settle(&under(ceiling), &[("", "100")]).remove(0);
        assert_eq!((paid(&settlement), cut(&settlement)), (yuan(expected), steps), "ceiling {ceiling}");
    }
    // The whole of 100 where nobody has paid before: what is left is 100, and nothing cuts it.
    let whole = "date_rule = \"settlement\"\n".to_owned()
        + &parameter("r", "ratio", "1")
        + &benefit("base = { pools = [\"in_scope\"] }\nbands = [{ rate = \"r\" }]");
    let settlement = settle(&one(&whole), &[("", "100")]).remove(0);
    assert_eq!((paid(&settlement), cut(&settlement)), (yuan("100"), 0));
}
