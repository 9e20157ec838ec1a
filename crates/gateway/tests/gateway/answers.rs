//! The answer says what the settlement says, its identities hold, and its mirror takes all of it back.

use std::sync::Arc;

use bedside_claim::{
    AccountPayment, AccumulatorChange, AccumulatorKey, Adoption, BenefitCard, Claim, ExplainedPart,
    FixedPayment, FourWaySplit, Grade, LineSplit, Measure, Money, NationalIdentity, Origin, OwnComputation,
    PackCard, PackStatus, Payer, PayerKind, Payment, PublicLayers, Settlement, ShareTable, Step, Variance,
    VarianceCause,
};
use bedside_gateway::answer::{self, Booking};
use bedside_gateway::request::{self, Envelope};
use bedside_gateway::v1;
use jiff::civil::date;
use proptest::prelude::*;

use crate::base::base;

fn pack(status: PackStatus, grade: Grade) -> Arc<PackCard> {
    Arc::new(PackCard {
        id: "somewhere/plan".into(),
        version: "2026".into(),
        name_zh: "某计划".into(),
        name_en: "some plan".into(),
        from: date(2026, 1, 1),
        until: date(2027, 1, 1),
        status,
        grade,
    })
}

fn payment(kind: PayerKind, amount: Money) -> Payment {
    let payer =
        Payer { kind, code: kind.name().into(), name_zh: kind.name_zh().into(), name_en: kind.name().into() };
    let origin = if kind == PayerKind::BasicInsurance {
        Origin::NationalPlatform
    } else {
        Origin::Pack(pack(PackStatus::InForce, Grade::A))
    };
    let benefit = BenefitCard {
        id: "inpatient".into(),
        name_zh: "住院".into(),
        name_en: "inpatient".into(),
        clause: "Art 1".into(),
        payer,
        origin,
    };
    Payment { benefit: Arc::new(benefit), amount }
}

/// A settlement of the base bill in which each payer, the hospital, the account and the patient take the given
/// proportions of every line, the patient what is left.
fn settlement(claim: &Claim, portions: [i64; 10]) -> Settlement {
    let lines = claim.bill.lines();
    let mut shares = ShareTable::new(lines.len(), PayerKind::ALL.len());
    let mut columns = [Money::ZERO; 11];
    let mut split = FourWaySplit::default();
    let mut line_splits = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let amount = line.det_item_fee_sumamt;
        let mut left = amount;
        let row = shares.row_mut(place);
        for (cell, portion) in row.iter_mut().zip(portions) {
            *cell = Money::from_units(amount.units() * portion / 1_000);
            left = left.minus(*cell).unwrap();
        }
        row[10] = left;
        for (column, cell) in columns.iter_mut().zip(row.iter()) {
            *column = column.plus(*cell).unwrap();
        }
        let parts =
            line.adopted_split.unwrap_or(FourWaySplit { inscp_scp_amt: amount, ..FourWaySplit::default() });
        split = split.plus(&parts).unwrap();
        line_splits.push(LineSplit { split: parts, item: None, reason: None });
    }
    let paid: Vec<Payment> =
        PayerKind::ALL.into_iter().zip(columns).map(|(kind, amount)| payment(kind, amount)).collect();
    let key = |measure| AccumulatorKey::of_year(2026, "somewhere/plan".into(), "inpatient".into(), measure);
    let variance = Variance {
        payer: PayerKind::BasicInsurance,
        adopted: Money::from_units(5_000),
        computed: Money::from_units(5_001),
        causes: vec![ExplainedPart {
            cause: VarianceCause::Deductible { ours: Money::from_units(8), theirs: Money::from_units(9) },
            amount: Money::from_units(-1),
        }],
    };
    let own = OwnComputation {
        split,
        act_pay_dedc: Money::from_units(1_234),
        payments: paid.iter().take(2).cloned().collect(),
        explanation: vec![Step::Cash { amount: Money::from_units(7) }],
    };
    let adoption =
        Adoption { identities: vec![NationalIdentity::I1], own: Some(own), variances: vec![variance] };
    Settlement {
        programme: "somewhere/residents".into(),
        rule_date: date(2026, 3, 10),
        benefit_year: 2026,
        medfee_sumamt: claim.bill.medfee_sumamt(),
        split,
        line_splits,
        payments: paid,
        hosp_part_amt: columns[8],
        acct_pay: columns[9],
        account: AccountPayment::default(),
        psn_cash_pay: columns[10],
        to_person: vec![FixedPayment {
            benefit: payment(PayerKind::Commercial, Money::ZERO).benefit,
            evt_no: Some("E1".into()),
            amount: Money::from_units(123_456),
        }],
        act_pay_dedc: Money::from_units(1_234),
        shares,
        accumulators: vec![AccumulatorChange {
            key: key(Measure::Paid),
            before: Money::from_units(100),
            after: Money::from_units(350),
        }],
        looked_at: Vec::new(),
        explanation: Vec::new(),
        packs: vec![
            pack(PackStatus::InForce, Grade::A),
            pack(PackStatus::InForce, Grade::B),
            pack(PackStatus::Unverified, Grade::A),
            pack(PackStatus::Demo, Grade::Assumed),
        ],
        public_layers: PublicLayers::Adopted(adoption),
    }
}

