//! Adopted answers: our own result given back as the platform's has no variance; one input changed is named as the cause.
//!
//! The platform is played by the packs themselves under other inputs, through the ordinary way in: a bill that carries
//! splits, other accumulators, another class of person.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::LazyLock;

use bedside_adjudication::adjudicate;
use bedside_claim::{
    AccountBalance, AccountUse, AccumulatorKey, Accumulators, AdoptedResult, Adoption, BasicInsurance, Bill,
    Claim, Date, Diagnosis, DiagnosisRole, FeeCategory, FourWaySplit, Hospital, HospitalApproval,
    HospitalTier, Line, Measure, Money, PayerKind, Person, Price, PublicLayers, PublicSettlement, Quantity,
    Rate, Setting, Settlement, Sex, Variance, Visit,
};
use bedside_policy::Library;
use proptest::prelude::*;

const BASIC: &str = "hangzhou/employee-basic";

/// Items of the demonstration catalogue, of every level, with first-pay and with ceilings, and one it does not list.
const CODES: [&str; 7] = [
    "XC15XCA000A008064084520",
    "XA10XGD003A008061089736",
    "XR15GDF083A001028084082",
    "000101643849-010121259",
    "000102810785-010270013",
    "C0156333800050001513",
    "NOT-IN-ANY-CATALOGUE",
];

fn claim(charges: &[(usize, i64, i64)], psn_type: &str) -> Claim {
    let date = Date::new(2026, 3, 10).unwrap();
    let lines = charges.iter().enumerate().map(|(number, (code, pric, cnt))| {
        let (pric, cnt) = (Price::from_units(*pric), Quantity::from_units(*cnt * 10_000));
        Line {
            feedetl_sn: number.to_string().into(),
            init_feedetl_sn: None,
            med_list_codg: CODES[*code].into(),
            medins_list_codg: "Y".into(),
            med_chrgitm_type: FeeCategory::from_code("09").unwrap(),
            fee_ocur_time: date.at(9, 0, 0, 0),
            pric,
            cnt,
            det_item_fee_sumamt: pric.times(cnt).unwrap(),
            hosp_appr_flag: HospitalApproval::Granted,
            adopted_split: None,
            oprn_no: None,
            tags: Vec::new(),
        }
    });
    let lines: Vec<Line> = lines.collect();
    let total = Money::sum(lines.iter().map(|line| line.det_item_fee_sumamt)).unwrap();
    Claim {
        person: Person {
            psn_no: "P".into(),
            gend: Sex::Unknown,
            brdy: None,
            insurance: BasicInsurance {
                insutype: "310".into(),
                psn_type: psn_type.into(),
                insuplc_admdvs: "330100".into(),
            },
            identities: Vec::new(),
            policies: Vec::new(),
            family_no: None,
            pre_existing: Vec::new(),
            balc: AccountBalance { current_year: Money::ZERO, past_year: Money::ZERO },
            relatives: Vec::new(),
        },
        visit: Visit {
            mdtrt_id: "M".into(),
            hospital: Hospital {
                fixmedins_code: "H".into(),
                fixmedins_name: "H".into(),
                tier: HospitalTier::Tertiary,
                mdtrtarea_admvs: "330100".into(),
            },
            med_type: "21".into(),
            setting: Setting::Inpatient,
            begntime: date.at(8, 0, 0, 0),
            endtime: date.at(12, 0, 0, 0),
            setl_date: date,
            filing: None,
            diagnoses: vec![Diagnosis {
                diag_code: "J18".into(),
                diag_name: "".into(),
                role: DiagnosisRole::Main,
            }],
            public_settlement: PublicSettlement::Through,
            causes: Vec::new(),
            accident: None,
            icu_days: 0,
            settling: bedside_claim::Settling::AtOnce,
            related_stay: None,
        },
        bill: Bill::new(lines, total).unwrap(),
        events: Vec::new(),
        account: AccountUse::Keep,
        adopted: None,
    }
}

