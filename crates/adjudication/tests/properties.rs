//! What must hold of every settlement, over random histories of random bills under the program's own packs.
#![allow(clippy::unwrap_used, clippy::panic)]

use bedside_adjudication::adjudicate;
use bedside_claim::{
    AccountBalance, AccountUse, Accumulators, BasicInsurance, Bill, Claim, Date, Diagnosis, DiagnosisRole,
    FeeCategory, FourWaySplit, Hospital, HospitalApproval, HospitalTier, Identity, Line, Measure, Money,
    Origin, OutOfAreaFiling, PayerKind, Person, Policy, Price, PublicSettlement, Quantity, Setting,
    Settlement, Sex, Span, Step, Visit,
};
use bedside_policy::Library;
use proptest::prelude::*;

const CODES: [(&str, &str); 9] = [
    ("XC15XCA000A008064084520", "09"),
    ("XA10XGD003A008061089736", "09"),
    ("XR15GDF083A001028084082", "09"),
    ("XR13CGS200A008074092985", "09"),
    ("XG09DFI086A008022074399", "09"),
    ("000101643849-010121259", "01"),
    ("000102810785-010270013", "01"),
    ("C0156333800050001513", "08"),
    ("NOT-IN-ANY-CATALOGUE", "11"),
];

#[derive(Debug, Clone)]
struct Charge {
    code: usize,
    pric: i64,
    cnt: i64,
    /// Of ten: how much of the charge a later line takes back, and whether it does.
    refund: Option<i64>,
    adopted: Option<[u8; 3]>,
}

fn charge() -> impl Strategy<Value = Charge> {
    let price =
        prop_oneof![1_000i64..200_000_000, Just(1_330_000), 1i64..100_000, 1_000_000_000i64..90_000_000_000];
    let refund = prop::option::weighted(0.2, 1i64..=10);
    let adopted = prop::option::weighted(0.3, prop::array::uniform3(0u8..=100));
    (0..CODES.len(), price, 1i64..400_000, refund, adopted)
        .prop_map(|(code, pric, cnt, refund, adopted)| Charge { code, pric, cnt, refund, adopted })
}

#[derive(Debug, Clone)]
struct Stay {
    charges: Vec<Charge>,
    tier: HospitalTier,
    med_type: &'static str,
    day: i16,
    local: bool,
    filing: Option<OutOfAreaFiling>,
    balc: i64,
    account: bool,
}

fn stay() -> impl Strategy<Value = Stay> {
    (
        prop::collection::vec(charge(), 1..12),
        prop::sample::select(HospitalTier::ALL.to_vec()),
        prop::sample::select(vec!["21", "21", "21", "11", "1402"]),
        0i16..700,
        prop::bool::weighted(0.8),
        prop::option::of(prop::sample::select(OutOfAreaFiling::ALL.to_vec())),
        0i64..500_000,
        any::<bool>(),
    )
        .prop_map(|(charges, tier, med_type, day, local, filing, balc, account)| Stay {
            charges,
            tier,
            med_type,
            day,
            local,
            filing,
            balc,
            account,
        })
}

#[derive(Debug, Clone)]
struct History {
    employee: bool,
    psn_type: &'static str,
    identities: Vec<&'static str>,
    insured: bool,
    stays: Vec<Stay>,
}

fn history() -> impl Strategy<Value = History> {
    (
        any::<bool>(),
        prop::sample::select(vec!["11", "1101", "12", "126019"]),
        prop::sample::subsequence(vec!["D01", "D02", "D03", "D09"], 0..=2),
        any::<bool>(),
        prop::collection::vec(stay(), 1..6),
    )
        .prop_map(|(employee, psn_type, identities, insured, stays)| History {
            employee,
            psn_type,
            identities,
            insured,
            stays,
        })
}

fn part(amount: Money, percent: i64) -> Money {
    Money::from_units(amount.units() * percent / 100)
}

