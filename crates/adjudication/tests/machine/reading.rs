//! The second reading of the benefit machine: layers in order, benefits in order, then the accounts, then cash.
//!
//! Written from `docs/benefit-machine.md`, slow and obvious. It must not know how the core reckons, and shares nothing
//! with it but the types of a claim and of a plan. Every line carries an adopted split, so no catalogue has a part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bedside_claim::{
    AccountUse, AccumulatorKey, Accumulators, AdoptedResult, Claim, Date, Measure, Money, Owner, PayerKind,
    Period, Policy, Pool, PublicSettlement, Purse, Reason, Settlement, Step, Term,
};
use bedside_policy::library::{Cover, Layer, Programme};
use bedside_policy::plan::{Benefit, Circumstances, Pays, Plan, SharedBy};

use crate::exact::{Fen, fen, largest_remainder};
use crate::gate::{self, NoValue};

/// Pack and benefit.
pub(crate) type Name = (Arc<str>, Arc<str>);

/// What was used up; an absent accumulator is zero.
pub(crate) type Used = BTreeMap<AccumulatorKey, Fen>;

/// The settlement as far as both readings state it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Payments above zero, in layer order.
    pub(crate) payments: Vec<(Name, Fen)>,
    /// For each line: its share of every payment, then hospital, account, cash.
    pub(crate) shares: Vec<Vec<Fen>>,
    /// Current year, past year.
    pub(crate) account: (Fen, Fen),
    pub(crate) relatives: Vec<(Arc<str>, Fen)>,
    pub(crate) account_denied: Option<Reason>,
    pub(crate) hospital: Fen,
    pub(crate) cash: Fen,
    /// Benefit, event, amount.
    pub(crate) to_person: Vec<(Name, Option<Arc<str>>, Fen)>,
    /// Every denial in the order in which it was found.
    pub(crate) denied: Vec<(Name, Reason)>,
    /// What the basic layer charged as deductible.
    pub(crate) deductible: Fen,
    /// Every accumulator that is not zero once the settlement is booked.
    pub(crate) used: Used,
}

impl Answer {
    /// The core's settlement as an answer; `after` are the accumulators once it is booked.
    pub(crate) fn of(settlement: &Settlement, after: &Accumulators) -> Answer {
        let name = |benefit: &bedside_claim::BenefitCard| match &benefit.origin {
            bedside_claim::Origin::Pack(pack) => (pack.id.clone(), benefit.id.clone()),
            bedside_claim::Origin::NationalPlatform => {
                (Arc::from("platform"), Arc::from(benefit.payer.kind.name()))
            }
        };
        let row = |line: usize| {
            let row = settlement.shares.row(line);
            let own = [row.hosp_part_amt, row.acct_pay, row.psn_cash_pay];
            row.payments.iter().chain(&own).map(|share| fen(*share)).collect()
        };
        let denied = settlement.explanation.iter().filter_map(|step| match step {
            Step::Denied { benefit, reason } => Some((name(benefit), *reason)),
            _ => None,
        });
        let account_denied = settlement.explanation.iter().find_map(|step| match step {
            Step::AccountDenied { reason } => Some(*reason),
            _ => None,
        });
        let account = &settlement.account;
        Answer {
            payments: settlement
                .payments
                .iter()
                .map(|paid| (name(&paid.benefit), fen(paid.amount)))
                .collect(),
            shares: (0..settlement.line_splits.len()).map(row).collect(),
            account: (fen(account.current_year), fen(account.past_year)),
            relatives: account.relatives.iter().map(|(psn_no, paid)| (psn_no.clone(), fen(*paid))).collect(),
            account_denied,
            hospital: fen(settlement.hosp_part_amt),
            cash: fen(settlement.psn_cash_pay),
            to_person: settlement
                .to_person
                .iter()
                .map(|paid| (name(&paid.benefit), paid.evt_no.clone(), fen(paid.amount)))
                .collect(),
            denied: denied.collect(),
            deductible: fen(settlement.act_pay_dedc),
            used: after.iter().map(|(key, value)| (key.clone(), fen(value))).collect(),
        }
    }
}

