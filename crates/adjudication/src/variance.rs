//! Why the platform's amounts are not ours: our computation again, with one input replaced by the platform's.
//!
//! A cause is named only where the rerun under its premise moves our amounts towards the platform's, and for exactly as
//! much as it moves them. One premise that explains everything stands alone; else all of them in a row, where that
//! leaves nothing; else each that brings us closer. What no premise explains is told apart at the end: the same money
//! from other payers, a rate or limit that would give the amount, no pack, or unknown.
//!
//! Invariant: the parts of a payer's causes sum to its difference. Runs only where there is a difference.

use std::cmp::Reverse;

use bedside_claim::{
    Accumulators, AdoptedResult, Claim, ExplainedPart, Fault, FourWaySplit, Money, PayerKind, Rate,
    SplitDifference, Variance, VarianceCause,
};
use bedside_policy::Programme;

use crate::is_public;
use crate::own::{self, OwnRun, Premise};

/// Lines named where the catalogues differ.
const LINES_TOLD: usize = 5;

/// An amount of every kind of payer, in the order of [`PayerKind::ALL`].
type Amounts = [Money; PayerKind::ALL.len()];
/// The place of the basic layer in them.
const BASIC: usize = 0;
const _: () = assert!(matches!(PayerKind::ALL[BASIC], PayerKind::BasicInsurance));

/// Every public payer whose adopted amount is not ours, with the causes.
pub(crate) fn find(
    claim: &Claim,
    programme: &Programme,
    accumulators: &Accumulators,
    result: &AdoptedResult,
    own: &OwnRun,
) -> Result<Vec<Variance>, Fault> {
    let adopted = each(|payer| Ok(result.paid_by(payer)?))?;
    let computed = each(|payer| own.paid_by(payer))?;
    if adopted == computed {
        return Ok(Vec::new());
    }
    let inquiry = Inquiry { claim, programme, accumulators, result, own, adopted };
    let mut parts = inquiry.parts(computed)?;
    let mut variances = Vec::new();
    for (place, payer) in PayerKind::ALL.into_iter().enumerate() {
        let (adopted, computed) = (adopted[place], computed[place]);
        if adopted != computed {
            variances.push(Variance { payer, adopted, computed, causes: std::mem::take(&mut parts[place]) });
        }
    }
    Ok(variances)
}

fn each(amount: impl Fn(PayerKind) -> Result<Money, Fault>) -> Result<Amounts, Fault> {
    let mut amounts = [Money::ZERO; PayerKind::ALL.len()];
    for (slot, payer) in amounts.iter_mut().zip(PayerKind::ALL) {
        if payer.is_public() {
            *slot = amount(payer)?;
        }
    }
    Ok(amounts)
}

/// What one premise moved.
struct Moved {
    cause: VarianceCause,
    by: Amounts,
}

/// Where a row of premises has led.
struct Path {
    premises: Vec<Premise>,
    /// The run under them; `None` as long as it is our own.
    run: Option<OwnRun>,
    amounts: Amounts,
    moved: Vec<Moved>,
}

/// One premise more than a path.
struct Next {
    premises: Vec<Premise>,
    run: OwnRun,
    amounts: Amounts,
    moved: Moved,
}

impl Path {
    fn take(mut self, next: Next) -> Path {
        let Next { premises, run, amounts, moved } = next;
        self.moved.push(moved);
        Path { premises, run: Some(run), amounts, moved: self.moved }
    }
}

struct Inquiry<'a> {
    claim: &'a Claim,
    programme: &'a Programme,
    accumulators: &'a Accumulators,
    result: &'a AdoptedResult,
    own: &'a OwnRun,
    adopted: Amounts,
}

