//! A benefit that reimburses: deductible, bands, factors, limits, indemnity, solved back, and back to the lines.
//!
//! The sections of `docs/benefit-machine.md` under "Reimbursement", one function each. Must not know of layers.

use std::collections::BTreeMap;

use bedside_claim::{AccumulatorKey, DeductibleRule, Measure, PayerKind, Period, Rate, Reason};
use bedside_policy::plan::{
    Amounts, BandEdges, Benefit, Cap, Circumstances, Deductible, FactorRule, FilledBy, Limit, LimitAmount,
    PaidLimit, Parameter, Reimbursement, SharedBy, When,
};

use crate::base::{places, replace};
use crate::exact::{Fen, at_rate, largest_remainder};
use crate::gate::{self, NoValue};
use crate::reading::{Cell, Place, Reading, charge_of};

/// What the deductible came to.
#[derive(Debug, Clone, Copy, Default)]
struct Charged {
    standard: Fen,
    before: Fen,
    charged: Fen,
    /// Of a base over a visit: what earlier parts of the stay were charged of it.
    of_stay_before: Fen,
}

/// The payable stretch of the base on the scale of the bands.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: Fen,
    length: Fen,
    /// Where the scale begins to pay.
    start: Fen,
}

/// The bands' edges and rates, and the factors after them.
struct Scale {
    bands: Vec<(Fen, Option<Fen>, Rate)>,
    factors: Vec<Rate>,
}

impl Scale {
    /// What the first `part` of the stretch gives.
    fn gives(&self, stretch: Stretch, part: Fen) -> Fen {
        let mut amount = 0;
        for (lower, upper, rate) in &self.bands {
            let filled = |x: Fen| {
                let reached = upper.map_or(x, |upper| x.min(upper));
                (reached - stretch.start.max(*lower)).max(0)
            };
            amount += at_rate(filled(stretch.from + part), *rate) - at_rate(filled(stretch.from), *rate);
        }
        for rate in &self.factors {
            amount = at_rate(amount, *rate);
        }
        amount
    }

