//! The answer: who pays every fen of every line, what it used up, and why.
//!
//! Invariant, checked by [`Settlement::check`]: every line equals the sum of its shares, and every payer's total
//! equals the sum of its shares over the lines.

use std::sync::Arc;

use jiff::civil::Date;

use crate::accumulators::{AccumulatorChange, AccumulatorKey};
use crate::adopted::Adoption;
use crate::benefit::{BenefitCard, PackCard, PayerKind};
use crate::bill::{Bill, FourWaySplit};
use crate::explanation::Step;
use crate::fault::Fault;
use crate::money::{Money, Price, Rate};
use crate::reason::Reason;

/// `chrgitm_lv`: the level of an item in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CatalogueLevel {
    /// 甲类, `01`.
    A,
    /// 乙类, `02`.
    B,
    /// 丙类 (自费), `03`.
    C,
}

impl CatalogueLevel {
    /// The national code.
    pub fn code(self) -> &'static str {
        match self {
            CatalogueLevel::A => "01",
            CatalogueLevel::B => "02",
            CatalogueLevel::C => "03",
        }
    }

    /// The level of a code in either spelling that live answers use, `1` or `01`.
    pub fn from_code(code: &str) -> Option<CatalogueLevel> {
        Some(match code {
            "1" | "01" => CatalogueLevel::A,
            "2" | "02" => CatalogueLevel::B,
            "3" | "03" => CatalogueLevel::C,
            _ => return None,
        })
    }
}

/// How one line was split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSplit {
    /// The four parts.
    pub split: FourWaySplit,
    /// The item's catalogue entry; `None` when the item is not listed or the split was adopted.
    pub item: Option<ItemTerms>,
    /// Why a part is not in scope, where a rule of the catalogue took it out.
    pub reason: Option<Reason>,
}

/// The terms of a catalogue item that split a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemTerms {
    /// `hilist_name`.
    pub name: Arc<str>,
    /// `chrgitm_lv`.
    pub chrgitm_lv: CatalogueLevel,
    /// `selfpay_prop` for this person.
    pub selfpay_prop: Rate,
    /// `pric_uplmt_amt` at this hospital.
    pub pric_uplmt_amt: Option<Price>,
}

/// What one benefit pays on the bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The benefit, with payer, pack and clause.
    pub benefit: Arc<BenefitCard>,
    /// The amount, zero or more.
    pub amount: Money,
}

/// What a benefit pays to the person beside the bill: a lump sum, a per-diem, an allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedPayment {
    /// The benefit, with payer, pack and clause.
    pub benefit: Arc<BenefitCard>,
    /// The event that it is paid for; `None`: the stay.
    pub evt_no: Option<Arc<str>>,
    /// The amount, above zero.
    pub amount: Money,
}

/// What the personal accounts pay; `acct_pay` is their sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountPayment {
    /// From this year's balance, CNY.
    pub current_year: Money,
    /// From what is left of years before.
    pub past_year: Money,
    /// From relatives' accounts (`acct_mulaid_pay`): `psn_no` and amount, none of them zero.
    pub relatives: Vec<(Arc<str>, Money)>,
}

/// The shares of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineShares<'a> {
    /// One share for each payment of the settlement, in its order.
    pub payments: &'a [Money],
    /// The hospital's share.
    pub hosp_part_amt: Money,
    /// The account's share.
    pub acct_pay: Money,
    /// The patient's share.
    pub psn_cash_pay: Money,
}

/// The shares of every line, row by row: payments, then hospital, account, cash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShareTable {
    columns: usize,
    cells: Vec<Money>,
}

/// Columns after the payments: hospital, account, cash.
const OWN_COLUMNS: usize = 3;

impl ShareTable {
    /// A table of zeros.
    pub fn new(lines: usize, payments: usize) -> ShareTable {
        let columns = payments + OWN_COLUMNS;
        ShareTable { columns, cells: vec![Money::ZERO; lines * columns] }
    }

    /// The cells of one line: payments, hospital, account, cash.
    pub fn row_mut(&mut self, line: usize) -> &mut [Money] {
        &mut self.cells[line * self.columns..(line + 1) * self.columns]
    }

    /// The shares of one line.
    pub fn row(&self, line: usize) -> LineShares<'_> {
        let row = &self.cells[line * self.columns..(line + 1) * self.columns];
        let (payments, own) = row.split_at(self.columns - OWN_COLUMNS);
        LineShares { payments, hosp_part_amt: own[0], acct_pay: own[1], psn_cash_pay: own[2] }
    }

    /// How many lines the table has.
    pub fn lines(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }
}

/// How the public layers came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicLayers {
    /// Our packs computed them.
    Computed,
    /// A national answer was adopted, beside our own computation.
    Adopted(Adoption),
}