fn lines(stay: &Stay, date: Date) -> Vec<Line> {
    let mut lines = Vec::new();
    for charge in &stay.charges {
        let (code, category) = CODES[charge.code];
        let (pric, cnt) = (Price::from_units(charge.pric), Quantity::from_units(charge.cnt));
        let amount = pric.times(cnt).unwrap();
        let split_of = |amount: Money| {
            charge.adopted.map(|shares| {
                let total: i64 = 1 + shares.iter().map(|share| i64::from(*share)).sum::<i64>();
                let share = |index: usize| part(amount, i64::from(shares[index]) * 100 / total);
                let (own, over, first) = (share(0), share(1), share(2));
                let rest = amount.minus(own).unwrap().minus(over).unwrap().minus(first).unwrap();
                FourWaySplit {
                    fulamt_ownpay_amt: own,
                    overlmt_amt: over,
                    preselfpay_amt: first,
                    inscp_scp_amt: rest,
                }
            })
        };
        let line = Line {
            feedetl_sn: (lines.len() + 1).to_string().into(),
            init_feedetl_sn: None,
            med_list_codg: code.into(),
            medins_list_codg: code.into(),
            med_chrgitm_type: FeeCategory::from_code(category).unwrap(),
            fee_ocur_time: date.at(9, 0, 0, 0),
            pric,
            cnt,
            det_item_fee_sumamt: amount,
            hosp_appr_flag: HospitalApproval::NotNeeded,
            adopted_split: split_of(amount),
            oprn_no: None,
            tags: Vec::new(),
        };
        let original = line.feedetl_sn.clone();
        lines.push(line.clone());
        // Only charges without an adopted split are taken back in part: a partial split need not fit.
        if let (Some(tenths), None) = (charge.refund, charge.adopted) {
            let cnt = Quantity::from_units(-(charge.cnt * tenths / 10));
            if !cnt.is_zero() {
                lines.push(Line {
                    feedetl_sn: (lines.len() + 1).to_string().into(),
                    init_feedetl_sn: Some(original),
                    cnt,
                    det_item_fee_sumamt: pric.times(cnt).unwrap(),
                    ..line
                });
            }
        }
    }
    lines
}