    /// The smallest part of the stretch that gives at least `amount`. What is given never falls as the part grows.
    fn solved_back(&self, stretch: Stretch, amount: Fen) -> Fen {
        let (mut low, mut high) = (0, stretch.length);
        while low < high {
            let middle = (low + high) / 2;
            if self.gives(stretch, middle) >= amount {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

impl Reading<'_> {
    pub(crate) fn reimburse(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        reimbursement: &Reimbursement,
    ) -> Result<(), NoValue> {
        let base = &reimbursement.base;
        let now = place.now(self.visit_number(place, benefit));
        if let Some(reason) = self.closed(place, benefit, &now)? {
            self.deny(place, benefit, reason);
            return Ok(());
        }
        let mut cells = self.selected(place, base, &now)?;
        let mut counted = Vec::new();
        for limit in &base.limits {
            self.limit_inside(place, benefit, limit, &now, &mut cells, &mut counted)?;
        }
        let mut whole: Fen = cells.iter().map(|cell| cell.counts).sum();
        if let Some(earlier) = &base.continues {
            let unused = self.unused.get(earlier).copied().unwrap_or(0);
            self.meet_if(unused > 0 && unused < whole, "continues: what another left unused");
            whole = whole.min(unused);
        }
        if whole <= 0 {
            self.fill(place, reimbursement, &now, &cells)?;
            self.deny(place, benefit, Reason::NothingInBase);
            return Ok(());
        }
        for (key, more) in counted {
            self.add(key, more);
        }
        if asks_visit_number(benefit, reimbursement) {
            self.count_visit(place, benefit);
        }

        let mut charged = match &reimbursement.deductible {
            Some(deductible) => self.deduct(place, deductible, &now, &cells, whole)?,
            None => Charged::default(),
        };
        // Whatever the deductible runs over: what it took of the base of this stay.
        if base.period == Period::Visit {
            let key = place.own_key(Period::Visit, benefit, Measure::Deductible, "base");
            charged.of_stay_before = self.read(&key);
            self.add(key, charged.charged);
        }
        if benefit.card.payer.kind == PayerKind::BasicInsurance {
            self.answer.deductible += charged.charged;
        }
        let base_key = place.own_key(base.period, benefit, Measure::Base, "");
        if charged.charged == whole {
            self.add(base_key, whole);
            self.deny(place, benefit, Reason::BelowDeductible);
            return Ok(());
        }
        let stretch = self.stretch(place, benefit, reimbursement, charged, whole);
        let scale = self.scale(reimbursement, &now)?;
        let given = scale.gives(stretch, stretch.length);
        self.meet_edges(&scale, stretch);
        let limited = self.limited(place, benefit, reimbursement, &now, &mut cells, given)?;
        let amount = limited.min(self.left_of(&cells).max(0));
        self.meet_if(amount < limited, "indemnity: cuts");
        self.meet_if(amount > 0 && amount == self.left_of(&cells), "indemnity: all that is left");

        let counts = if amount < given {
            let part = scale.solved_back(stretch, amount);
            self.meet_if(part > 0 && part < stretch.length, "solved back: inside the stretch");
            charged.charged + part
        } else {
            whole
        };
        self.add(base_key, counts);
        self.unused.insert(benefit.card.id.clone(), whole - counts);
        if amount == 0 && amount < given {
            self.deny(place, benefit, Reason::CapUsedUp);
            return Ok(());
        }
        self.book(place, benefit, reimbursement, &cells, amount);
        Ok(())
    }

    /// What other cover paid fills a deductible of a period also where it left nothing.
    fn fill(
        &mut self,
        place: &Place<'_>,
        reimbursement: &Reimbursement,
        now: &Circumstances<'_>,
        cells: &[Cell],
    ) -> Result<(), NoValue> {
        let Some(deductible) = &reimbursement.deductible else { return Ok(()) };
        let key =
            place.key(deductible.shared_by, deductible.period, &deductible.account, Measure::Deductible, "");
        let is_per_visit = deductible.rule == DeductibleRule::PerVisit;
        if deductible.filled_by == FilledBy::Own || (is_per_visit && key.is_none()) {
            return Ok(());
        }
        let mut standard = gate::amount(&deductible.standard, now)?;
        if let Some(decrease) = &deductible.decrease {
            let by = gate::amount(&decrease.by, now)? * (i128::from(now.visit_number) - 1);
            standard = (standard - by).max(gate::amount(&decrease.floor, now)?);
        }
        let paid: Fen = cells.iter().map(|cell| self.commercial[cell.line][cell.pool]).sum();
        let filled = (standard - self.read(&key)).max(0).min(paid.max(0));
        self.meet_if(filled > 0, "filled by other commercial cover");
        self.meet_if(is_per_visit && filled > 0, "parts: filled where nothing is in the base");
        self.add(key, filled);
        Ok(())
    }

    fn deduct(
        &mut self,
        place: &Place<'_>,
        deductible: &Deductible,
        now: &Circumstances<'_>,
        cells: &[Cell],
        whole: Fen,
    ) -> Result<Charged, NoValue> {
        let key =
            |measure| place.key(deductible.shared_by, deductible.period, &deductible.account, measure, "");
        let mut standard = gate::amount(&deductible.standard, now)?;
        if let Some(decrease) = &deductible.decrease {
            let by = gate::amount(&decrease.by, now)? * (i128::from(now.visit_number) - 1);
            let floor = gate::amount(&decrease.floor, now)?;
            self.meet(if standard - by < floor { "decrease: at its floor" } else { "decrease" });
            standard = (standard - by).max(floor);
        }
        // Of a deductible per visit something is kept in a stay that is settled in parts alone.
        let before = self.read(&key(Measure::Deductible));
        self.meet_if(
            deductible.rule == DeductibleRule::PerVisit && before > 0,
            "parts: deductible from before",
        );
        self.meet_if(
            deductible.rule == DeductibleRule::PerVisit && before > 0 && standard > before,
            "parts: the deductible rises",
        );
        if deductible.rule == DeductibleRule::HighestLessCharged {
            let highest = self.read(&key(Measure::DeductibleStandard));
            self.meet(if standard > highest { "highest: a new one" } else { "highest: one from before" });
            standard = standard.max(highest);
            self.set(key(Measure::DeductibleStandard), standard);
        }
        let mut need = (standard - before).max(0);
        let mut filled = 0;
        if deductible.filled_by == FilledBy::OwnAndCommercial {
            let paid: Fen = cells.iter().map(|cell| self.commercial[cell.line][cell.pool]).sum();
            filled = need.min(paid.max(0));
            self.meet_if(filled > 0, "filled by other commercial cover");
            need -= filled;
        }
        if let Some(group) = &deductible.group {
            let key = place.key(SharedBy::Person, group.period, &group.id, Measure::Deductible, "");
            let so_far = self.read(&key);
            if let Some(minimum) = &group.minimum {
                let at_least = (gate::amount(minimum, now)? - so_far).max(0);
                self.meet_if(at_least > need, "group: minimum");
                need = need.max(at_least);
            }
            if let Some(maximum) = &group.maximum {
                let at_most = (gate::amount(maximum, now)? - so_far).max(0);
                self.meet_if(at_most < need, "group: maximum");
                need = need.min(at_most);
            }
            self.add(key, need.min(whole));
        }
        let charged = need.min(whole);
        self.add(key(Measure::Deductible), charged + filled);
        self.meet(deductible_rule(deductible.rule));
        self.meet_if(deductible.shared_by == SharedBy::Family && before > 0, "deductible: of the family");
        self.meet_if(need > 0 && whole == need, "deductible: the base equals it");
        self.meet_if(need > 0 && whole == need + 1, "deductible: the base is one fen above");
        self.meet_if(need > 0 && whole == need - 1, "deductible: the base is one fen below");
        Ok(Charged { standard, before, charged, of_stay_before: 0 })
    }

    fn stretch(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        reimbursement: &Reimbursement,
        charged: Charged,
        whole: Fen,
    ) -> Stretch {
        let length = whole - charged.charged;
        let period = reimbursement.base.period;
        let before = self.read(&place.own_key(period, benefit, Measure::Base, ""));
        self.meet_if(before > 0, "base: accumulated");
        match (period, reimbursement.band_edges) {
            (Period::Visit, BandEdges::Excess) => {
                self.meet_if(before > 0, "parts: bands go on");
                Stretch { from: before - charged.of_stay_before, length, start: 0 }
            }
            (Period::Visit, BandEdges::Base) => {
                self.meet("edges over the base of a visit");
                self.meet_if(before > 0, "parts: bands over the base go on");
                Stretch { from: before + charged.charged, length, start: charged.standard }
            }
            (_, BandEdges::Excess) => Stretch { from: before - charged.before, length, start: 0 },
            (_, BandEdges::Base) => {
                self.meet("edges over the base of a period");
                Stretch { from: before + charged.charged, length, start: charged.standard }
            }
        }
    }

    fn scale(&mut self, reimbursement: &Reimbursement, now: &Circumstances<'_>) -> Result<Scale, NoValue> {
        let act = |rule: FactorRule| reimbursement.factors.iter().filter(move |factor| factor.rule == rule);
        let replaced = act(FactorRule::Replace).find_map(|factor| gate::rate(&factor.rate, now).ok());
        let factors: Vec<Rate> =
            act(FactorRule::Multiply).filter_map(|factor| gate::rate(&factor.rate, now).ok()).collect();
        self.meet_if(factors.len() < act(FactorRule::Multiply).count(), "factor: does not act");
        let mut bands = Vec::new();
        for band in &reimbursement.bands {
            let rate = match replaced {
                Some(rate) => rate,
                None => gate::rate(&band.rate, now)?,
            };
            bands.push((
                Fen::from(band.from.units()),
                band.until.map(|until| Fen::from(until.units())),
                rate,
            ));
        }
        Ok(Scale { bands, factors })
    }

    fn meet_edges(&mut self, scale: &Scale, stretch: Stretch) {
        let end = stretch.from + stretch.length;
        for edge in scale.bands.iter().filter_map(|(_, upper, _)| *upper) {
            self.meet_if(end == edge, "band: ends at the edge");
            self.meet_if(end == edge - 1, "band: ends one fen below the edge");
            self.meet_if(end == edge + 1, "band: ends one fen above the edge");
            self.meet_if(stretch.from < edge && edge < end, "band: the edge inside");
            self.meet_if(stretch.from == edge && edge > 0, "band: starts at the edge");
        }
    }

    /// The amount after the caps, ceilings and limits on what is paid for something.
    fn limited(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        reimbursement: &Reimbursement,
        now: &Circumstances<'_>,
        cells: &mut [Cell],
        mut amount: Fen,
    ) -> Result<Fen, NoValue> {
        for limit in &reimbursement.limits {
            let may = match limit {
                Limit::Cap(cap) => {
                    let used = self.read(&cap_key(place, cap));
                    self.meet_if(used > 0, cap_used(cap.period));
                    self.meet_if(used > 0 && cap.shared_by == SharedBy::Family, "cap: of the family");
                    (gate::amount(&cap.limit, now)? - used).max(0)
                }
                Limit::PaidFor(limit) => {
                    amount = self.limit_paid_for(place, benefit, limit, now, cells, amount)?;
                    continue;
                }
                Limit::Ceiling(rate) => {
                    let bill = Fen::from(self.claim.bill.medfee_sumamt().units());
                    let may = (at_rate(bill, gate::rate(rate, now)?) - self.paid).max(0);
                    self.meet_if(may < amount, "ceiling: cuts");
                    may
                }
            };
            self.meet_if(may == amount && amount > 0, "limit: exactly met");
            self.meet_if(may == amount - 1, "limit: one fen short");
            self.meet_if(may == amount + 1, "limit: one fen left");
            amount = amount.min(may);
        }
        Ok(amount)
    }

    /// Divides the amount over the cells and cuts what is paid for a subject; the parts are the weights from here on.
    fn limit_paid_for(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        limit: &PaidLimit,
        now: &Circumstances<'_>,
        cells: &mut [Cell],
        amount: Fen,
    ) -> Result<Fen, NoValue> {
        if amount == 0 {
            return Ok(0);
        }
        let everywhere: Vec<usize> = (0..cells.len()).collect();
        replace(self.claim, cells, &everywhere, amount);
        for (subject, charges) in self.subjects(&limit.lines, limit.per, cells) {
            let key = paid_for_key(place, benefit, limit, &subject);
            let used = self.read(&key);
            let may = (gate::amount(&limit.limit, now)? - used).max(0);
            let of_subject = places(self.claim, cells, &charges);
            let sum: Fen = of_subject.iter().map(|cell| cells[*cell].counts).sum();
            self.meet_if(used > 0, "paid for: used before");
            self.meet_if(sum == may && may > 0, "paid for: exactly met");
            if sum > may {
                self.meet(if may == 0 { "paid for: nothing left" } else { "paid for: cuts" });
                replace(self.claim, cells, &of_subject, may);
            }
        }
        Ok(cells.iter().map(|cell| cell.counts).sum())
    }

    /// What the cells of each subject got of the payment.
    fn book_paid_for(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        limit: &PaidLimit,
        shares: &[(Cell, Fen)],
    ) {
        let cells: Vec<Cell> = shares.iter().map(|(cell, _)| *cell).collect();
        for (subject, charges) in self.subjects(&limit.lines, limit.per, &cells) {
            let of_subject = places(self.claim, &cells, &charges);
            let got = of_subject.into_iter().map(|place| shares[place].1).sum();
            self.add(paid_for_key(place, benefit, limit, &subject), got);
        }
    }

    /// What is left of the cells that count.
    /// What is left of the charges, refunds taken off, of which a cell counts.
    fn left_of(&self, cells: &[Cell]) -> Fen {
        let groups = self.groups_that_count(cells);
        let of_groups: Fen =
            groups.iter().flatten().map(|cell| self.left[cells[*cell].line][cells[*cell].pool]).sum();
        of_groups.min(self.left.iter().flatten().sum::<Fen>() - self.reserved)
    }

    /// The cells of a charge and its refunds in one part, for each charge of which one counts.
    fn groups_that_count(&self, cells: &[Cell]) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (place, cell) in cells.iter().enumerate() {
            groups.entry((charge_of(self.claim, cell.line), cell.pool)).or_default().push(place);
        }
        groups.into_values().filter(|group| group.iter().any(|cell| cells[*cell].counts != 0)).collect()
    }

    fn book(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        reimbursement: &Reimbursement,
        cells: &[Cell],
        amount: Fen,
    ) {
        let mut keys = vec![place.own_key(place.plan.term, benefit, Measure::Paid, "")];
        for limit in &reimbursement.limits {
            if let Limit::Cap(cap) = limit {
                let key = cap_key(place, cap);
                if keys.contains(&key) {
                    self.meet("cap: on the benefit's own accumulator");
                } else {
                    keys.push(key);
                }
            }
        }
        for key in keys {
            self.add(key, amount);
        }
        if amount == 0 {
            self.meet("pays zero after rounding");
            return;
        }
        let mut weights: Vec<Fen> = cells.iter().map(|cell| cell.counts).collect();
        if reimbursement.base.amounts == Amounts::Gross {
            let groups = self.groups_that_count(cells);
            let left = |place: usize| self.left[cells[place].line][cells[place].pool];
            weights = vec![0; cells.len()];
            for group in &groups {
                let lefts: Vec<Fen> = group.iter().map(|place| left(*place)).collect();
                let counted: Fen = group.iter().map(|place| cells[*place].counts).sum();
                let of_group = counted.min(lefts.iter().sum()).max(0);
                for (place, part) in group.iter().zip(largest_remainder(of_group, &lefts)) {
                    weights[*place] = part;
                }
            }
            if weights.iter().sum::<Fen>() < amount {
                for place in groups.iter().flatten() {
                    weights[*place] = left(*place);
                }
                self.meet("gross: back to what is left");
            }
        }
        let shares = self.take(amount, cells, &weights);
        if benefit.card.payer.kind == PayerKind::Commercial {
            for (cell, share) in &shares {
                self.commercial[cell.line][cell.pool] += share;
            }
        }
        for limit in &reimbursement.limits {
            if let Limit::PaidFor(limit) = limit {
                self.book_paid_for(place, benefit, limit, &shares);
            }
        }
        self.paid += amount;
        self.write_column(&[&shares]);
        self.answer.payments.push((place.name(benefit), amount));
    }
}

fn paid_for_key(
    place: &Place<'_>,
    benefit: &Benefit,
    limit: &PaidLimit,
    subject: &str,
) -> Option<AccumulatorKey> {
    place.own_key(limit.period, benefit, Measure::Paid, &format!("{}:{subject}", limit.id))
}

fn cap_key(place: &Place<'_>, cap: &Cap) -> Option<AccumulatorKey> {
    place.key(cap.shared_by, cap.period, &cap.account, Measure::Paid, "")
}

/// Whether a visit number is asked for anywhere in the benefit.
fn asks_visit_number(benefit: &Benefit, reimbursement: &Reimbursement) -> bool {
    fn asks<T>(parameter: &Parameter<T>) -> bool {
        parameter.rows().iter().any(|(when, _)| asks_when(when))
    }
    fn asks_when(when: &When) -> bool {
        when.visit_number.is_some()
    }
    let gate = &benefit.gate;
    let in_gate = asks_when(&gate.when)
        || gate.waiting.as_ref().is_some_and(|waiting| asks(&waiting.days))
        || gate.opens_after.as_ref().is_some_and(|opens_after| asks(&opens_after.cap.limit));
    let in_base = reimbursement.base.limits.iter().any(|limit| match &limit.amount {
        LimitAmount::Money(amount) => asks(amount),
        LimitAmount::Times(times) => asks(times),
    });
    let in_deductible = reimbursement.deductible.as_ref().is_some_and(|deductible| {
        let group = deductible.group.as_ref();
        deductible.decrease.is_some()
            || asks(&deductible.standard)
            || group.is_some_and(|group| group.minimum.as_ref().is_some_and(asks))
            || group.is_some_and(|group| group.maximum.as_ref().is_some_and(asks))
    });
    in_gate
        || in_base
        || in_deductible
        || reimbursement.bands.iter().any(|band| asks(&band.rate))
        || reimbursement.factors.iter().any(|factor| asks(&factor.rate))
        || reimbursement.limits.iter().any(|limit| match limit {
            Limit::Cap(cap) => asks(&cap.limit),
            Limit::Ceiling(rate) => asks(rate),
            Limit::PaidFor(limit) => asks(&limit.limit),
        })
}

fn deductible_rule(rule: DeductibleRule) -> &'static str {
    match rule {
        DeductibleRule::PerVisit => "deductible: per visit",
        DeductibleRule::Once => "deductible: once",
        DeductibleRule::HighestLessCharged => "deductible: highest less charged",
    }
}

fn cap_used(period: Period) -> &'static str {
    match period {
        Period::Visit => "cap: used in a visit",
        Period::Year => "cap: used in a year",
        Period::PolicyPeriod => "cap: used in a policy period",
        Period::Event => "cap: used in an accident",
        Period::Lifetime => "cap: used in a lifetime",
    }
}
