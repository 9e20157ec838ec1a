//! What is left of every line, part by part, and how a payment is spread over it.
//!
//! A payer first gathers the cells (line x pool) that it pays from, then pays an amount from them in proportion.
//! Invariants: no cell passes zero, so no fen is paid twice; lines are taken by time and number, not by their place
//! on the bill, so that the order in which a hospital sends them moves no odd fen from one payer's base to another's.

use bedside_claim::split::largest_remainder;
use bedside_claim::{Bill, Claim, Date, Fault, LineSplit, Money, PayerKind, Pool};
use bedside_policy::{Amounts, Base};

use crate::division::{Division, groups};

/// The cells left, and the ones gathered last.
pub(crate) struct Remainder<'a> {
    claim: &'a Claim,
    bill: &'a Bill,
    line_splits: &'a [LineSplit],
    cells: Vec<[Money; 4]>,
    /// What nobody has paid of the whole bill.
    unpaid: Money,
    /// The part of it that no layer may pay.
    reserved: Money,
    /// What commercial payers have paid of each cell; empty as long as none has.
    commercial: Vec<[Money; 4]>,
    gathered: Vec<(usize, Pool)>,
    /// What is left of the gathered cells, as long as they count with exactly that.
    gathered_left: Option<Money>,
    weights: Vec<Money>,
    division: Division,
}

