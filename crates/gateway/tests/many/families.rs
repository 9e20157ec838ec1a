//! The two kinds of round: one person alone, and the members of a family who share a deductible and a cap.

use bedside_gateway::v1;
use serde_json::Value;

use crate::bills::{Bill, family_policy, fen, group_policy, library};
use crate::house::House;
use crate::rounds::{CLIENTS, play_rounds};
use crate::serial::Serial;

/// 64 bills of some members, in turn: small ones among large ones, so that deductibles are crossed in the middle.
fn bills(
    name: &str,
    rng: &mut fastrand::Rng,
    members: usize,
    policies: &[Value],
    large: u64,
) -> Vec<v1::SettleBillRequest> {
    let bill = |number: usize| {
        let scale = if number.is_multiple_of(4) { large / 40 } else { large };
        Bill {
            msgid: format!("M{number}-{name}"),
            mdtrt_id: format!("V{number}-{name}"),
            psn_no: format!("P{}-{name}", number % members),
            family_no: if members > 1 { format!("F-{name}") } else { String::new() },
            hosp_lv: ["02", "02", "05", "11"][rng.usize(0..4)],
            date: format!("2026-{:02}-{:02}", rng.u8(1..=11), rng.u8(1..=28)),
            in_scope: rng.u64(1..scale),
            first_pay: rng.u64(0..scale / 8),
            own_expense: rng.u64(0..scale / 8),
            balc: if rng.bool() { 0 } else { rng.u64(0..3_000_00) },
            policies: policies.to_vec(),
        }
        .request()
    };
    (0..CLIENTS).map(bill).collect()
}

/// The sum of one amount of every settlement that stands.
fn sum(serial: &Serial<'_>, amount: fn(&v1::SetlInfo) -> &String) -> i64 {
    serial.standing().map(|it| fen(amount(it.setlinfo.as_ref().unwrap()))).sum()
}

/// What a pack paid in every settlement that stands.
fn paid_by(serial: &Serial<'_>, pack: &str) -> i64 {
    let payments = serial.standing().flat_map(|it| &it.payments);
    payments.filter(|paid| paid.pack_id == pack).map(|paid| fen(&paid.amount)).sum()
}

/// The most that the family ever had on an accumulator.
fn reached(serial: &Serial<'_>, measure: &str) -> i64 {
    let changes = serial.settlements().flat_map(|it| &it.accumulators);
    let of_family =
        changes.filter(|change| (change.owner.as_str(), change.measure.as_str()) == ("family", measure));
    of_family.map(|change| fen(&change.after)).max().unwrap()
}

/// The fund's cap of the year, 400,000, and the group policy's limit, 30,000, are exhausted to the fen; the deductible of
/// the year is the tertiary hospital's, 800, whichever bill came first.
#[tokio::test(flavor = "multi_thread")]
async fn clients_on_one_person_come_to_a_serial_order() {
    let policies = [group_policy("2026-01-01", "2026-12-31")];
    let bills = |name: &str, rng: &mut fastrand::Rng| bills(name, rng, 1, &policies, 30_000_00);
    play_rounds(House::open_by(library()).await, 10, bills, |serial| {
        assert_eq!(sum(serial, |info| &info.hifp_pay), 400_000_00);
        assert_eq!(paid_by(serial, "cpic/group-medical"), 30_000_00);
        assert_eq!(sum(serial, |info| &info.act_pay_dedc), 800_00);
    })
    .await;
}

/// The family's deductible, 10,000, is charged and its limit, 100,000, reached to the fen. A member whom the limit left with
/// nothing does not stand in the way of another's cancellation, so that there may be room again at the end.
#[tokio::test(flavor = "multi_thread")]
async fn clients_on_one_family_come_to_a_serial_order() {
    let policies = [family_policy("2026-01-01", "2026-12-31")];
    let bills = |name: &str, rng: &mut fastrand::Rng| bills(name, rng, 8, &policies, 25_000_00);
    play_rounds(House::open_by(library()).await, 10, bills, |serial| {
        assert_eq!((reached(serial, "deductible"), reached(serial, "paid")), (10_000_00, 100_000_00));
        assert!(paid_by(serial, "demo/family-medical") <= 100_000_00);
    })
    .await;
}
