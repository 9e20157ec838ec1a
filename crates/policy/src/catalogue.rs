//! The catalogue: dated terms of drugs, services and consumables, and the four-way split they give a line.
//!
//! Knows levels, ceilings, first-pay ratios, restricted use and their dates. It must not know who pays. Invariant:
//! the four parts of a line sum to its amount, and a charge with its refunds splits like what is left of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{
    CatalogueLevel, Date, FourWaySplit, Grade, HospitalApproval, HospitalTier, ItemTerms, Line, Money,
    Overflow, PackCard, PackStatus, Price, Quantity, Rate, Reason,
};

/// Whether an item may be used without the hospital's approval (`lmt_used_flag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemUse {
    /// 0.
    Free,
    /// 1: only with `hosp_appr_flag` 1.
    Restricted,
}

/// Ceiling prices by hospital tier; `None`: no ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ceilings {
    /// At tertiary hospitals.
    pub tertiary: Option<Price>,
    /// At secondary hospitals.
    pub secondary: Option<Price>,
    /// At all others.
    pub other: Option<Price>,
}

impl Ceilings {
    fn at(&self, tier: HospitalTier) -> Option<Price> {
        match tier {
            HospitalTier::Tertiary => self.tertiary,
            HospitalTier::Secondary => self.secondary,
            HospitalTier::Primary | HospitalTier::Community | HospitalTier::Ungraded => self.other,
        }
    }
}

/// One dated row of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueItem {
    /// `hilist_name`.
    pub name: Arc<str>,
    /// `chrgitm_lv`.
    pub level: CatalogueLevel,
    /// First day.
    pub from: Date,
    /// First day after.
    pub until: Date,
    /// `lmt_used_flag`.
    pub item_use: ItemUse,
    /// `selfpay_prop` for employees; the level does not fix it.
    pub selfpay_prop_employee: Rate,
    /// `selfpay_prop` for residents.
    pub selfpay_prop_resident: Rate,
    /// `hilist_pric_uplmt_amt`.
    pub ceilings: Ceilings,
}

/// One version of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// How results cite it.
    pub card: Arc<PackCard>,
    /// Rows by code, in date order, not overlapping.
    items: BTreeMap<Arc<str>, Vec<CatalogueItem>>,
}

/// Two rows of one item on one day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("item `{code}` has two rows on {date}")]
pub struct OverlappingRows {
    /// The item.
    pub code: Arc<str>,
    /// The first day with two.
    pub date: Date,
}

impl Catalogue {
    /// A catalogue of these rows.
    ///
    /// # Errors
    /// [`OverlappingRows`].
    pub fn new(
        card: Arc<PackCard>,
        rows: impl IntoIterator<Item = (Arc<str>, CatalogueItem)>,
    ) -> Result<Catalogue, OverlappingRows> {
        let mut items: BTreeMap<Arc<str>, Vec<CatalogueItem>> = BTreeMap::new();
        for (code, item) in rows {
            items.entry(code).or_default().push(item);
        }
        for (code, rows) in &mut items {
            rows.sort_by_key(|row| row.from);
            if let Some(pair) = rows.windows(2).find(|pair| pair[1].from < pair[0].until) {
                return Err(OverlappingRows { code: code.clone(), date: pair[1].from });
            }
        }
        Ok(Catalogue { card, items })
    }

    /// This version with other rows for the items that `rows` names; its other items stay. Results cite it with `suffix`
    /// behind its own name.
    ///
    /// # Errors
    /// [`OverlappingRows`].
    pub(crate) fn with_items(
        &self,
        suffix: &str,
        rows: &BTreeMap<Arc<str>, Vec<CatalogueItem>>,
    ) -> Result<Catalogue, OverlappingRows> {
        let version = format!("{}{suffix}", self.card.version);
        let card = Arc::new(PackCard { version: version.into(), ..PackCard::clone(&self.card) });
        let own = self.items.iter().filter(|(code, _)| !rows.contains_key(*code));
        let all = own.chain(rows);
        let all = all.flat_map(|(code, rows)| rows.iter().map(|row| (Arc::clone(code), row.clone())));
        Catalogue::new(card, all)
    }