fn claim() -> (Envelope, Claim) {
    let mut message = base();
    message.insuinfo[0].balc = "80.00".to_owned();
    request::settle(&message).unwrap()
}

const BOOKING: Booking<'static> = Booking { setl_id: "S0000000001", booked_at_ms: 1_773_112_345_678 };

fn fen(text: &str) -> i64 {
    Money::parse(text).unwrap().units()
}

/// Every amount of a settlement that a cancellation must bring back to zero, under its path.
fn amounts(settlement: &v1::Settlement) -> Vec<(String, i64)> {
    let value = serde_json::to_value(settlement).unwrap();
    let mut amounts = Vec::new();
    for (field, amount) in value["setlinfo"].as_object().unwrap() {
        if field != "balc" && amount != "" {
            amounts.push((format!("setlinfo.{field}"), fen(amount.as_str().unwrap())));
        }
    }
    for payment in &settlement.payments {
        amounts.push((format!("payment {}", payment.payer_kind), fen(&payment.amount)));
    }
    for paid in &settlement.to_person {
        amounts.push(("to person".to_owned(), fen(&paid.payment.as_ref().unwrap().amount)));
    }
    for line in &settlement.lines {
        let own = [
            &line.det_item_fee_sumamt,
            &line.fulamt_ownpay_amt,
            &line.overlmt_amt,
            &line.preselfpay_amt,
            &line.inscp_scp_amt,
            &line.hosp_part_amt,
            &line.acct_pay,
            &line.psn_cash_pay,
        ];
        for (place, amount) in own.into_iter().chain(&line.shares).enumerate() {
            amounts.push((format!("line {} {place}", line.feedetl_sn), fen(amount)));
        }
    }
    for variance in &settlement.variances {
        amounts.push(("adopted".to_owned(), fen(&variance.adopted)));
        amounts.push(("computed".to_owned(), fen(&variance.computed)));
        amounts.push(("difference".to_owned(), fen(&variance.difference)));
    }
    if let Some(own) = &settlement.own_computation {
        amounts.push(("own act_pay_dedc".to_owned(), fen(&own.act_pay_dedc)));
        for payment in &own.payments {
            amounts.push(("own payment".to_owned(), fen(&payment.amount)));
        }
        let v1::FourParts { fulamt_ownpay_amt, overlmt_amt, preselfpay_amt, inscp_scp_amt } =
            own.split.as_ref().unwrap();
        for part in [fulamt_ownpay_amt, overlmt_amt, preselfpay_amt, inscp_scp_amt] {
            amounts.push(("own split".to_owned(), fen(part)));
        }
    }
    for change in &settlement.accumulators {
        amounts.push((format!("accumulator {}", change.measure), fen(&change.after) - fen(&change.before)));
    }
    amounts
}

