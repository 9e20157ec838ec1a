//! Adds a correction up again, from the bytes of its answer.
//!
//! Knows `bedside.proto` by its field numbers. What must hold is listed at [`Sum`](crate::Sum); there is no tolerance.

use std::collections::BTreeMap;

use crate::answer::is_id;
use crate::fields::Fields;
use crate::settlement::{AnswerError, Checks, Fen, Sum, amount, sum};

/// A settlement that has a new version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectedVersion {
    /// `setl_id`.
    pub setl_id: String,
    /// The number of the new version.
    pub version: String,
    /// The bill's total before.
    pub old_medfee_sumamt: Fen,
    /// The bill's total now.
    pub new_medfee_sumamt: Fen,
    /// SHA-256 of the new version's bytes.
    pub settlement_sha256: Vec<u8>,
}

/// What was added up, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    /// `correction_id`.
    pub correction_id: String,
    /// `correction_time`.
    pub correction_time: String,
    /// The settlement whose facts or rules were corrected.
    pub setl_id: String,
    /// Every settlement with a new version.
    pub changed: Vec<CorrectedVersion>,
    /// Sums that were checked.
    pub sums: usize,
}

/// What accounts bear before and after.
#[derive(Default)]
struct Borne<'a>(BTreeMap<&'a str, (Fen, Fen)>);

/// Adds the correction up.
///
/// # Errors
/// The first thing that does not come out; see [`AnswerError`].
pub(crate) fn add_up_correction(answer: &Fields<'_>) -> Result<Corrected, AnswerError> {
    // Once each, and as a ledger gives them: another message is not taken for a correction, and readers would merge two.
    let once = [1, 2, 3, 5].into_iter().all(|number| answer.all(number).count() == 1);
    if !once || !is_id('S', answer.text(1)?) || !is_id('S', answer.text(3)?) || answer.text(2)?.is_empty() {
        return Err(AnswerError::NotASettlement);
    }
    let mut checks = Checks::default();
    let mut all = Borne::default();
    let mut changed: Vec<CorrectedVersion> = Vec::new();
    for (place, version) in answer.messages(4)?.iter().enumerate() {
        let version = add_up_version(place + 1, version, &mut all, &mut checks)?;
        let is_twice = changed.iter().any(|it| it.setl_id == version.setl_id);
        if is_twice || !is_id('S', &version.setl_id) || version.settlement_sha256.len() != 32 {
            return Err(AnswerError::NotASettlement);
        }
        changed.push(version);
    }
    let mut totals = Borne::default();
    for total in answer.messages(6)? {
        account(&total, Sum::Totals, &mut totals, &mut checks)?;
    }
    for name in all.0.keys().chain(totals.0.keys()) {
        let (left, right) = (totals.of(name), all.of(name));
        checks.hold(Sum::Totals, left.0, right.0)?;
        checks.hold(Sum::Totals, left.1, right.1)?;
    }
    Ok(Corrected {
        correction_id: answer.text(1)?.to_owned(),
        correction_time: answer.text(2)?.to_owned(),
        setl_id: answer.text(3)?.to_owned(),
        changed,
        sums: checks.count(),
    })
}

impl<'a> Borne<'a> {
    fn of(&self, account: &str) -> (Fen, Fen) {
        self.0.get(account).copied().unwrap_or_default()
    }

    fn add(&mut self, account: &'a str, (old, new): (Fen, Fen)) {
        let borne = self.0.entry(account).or_default();
        *borne = (sum([borne.0, old]), sum([borne.1, new]));
    }
}

/// Reads one account's difference, and adds it to what its message has.
fn account<'a>(
    message: &Fields<'a>,
    named: Sum,
    into: &mut Borne<'a>,
    checks: &mut Checks,
) -> Result<(), AnswerError> {
    let (old, new) = (amount(message, 2, "old")?, amount(message, 3, "new")?);
    checks.hold(named, sum([old, amount(message, 4, "difference")?]), new)?;
    into.add(message.text(1)?, (old, new));
    Ok(())
}

fn add_up_version<'a>(
    number: usize,
    version: &Fields<'a>,
    all: &mut Borne<'a>,
    checks: &mut Checks,
) -> Result<CorrectedVersion, AnswerError> {
    let mut borne = Borne::default();
    for difference in version.messages(7)? {
        account(&difference, Sum::Difference(number), &mut borne, checks)?;
    }
    let old_medfee_sumamt = amount(version, 5, "old_medfee_sumamt")?;
    let new_medfee_sumamt = amount(version, 6, "new_medfee_sumamt")?;
    checks.hold(Sum::Before(number), old_medfee_sumamt, sum(borne.0.values().map(|it| it.0)))?;
    checks.hold(Sum::After(number), new_medfee_sumamt, sum(borne.0.values().map(|it| it.1)))?;
    for (name, amounts) in borne.0 {
        all.add(name, amounts);
    }
    Ok(CorrectedVersion {
        setl_id: version.text(1)?.to_owned(),
        version: version.text(2)?.to_owned(),
        old_medfee_sumamt,
        new_medfee_sumamt,
        settlement_sha256: version.one(8).to_vec(),
    })
}
