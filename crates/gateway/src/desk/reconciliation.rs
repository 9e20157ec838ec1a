//! 对总账 and 对明细账 (3201, 3202): what a hospital has in its own books beside what the ledger booked for it in a period.
//!
//! Sums of the bill, the account and cash are the postings'; what public funds and commercial policies paid is what the answers
//! said. Invariant: no booking of another hospital is compared with, nor told of.

mod rows;

use bedside_claim::{Money, Overflow};

use self::rows::Row;
use super::Desk;
use super::periods::{Waiting, unbalanced};
use crate::answer;
use crate::deadline::Deadline;
use crate::errors::Refusal;
use crate::request::{self, AMOUNTS, Amounts, Days};
use crate::v1;

pub(crate) use self::rows::Answers;

const EQUAL: &str = "equal";
const DIFFERS: &str = "differs";
const ERASED: &str = "erased";

/// An amount for each of [`AMOUNTS`]; nothing where it was erased.
type Here = [Option<Money>; AMOUNTS.len()];

impl Desk {
    /// The hospital's totals beside the ledger's.
    pub(crate) async fn reconcile_totals(
        &self,
        request: v1::ReconcileTotalsRequest,
        deadline: Deadline,
    ) -> Result<v1::ReconcileTotalsResponse, Refusal> {
        let there = request::totals(&request).map_err(Refusal::Invalid)?;
        let desk = self.clone();
        let reading = move |waiting: &Waiting| {
            let (mut here, mut bookings): (Here, _) = ([Some(Money::ZERO); AMOUNTS.len()], 0u64);
            desk.each_row(&there.fixmedins_code, there.days, waiting, |row| {
                if row.is_refund() && !there.with_refunds {
                    return Ok(());
                }
                bookings += 1;
                for (sum, amount) in here.iter_mut().zip(row.amounts) {
                    let both = sum.zip(amount);
                    *sum = both.map(|(sum, amount)| sum.plus(amount)).transpose().map_err(out_of_range)?;
                }
                Ok(())
            })?;
            let mut totals = compared(here, there.amounts)?;
            totals.push(counted(bookings, there.bookings));
            Ok(told(totals))
        };
        self.readings.read(deadline, reading).await
    }

    /// The hospital's rows beside the ledger's.
    pub(crate) async fn reconcile_details(
        &self,
        request: v1::ReconcileDetailsRequest,
        deadline: Deadline,
    ) -> Result<Answers, Refusal> {
        let desk = self.clone();
        let reading = move |waiting: &Waiting| {
            let there = request::statement(request).map_err(Refusal::Invalid)?;
            let mut here = Vec::new();
            desk.each_row(&there.fixmedins_code, there.days, waiting, |row| {
                let limit = desk.statement_rows_max;
                if here.len() == limit {
                    return Err(Refusal::PeriodTooLarge { limit });
                }
                here.push(row);
                Ok(())
            })?;
            Ok(Answers::of(here, there.rows))
        };
        self.readings.read(deadline, reading).await
    }

    /// Gives what was booked for a hospital in a period to `take`, in order.
    fn each_row(
        &self,
        fixmedins_code: &str,
        days: Days,
        waiting: &Waiting,
        mut take: impl FnMut(Row) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let period = answer::days(Some(days.from), Some(days.to));
        self.each_posted(period, waiting, |posted| {
            if *posted.settled.message.fixmedins_code != *fixmedins_code {
                return Ok(());
            }
            take(self.row_of(posted)?)
        })
    }
}

fn out_of_range(overflow: Overflow) -> Refusal {
    unbalanced(&overflow.into())
}

/// Each amount that was sent beside the one here.
fn compared(here: Here, there: Amounts) -> Result<Vec<v1::ReconciledField>, Refusal> {
    let sent = AMOUNTS.into_iter().zip(here).zip(there);
    let fields = sent.filter_map(|((field, here), there)| there.map(|there| (field, here, there)));
    let fields = fields.map(|(field, here, there)| {
        Ok(v1::ReconciledField {
            field: field.to_owned(),
            here: here.map(|here| here.to_string()).unwrap_or_default(),
            there: there.to_string(),
            difference: match here {
                Some(here) => here.minus(there).map_err(out_of_range)?.to_string(),
                None => String::new(),
            },
            stmt_rslt: here.map_or(ERASED, |here| result(here == there)).to_owned(),
        })
    });
    fields.collect()
}

fn counted(here: u64, there: u64) -> v1::ReconciledField {
    v1::ReconciledField {
        field: "fixmedins_setl_cnt".to_owned(),
        here: here.to_string(),
        there: there.to_string(),
        difference: (i128::from(here) - i128::from(there)).to_string(),
        stmt_rslt: result(here == there).to_owned(),
    }
}

fn result(is_equal: bool) -> &'static str {
    if is_equal { EQUAL } else { DIFFERS }
}

fn told(totals: Vec<v1::ReconciledField>) -> v1::ReconcileTotalsResponse {
    let differing = fields_that_differ(&totals);
    let stmt_rslt_dscr = match differing.is_empty() {
        true => v1::Text { zh: "总账一致".to_owned(), en: "the totals agree".to_owned() },
        false => v1::Text {
            zh: format!("总账不一致：{}；请对明细账（3202）", differing.join("、")),
            en: format!("the totals differ in {}; reconcile the rows (3202)", differing.join(", ")),
        },
    };
    let stmt_rslt = result(differing.is_empty()).to_owned();
    v1::ReconcileTotalsResponse { stmt_rslt, stmt_rslt_dscr: Some(stmt_rslt_dscr), totals }
}

fn fields_that_differ(fields: &[v1::ReconciledField]) -> Vec<String> {
    let differing = fields.iter().filter(|field| field.stmt_rslt == DIFFERS);
    differing.map(|field| field.field.clone()).collect()
}