impl Inquiry<'_> {
    /// The causes of every payer's difference.
    fn parts(&self, computed: Amounts) -> Result<Vec<Vec<ExplainedPart>>, Fault> {
        let path = self.infer(self.path(computed)?)?;
        let mut parts: Vec<Vec<ExplainedPart>> = vec![Vec::new(); PayerKind::ALL.len()];
        for (place, parts) in parts.iter_mut().enumerate() {
            for Moved { cause, by } in path.moved.iter().filter(|moved| !moved.by[place].is_zero()) {
                parts.push(ExplainedPart { cause: cause.clone(), amount: by[place] });
            }
        }
        let together = Money::sum(self.adopted)?;
        let is_order = self.is_order(&path)?;
        for (place, payer) in PayerKind::ALL.into_iter().enumerate() {
            let rest = self.adopted[place].minus(path.amounts[place])?;
            if rest.is_zero() {
                continue;
            }
            let cause = if !self.has_pack(payer) {
                VarianceCause::NoPack
            } else if is_order {
                VarianceCause::Order { together }
            } else {
                self.unknown(payer, &path)?
            };
            parts[place].push(ExplainedPart { cause, amount: rest });
        }
        Ok(parts)
    }

    /// What the platform stated and can take the place of an input of ours, in the order in which a claim is settled.
    fn premises(&self) -> Vec<Premise> {
        let mut premises = Vec::new();
        let mut lines = self.claim.bill.lines().iter().zip(&self.own.line_splits);
        if lines.any(|(line, own)| line.adopted_split.is_some_and(|theirs| theirs != own.split)) {
            premises.push(Premise::Splits);
        }
        premises.extend(self.result.act_pay_dedc.map(Premise::Deductible));
        premises.extend(self.result.pool_prop_selfpay.map(Premise::Rate));
        for (place, payer) in PayerKind::ALL.into_iter().enumerate() {
            let stated = self.result.limits.iter().find(|(kind, _)| *kind == payer).map(|(_, limit)| *limit);
            // A limit that was not reached says nothing of what was paid.
            let reached = stated.filter(|limit| *limit == self.adopted[place] && !limit.is_zero());
            if payer.is_public() && (reached.is_some() || self.own.is_limited(payer)) {
                premises.push(Premise::Cap(payer, reached));
            }
        }
        premises
    }

    fn path(&self, computed: Amounts) -> Result<Path, Fault> {
        let start = || Path { premises: Vec::new(), run: None, amounts: computed, moved: Vec::new() };
        let premises = self.premises();
        for premise in &premises {
            if let Some(alone) = self.next(&start(), *premise)?
                && self.distance(&alone.amounts)?.is_zero()
            {
                return Ok(start().take(alone));
            }
        }
        let mut all = start();
        for premise in &premises {
            if let Some(next) = self.next(&all, *premise)? {
                all = all.take(next);
            }
        }
        if self.distance(&all.amounts)?.is_zero() {
            return Ok(all);
        }
        if let Some(stopped) = self.stopped(&all)? {
            return Ok(all.take(stopped));
        }
        let mut closer = start();
        if self.is_order(&closer)? {
            return Ok(closer);
        }
        for premise in &premises {
            if let Some(next) = self.next(&closer, *premise)?
                && self.distance(&next.amounts)? < self.distance(&closer.amounts)?
            {
                closer = closer.take(next);
            }
        }
        Ok(closer)
    }

    /// The basic layer stopped at a limit that the answer does not name: base, deductible and rate are the platform's, and
    /// yet it paid less.
    fn stopped(&self, all: &Path) -> Result<Option<Next>, Fault> {
        let theirs = self.adopted[BASIC];
        let is_stated = self.result.act_pay_dedc.is_some() && self.result.pool_prop_selfpay.is_some();
        if !is_stated || theirs.is_zero() || theirs >= all.amounts[BASIC] {
            return Ok(None);
        }
        let Some(next) = self.next(all, Premise::Cap(PayerKind::BasicInsurance, Some(theirs)))? else {
            return Ok(None);
        };
        Ok(self.distance(&next.amounts)?.is_zero().then_some(next))
    }

    /// Whether all public payers together pay the same.
    fn is_order(&self, path: &Path) -> Result<bool, Fault> {
        Ok(Money::sum(self.adopted)? == Money::sum(path.amounts)?)
    }

    /// Our computation under one premise more; `None` where that moves nothing.
    fn next(&self, path: &Path, premise: Premise) -> Result<Option<Next>, Fault> {
        let mut premises = path.premises.clone();
        premises.push(premise);
        let programme = own::under(self.programme, self.own, &premises);
        let run = own::compute(self.claim, &programme, self.accumulators, &premises)?;
        let amounts = each(|payer| run.paid_by(payer))?;
        if amounts == path.amounts {
            return Ok(None);
        }
        let cause = self.cause(premise, path.run.as_ref().unwrap_or(self.own), &run)?;
        let mut by = amounts;
        for (by, before) in by.iter_mut().zip(path.amounts) {
            *by = by.minus(before)?;
        }
        Ok(Some(Next { premises, run, amounts, moved: Moved { cause, by } }))
    }

    /// How far amounts are from the platform's, over the payers that we have packs of.
    fn distance(&self, amounts: &Amounts) -> Result<Money, Fault> {
        let mut distance = Money::ZERO;
        for ((payer, ours), theirs) in PayerKind::ALL.into_iter().zip(amounts).zip(self.adopted) {
            if self.has_pack(payer) {
                let apart = theirs.minus(*ours)?;
                distance = distance.plus(apart.max(apart.negate()?))?;
            }
        }
        Ok(distance)
    }

    fn has_pack(&self, payer: PayerKind) -> bool {
        let mut benefits = self.programme.layers.iter().filter(|layer| is_public(layer));
        benefits.any(|layer| layer.plan.benefits.iter().any(|benefit| benefit.card.payer.kind == payer))
    }

    /// Where the basic layer is left unexplained and the answer names no rate: the one that gives its amount to the fen.
    fn infer(&self, path: Path) -> Result<Path, Fault> {
        let (theirs, ours) = (self.adopted[BASIC], path.amounts[BASIC]);
        let is_told = theirs == ours || theirs.is_zero() || self.is_order(&path)?;
        if is_told || self.result.pool_prop_selfpay.is_some() {
            return Ok(path);
        }
        let run = path.run.as_ref().unwrap_or(self.own);
        let Some(rate) = rate(theirs, run.basic_excess()?) else { return Ok(path) };
        // A rate of four decimals that misses the amount is not the platform's.
        match self.next(&path, Premise::Rate(rate))? {
            Some(next) if next.amounts[BASIC] == theirs => Ok(path.take(next)),
            _ => Ok(path),
        }
    }

    fn cause(&self, premise: Premise, before: &OwnRun, after: &OwnRun) -> Result<VarianceCause, Fault> {
        Ok(match premise {
            Premise::Splits => VarianceCause::Catalogue {
                ours: before.split.inscp_scp_amt,
                theirs: after.split.inscp_scp_amt,
                lines: self.lines(before, after)?,
            },
            Premise::Deductible(theirs) => VarianceCause::Deductible { ours: before.act_pay_dedc, theirs },
            Premise::Rate(theirs) => VarianceCause::Band { ours: basic_rate(before)?, theirs },
            Premise::Cap(payer, _) => {
                VarianceCause::Cap { ours: before.paid_by(payer)?, theirs: after.paid_by(payer)? }
            }
        })
    }

    fn unknown(&self, payer: PayerKind, path: &Path) -> Result<VarianceCause, Fault> {
        if payer != PayerKind::BasicInsurance {
            return Ok(VarianceCause::Unknown { ours: None, theirs: None });
        }
        let run = path.run.as_ref().unwrap_or(self.own);
        let theirs = rate(self.result.paid_by(payer)?, run.basic_excess()?);
        Ok(VarianceCause::Unknown { ours: basic_rate(run)?, theirs })
    }

    /// The lines whose splits are furthest apart; among equals the earlier by time and number.
    fn lines(&self, before: &OwnRun, after: &OwnRun) -> Result<Vec<SplitDifference>, Fault> {
        let mut apart = Vec::new();
        for &place in self.claim.bill.order() {
            let (ours, theirs) = (before.line_splits[place].split, after.line_splits[place].split);
            let by = parts_apart(&ours, &theirs)?;
            if !by.is_zero() {
                apart.push((by, place));
            }
        }
        apart.sort_by_key(|(by, _)| Reverse(*by));
        Ok(apart.into_iter().take(LINES_TOLD).map(|(_, place)| self.line(place, before, after)).collect())
    }

    fn line(&self, place: usize, before: &OwnRun, after: &OwnRun) -> SplitDifference {
        let line = &self.claim.bill.lines()[place];
        SplitDifference {
            feedetl_sn: line.feedetl_sn.clone(),
            med_list_codg: line.med_list_codg.clone(),
            ours: before.line_splits[place].split,
            theirs: after.line_splits[place].split,
        }
    }
}

fn parts_apart(ours: &FourWaySplit, theirs: &FourWaySplit) -> Result<Money, Fault> {
    let mut apart = Money::ZERO;
    for part in theirs.minus(ours)?.parts() {
        apart = apart.plus(part.max(part.negate()?))?;
    }
    Ok(apart)
}

/// The rate at which the basic layer pays what exceeds its deductible.
fn basic_rate(run: &OwnRun) -> Result<Option<Rate>, Fault> {
    Ok(rate(run.paid_by(PayerKind::BasicInsurance)?, run.basic_excess()?))
}

/// `paid / of` to four decimals, half up; `None` where that is no ratio of a payment.
fn rate(paid: Money, of: Money) -> Option<Rate> {
    if of <= Money::ZERO || paid.is_negative() || paid > of {
        return None;
    }
    let (paid, of) = (i128::from(paid.units()), i128::from(of.units()));
    let ten_thousandths = (paid * 20_000 + of) / (of * 2);
    i64::try_from(ten_thousandths).ok().map(Rate::from_units)
}
