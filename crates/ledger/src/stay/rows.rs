//! The rows of stays as bytes: the stay, its calls, its lines, and where a person is in hospital.
//!
//! Invariant: each row is small however many lines a stay has; a line has a row of its own, and is settled when its batch
//! came before the last standing settlement of the stay, so that a settlement rewrites no line.

use std::sync::Arc;

use crate::codec::{Decoder, Encoder, Malformed, TooLarge};
use crate::event::{MessageKey, PersonKey};
use crate::frame::Position;
use crate::rows::{at_most_a_row, decode_position, encode_position, version, with_version};
use crate::stay::{StayKind, StayState};

const STAY: u8 = b'y';
const LINE: u8 = b'l';
const IN_HOSPITAL: u8 = b'i';

/// Names a stay: tenant and hospital of a message, and its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StayKey {
    pub(crate) tenant: Arc<str>,
    pub(crate) fixmedins_code: Arc<str>,
    pub(crate) mdtrt_id: Arc<str>,
}

impl StayKey {
    pub(crate) fn at(hospital: &MessageKey, mdtrt_id: &Arc<str>) -> StayKey {
        StayKey {
            tenant: Arc::clone(&hospital.tenant),
            fixmedins_code: Arc::clone(&hospital.fixmedins_code),
            mdtrt_id: Arc::clone(mdtrt_id),
        }
    }

    fn under(&self, kind: u8) -> Result<Encoder, TooLarge> {
        let mut key = Encoder::with(kind);
        key.text("tenant", &self.tenant)?;
        key.text("fixmedins_code", &self.fixmedins_code)?;
        key.text("mdtrt_id", &self.mdtrt_id)?;
        Ok(key)
    }

    /// The key of the stay's own row, and what the keys of its calls begin with.
    pub(crate) fn stay(&self) -> Result<Vec<u8>, TooLarge> {
        Ok(self.under(STAY)?.finish())
    }

    /// The key of one of its calls.
    pub(crate) fn call(&self, sequence: u64) -> Result<Vec<u8>, TooLarge> {
        let mut key = self.under(STAY)?;
        key.raw(&sequence.to_be_bytes());
        Ok(key.finish())
    }

    /// What the keys of its lines begin with.
    pub(crate) fn lines(&self) -> Result<Vec<u8>, TooLarge> {
        Ok(self.under(LINE)?.finish())
    }

    /// The key of one of its lines.
    pub(crate) fn line(&self, feedetl_sn: &str) -> Result<Vec<u8>, TooLarge> {
        let mut key = self.under(LINE)?;
        key.text("feedetl_sn", feedetl_sn)?;
        Ok(key.finish())
    }
}

/// The key of the row that says where a person is in hospital.
pub(crate) fn in_hospital_key(person: &PersonKey) -> Result<Vec<u8>, TooLarge> {
    let mut key = Encoder::with(IN_HOSPITAL);
    key.text("tenant", &person.tenant)?;
    key.text("psn_no", &person.psn_no)?;
    Ok(key.finish())
}

/// One stay as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StayRow {
    pub(crate) state: StayState,
    pub(crate) psn_no: Arc<str>,
    /// The last record that touched it: whoever read it knows by this whether it has moved.
    pub(crate) version: u64,
    /// Lines that stand.
    pub(crate) lines: u32,
    /// Of them those that are not settled.
    pub(crate) unsettled: u32,
    /// The calls that stand; zero for none. Earlier changes hang on the latest one.
    pub(crate) admission: u64,
    pub(crate) update: u64,
    pub(crate) discharge: u64,
    /// The settlements that stand, in order.
    pub(crate) settlements: Vec<u64>,
}

impl StayRow {
    /// The settlement that stands last; zero for none. Lines of batches before it are settled.
    pub(crate) fn settled_up_to(&self) -> u64 {
        self.settlements.last().copied().unwrap_or_default()
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = with_version();
        out.u8(match self.state {
            StayState::Unknown => 0,
            StayState::Admitted => 1,
            StayState::Discharged => 2,
            StayState::Settled => 3,
            StayState::Cancelled => 4,
        });
        out.text("psn_no", &self.psn_no)?;
        out.u64(self.version);
        out.u32(self.lines);
        out.u32(self.unsettled);
        out.u64(self.admission);
        out.u64(self.update);
        out.u64(self.discharge);
        out.length("settlements", self.settlements.len())?;
        for settlement in &self.settlements {
            out.u64(*settlement);
        }
        at_most_a_row("settlements", out.finish())
    }

    pub(crate) fn decode(body: &[u8]) -> Result<StayRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let state = match input.u8("state")? {
            1 => StayState::Admitted,
            2 => StayState::Discharged,
            3 => StayState::Settled,
            4 => StayState::Cancelled,
            _ => return Err(Malformed("state")),
        };
        let psn_no = input.text("psn_no")?;
        let version = input.u64("version")?;
        let lines = input.u32("lines")?;
        let unsettled = input.u32("unsettled")?;
        let admission = input.u64("admission")?;
        let update = input.u64("update")?;
        let discharge = input.u64("discharge")?;
        let count = input.count("settlements", 8)?;
        let mut settlements = Vec::with_capacity(count);
        for _ in 0..count {
            settlements.push(input.u64("settlement")?);
        }
        input.end("stay")?;
        Ok(StayRow { state, psn_no, version, lines, unsettled, admission, update, discharge, settlements })
    }
}