/// One part of one line, with the amount it counts with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) line: usize,
    pub(crate) pool: usize,
    pub(crate) counts: Fen,
}

/// The layer that is being read.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) plan: &'a Plan,
    pub(crate) date: Date,
    pub(crate) cover: Cover,
    pub(crate) policy: Option<&'a Policy>,
}

impl<'a> Place<'a> {
    pub(crate) fn of(claim: &'a Claim, layer: &'a Layer) -> Place<'a> {
        let policy = match layer.cover {
            Cover::Policy(place) => Some(&claim.person.policies[place]),
            Cover::Public | Cover::NotInForce => None,
        };
        Place { claim, plan: &layer.plan, date: layer.date, cover: layer.cover, policy }
    }

    pub(crate) fn now(&self, visit_number: u16) -> Circumstances<'a> {
        Circumstances {
            claim: self.claim,
            date: self.date,
            version_by: self.plan.version_by,
            policy: self.policy,
            event: None,
            visit_number,
        }
    }

    pub(crate) fn name(&self, benefit: &Benefit) -> Name {
        (self.plan.card.id.clone(), benefit.card.id.clone())
    }

    /// The name of an accumulator; `None` where nothing is read and nothing kept.
    pub(crate) fn key(
        &self,
        shared_by: SharedBy,
        period: Period,
        account: &Arc<str>,
        measure: Measure,
        subject: &str,
    ) -> Option<AccumulatorKey> {
        let term = match period {
            Period::Visit => return self.key_of_stay(shared_by, account, measure, subject),
            Period::Year => Term::Year(self.date.year()),
            Period::PolicyPeriod => self.policy?.cover.from.map_or(Term::Lifetime, Term::PolicyPeriod),
            Period::Event => match &self.claim.visit.accident {
                Some(accident) => Term::Event(accident.evt_no.clone()),
                None => return self.key_of_stay(shared_by, account, measure, subject),
            },
            Period::Lifetime => Term::Lifetime,
        };
        let owner = match (shared_by, &self.claim.person.family_no) {
            (SharedBy::Family, Some(family_no)) => Owner::Family(family_no.clone()),
            (SharedBy::Family, None) | (SharedBy::Person, _) => Owner::Person,
        };
        let pack = self.plan.card.id.clone();
        Some(AccumulatorKey { owner, term, pack, benefit: account.clone(), measure, subject: subject.into() })
    }

    pub(crate) fn own_key(
        &self,
        period: Period,
        benefit: &Benefit,
        measure: Measure,
        subject: &str,
    ) -> Option<AccumulatorKey> {
        self.key(SharedBy::Person, period, &benefit.card.id, measure, subject)
    }
}

/// Everything that one settlement has come to so far.
pub(crate) struct Reading<'a> {
    pub(crate) claim: &'a Claim,
    /// The places of the lines by time and number.
    pub(crate) order: Vec<usize>,
    pub(crate) gross: Vec<[Fen; 4]>,
    /// What nobody has paid of each part yet.
    pub(crate) left: Vec<[Fen; 4]>,
    /// What commercial layers have paid of each part.
    pub(crate) commercial: Vec<[Fen; 4]>,
    /// The part of the bill that no layer may pay: an account has.
    pub(crate) reserved: Fen,
    /// What limits left unused of the bases of the layer's benefits so far.
    pub(crate) unused: BTreeMap<Arc<str>, Fen>,
    /// What all payers have paid of the bill.
    pub(crate) paid: Fen,
    pub(crate) used: Used,
    pub(crate) answer: Answer,
    /// The options and edges that were met, for the count of what a run has seen.
    pub(crate) met: BTreeSet<&'static str>,
}

