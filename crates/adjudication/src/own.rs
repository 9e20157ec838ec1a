//! Our own computation of the public layers beside an adopted answer, also under premises of the platform.
//!
//! A premise takes the place of one input: the lines' splits, or a number in a copy of our rules. The machine that runs
//! over it is the same; nothing of it is paid. It must not know why one asks (`variance.rs`).

use std::sync::Arc;

use bedside_claim::{
    AccumulatorChange, AccumulatorKey, Accumulators, Citation, Claim, DeductibleRule, Fault, FourWaySplit,
    Grade, LineSplit, Money, OwnComputation, PayerKind, Payment, Period, Rate, Reason, Step,
};
use bedside_policy::plan::{Value, When};
use bedside_policy::{
    Benefit, Cap, Deductible, FilledBy, Layer, Limit, Parameter, Pays, Programme, Reimbursement, SharedBy,
};

use crate::lines::{self, SplitSource};
use crate::{Settling, is_public, totals};

/// One of our inputs, replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Premise {
    /// The platform's split of every line.
    Splits,
    /// The deductible that the basic layer charges on this visit.
    Deductible(Money),
    /// The one rate at which the basic layer pays what exceeds it.
    Rate(Rate),
    /// The only limit on what a payer pays; `None`: no limit at all.
    Cap(PayerKind, Option<Money>),
}

/// The public layers, computed.
pub(crate) struct OwnRun {
    pub(crate) line_splits: Vec<LineSplit>,
    pub(crate) split: FourWaySplit,
    pub(crate) act_pay_dedc: Money,
    pub(crate) payments: Vec<Payment>,
    pub(crate) steps: Vec<Step>,
    /// What they would use up.
    pub(crate) changes: Vec<AccumulatorChange>,
    /// What they looked at beside.
    pub(crate) seen: Vec<AccumulatorKey>,
}

/// Computes the public layers. Without [`Premise::Splits`] lines go by our catalogue, and by the platform's split where
/// that does not list the item.
pub(crate) fn compute(
    claim: &Claim,
    programme: &Programme,
    accumulators: &Accumulators,
    premises: &[Premise],
) -> Result<OwnRun, Fault> {
    let theirs = premises.contains(&Premise::Splits);
    let source = if theirs { SplitSource::AdoptedFirst } else { SplitSource::CatalogueFirst };
    let line_splits = lines::split(claim, programme, source)?;
    let split = totals(&line_splits)?;
    let mut own = Settling::new(claim, programme, accumulators, &line_splits);
    for layer in programme.layers.iter().filter(|layer| is_public(layer)) {
        own.layer(layer)?;
    }
    let Settling { act_pay_dedc, payments, steps, usage, .. } = own;
    let (changes, seen) = usage.into_changes();
    Ok(OwnRun { split, act_pay_dedc, payments, steps, changes, seen, line_splits })
}

impl OwnRun {
    /// What payers of a kind pay.
    pub(crate) fn paid_by(&self, payer: PayerKind) -> Result<Money, Fault> {
        let of_payer = self.payments.iter().filter(|payment| payment.benefit.payer.kind == payer);
        Ok(Money::sum(of_payer.map(|payment| payment.amount))?)
    }

    /// What exceeds the deductible in the base of the basic layer.
    pub(crate) fn basic_excess(&self) -> Result<Money, Fault> {
        let mut excess = Money::ZERO;
        for step in &self.steps {
            if step.benefit().is_none_or(|benefit| benefit.payer.kind != PayerKind::BasicInsurance) {
                continue;
            }
            excess = match step {
                Step::Base { amount, .. } => excess.plus(*amount)?,
                Step::Deductible { charged, .. } => excess.minus(*charged)?,
                _ => excess,
            };
        }
        Ok(excess)
    }

    /// Whether a limit of ours cut what a payer pays.
    pub(crate) fn is_limited(&self, payer: PayerKind) -> bool {
        self.steps.iter().any(|step| {
            let is_limit = matches!(
                step,
                Step::Cap { .. } | Step::Ceiling { .. } | Step::Denied { reason: Reason::CapUsedUp, .. }
            );
            is_limit && step.benefit().is_some_and(|benefit| benefit.payer.kind == payer)
        })
    }

