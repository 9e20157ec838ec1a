//! What was used up before the first bill of a case file: prior becomes accumulators.

use std::sync::Arc;

use bedside_claim::{AccumulatorBook, AccumulatorKey, Measure, Money, Owner, Term};

use super::fields::{Charset, Era, ID, Place, Reader, TextForm};
use crate::invalid::{InvalidCode, InvalidMessage, Phrase};
use crate::v1;

const PACK: TextForm = TextForm::up_to(Charset::Visible, 100);

/// The accumulators before the first bill.
///
/// # Errors
/// [`InvalidMessage`] with every fault: not exactly one owner or one term, an unknown measure, a value below zero, one
/// accumulator twice.
pub fn prior(rows: &[v1::PriorAccumulator]) -> Result<AccumulatorBook, InvalidMessage> {
    let mut reader = Reader::default();
    let mut book = AccumulatorBook::default();
    let mut seen: Vec<(Arc<str>, AccumulatorKey)> = Vec::with_capacity(rows.len());
    let mut complete = true;
    for (index, row) in rows.iter().enumerate() {
        let place = Place::Row("prior", index);
        let Some((psn_no, key, value)) = accumulator(&mut reader, place, row) else {
            complete = false;
            continue;
        };
        if let Some(first) = seen.iter().position(|other| *other == (psn_no.clone(), key.clone())) {
            let allowed = Phrase::made(
                format!("与 prior[{first}] 不同的累计项"),
                format!("another accumulator than prior[{first}] has"),
            );
            reader.fault(place, "measure", InvalidCode::DuplicateRow, &row.measure, allowed);
            complete = false;
        }
        book.set(&psn_no, key.clone(), value);
        seen.push((psn_no, key));
    }
    reader.faults.finish(complete.then_some(book))
}

fn accumulator(
    reader: &mut Reader,
    place: Place<'_>,
    row: &v1::PriorAccumulator,
) -> Option<(Arc<str>, AccumulatorKey, Money)> {
    let owner = owner(reader, place, row);
    let term = term(reader, place, row);
    let pack = reader.text(place, "pack_id", &row.pack_id, PACK);
    let benefit = reader.text(place, "benefit_id", &row.benefit_id, PACK);
    let measures = Phrase::fixed(
        "base、deductible、deductible_standard、paid、counted、times、days",
        "base, deductible, deductible_standard, paid, counted, times or days",
    );
    let measure = reader.code(place, "measure", &row.measure, Measure::from_name, measures);
    let is_subject =
        reader.optional_text(place, "subject", &row.subject, TextForm::up_to(Charset::Text, 200));
    let value = reader.amount(place, "value", &row.value);
    let (psn_no, owner) = owner?;
    if !is_subject {
        return None;
    }
    let subject = Arc::from(row.subject.as_str());
    let key =
        AccumulatorKey { owner, term: term?, pack: pack?, benefit: benefit?, measure: measure?, subject };
    Some((psn_no, key, value?))
}

/// The person, or the family; a family's accumulator belongs to no person.
fn owner(reader: &mut Reader, place: Place<'_>, row: &v1::PriorAccumulator) -> Option<(Arc<str>, Owner)> {
    match (row.psn_no.is_empty(), row.family_no.is_empty()) {
        (false, true) => Some((reader.text(place, "psn_no", &row.psn_no, ID)?, Owner::Person)),
        (true, false) => {
            let family_no = reader.text(place, "family_no", &row.family_no, ID)?;
            Some((Arc::from(""), Owner::Family(family_no)))
        }
        _ => {
            let allowed = Phrase::fixed("psn_no 与 family_no 之一", "one of psn_no and family_no");
            reader.fault(place, "psn_no", InvalidCode::Differs, &row.psn_no, allowed);
            None
        }
    }
}

fn term(reader: &mut Reader, place: Place<'_>, row: &v1::PriorAccumulator) -> Option<Term> {
    let given =
        [&row.benefit_year, &row.policy_begndate, &row.acdt_no, &row.lifetime].map(|text| !text.is_empty());
    match given {
        [true, false, false, false] => {
            let years = Phrase::fixed("四位年份", "a year of four digits");
            let read = |text: &str| text.parse::<i16>().ok().filter(|year| (1900..=9999).contains(year));
            reader.code(place, "benefit_year", &row.benefit_year, read, years).map(Term::Year)
        }
        [false, true, false, false] => {
            let date = reader.date(place, "policy_begndate", &row.policy_begndate, Era::Life);
            date.map(Term::PolicyPeriod)
        }
        [false, false, true, false] => reader.text(place, "acdt_no", &row.acdt_no, ID).map(Term::Event),
        [false, false, false, true] => {
            let one = Phrase::fixed("1", "1");
            let read = |text: &str| (text == "1").then_some(Term::Lifetime);
            reader.code(place, "lifetime", &row.lifetime, read, one)
        }
        _ => {
            let allowed = Phrase::fixed(
                "benefit_year、policy_begndate、acdt_no、lifetime 之一",
                "one of benefit_year, policy_begndate, acdt_no and lifetime",
            );
            reader.fault(place, "benefit_year", InvalidCode::Differs, &row.benefit_year, allowed);
            None
        }
    }
}