/// The whole answer to one bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The programme whose layers applied.
    pub programme: Arc<str>,
    /// The day the basic rules were read on.
    pub rule_date: Date,
    /// The year its accumulators belong to.
    pub benefit_year: i16,
    /// `medfee_sumamt`.
    pub medfee_sumamt: Money,
    /// The four parts of the whole bill.
    pub split: FourWaySplit,
    /// The four parts of every line.
    pub line_splits: Vec<LineSplit>,
    /// Payments in layer order; a benefit that paid nothing stands in the explanation only.
    pub payments: Vec<Payment>,
    /// `hosp_part_amt`.
    pub hosp_part_amt: Money,
    /// `acct_pay`.
    pub acct_pay: Money,
    /// Which accounts that came from; of an adopted answer nothing, since the platform does not say.
    pub account: AccountPayment,
    /// `psn_cash_pay`.
    pub psn_cash_pay: Money,
    /// What is paid to the person beside the bill, in layer order.
    pub to_person: Vec<FixedPayment>,
    /// `act_pay_dedc`: the deductible the basic layer charged, or as the platform says where its answer was adopted.
    pub act_pay_dedc: Money,
    /// Who pays which fen of which line.
    pub shares: ShareTable,
    /// What it uses up.
    pub accumulators: Vec<AccumulatorChange>,
    /// What it was computed from beside: one accumulator for each owner and term that it looked at and changes nothing of.
    pub looked_at: Vec<AccumulatorKey>,
    /// Why.
    pub explanation: Vec<Step>,
    /// Every pack version that had a say, programme order, the catalogue last.
    pub packs: Vec<Arc<PackCard>>,
    /// How the public layers came about.
    pub public_layers: PublicLayers,
}

impl Settlement {
    /// The sum that payers of this kind pay.
    ///
    /// # Errors
    /// [`Fault::OutOfRange`].
    pub fn paid_by(&self, kind: PayerKind) -> Result<Money, Fault> {
        let of_kind = self.payments.iter().filter(|payment| payment.benefit.payer.kind == kind);
        Ok(Money::sum(of_kind.map(|payment| payment.amount))?)
    }

    /// `fund_pay_sumamt`: what public money pays.
    ///
    /// # Errors
    /// [`Fault::OutOfRange`].
    pub fn fund_pay_sumamt(&self) -> Result<Money, Fault> {
        let public = self.payments.iter().filter(|payment| payment.benefit.payer.kind.is_public());
        Ok(Money::sum(public.map(|payment| payment.amount))?)
    }

    /// What commercial policies pay.
    ///
    /// # Errors
    /// [`Fault::OutOfRange`].
    pub fn commercial_pay(&self) -> Result<Money, Fault> {
        self.paid_by(PayerKind::Commercial)
    }

    /// Checks that every fen of every line has exactly one payer.
    ///
    /// # Errors
    /// [`Fault::LineNotConserved`], [`Fault::ColumnNotConserved`] or [`Fault::OutOfRange`].
    pub fn check(&self, bill: &Bill) -> Result<(), Fault> {
        let mut columns = vec![Money::ZERO; self.payments.len() + OWN_COLUMNS];
        for (line, item) in bill.lines().iter().enumerate() {
            let row = self.shares.row(line);
            let own = [row.hosp_part_amt, row.acct_pay, row.psn_cash_pay];
            let mut shares = Money::ZERO;
            for (column, share) in columns.iter_mut().zip(row.payments.iter().chain(&own)) {
                *column = column.plus(*share)?;
                shares = shares.plus(*share)?;
            }
            let amount = item.det_item_fee_sumamt;
            let parts = self.line_splits[line].split.total()?;
            if shares != amount || parts != amount {
                return Err(Fault::LineNotConserved { line, amount, shares });
            }
        }
        let payments = self.payments.iter().map(|payment| (payment.benefit.id.as_ref(), payment.amount));
        let own = [
            ("hosp_part_amt", self.hosp_part_amt),
            ("acct_pay", self.acct_pay),
            ("psn_cash_pay", self.psn_cash_pay),
        ];
        let mut whole = Money::ZERO;
        for ((column, amount), shares) in payments.chain(own).zip(columns) {
            whole = whole.plus(amount)?;
            if amount != shares || amount.is_negative() {
                return Err(Fault::ColumnNotConserved { column: column.to_owned(), amount, shares });
            }
        }
        if whole != self.medfee_sumamt || self.split.total()? != self.medfee_sumamt {
            return Err(Fault::ColumnNotConserved {
                column: "medfee_sumamt".to_owned(),
                amount: self.medfee_sumamt,
                shares: whole,
            });
        }
        Ok(())
    }
}