impl<'a> Remainder<'a> {
    pub(crate) fn new(claim: &'a Claim, line_splits: &'a [LineSplit]) -> Remainder<'a> {
        let lines = line_splits.len();
        Remainder {
            claim,
            bill: &claim.bill,
            line_splits,
            cells: line_splits.iter().map(|line| line.split.parts()).collect(),
            unpaid: claim.bill.medfee_sumamt(),
            reserved: Money::ZERO,
            commercial: Vec::new(),
            gathered: Vec::with_capacity(lines),
            gathered_left: None,
            weights: Vec::with_capacity(lines),
            division: Division::for_lines(lines),
        }
    }

    /// Gathers the cells that a base counts, of expenses before `until`, and returns their sum.
    pub(crate) fn gather(&mut self, base: &Base, until: Option<Date>) -> Result<Money, Fault> {
        let selection = Selection { claim: self.claim, base, until };
        match base.amounts {
            Amounts::Net => {
                let left = self.gather_where(&base.pools, Left, |line| selection.has(line))?;
                self.gathered_left = Some(left);
                Ok(left)
            }
            Amounts::Gross => {
                let splits = self.line_splits;
                let charged = |line: usize, pool: Pool| splits[line].split.parts()[pool.index()];
                self.gather_where(&base.pools, charged, |line| selection.has(line))
            }
        }
    }

    /// Gathers these parts of every line and returns their sum.
    pub(crate) fn gather_pools(&mut self, pools: &[Pool]) -> Result<Money, Fault> {
        self.gather_where(pools, Left, |_| true)
    }

    fn gather_where(
        &mut self,
        pools: &[Pool],
        amounts: impl CellAmount,
        counts: impl Fn(usize) -> bool,
    ) -> Result<Money, Fault> {
        self.gathered.clear();
        self.gathered_left = None;
        self.weights.clear();
        let mut total = Money::ZERO;
        for &line in self.bill.order() {
            if !counts(line) {
                continue;
            }
            for pool in pools {
                let amount = amounts.of(line, *pool, &self.cells);
                if !amount.is_zero() {
                    self.gathered.push((line, *pool));
                    self.weights.push(amount);
                    total = total.plus(amount)?;
                }
            }
        }
        Ok(total)
    }

    /// What commercial payers have paid of everything that a base selects; never below zero.
    pub(crate) fn paid_by_commercial(&self, base: &Base, until: Option<Date>) -> Result<Money, Fault> {
        let selection = Selection { claim: self.claim, base, until };
        let mut total = Money::ZERO;
        for (line, paid) in self.commercial.iter().enumerate() {
            if selection.has(line) {
                for pool in &base.pools {
                    total = total.plus(paid[pool.index()])?;
                }
            }
        }
        Ok(total.or_zero())
    }

    /// The gathered cells: line and part.
    pub(crate) fn gathered(&self) -> &[(usize, Pool)] {
        &self.gathered
    }

    /// What these gathered cells count with together.
    pub(crate) fn weight_of(&self, cells: &[usize]) -> Result<Money, Fault> {
        Ok(Money::sum(cells.iter().map(|cell| self.weights[*cell]))?)
    }

    /// What all gathered cells count with.
    pub(crate) fn weight(&self) -> Result<Money, Fault> {
        Ok(Money::sum(self.weights.iter().copied())?)
    }

    /// What is left of a gathered cell.
    fn left_of(&self, cell: usize) -> Money {
        let (line, pool) = self.gathered[cell];
        self.cells[line][pool.index()]
    }

    /// Whether any of these gathered cells counts.
    fn counts(&self, group: &[usize]) -> bool {
        group.iter().any(|cell| !self.weights[*cell].is_zero())
    }

    /// What may be paid of the charges, their refunds taken off, of which anything counts.
    pub(crate) fn left_of_gathered(&self) -> Result<Money, Fault> {
        let left = match self.gathered_left {
            Some(left) => left,
            None => {
                let groups = groups(self.bill, &self.gathered);
                let counted = groups.iter().filter(|group| self.counts(group)).flatten();
                Money::sum(counted.map(|cell| self.left_of(*cell)))?
            }
        };
        Ok(left.min(self.unpaid.minus(self.reserved)?).or_zero())
    }

    /// Keeps an amount from what layers may pay: the patient has paid it already.
    pub(crate) fn reserve(&mut self, amount: Money) {
        self.reserved = amount;
    }

    /// Lets each gathered cell count with its share of a payment of `amount`.
    pub(crate) fn count_with_spread(&mut self, amount: Money) -> Result<(), Fault> {
        let parts = self.division.divide(self.bill, amount, &self.gathered, &self.weights)?;
        self.weights.copy_from_slice(parts);
        self.gathered_left = None;
        Ok(())
    }

    /// What each gathered cell got of the payment made last.
    pub(crate) fn paid_parts(&self) -> &[Money] {
        self.division.parts()
    }

    /// Lets these gathered cells count for `amount` together, in proportion to what they count with.
    pub(crate) fn scale(&mut self, cells: &[usize], amount: Money) -> Result<(), Fault> {
        let places: Vec<(usize, Pool)> = cells.iter().map(|cell| self.gathered[*cell]).collect();
        let weights: Vec<Money> = cells.iter().map(|cell| self.weights[*cell]).collect();
        let parts = self.division.divide(self.bill, amount, &places, &weights)?;
        for (cell, part) in cells.iter().zip(parts) {
            self.weights[*cell] = *part;
        }
        self.gathered_left = None;
        Ok(())
    }

    /// Pays `amount` from cells that were gathered as charged: in proportion to what they count with, as far as that is left
    /// of each charge, or else to all that is left of the charges that count. Returns each line's share.
    pub(crate) fn pay_gross(&mut self, amount: Money, kind: PayerKind) -> Result<Vec<Money>, Fault> {
        let groups = groups(self.bill, &self.gathered);
        let mut narrowed = vec![Money::ZERO; self.gathered.len()];
        let mut whole = narrowed.clone();
        let (mut parts, mut scratch) = (Vec::new(), Vec::new());
        for group in groups.iter().filter(|group| self.counts(group)) {
            let lefts: Vec<Money> = group.iter().map(|cell| self.left_of(*cell)).collect();
            let left = Money::sum(lefts.iter().copied())?;
            let counted = left.min(self.weight_of(group)?).or_zero();
            largest_remainder(counted, &lefts, &mut parts, &mut scratch)?;
            for ((cell, part), left) in group.iter().zip(&parts).zip(lefts) {
                narrowed[*cell] = *part;
                whole[*cell] = left;
            }
        }
        self.weights = if Money::sum(narrowed.iter().copied())? < amount { whole } else { narrowed };
        self.pay_gathered(amount, kind)
    }

    /// Pays `amount` from the gathered cells in proportion to what they count with; returns each line's share.
    ///
    /// *Units*: fen; odd fen as [`Division`] has it, lines by time and number, then the pool order.
    pub(crate) fn pay_gathered(&mut self, amount: Money, kind: PayerKind) -> Result<Vec<Money>, Fault> {
        let mut column = vec![Money::ZERO; self.cells.len()];
        if amount.is_zero() {
            return Ok(column);
        }
        let is_commercial = kind == PayerKind::Commercial;
        if is_commercial && self.commercial.is_empty() {
            self.commercial = vec![[Money::ZERO; 4]; self.cells.len()];
        }
        self.unpaid = self.unpaid.minus(amount)?;
        let parts = self.division.divide(self.bill, amount, &self.gathered, &self.weights)?;
        for ((line, pool), part) in self.gathered.iter().zip(parts) {
            let cell = &mut self.cells[*line][pool.index()];
            *cell = cell.minus(*part)?;
            column[*line] = column[*line].plus(*part)?;
            if is_commercial {
                let cell = &mut self.commercial[*line][pool.index()];
                *cell = cell.plus(*part)?;
            }
        }
        Ok(column)
    }

    /// What is left of one line.
    pub(crate) fn of_line(&self, line: usize) -> Result<Money, Fault> {
        Ok(Money::sum(self.cells[line])?)
    }
}

/// What a cell is gathered with.
trait CellAmount {
    fn of(&self, line: usize, pool: Pool, cells: &[[Money; 4]]) -> Money;
}

/// What nobody has paid yet.
struct Left;

impl CellAmount for Left {
    fn of(&self, line: usize, pool: Pool, cells: &[[Money; 4]]) -> Money {
        cells[line][pool.index()]
    }
}

impl<F: Fn(usize, Pool) -> Money> CellAmount for F {
    fn of(&self, line: usize, pool: Pool, _: &[[Money; 4]]) -> Money {
        self(line, pool)
    }
}

/// Which lines a base counts. A refund is asked about by its charge.
struct Selection<'a> {
    claim: &'a Claim,
    base: &'a Base,
    until: Option<Date>,
}

impl Selection<'_> {
    fn has(&self, line: usize) -> bool {
        if self.until.is_none() && self.base.lines.is_empty() {
            return true;
        }
        let bill = &self.claim.bill;
        let charge = &bill.lines()[bill.refunded(line).unwrap_or(line)];
        self.until.is_none_or(|until| charge.fee_ocur_time.date() < until)
            && self.base.lines.selects(charge, self.claim)
    }
}