fn settle(claim: &Claim, accumulators: &Accumulators) -> Settlement {
    static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library::builtin().unwrap());
    let programme = LIBRARY.programme_for(claim).unwrap();
    let settlement = adjudicate(claim, &programme, accumulators).unwrap();
    assert_eq!(settlement, adjudicate(claim, &programme, accumulators).unwrap());
    settlement
}

/// The claim with these splits on its lines.
fn split(claim: &Claim, splits: &[FourWaySplit]) -> Claim {
    let mut lines = claim.bill.lines().to_vec();
    for (line, split) in lines.iter_mut().zip(splits) {
        line.adopted_split = Some(*split);
    }
    Claim { bill: Bill::new(lines, claim.bill.medfee_sumamt()).unwrap(), ..claim.clone() }
}

/// What a settlement would be as a national answer.
fn as_answer(settlement: &Settlement) -> AdoptedResult {
    let of_kind = |kind: PayerKind| (kind, settlement.paid_by(kind).unwrap());
    AdoptedResult {
        funds: PayerKind::ALL.into_iter().map(of_kind).filter(|(_, amount)| !amount.is_zero()).collect(),
        hosp_part_amt: Money::ZERO,
        acct_pay: Money::ZERO,
        act_pay_dedc: Some(settlement.act_pay_dedc),
        pool_prop_selfpay: None,
        limits: Vec::new(),
        acct_mulaid_pay: None,
        balc: None,
        identities: Vec::new(),
    }
}

/// The claim beside that answer: its lines split as the answering platform split them.
fn adopting(claim: &Claim, theirs: &Settlement, answer: AdoptedResult) -> Claim {
    let splits: Vec<FourWaySplit> = theirs.line_splits.iter().map(|line| line.split).collect();
    Claim { adopted: Some(answer), ..split(claim, &splits) }
}

fn adoption(claim: &Claim, accumulators: &Accumulators) -> Adoption {
    match settle(claim, accumulators).public_layers {
        PublicLayers::Adopted(adoption) => adoption,
        PublicLayers::Computed => panic!("not adopted"),
    }
}

fn codes(variances: &[Variance]) -> Vec<&'static str> {
    let mut codes: Vec<_> =
        variances.iter().flat_map(|variance| &variance.causes).map(|part| part.cause.code()).collect();
    codes.dedup();
    codes
}

/// The parts of every variance sum to its difference, and none of them is nothing.
fn add_up(variances: &[Variance]) {
    for variance in variances {
        let parts = variance.causes.iter().map(|part| part.amount);
        assert_eq!(Money::sum(parts), variance.difference(), "{variance:?}");
        assert!(variance.causes.iter().all(|part| !part.amount.is_zero()));
        assert!(variance.adopted != variance.computed && !variance.causes.is_empty());
    }
}

fn prior(rows: &[(Measure, i64)]) -> Accumulators {
    let mut accumulators = Accumulators::default();
    for (measure, fen) in rows {
        let key = AccumulatorKey::of_year(2026, BASIC.into(), "inpatient".into(), *measure);
        accumulators.set(key, Money::from_units(*fen));
    }
    accumulators
}

