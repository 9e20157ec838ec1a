//! What is left of every line, part by part, and how a payment is spread over it.
//!
//! A payer first gathers the cells (line x pool) that it pays from, then pays an amount from them in proportion.
//! Invariants: no cell passes zero, so no fen is paid twice; lines are taken by time and number, not by their place
//! on the bill, so that the order in which a hospital sends them moves no odd fen from one payer's base to another's.

use bedside_claim::split::largest_remainder;
use bedside_claim::{Bill, Fault, LineSplit, Money, Pool};
use bedside_policy::Base;

/// The cells left, and the ones gathered last.
pub(crate) struct Remainder<'a> {
    bill: &'a Bill,
    cells: Vec<[Money; 4]>,
    gathered: Vec<(usize, Pool)>,
    weights: Vec<Money>,
    parts: Vec<Money>,
    scratch: Vec<(i64, usize)>,
}

impl<'a> Remainder<'a> {
    pub(crate) fn new(bill: &'a Bill, line_splits: &[LineSplit]) -> Remainder<'a> {
        let lines = line_splits.len();
        Remainder {
            bill,
            cells: line_splits.iter().map(|line| line.split.parts()).collect(),
            gathered: Vec::with_capacity(lines),
            weights: Vec::with_capacity(lines),
            parts: Vec::with_capacity(lines),
            scratch: Vec::with_capacity(lines),
        }
    }

    /// Gathers the cells that a benefit counts and returns their sum.
    pub(crate) fn gather(&mut self, base: &Base) -> Result<Money, Fault> {
        let bill = self.bill;
        self.gather_where(&base.pools, |line| {
            base.categories.is_empty() || base.categories.contains(&bill.lines()[line].med_chrgitm_type)
        })
    }

    /// Gathers these parts of every line and returns their sum.
    pub(crate) fn gather_pools(&mut self, pools: &[Pool]) -> Result<Money, Fault> {
        self.gather_where(pools, |_| true)
    }

    fn gather_where(&mut self, pools: &[Pool], counts: impl Fn(usize) -> bool) -> Result<Money, Fault> {
        self.gathered.clear();
        self.weights.clear();
        let mut total = Money::ZERO;
        for &line in self.bill.order() {
            if !counts(line) {
                continue;
            }
            for pool in pools {
                let left = self.cells[line][pool.index()];
                if !left.is_zero() {
                    self.gathered.push((line, *pool));
                    self.weights.push(left);
                    total = total.plus(left)?;
                }
            }
        }
        Ok(total)
    }

    /// Pays `amount` from the gathered cells in proportion to them; returns each line's share.
    ///
    /// *Units*: fen; odd fen to the largest remainder, ties to the earliest line by time and number, then the pool order.
    pub(crate) fn pay_gathered(&mut self, amount: Money) -> Result<Vec<Money>, Fault> {
        let mut column = vec![Money::ZERO; self.cells.len()];
        if amount.is_zero() {
            return Ok(column);
        }
        largest_remainder(amount, &self.weights, &mut self.parts, &mut self.scratch)?;
        for ((line, pool), part) in self.gathered.iter().zip(&self.parts) {
            let cell = &mut self.cells[*line][pool.index()];
            *cell = cell.minus(*part)?;
            column[*line] = column[*line].plus(*part)?;
        }
        Ok(column)
    }

    /// What is left of one line.
    pub(crate) fn of_line(&self, line: usize) -> Result<Money, Fault> {
        Ok(Money::sum(self.cells[line])?)
    }
}