/// One call of a stay that said something: where its record lies, and what of it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallRow {
    pub(crate) kind: StayKind,
    pub(crate) position: Position,
    /// Of lines: how many came in, and how many of them stand.
    pub(crate) came: u32,
    pub(crate) lines: u32,
    /// Of a change: the change before it; zero for none.
    pub(crate) before: u64,
    /// The record that took it back; zero while it stands.
    pub(crate) undone: u64,
}

impl CallRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = with_version();
        out.u8(self.kind.number());
        encode_position(&mut out, self.position);
        out.u32(self.came);
        out.u32(self.lines);
        out.u64(self.before);
        out.u64(self.undone);
        out.finish()
    }

    pub(crate) fn decode(body: &[u8]) -> Result<CallRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let kind = StayKind::from_number(input.u8("kind")?).ok_or(Malformed("kind"))?;
        let position = decode_position(&mut input)?;
        let came = input.u32("came")?;
        let lines = input.u32("lines")?;
        let before = input.u64("before")?;
        let undone = input.u64("undone")?;
        input.end("call")?;
        Ok(CallRow { kind, position, came, lines, before, undone })
    }
}

/// One line that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineRow {
    /// The record that it came with.
    pub(crate) batch: u64,
    /// On a refund, the line that it refunds.
    pub(crate) refunds: Option<Arc<str>>,
    /// How many refunds that stand name it.
    pub(crate) refunded_by: u32,
}

impl LineRow {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = with_version();
        out.u64(self.batch);
        out.text("init_feedetl_sn", self.refunds.as_deref().unwrap_or_default())?;
        out.u32(self.refunded_by);
        Ok(out.finish())
    }

    pub(crate) fn decode(body: &[u8]) -> Result<LineRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let batch = input.u64("batch")?;
        let refunds = Some(input.text("init_feedetl_sn")?).filter(|charge| !charge.is_empty());
        let refunded_by = input.u32("refunded_by")?;
        input.end("line")?;
        Ok(LineRow { batch, refunds, refunded_by })
    }
}

/// Where a person is in hospital.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InHospitalRow {
    pub(crate) fixmedins_code: Arc<str>,
    pub(crate) mdtrt_id: Arc<str>,
}

impl InHospitalRow {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = with_version();
        out.text("fixmedins_code", &self.fixmedins_code)?;
        out.text("mdtrt_id", &self.mdtrt_id)?;
        Ok(out.finish())
    }

    pub(crate) fn decode(body: &[u8]) -> Result<InHospitalRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let fixmedins_code = input.text("fixmedins_code")?;
        let mdtrt_id = input.text("mdtrt_id")?;
        input.end("in_hospital")?;
        Ok(InHospitalRow { fixmedins_code, mdtrt_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_full_row_is_small() {
        let settlements = (0..7_000).collect();
        let row = StayRow {
            state: StayState::Settled,
            psn_no: "x".repeat(255).into(),
            version: 1,
            lines: super::super::STAY_LINES_MAX,
            unsettled: super::super::SETTLEMENT_LINES_MAX,
            admission: 1,
            update: 2,
            discharge: 3,
            settlements,
        };
        assert_eq!(StayRow::decode(&row.encode().unwrap()).unwrap(), row);
    }

    proptest! {
        #[test]
        fn rows_round_trip(numbers in any::<(u64, u64, u64, u32)>(), texts in ("[a-z]{0,9}", "[a-z]{1,9}"), kind in 0usize..8) {
            let (a, b, c, count) = numbers;
            let kind = StayKind::ALL[kind];
            let position = Position { segment: a, offset: b };
            let call = CallRow { kind, position, came: count, lines: count / 2, before: c, undone: a };
            prop_assert_eq!(CallRow::decode(&call.encode()).unwrap(), call);
            let refunds = Some(Arc::from(texts.0.as_str())).filter(|it: &Arc<str>| !it.is_empty());
            let line = LineRow { batch: a, refunds, refunded_by: count };
            prop_assert_eq!(LineRow::decode(&line.encode().unwrap()).unwrap(), line);
            let place = InHospitalRow { fixmedins_code: texts.0.into(), mdtrt_id: texts.1.into() };
            prop_assert_eq!(InHospitalRow::decode(&place.encode().unwrap()).unwrap(), place);
        }

        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut body = body;
            if let Some(first) = body.first_mut() {
                *first = with_version().finish()[0];
            }
            let _ = (StayRow::decode(&body), CallRow::decode(&body), LineRow::decode(&body));
            let _ = InHospitalRow::decode(&body);
        }
    }
}