/// The whole answer and what was met on the way; `NoValue`: the engine must fault.
pub(crate) fn settle(
    claim: &Claim,
    programme: &Programme,
    accumulators: &Accumulators,
) -> Result<(Answer, BTreeSet<&'static str>), NoValue> {
    let mut reading = Reading::of(claim, accumulators);
    let Some(adopted) = &claim.adopted else {
        reading.run_layers(programme, |_| true)?;
        reading.pay_from_accounts(programme);
        return Ok(reading.finished());
    };
    // Our own computation of the public layers moves their accumulators and nothing else.
    reading.run_layers(programme, |layer| layer.cover == Cover::Public)?;
    let mut real = Reading::of(claim, accumulators);
    (real.used, real.met) = (reading.used, reading.met);
    real.adopt_funds(adopted);
    real.answer.hospital = fen(adopted.hosp_part_amt);
    let hospital = real.spread_over(fen(adopted.hosp_part_amt), FUNDS_PAY);
    real.reserved = fen(adopted.acct_pay);
    real.run_layers(programme, |layer| layer.cover != Cover::Public)?;
    let account = real.spread_over(fen(adopted.acct_pay), ACCOUNT_PAYS);
    real.write_column(&[&hospital]);
    real.write_column(&[&account]);
    real.pay_cash();
    Ok(real.finished())
}

/// The order in which an amount of the platform that belongs to no part is spread over the parts.
const FUNDS_PAY: [Pool; 4] = [Pool::InScope, Pool::OverLimit, Pool::FirstPay, Pool::OwnExpense];
const ACCOUNT_PAYS: [Pool; 4] = [Pool::InScope, Pool::FirstPay, Pool::OverLimit, Pool::OwnExpense];

