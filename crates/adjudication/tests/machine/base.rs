//! What a benefit counts: the cells of the selected pools of the selected lines, cut by inner limits.
//!
//! The sections "Base" and "Inner limits" of `docs/benefit-machine.md`. Must not know what is paid of it.

use bedside_claim::{AccumulatorKey, Claim, LimitPer, Line, Measure, Pool};
use bedside_policy::plan::{
    Amounts, Base, Benefit, Circumstances, InnerLimit, LimitAmount, LineSelector, ListDate, Tail,
};

use crate::exact::{Fen, rounded};
use crate::gate::{self, NoValue};
use crate::reading::{Cell, Place, Reading, charge_of, divide};

impl Reading<'_> {
    /// The cells that the base selects, with what they count with.
    pub(crate) fn selected(
        &mut self,
        place: &Place<'_>,
        base: &Base,
        now: &Circumstances<'_>,
    ) -> Result<Vec<Cell>, NoValue> {
        let first_uncovered = match (&place.plan.tail, place.policy) {
            (Tail::Days(days), Some(policy)) => {
                let days = i32::try_from(gate::count(days, now)?).expect("a small number of days");
                policy.cover.until.map(|until| until + jiff::Span::new().days(days))
            }
            _ => None,
        };
        let mut cells = Vec::new();
        for line in self.order.clone() {
            let charge = &self.claim.bill.lines()[charge_of(self.claim, line)];
            let day = charge.fee_ocur_time.date();
            if first_uncovered.is_some_and(|first| first <= day) {
                self.meet("tail: a line after it");
                self.meet_if(first_uncovered == Some(day), "tail: the first day after it");
                continue;
            }
            if !self.selects(&base.lines, charge) {
                continue;
            }
            for pool in Pool::ALL.into_iter().filter(|pool| base.pools.contains(pool)) {
                let counts = match base.amounts {
                    Amounts::Net => self.left[line][pool.index()],
                    Amounts::Gross => self.gross[line][pool.index()],
                };
                cells.push(Cell { line, pool: pool.index(), counts });
            }
        }
        Ok(cells)
    }

    fn selects(&mut self, lines: &LineSelector, charge: &Line) -> bool {
        if !lines.categories.is_empty() && !lines.categories.contains(&charge.med_chrgitm_type) {
            self.meet("selector: another category");
            return false;
        }
        if !lines.tags.is_empty() && !lines.tags.iter().any(|tag| charge.tags.contains(tag)) {
            self.meet("selector: without the tag");
            return false;
        }
        if lines.not_tags.iter().any(|tag| charge.tags.contains(tag)) {
            self.meet("selector: with a tag that excludes");
            return false;
        }
        let Some(list) = &lines.listed else { return true };
        let day = match list.date {
            ListDate::Expense => charge.fee_ocur_time.date(),
            ListDate::Visit(rule) => self.claim.visit.date(rule),
        };
        let mut of_code = list.items.iter().filter(|item| item.code == charge.med_list_codg);
        let is_known = of_code.clone().next().is_some();
        let is_listed = of_code.any(|item| item.from <= day && day < item.until);
        self.meet(if is_listed { "selector: listed" } else { "selector: not listed" });
        self.meet_if(is_known && !is_listed, "selector: listed on other days");
        is_listed
    }

    /// The subjects of the limit in the order of their first charge, each with its charges.
    pub(crate) fn subjects(
        &mut self,
        lines: &LineSelector,
        per: LimitPer,
        cells: &[Cell],
    ) -> Vec<(String, Vec<usize>)> {
        let claim = self.claim;
        let mut subjects: Vec<(String, Vec<usize>)> = Vec::new();
        for line in self.order.clone() {
            let charge = &claim.bill.lines()[line];
            let is_in_base = cells.iter().any(|cell| cell.line == line);
            if claim.bill.refunded(line).is_some() || !is_in_base || !self.selects(lines, charge) {
                continue;
            }
            let subject = match per {
                LimitPer::Line => charge.feedetl_sn.to_string(),
                LimitPer::Item => charge.med_list_codg.to_string(),
                LimitPer::Category => charge.med_chrgitm_type.code().to_owned(),
                LimitPer::Operation => charge.oprn_no.as_deref().unwrap_or("").to_owned(),
                LimitPer::Day => charge.fee_ocur_time.date().to_string(),
                LimitPer::All => String::new(),
            };
            match subjects.iter_mut().find(|(known, _)| *known == subject) {
                Some((_, charges)) => charges.push(line),
                None => subjects.push((subject, vec![line])),
            }
        }
        subjects
    }

    /// One inner limit: cuts what the cells count with, and says what its accumulators grow by.
    pub(crate) fn limit_inside(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        limit: &InnerLimit,
        now: &Circumstances<'_>,
        cells: &mut [Cell],
        counted: &mut Vec<(Option<AccumulatorKey>, Fen)>,
    ) -> Result<(), NoValue> {
        self.meet(limit_per(limit.per));
        for (subject, charges) in self.subjects(&limit.lines, limit.per, cells) {
            let subject = format!("{}:{subject}", limit.id);
            match &limit.amount {
                LimitAmount::Money(amount) => {
                    let key = place.own_key(limit.period, benefit, Measure::Counted, &subject);
                    let may = (gate::amount(amount, now)? - self.read(&key)).max(0);
                    let of_subject = places(self.claim, cells, &charges);
                    let sum: Fen = of_subject.iter().map(|cell| cells[*cell].counts).sum();
                    self.meet_if(sum == may && may > 0, "inner limit: exactly met");
                    if sum > may {
                        self.meet(if may == 0 { "inner limit: nothing left" } else { "inner limit: cuts" });
                        replace(self.claim, cells, &of_subject, may);
                    }
                    counted.push((key, sum.min(may).max(0)));
                }
                LimitAmount::Times(times) => {
                    let key = place.own_key(limit.period, benefit, Measure::Times, &subject);
                    let may = gate::count(times, now)? - self.read(&key) / 100;
                    let taken = self.limit_times(may, cells, &charges);
                    counted.push((key, 100 * taken));
                }
            }
        }
        Ok(())
    }

    /// Lets the first `may` units of the charges count; how many were taken.
    fn limit_times(&mut self, may: i128, cells: &mut [Cell], charges: &[usize]) -> i128 {
        let lines = self.claim.bill.lines();
        let mut taken = 0;
        for charge in charges {
            let of_charge = places(self.claim, cells, &[*charge]);
            let with_refunds = (0..lines.len()).filter(|line| charge_of(self.claim, *line) == *charge);
            let ten_thousandths: i128 = with_refunds.map(|line| i128::from(lines[line].cnt.units())).sum();
            let units = (ten_thousandths + 9_999).div_euclid(10_000);
            let weight: Fen = of_charge.iter().map(|cell| cells[*cell].counts).sum();
            if units == 0 || weight <= 0 {
                self.meet("times: a charge of nothing");
                continue;
            }
            self.meet_if(ten_thousandths % 10_000 != 0, "times: a part of a unit");
            let takes = units.min((may - taken).max(0));
            if takes < units {
                self.meet(if takes == 0 { "times: nothing left" } else { "times: cuts" });
                replace(self.claim, cells, &of_charge, rounded(weight * takes, units));
            }
            taken += takes;
        }
        taken
    }
}

/// The places of the cells of these charges and their refunds.
pub(crate) fn places(claim: &Claim, cells: &[Cell], charges: &[usize]) -> Vec<usize> {
    (0..cells.len()).filter(|cell| charges.contains(&charge_of(claim, cells[*cell].line))).collect()
}

/// Lets these cells count with `amount` together, in proportion.
pub(crate) fn replace(claim: &Claim, cells: &mut [Cell], places: &[usize], amount: Fen) {
    let of_places: Vec<Cell> = places.iter().map(|place| cells[*place]).collect();
    let weights: Vec<Fen> = of_places.iter().map(|cell| cell.counts).collect();
    for (place, counts) in places.iter().zip(divide(claim, amount, &of_places, &weights)) {
        cells[*place].counts = counts;
    }
}

fn limit_per(per: LimitPer) -> &'static str {
    match per {
        LimitPer::Line => "inner limit: per line",
        LimitPer::Item => "inner limit: per item",
        LimitPer::Category => "inner limit: per category",
        LimitPer::Operation => "inner limit: per operation",
        LimitPer::Day => "inner limit: per day",
        LimitPer::All => "inner limit: all",
    }
}
