//! What persons have used up, found in four ways that share nothing but the ledger's folder: kept by the ledger, folded from
//! its journal, summed up over the settlements that stand, and asked for over gRPC.

use std::collections::BTreeMap;

use bedside_claim::{AccumulatorKey, Money, Owner};
use bedside_gateway::v1;
use bedside_ledger::PersonKey;

use crate::bills::fen;
use crate::house::House;
use crate::serial::told;

/// A person, and the family or nothing.
pub(crate) type Member = (String, Option<String>);

/// What `GetAccumulators` tells, in its order.
type Used = Vec<v1::Accumulator>;

/// Whose accumulator it is: the person, or the family.
fn owner_of(psn_no: &str, key: &AccumulatorKey) -> String {
    match &key.owner {
        Owner::Person => psn_no.to_owned(),
        Owner::Family(family_no) => format!("family {family_no}"),
    }
}

/// The journal from its first record on: every change goes on where the one before it ended.
fn folded(house: &House) -> BTreeMap<(String, AccumulatorKey), Money> {
    let mut fold: BTreeMap<(String, AccumulatorKey), Money> = BTreeMap::new();
    for record in house.ledger.records() {
        let (_, record) = record.unwrap();
        for change in record.accumulators {
            let owner = owner_of(&record.person.psn_no, &change.key);
            let value = fold.entry((owner, change.key)).or_insert(Money::ZERO);
            assert_eq!(*value, change.before);
            *value = change.after;
        }
    }
    fold.retain(|_, value| !value.is_zero());
    fold
}

fn kept(house: &House, (psn_no, family_no): &Member) -> Used {
    let person = PersonKey { tenant: "insurer".into(), psn_no: psn_no.as_str().into() };
    let kept = match family_no {
        None => house.ledger.accumulators(&person),
        Some(family_no) => house.ledger.accumulators_with_family(&person, family_no),
    };
    kept.unwrap().iter().map(|(key, value)| told(key, value)).collect()
}

async fn asked(house: &mut House, (psn_no, family_no): &Member, year: &str) -> Used {
    let request = v1::GetAccumulatorsRequest {
        psn_no: psn_no.clone(),
        family_no: family_no.clone().unwrap_or_default(),
        year: year.to_owned(),
        ..Default::default()
    };
    house.client.get_accumulators(request).await.unwrap().into_inner().accumulators
}

/// What the answers of standing settlements say that they changed, by everything that names an accumulator, in fen.
fn summed<'a>(
    standing: impl Iterator<Item = &'a v1::Settlement>,
    psn_no: &str,
    family: &[String],
) -> BTreeMap<[String; 6], i64> {
    let mut sums = BTreeMap::new();
    for settlement in standing {
        for change in &settlement.accumulators {
            let counts = match change.owner.as_str() {
                "family" => family.contains(&settlement.psn_no),
                _ => settlement.psn_no == psn_no,
            };
            if counts {
                let v1::AccumulatorChange {
                    owner,
                    benefit_year,
                    term,
                    pack_id,
                    benefit_id,
                    measure,
                    subject,
                    ..
                } = change.clone();
                let name = [owner, benefit_year + &term, pack_id, benefit_id, measure, subject];
                *sums.entry(name).or_insert(0) += fen(&change.after) - fen(&change.before);
            }
        }
    }
    sums.retain(|_, fen| *fen != 0);
    sums
}

fn by_name(used: &[v1::Accumulator]) -> BTreeMap<[String; 6], i64> {
    let named = used.iter().map(|it| {
        let v1::Accumulator { owner, benefit_year, term, pack_id, benefit_id, measure, subject, .. } =
            it.clone();
        ([owner, benefit_year + &term, pack_id, benefit_id, measure, subject], fen(&it.cum))
    });
    named.collect()
}

/// Holds the four against each other for each of these persons, and gives what they have used up.
pub(crate) async fn check(house: &mut House, members: &[Member], standing: &[v1::Settlement]) -> Vec<Used> {
    let fold = folded(house);
    let mut all = Vec::new();
    for member in members {
        let (psn_no, family_no) = member;
        let family_owner = family_no.as_ref().map(|family_no| format!("family {family_no}"));
        let own = |owner: &String| owner == psn_no || Some(owner) == family_owner.as_ref();
        let mut of_journal: Vec<_> = fold.iter().filter(|((owner, _), _)| own(owner)).collect();
        of_journal.sort_by(|((_, a), _), ((_, b), _)| a.cmp(b));
        let of_journal: Used = of_journal.into_iter().map(|((_, key), value)| told(key, *value)).collect();

        let used = asked(house, member, "").await;
        assert_eq!(used, kept(house, member), "asked for, and kept");
        assert_eq!(used, of_journal, "asked for, and folded");
        let relatives: Vec<String> = members
            .iter()
            .filter(|(_, of)| of.is_some() && of == family_no)
            .map(|(it, _)| it.clone())
            .collect();
        let sums = summed(standing.iter(), psn_no, &relatives);
        assert_eq!(by_name(&used), sums, "asked for, and summed up over what stands");
        for year in ["2025", "2026"] {
            let of_year: Used = used.iter().filter(|it| it.benefit_year == year).cloned().collect();
            assert_eq!(asked(house, member, year).await, of_year);
        }
        all.push(used);
    }
    all
}