impl<'a> Reading<'a> {
    fn of(claim: &'a Claim, accumulators: &Accumulators) -> Reading<'a> {
        let split = |line: &bedside_claim::Line| line.adopted_split.expect("every line has a split").parts();
        let gross: Vec<[Fen; 4]> = claim.bill.lines().iter().map(|line| split(line).map(fen)).collect();
        Reading {
            claim,
            order: in_order(claim),
            left: gross.clone(),
            commercial: vec![[0; 4]; gross.len()],
            unused: BTreeMap::new(),
            reserved: 0,
            paid: 0,
            used: accumulators.iter().map(|(key, value)| (key.clone(), fen(value))).collect(),
            answer: Answer { shares: vec![Vec::new(); gross.len()], ..Answer::default() },
            met: BTreeSet::new(),
            gross,
        }
    }

    fn run_layers(&mut self, programme: &Programme, runs: impl Fn(&Layer) -> bool) -> Result<(), NoValue> {
        for layer in programme.layers.iter().filter(|layer| runs(layer)) {
            let place = Place::of(self.claim, layer);
            self.unused.clear();
            for benefit in &layer.plan.benefits {
                self.run(&place, benefit)?;
            }
        }
        Ok(())
    }

    fn adopt_funds(&mut self, adopted: &AdoptedResult) {
        for (kind, amount) in &adopted.funds {
            let shares = self.spread_over(fen(*amount), FUNDS_PAY);
            self.write_column(&[&shares]);
            self.paid += fen(*amount);
            self.answer.payments.push(((Arc::from("platform"), Arc::from(kind.name())), fen(*amount)));
        }
        self.answer.deductible = fen(adopted.act_pay_dedc.unwrap_or_default());
    }

    /// As much as the first pool has, then the next; within a pool in proportion.
    fn spread_over(&mut self, mut amount: Fen, pools: [Pool; 4]) -> Vec<(Cell, Fen)> {
        let mut column = Vec::new();
        for pool in pools {
            amount -= self.pay_from_purse(amount, &[pool], &mut column);
        }
        column
    }

    pub(crate) fn meet(&mut self, what: &'static str) {
        self.met.insert(what);
    }

    pub(crate) fn meet_if(&mut self, so: bool, what: &'static str) {
        if so {
            self.met.insert(what);
        }
    }

    pub(crate) fn read(&self, key: &Option<AccumulatorKey>) -> Fen {
        key.as_ref().and_then(|key| self.used.get(key)).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, key: Option<AccumulatorKey>, value: Fen) {
        if let Some(key) = key {
            self.used.insert(key, value);
        }
    }

    pub(crate) fn add(&mut self, key: Option<AccumulatorKey>, more: Fen) {
        let before = self.read(&key);
        self.set(key, before + more);
    }

    pub(crate) fn deny(&mut self, place: &Place<'_>, benefit: &Benefit, reason: Reason) {
        self.answer.denied.push((place.name(benefit), reason));
    }

    fn run(&mut self, place: &Place<'_>, benefit: &Benefit) -> Result<(), NoValue> {
        match &benefit.pays {
            Pays::Reimbursement(reimbursement) => self.reimburse(place, benefit, reimbursement),
            Pays::PerDiem(per_diem) => self.pay_days(place, benefit, per_diem),
            Pays::LumpSum(lump_sum) => self.pay_events(place, benefit, lump_sum),
        }
    }

    /// The first question of the gate that fails.
    pub(crate) fn closed(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        now: &Circumstances<'_>,
    ) -> Result<Option<Reason>, NoValue> {
        if place.cover == Cover::NotInForce {
            return Ok(Some(Reason::CoverNotInForce));
        }
        let through = self.claim.visit.public_settlement == PublicSettlement::Through;
        if benefit.card.payer.kind != PayerKind::Commercial && !through {
            return Ok(Some(Reason::WithoutBasicInsurance));
        }
        if let Some(reason) = gate::unmet(&benefit.gate.when, now) {
            return Ok(Some(reason));
        }
        if let (Some(waiting), Some(policy)) = (&benefit.gate.waiting, now.policy) {
            let is_excused = waiting.not_for.iter().any(|cause| gate::has_cause(now, *cause));
            self.meet_if(is_excused, "waiting: not for the cause");
            if let (false, Some(first)) = (is_excused, gate::first_day(policy)) {
                let (days, waits) = (gate::days_between(first, now.date), gate::count(&waiting.days, now)?);
                self.meet_if(days == waits, "waiting: first day after");
                self.meet_if(days == waits - 1, "waiting: last day of");
                if days < waits {
                    return Ok(Some(Reason::WaitingPeriod));
                }
            }
        }
        if let Some(wanted) = benefit.gate.prior_approval {
            let approved = now.policy.is_some_and(|policy| policy.approvals.contains(&benefit.card.id));
            if approved != gate::says(wanted) {
                return Ok(Some(Reason::PriorApproval));
            }
        }
        if let Some(opens_after) = &benefit.gate.opens_after {
            let cap = &opens_after.cap;
            let key = place.key(cap.shared_by, cap.period, &cap.account, Measure::Paid, "");
            let (paid, limit) = (self.read(&key), gate::amount(&cap.limit, now)?);
            if paid < limit {
                return Ok(Some(Reason::OpensAfter));
            }
            self.meet_if(limit > 0, "opens_after: opened");
        }
        Ok(None)
    }

    /// The cells of the pools of every line, in order.
    fn cells(&self, pools: &[Pool]) -> Vec<Cell> {
        let mut cells = Vec::new();
        for line in self.order.iter().copied() {
            for pool in Pool::ALL.into_iter().filter(|pool| pools.contains(pool)) {
                let counts = self.left[line][pool.index()];
                cells.push(Cell { line, pool: pool.index(), counts });
            }
        }
        cells
    }

    /// Takes `amount` from what is left of the cells in proportion to the weights; what each line gave.
    pub(crate) fn take(&mut self, amount: Fen, cells: &[Cell], weights: &[Fen]) -> Vec<(Cell, Fen)> {
        let shares = divide(self.claim, amount, cells, weights);
        let taken: Vec<(Cell, Fen)> = cells.iter().copied().zip(shares).collect();
        for (cell, share) in &taken {
            self.left[cell.line][cell.pool] -= share;
        }
        taken
    }

    /// A column of the table of shares.
    pub(crate) fn write_column(&mut self, columns: &[&[(Cell, Fen)]]) {
        for row in &mut self.answer.shares {
            row.push(0);
        }
        for (cell, share) in columns.iter().copied().flatten() {
            *self.answer.shares[cell.line].last_mut().expect("a column was added") += share;
        }
    }

    fn pay_from_accounts(&mut self, programme: &Programme) {
        self.write_column(&[]);
        let rules = programme.layers.iter().map(|layer| &layer.plan.account).find(|rules| !rules.is_empty());
        let Some(rules) = rules.filter(|_| self.claim.account == AccountUse::Use) else {
            self.answer.account_denied = Some(Reason::AccountNotUsed);
            self.write_column(&[]);
            return self.pay_cash();
        };
        let person = &self.claim.person;
        let mut column = Vec::new();
        let mut is_empty = true;
        for rule in rules {
            let balances: Vec<Money> = match rule.purse {
                Purse::CurrentYear => vec![person.balc.current_year],
                Purse::PastYear => vec![person.balc.past_year],
                Purse::Relatives => person.relatives.iter().map(|relative| relative.balc).collect(),
            };
            for (place, balance) in balances.into_iter().enumerate() {
                is_empty &= balance.is_zero();
                let paid = self.pay_from_purse(fen(balance), &rule.pools, &mut column);
                match rule.purse {
                    Purse::CurrentYear => self.answer.account.0 += paid,
                    Purse::PastYear => self.answer.account.1 += paid,
                    Purse::Relatives if paid > 0 => {
                        self.answer.relatives.push((person.relatives[place].psn_no.clone(), paid));
                    }
                    Purse::Relatives => {}
                }
                self.meet_if(paid > 0, purse_pays(rule.purse));
            }
        }
        if is_empty {
            self.answer.account_denied = Some(Reason::AccountEmpty);
        }
        self.write_column(&[&column]);
        self.pay_cash();
    }

    fn pay_from_purse(&mut self, balance: Fen, pools: &[Pool], column: &mut Vec<(Cell, Fen)>) -> Fen {
        let cells = self.cells(pools);
        let weights: Vec<Fen> = cells.iter().map(|cell| cell.counts).collect();
        let payable = weights.iter().sum::<Fen>();
        let paid = balance.min(payable).max(0);
        self.meet_if(balance > 0 && balance == payable, "account: balance is what is left");
        column.extend(self.take(paid, &cells, &weights));
        paid
    }

    fn pay_cash(&mut self) {
        for (row, left) in self.answer.shares.iter_mut().zip(&self.left) {
            let cash = left.iter().sum();
            row.push(cash);
            self.answer.cash += cash;
        }
    }

    fn finished(mut self) -> (Answer, BTreeSet<&'static str>) {
        self.used.retain(|_, value| *value != 0);
        self.answer.used = self.used;
        (self.answer, self.met)
    }
}

fn purse_pays(purse: Purse) -> &'static str {
    match purse {
        Purse::CurrentYear => "account: current year pays",
        Purse::PastYear => "account: past year pays",
        Purse::Relatives => "account: relatives pay",
    }
}