fn claim(history: &History, stay: &Stay, lines: Vec<Line>, date: Date) -> Option<Claim> {
    let total = Money::sum(lines.iter().map(|line| line.det_item_fee_sumamt)).unwrap();
    let bill = Bill::new(lines, total).ok()?;
    Some(Claim {
        person: Person {
            psn_no: "P".into(),
            gend: Sex::Unknown,
            brdy: None,
            insurance: BasicInsurance {
                insutype: if history.employee { "310" } else { "390" }.into(),
                psn_type: history.psn_type.into(),
                insuplc_admdvs: "330100".into(),
            },
            identities: history
                .identities
                .iter()
                .map(|code| Identity { psn_idet_type: (*code).into(), span: Span::ALWAYS })
                .collect(),
            policies: if history.insured {
                vec![Policy::plain("1".into(), "hangzhou/xihu-yilianbao".into(), Span::ALWAYS)]
            } else {
                Vec::new()
            },
            family_no: None,
            pre_existing: Vec::new(),
            balc: AccountBalance { current_year: Money::from_units(stay.balc), past_year: Money::ZERO },
            relatives: Vec::new(),
        },
        visit: Visit {
            mdtrt_id: "M".into(),
            hospital: Hospital {
                fixmedins_code: "H".into(),
                fixmedins_name: "H".into(),
                tier: stay.tier,
                // Residents have no rules elsewhere.
                mdtrtarea_admvs: if stay.local || !history.employee { "330100" } else { "330200" }.into(),
            },
            med_type: stay.med_type.into(),
            setting: Setting::from_med_type(stay.med_type).unwrap(),
            begntime: date.at(8, 0, 0, 0),
            endtime: date.at(12, 0, 0, 0),
            setl_date: date,
            filing: stay.filing,
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
        bill,
        events: Vec::new(),
        account: if stay.account { AccountUse::Use } else { AccountUse::Keep },
        adopted: None,
    })
}

fn day(offset: i16) -> Date {
    let month = i8::try_from(offset % 350 / 30 + 1).unwrap();
    Date::new(2025 + offset / 350, month, i8::try_from(offset % 28 + 1).unwrap()).unwrap()
}

/// The amounts of a settlement that must not depend on the order of its lines.
fn totals(settlement: &Settlement) -> Vec<Money> {
    let payments = settlement.payments.iter().map(|payment| payment.amount);
    payments.chain([settlement.acct_pay, settlement.psn_cash_pay, settlement.act_pay_dedc]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_fen_has_one_payer_and_no_limit_is_passed(history in history()) {
        let library = Library::builtin().unwrap();
        let mut accumulators = Accumulators::default();
        let mut booked = Vec::new();
        let mut days: Vec<_> = history.stays.iter().map(|stay| (day(stay.day), stay)).collect();
        days.sort_by_key(|(date, _)| *date);
        for (date, stay) in days {
            let charges = lines(stay, date);
            let Some(claim) = claim(&history, stay, charges.clone(), date) else { continue };
            let programme = library.programme_for(&claim).unwrap();
            let settlement = adjudicate(&claim, &programme, &accumulators).unwrap();

            // Conservation, re-added here from the shares alone.
            for (line, charge) in claim.bill.lines().iter().enumerate() {
                let row = settlement.shares.row(line);
                let own = [row.hosp_part_amt, row.acct_pay, row.psn_cash_pay];
                let shares = Money::sum(row.payments.iter().chain(&own).copied()).unwrap();
                prop_assert_eq!(shares, charge.det_item_fee_sumamt);
                prop_assert_eq!(settlement.line_splits[line].split.total().unwrap(), charge.det_item_fee_sumamt);
            }
            let whole = settlement.payments.iter().map(|payment| payment.amount)
                .chain([settlement.hosp_part_amt, settlement.acct_pay, settlement.psn_cash_pay]);
            prop_assert_eq!(Money::sum(whole).unwrap(), claim.bill.medfee_sumamt());
            prop_assert!(settlement.payments.iter().all(|payment| payment.amount > Money::ZERO));
            prop_assert!(settlement.acct_pay <= claim.person.balc.current_year && !settlement.psn_cash_pay.is_negative());

            // Same input, same answer; the order of lines changes no total and no charge's share.
            prop_assert_eq!(&settlement, &adjudicate(&claim, &programme, &accumulators).unwrap());
            let charges_first: Vec<Line> = charges.iter().filter(|line| line.init_feedetl_sn.is_none()).rev()
                .chain(charges.iter().filter(|line| line.init_feedetl_sn.is_some())).cloned().collect();
            let turned = Claim { bill: Bill::new(charges_first, claim.bill.medfee_sumamt()).unwrap(), ..claim.clone() };
            let turned = adjudicate(&turned, &programme, &accumulators).unwrap();
            prop_assert_eq!(totals(&turned), totals(&settlement));
            if charges.iter().all(|line| line.init_feedetl_sn.is_none()) {
                for line in 0..charges.len() {
                    prop_assert_eq!(turned.shares.row(charges.len() - 1 - line), settlement.shares.row(line));
                }
            }

            // A benefit pays at most the base it names, and every paying benefit says so.
            for step in &settlement.explanation {
                if let Step::Pays { benefit, amount } = step {
                    let base = settlement.explanation.iter().find_map(|step| match step {
                        Step::Base { benefit: of, amount, .. } if of == benefit => Some(*amount),
                        _ => None,
                    });
                    prop_assert!(Some(*amount) <= base);
                    prop_assert!(matches!(benefit.origin, Origin::Pack(_)));
                }
            }
            accumulators.apply(&settlement.accumulators).unwrap();
            for (key, value) in accumulators.iter() {
                let limit = match (&*key.pack, &*key.benefit, key.measure) {
                    ("hangzhou/employee-basic", "inpatient", Measure::Paid) => Some("400000"),
                    ("zhejiang/medical-assistance", _, Measure::Paid) => Some("50000"),
                    ("hangzhou/xihu-yilianbao", _, Measure::Paid) => Some("3150000"),
                    (_, "inpatient", Measure::Deductible) => Some("800"),
                    ("zhejiang/critical-illness", _, Measure::Deductible) => Some("25000"),
                    _ => None,
                };
                prop_assert!(!value.is_negative() && limit.is_none_or(|limit| value <= Money::parse(limit).unwrap()), "{} {}", key, value);
            }
            booked.push(settlement);
        }
        // Taking back the latest first restores every accumulator.
        for settlement in booked.iter().rev() {
            let reversed: Vec<_> = settlement.accumulators.iter().rev().map(|change| change.reversed()).collect();
            accumulators.apply(&reversed).unwrap();
        }
        prop_assert_eq!(accumulators, Accumulators::default());
    }

    #[test]
    fn a_larger_bill_never_pays_less(history in history(), more in 1i64..5_000_000) {
        let library = Library::builtin().unwrap();
        let stay = &history.stays[0];
        let date = day(stay.day);
        let charges = lines(stay, date);
        let Some(small) = claim(&history, stay, charges.clone(), date) else { return Ok(()) };
        let mut extra = charges[0].clone();
        extra.feedetl_sn = "extra".into();
        extra.pric = Price::from_units(more * 10_000);
        extra.cnt = Quantity::from_units(10_000);
        extra.det_item_fee_sumamt = extra.pric.times(extra.cnt).unwrap();
        extra.adopted_split = Some(FourWaySplit { inscp_scp_amt: extra.det_item_fee_sumamt, ..FourWaySplit::default() });
        let large = charges.into_iter().chain([extra]).collect();
        let large = claim(&history, stay, large, date).unwrap();
        let settle = |claim: &Claim| {
            adjudicate(claim, &library.programme_for(claim).unwrap(), &Accumulators::default()).unwrap()
        };
        let (small, large) = (settle(&small), settle(&large));
        for kind in PayerKind::ALL {
            prop_assert!(small.paid_by(kind).unwrap() <= large.paid_by(kind).unwrap(), "{:?}", kind);
        }
    }
}