fn charges() -> impl Strategy<Value = Vec<(usize, i64, i64)>> {
    prop::collection::vec((0..CODES.len(), 1_000_000i64..40_000_000_000, 1i64..40), 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn our_own_result_as_an_answer_has_no_variance(charges in charges(), charged in 0i64..80_000) {
        let claim = claim(&charges, "1101");
        let before = prior(&[(Measure::Deductible, charged)]);
        let ours = settle(&claim, &before);
        let adoption = adoption(&adopting(&claim, &ours, as_answer(&ours)), &before);
        prop_assert_eq!(adoption.variances, vec![]);
        let own = adoption.own.unwrap();
        prop_assert_eq!(own.payments, ours.payments);
        prop_assert_eq!((own.split, own.act_pay_dedc), (ours.split, ours.act_pay_dedc));
        prop_assert!(!own.explanation.is_empty());
    }

    #[test]
    fn another_catalogue_is_the_cause(charges in charges(), moved in 1i64..=100, line in any::<prop::sample::Index>()) {
        let claim = claim(&charges, "1101");
        let ours = settle(&claim, &Accumulators::default());
        let mut splits: Vec<FourWaySplit> = ours.line_splits.iter().map(|line| line.split).collect();
        let place = line.index(splits.len());
        let part = &mut splits[place];
        let out = Money::from_units(part.inscp_scp_amt.units() * moved / 100);
        // An item that our catalogue does not list goes by the platform's split in both.
        prop_assume!(!out.is_zero() && CODES[charges[place].0] != "NOT-IN-ANY-CATALOGUE");
        part.inscp_scp_amt = part.inscp_scp_amt.minus(out).unwrap();
        part.fulamt_ownpay_amt = part.fulamt_ownpay_amt.plus(out).unwrap();
        let theirs = settle(&split(&claim, &splits), &Accumulators::default());
        let adoption = adoption(&adopting(&claim, &theirs, as_answer(&theirs)), &Accumulators::default());
        add_up(&adoption.variances);
        let differ = theirs.fund_pay_sumamt().unwrap() != ours.fund_pay_sumamt().unwrap();
        prop_assert_eq!(codes(&adoption.variances), if differ { vec!["catalogue"] } else { vec![] });
        for variance in &adoption.variances {
            let bedside_claim::VarianceCause::Catalogue { lines, ours, theirs } = &variance.causes[0].cause else { panic!() };
            prop_assert_eq!(lines.len(), 1);
            prop_assert_eq!(lines[0].feedetl_sn.to_string(), place.to_string());
            prop_assert_eq!(ours.minus(*theirs).unwrap(), out);
        }
    }

    #[test]
    fn another_deductible_is_the_cause(charges in charges(), charged in 1i64..=80_000) {
        let claim = claim(&charges, "1101");
        let theirs = settle(&claim, &prior(&[(Measure::Deductible, charged)]));
        let adoption = adoption(&adopting(&claim, &theirs, as_answer(&theirs)), &Accumulators::default());
        add_up(&adoption.variances);
        let expected = if adoption.variances.is_empty() { vec![] } else { vec!["deductible"] };
        prop_assert_eq!(codes(&adoption.variances), expected);
        prop_assert_eq!(
            adoption.variances.is_empty(),
            theirs.fund_pay_sumamt().unwrap() == settle(&claim, &Accumulators::default()).fund_pay_sumamt().unwrap()
        );
    }

    #[test]
    fn another_rate_is_the_cause(charges in charges(), is_stated in any::<bool>()) {
        let (active, retired) = (claim(&charges, "1101"), claim(&charges, "1201"));
        let theirs = settle(&retired, &Accumulators::default());
        let mut answer = as_answer(&theirs);
        if is_stated {
            answer.pool_prop_selfpay = Some(Rate::parse("0.88").unwrap());
        }
        let adoption = adoption(&adopting(&active, &theirs, answer), &Accumulators::default());
        add_up(&adoption.variances);
        let ours = settle(&active, &Accumulators::default());
        let differ = theirs.fund_pay_sumamt().unwrap() != ours.fund_pay_sumamt().unwrap();
        let expected = if differ { vec!["band"] } else { vec![] };
        // Past the year's limit both pay the same at any rate; then nothing differs, or only what the limit left.
        prop_assume!(theirs.paid_by(PayerKind::BasicInsurance).unwrap() < Money::parse("400000").unwrap());
        prop_assert_eq!(codes(&adoption.variances), expected);
    }

    #[test]
    fn a_limit_of_ours_or_theirs_is_the_cause(charges in charges(), used in 1i64..40_000_000, ours_cuts in any::<bool>()) {
        let claim = claim(&charges, "1101");
        let (cut, free) = (prior(&[(Measure::Paid, used)]), Accumulators::default());
        let (us, them) = if ours_cuts { (&cut, &free) } else { (&free, &cut) };
        let theirs = settle(&claim, them);
        let mut answer = as_answer(&theirs);
        if !ours_cuts {
            let left = Money::from_units(40_000_000 - used);
            answer.limits.push((PayerKind::BasicInsurance, left));
        }
        let adoption = adoption(&adopting(&claim, &theirs, answer), us);
        add_up(&adoption.variances);
        // Where the platform's year's limit cuts too, lifting ours alone goes past it, and it did not say so.
        prop_assume!(!ours_cuts || theirs.paid_by(PayerKind::BasicInsurance).unwrap() < Money::parse("400000").unwrap());
        let expected = if adoption.variances.is_empty() { vec![] } else { vec!["cap"] };
        prop_assert_eq!(codes(&adoption.variances), expected);
    }

    #[test]
    fn the_same_money_from_others_is_an_order(charges in charges(), moved in 1i64..1_000_000) {
        let claim = claim(&charges, "1101");
        let ours = settle(&claim, &Accumulators::default());
        let mut answer = as_answer(&ours);
        let basic = ours.paid_by(PayerKind::BasicInsurance).unwrap();
        prop_assume!(basic > Money::from_units(moved));
        let assistance = ours.paid_by(PayerKind::Assistance).unwrap();
        answer.funds.retain(|(kind, _)| !matches!(kind, PayerKind::BasicInsurance | PayerKind::Assistance));
        answer.funds.insert(0, (PayerKind::BasicInsurance, basic.minus(Money::from_units(moved)).unwrap()));
        answer.funds.push((PayerKind::Assistance, assistance.plus(Money::from_units(moved)).unwrap()));
        let adoption = adoption(&adopting(&claim, &ours, answer), &Accumulators::default());
        add_up(&adoption.variances);
        prop_assert_eq!(codes(&adoption.variances), vec!["order"]);
    }

    #[test]
    fn whatever_the_platform_paid_the_parts_add_up(
        charges in charges(),
        shares in prop::array::uniform5(0i64..=20),
        dedc in prop::option::of(0i64..200_000),
        ratio in prop::option::of(1i64..=10_000),
        limit in prop::option::of(0i64..100_000_000),
        charged in 0i64..80_000,
        out in 0i64..=100,
    ) {
        let claim = claim(&charges, "1101");
        let total = claim.bill.medfee_sumamt().units();
        let kinds = [
            PayerKind::BasicInsurance, PayerKind::CivilServant, PayerKind::CriticalIllness, PayerKind::LargeAmount,
            PayerKind::Assistance,
        ];
        let paid = kinds.into_iter().zip(shares).map(|(kind, share)| (kind, Money::from_units(total * share / 100)));
        let answer = AdoptedResult {
            funds: paid.filter(|(_, amount)| !amount.is_zero()).collect(),
            hosp_part_amt: Money::ZERO,
            acct_pay: Money::ZERO,
            act_pay_dedc: dedc.map(Money::from_units),
            pool_prop_selfpay: ratio.map(Rate::from_units),
            limits: limit.map(|limit| (PayerKind::BasicInsurance, Money::from_units(limit))).into_iter().collect(),
            acct_mulaid_pay: None,
            balc: None,
            identities: Vec::new(),
        };
        let splits: Vec<FourWaySplit> = claim.bill.lines().iter().map(|line| {
            let own = Money::from_units(line.det_item_fee_sumamt.units() * out / 100);
            FourWaySplit {
                fulamt_ownpay_amt: own,
                inscp_scp_amt: line.det_item_fee_sumamt.minus(own).unwrap(),
                ..FourWaySplit::default()
            }
        }).collect();
        let claim = Claim { adopted: Some(answer), ..split(&claim, &splits) };
        let adoption = adoption(&claim, &prior(&[(Measure::Deductible, charged)]));
        add_up(&adoption.variances);
        for variance in &adoption.variances {
            let is_unknown_to_us = matches!(variance.payer, PayerKind::CivilServant | PayerKind::LargeAmount);
            prop_assert_eq!(is_unknown_to_us, variance.causes.iter().any(|part| part.cause.code() == "no_pack"));
        }
    }
}