    /// As the settlement carries it.
    pub(crate) fn into_result(self) -> OwnComputation {
        let OwnRun { split, act_pay_dedc, payments, steps, .. } = self;
        OwnComputation { split, act_pay_dedc, payments, explanation: steps }
    }

    /// The benefits of a payer that have looked at amounts, by their place in the programme's layers.
    fn looked_at(&self, programme: &Programme, payer: PayerKind) -> Vec<(usize, usize)> {
        let looked = |benefit: &Benefit| {
            self.steps.iter().any(|step| {
                step.benefit().is_some_and(|card| Arc::ptr_eq(card, &benefit.card))
                    && matches!(step, Step::Base { .. } | Step::Denied { reason: Reason::NothingInBase, .. })
            })
        };
        let mut places = Vec::new();
        for (place, layer) in programme.layers.iter().enumerate() {
            for (inner, benefit) in layer.plan.benefits.iter().enumerate() {
                if benefit.card.payer.kind == payer && looked(benefit) {
                    places.push((place, inner));
                }
            }
        }
        places
    }
}

/// A copy of our programme with the premises written into its rules; `run` is our own computation without them.
pub(crate) fn under(programme: &Programme, run: &OwnRun, premises: &[Premise]) -> Programme {
    let mut altered = programme.clone();
    for premise in premises {
        let payer = match premise {
            Premise::Splits => continue,
            Premise::Deductible(_) | Premise::Rate(_) => PayerKind::BasicInsurance,
            Premise::Cap(payer, _) => *payer,
        };
        for (nth, (place, inner)) in run.looked_at(programme, payer).into_iter().enumerate() {
            let benefit = &altered.layers[place].plan.benefits[inner];
            let Pays::Reimbursement(terms) = &benefit.pays else { continue };
            let mut terms = terms.clone();
            alter(&mut terms, benefit, *premise, nth);
            let benefit =
                Benefit::new(benefit.card.clone(), benefit.gate.clone(), Pays::Reimbursement(terms));
            replace(&mut altered.layers[place], inner, benefit);
        }
    }
    altered
}

fn replace(layer: &mut Layer, inner: usize, benefit: Benefit) {
    let mut plan = (*layer.plan).clone();
    plan.benefits[inner] = benefit;
    layer.plan = Arc::new(plan);
}

/// Writes a premise into the terms of the payer's `nth` benefit. What is known of the payer as a whole stands on its
/// first benefit; the others then charge and limit nothing.
fn alter(terms: &mut Reimbursement, benefit: &Benefit, premise: Premise, nth: usize) {
    match premise {
        Premise::Splits => {}
        Premise::Deductible(charged) => {
            let charged = if nth == 0 { charged } else { Money::ZERO };
            let citation = match &terms.deductible {
                Some(deductible) => deductible.standard.citation.clone(),
                None => of_platform("act_pay_dedc"),
            };
            terms.deductible = Some(Deductible {
                rule: DeductibleRule::PerVisit,
                period: Period::Visit,
                standard: fixed(citation, charged),
                decrease: None,
                account: benefit.card.id.clone(),
                shared_by: SharedBy::Person,
                filled_by: FilledBy::Own,
                group: None,
            });
        }
        Premise::Rate(rate) => {
            for band in &mut terms.bands {
                band.rate = fixed(band.rate.citation.clone(), rate);
            }
            terms.factors.clear();
        }
        Premise::Cap(_, limit) => {
            terms.limits.clear();
            if let (Some(limit), 0) = (limit, nth) {
                terms.limits.push(Limit::Cap(Cap {
                    period: Period::Visit,
                    limit: fixed(of_platform("crt_payb_lmt_amt"), limit),
                    account: benefit.card.id.clone(),
                    shared_by: SharedBy::Person,
                }));
            }
        }
    }
}

fn fixed<T>(citation: Arc<Citation>, value: T) -> Parameter<T> {
    Parameter::new(citation, vec![(When::default(), Value::Fixed(value))])
}

fn of_platform(parameter: &str) -> Arc<Citation> {
    Arc::new(Citation {
        parameter: parameter.into(),
        source: "2304".into(),
        article: "setlinfo".into(),
        grade: Grade::Assumed,
        condition: None,
    })
}