fn in_order(claim: &Claim) -> Vec<usize> {
    let by_time_and_number = |place: &usize| {
        let line = &claim.bill.lines()[*place];
        (line.fee_ocur_time, line.feedetl_sn.clone())
    };
    let mut order: Vec<usize> = (0..claim.bill.lines().len()).collect();
    order.sort_by_cached_key(by_time_and_number);
    order
}

/// Divides over charges with their refunds, part by part, then within each over its cells: what is refunded whole takes
/// nothing.
pub(crate) fn divide(claim: &Claim, amount: Fen, cells: &[Cell], weights: &[Fen]) -> Vec<Fen> {
    let mut groups: Vec<((usize, usize), Vec<usize>)> = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        let group = (charge_of(claim, cell.line), cell.pool);
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, places)) => places.push(place),
            None => groups.push((group, vec![place])),
        }
    }
    let order = in_order(claim);
    let rank = |line: usize| order.iter().position(|other| *other == line);
    groups.sort_by_key(|((charge, pool), _)| (rank(*charge), *pool));
    let weights_of = |places: &[usize]| places.iter().map(|place| weights[*place]).collect::<Vec<Fen>>();
    let of_groups: Vec<Fen> = groups.iter().map(|(_, places)| weights_of(places).iter().sum()).collect();
    let mut parts = vec![0; cells.len()];
    for ((_, places), of_group) in groups.iter().zip(largest_remainder(amount, &of_groups)) {
        for (place, part) in places.iter().zip(largest_remainder(of_group, &weights_of(places))) {
            parts[*place] = part;
        }
    }
    parts
}

/// The charge that a line is, or refunds.
pub(crate) fn charge_of(claim: &Claim, line: usize) -> usize {
    claim.bill.refunded(line).unwrap_or(line)
}