    /// A catalogue without items over these days.
    pub(crate) fn empty(id: &str, (from, until): (Date, Date)) -> Catalogue {
        let card = PackCard {
            id: id.into(),
            version: "0".into(),
            name_zh: "空目录".into(),
            name_en: "empty catalogue".into(),
            from,
            until,
            status: PackStatus::Demo,
            grade: Grade::Assumed,
        };
        Catalogue { card: Arc::new(card), items: BTreeMap::new() }
    }

    /// The item's row on a day.
    pub fn item(&self, code: &str, date: Date) -> Option<&CatalogueItem> {
        let rows = self.items.get(code)?;
        rows.iter().find(|row| row.from <= date && date < row.until)
    }

    /// Every item code with its rows, in code order.
    pub fn items(&self) -> impl Iterator<Item = (&Arc<str>, &[CatalogueItem])> {
        self.items.iter().map(|(code, rows)| (code, rows.as_slice()))
    }
}

/// The terms that split one line.
#[derive(Debug, Clone, Copy)]
pub struct LineTerms<'a> {
    item: Option<&'a CatalogueItem>,
    approval: HospitalApproval,
    tier: HospitalTier,
    selfpay_prop: Rate,
}

impl<'a> LineTerms<'a> {
    /// The terms of a line for this insurance at this tier.
    ///
    /// *Source*: `selfpay_prop` varies by class of person (1319); employees are `insutype` 310, everyone else takes
    /// the residents' ratio.
    pub fn of(catalogue: &'a Catalogue, line: &Line, insutype: &str, tier: HospitalTier) -> LineTerms<'a> {
        let item = catalogue.item(&line.med_list_codg, line.fee_ocur_time.date());
        let selfpay_prop = item.map_or(Rate::ONE, |item| match insutype {
            "310" => item.selfpay_prop_employee,
            _ => item.selfpay_prop_resident,
        });
        LineTerms { item, approval: line.hosp_appr_flag, tier, selfpay_prop }
    }

    /// The terms as results show them.
    pub fn shown(&self) -> Option<ItemTerms> {
        self.item.map(|item| ItemTerms {
            name: item.name.clone(),
            chrgitm_lv: item.level,
            selfpay_prop: self.selfpay_prop,
            pric_uplmt_amt: item.ceilings.at(self.tier),
        })
    }

    /// Why the whole line is outside the scope; `None` when the catalogue lets it in.
    pub fn excluded(&self) -> Option<Reason> {
        let Some(item) = self.item else { return Some(Reason::ItemNotInCatalogue) };
        if item.level == CatalogueLevel::C {
            return Some(Reason::ItemOwnExpense);
        }
        match (self.approval, item.item_use) {
            (HospitalApproval::Refused, _) => Some(Reason::ApprovalRefused),
            (HospitalApproval::NotNeeded, ItemUse::Restricted) => Some(Reason::ApprovalMissing),
            (HospitalApproval::NotNeeded, ItemUse::Free) | (HospitalApproval::Granted, _) => None,
        }
    }

    /// The four parts of `amount` for `cnt` units at `pric`.
    ///
    /// *Units*: fen. `overlmt_amt` is the amount less ceiling x quantity, within zero and the amount; `preselfpay_amt` is what remains times
    /// `selfpay_prop`; both round half away from zero once.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn split(
        &self,
        amount: Money,
        pric: Price,
        cnt: Quantity,
    ) -> Result<(FourWaySplit, Option<Reason>), Overflow> {
        if let Some(reason) = self.excluded() {
            return Ok((FourWaySplit { fulamt_ownpay_amt: amount, ..FourWaySplit::default() }, Some(reason)));
        }
        let ceiling =
            self.item.and_then(|item| item.ceilings.at(self.tier)).filter(|ceiling| pric > *ceiling);
        let (overlmt_amt, reason) = match ceiling {
            // What is left of a charge after refunds may be a few fen off price x quantity.
            Some(ceiling) => {
                let above = amount.minus(ceiling.times(cnt)?)?.or_zero().at_most(amount);
                (above, Some(Reason::AboveCeiling))
            }
            None => (Money::ZERO, None),
        };
        let below = amount.minus(overlmt_amt)?;
        let preselfpay_amt = below.at_rate(self.selfpay_prop)?;
        let inscp_scp_amt = below.minus(preselfpay_amt)?;
        Ok((
            FourWaySplit { fulamt_ownpay_amt: Money::ZERO, overlmt_amt, preselfpay_amt, inscp_scp_amt },
            reason,
        ))
    }
}