proptest! {
    #[test]
    fn identities_hold_and_the_mirror_takes_it_back(portions in prop::array::uniform10(0i64..=100)) {
        let (envelope, claim) = claim();
        let settled = settlement(&claim, portions);
        settled.check(&claim.bill).unwrap();
        let original = answer::settlement(&claim, &envelope, &settled, Some(BOOKING)).unwrap();

        let info = original.setlinfo.clone().unwrap();
        let sum = |amounts: &[&String]| amounts.iter().map(|amount| fen(amount)).sum::<i64>();
        let funds = [
            &info.hifp_pay, &info.cvlserv_pay, &info.hifes_pay, &info.hifmi_pay, &info.hifob_pay, &info.maf_pay,
            &info.oth_pay,
        ];
        prop_assert_eq!(sum(&funds), fen(&info.fund_pay_sumamt));
        prop_assert_eq!(sum(&[&info.acct_pay, &info.psn_cash_pay]), fen(&info.psn_part_amt));
        let whole = [&info.fund_pay_sumamt, &info.commercial_pay, &info.hosp_part_amt, &info.psn_part_amt];
        prop_assert_eq!(sum(&whole), fen(&info.medfee_sumamt));
        let parts = [&info.fulamt_ownpay_amt, &info.overlmt_selfpay, &info.preselfpay_amt, &info.inscp_scp_amt];
        prop_assert_eq!(sum(&parts), fen(&info.medfee_sumamt));
        prop_assert_eq!(fen(&info.balc), (8_000 - fen(&info.acct_pay)).max(0));
        for line in &original.lines {
            let shares: i64 = line.shares.iter().map(|share| fen(share)).sum();
            let own = sum(&[&line.hosp_part_amt, &line.acct_pay, &line.psn_cash_pay]);
            prop_assert_eq!(shares + own, fen(&line.det_item_fee_sumamt));
        }
        let posted = Money::sum(answer::postings(&settled).iter().map(|(_, amount)| *amount)).unwrap();
        prop_assert_eq!(posted, settled.medfee_sumamt);
        prop_assert!(answer::postings(&settled).iter().all(|(_, amount)| !amount.is_zero()));

        let booking = Booking { setl_id: "S0000000002", ..BOOKING };
        let mirror = answer::mirror(&original, "M2", booking).unwrap();
        for ((field, amount), (_, back)) in amounts(&original).into_iter().zip(amounts(&mirror)) {
            prop_assert_eq!(amount + back, 0, "{}", field);
        }
        prop_assert_eq!(original.variances[0].causes[0].code.as_str(), "deductible");
        prop_assert!(mirror.variances[0].causes.is_empty() && mirror.identities_checked.is_empty());
        prop_assert!(mirror.own_computation.as_ref().unwrap().explanation.is_empty());
        prop_assert_eq!(&mirror.init_setl_id, &original.setl_id);
        prop_assert_eq!((mirror.setl_id.as_str(), mirror.medins_setl_id.as_str()), ("S0000000002", "M2"));
        prop_assert_eq!(fen(&mirror.setlinfo.unwrap().balc), 8_000);
    }
}

#[test]
fn an_answer_carries_its_envelope_times_and_notices() {
    let (envelope, claim) = claim();
    let settled = settlement(&claim, [50; 10]);
    let answer = answer::settlement(&claim, &envelope, &settled, Some(BOOKING)).unwrap();
    assert_eq!(answer.setl_time, "2026-03-10 11:12:25");
    assert_eq!(answer.medins_setl_id, "H33010600001202603101200000001");
    assert_eq!(answer.payments[0].origin, "adopted");
    assert_eq!(
        (answer.payments[1].origin.as_str(), answer.payments[1].pack_id.as_str()),
        ("computed", "somewhere/plan")
    );
    let notices: Vec<&str> = answer.notices.iter().map(|notice| notice.en.as_str()).collect();
    assert_eq!(
        notices,
        [
            "some plan (somewhere/plan 2026): some parameters rest on grade B evidence, not on official text",
            "some plan (somewhere/plan 2026): a parameter is not verified; do not pay real money on these amounts",
            "some plan (somewhere/plan 2026): made up for demonstration; do not pay real money on these amounts",
        ]
    );
    assert!(answer.notices.iter().all(|notice| notice.zh.contains("某计划（somewhere/plan 2026）：")));

    let presettled = answer::settlement(&claim, &envelope, &settled, None).unwrap();
    assert_eq!((presettled.setl_id.as_str(), presettled.setl_time.as_str()), ("", ""));
}

#[test]
fn a_stored_answer_that_is_none_has_no_mirror() {
    let error = answer::mirror(&v1::Settlement::default(), "M2", BOOKING).unwrap_err();
    assert_eq!(error.to_string(), "the stored settlement has no `setlinfo`");
}
