//! How an amount is divided over cells: over charges first, then within a charge over it and its refunds.
//!
//! A charge and its refunds in one part of the line are a *group*: what is refunded whole takes nothing. Invariant: as
//! long as the amount lies between zero and the sum of the weights, no group gets less than zero or more than its
//! weight, so that no part of a charge is ever paid beyond what is left of it.

use bedside_claim::split::largest_remainder;
use bedside_claim::{Bill, Fault, Money, Overflow, Pool};

/// Divides amounts; holds what it works with, so that a bill without refunds costs no allocation.
pub(crate) struct Division {
    parts: Vec<Money>,
    scratch: Vec<(i64, usize)>,
}

impl Division {
    pub(crate) fn for_lines(lines: usize) -> Division {
        Division { parts: Vec::with_capacity(lines), scratch: Vec::with_capacity(lines) }
    }

    /// Divides `amount` over the cells in proportion to their weights; one part for each.
    ///
    /// *Units*: fen; odd fen to the largest remainder, ties to the earliest charge, in it to the earliest cell.
    pub(crate) fn divide(
        &mut self,
        bill: &Bill,
        amount: Money,
        cells: &[(usize, Pool)],
        weights: &[Money],
    ) -> Result<&[Money], Fault> {
        if bill.has_refunds() {
            self.divide_groups(bill, amount, cells, weights)?;
        } else {
            largest_remainder(amount, weights, &mut self.parts, &mut self.scratch)?;
        }
        Ok(&self.parts)
    }

    /// What each cell got in the last division.
    pub(crate) fn parts(&self) -> &[Money] {
        &self.parts
    }

    fn divide_groups(
        &mut self,
        bill: &Bill,
        amount: Money,
        cells: &[(usize, Pool)],
        weights: &[Money],
    ) -> Result<(), Overflow> {
        let groups = groups(bill, cells);
        let of_group = |group: &Vec<usize>| Money::sum(group.iter().map(|cell| weights[*cell]));
        let group_weights = groups.iter().map(of_group).collect::<Result<Vec<Money>, Overflow>>()?;
        let mut group_parts = Vec::with_capacity(groups.len());
        largest_remainder(amount, &group_weights, &mut group_parts, &mut self.scratch)?;
        let mut whole = vec![Money::ZERO; cells.len()];
        for (group, part) in groups.iter().zip(group_parts) {
            let weights: Vec<Money> = group.iter().map(|cell| weights[*cell]).collect();
            largest_remainder(part, &weights, &mut self.parts, &mut self.scratch)?;
            for (cell, part) in group.iter().zip(&self.parts) {
                whole[*cell] = *part;
            }
        }
        self.parts = whole;
        Ok(())
    }
}

/// The places of the cells by group, in the order of their charges by time and number, then of the parts.
pub(crate) fn groups(bill: &Bill, cells: &[(usize, Pool)]) -> Vec<Vec<usize>> {
    if !bill.has_refunds() {
        return (0..cells.len()).map(|cell| vec![cell]).collect();
    }
    // By charge and part, so that a long bill is not searched for each of its cells.
    let mut of_charge: Vec<[Vec<usize>; 4]> = vec![Default::default(); bill.lines().len()];
    for (cell, (line, pool)) in cells.iter().enumerate() {
        of_charge[bill.refunded(*line).unwrap_or(*line)][pool.index()].push(cell);
    }
    let in_order = bill.order().iter().flat_map(|charge| std::mem::take(&mut of_charge[*charge]));
    in_order.filter(|group| !group.is_empty()).collect()
}
