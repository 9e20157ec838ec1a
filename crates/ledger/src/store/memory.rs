//! A store in memory: the smallest thing that the contract asks for.

use std::collections::BTreeMap;

use crate::frame::{FRAME_HEAD_BYTES, FrameHead, Position};
use crate::journal::Draft;
use crate::record::Record;
use crate::register::ROW_SALT_BYTES;
use crate::scan::Place;
use crate::segments::{Damage, ReadError, damaged};
use crate::store::Store;
use crate::tables::{RowChanges, Rows, TablesError};

/// Payloads by position, rows by key.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    end: Draft,
    payloads: BTreeMap<Position, (u64, Vec<u8>)>,
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl MemoryStore {
    pub(crate) fn new() -> MemoryStore {
        // One segment without an end.
        let end = Draft::behind(Place::START, u64::MAX);
        MemoryStore { end, payloads: BTreeMap::new(), rows: BTreeMap::new() }
    }
}

impl Rows for MemoryStore {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TablesError> {
        Ok(self.rows.get(key).cloned())
    }

    fn rows_under(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, TablesError> {
        let under = self.rows.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(under.map(|(key, body)| (key.clone(), body.clone())).collect())
    }
}

impl Store for MemoryStore {
    fn draft(&self) -> Draft {
        Draft::behind(self.end.place(), u64::MAX)
    }

    fn salt(&self, sequence: u64) -> [u8; 32] {
        [sequence.to_le_bytes()[0]; 32]
    }

    fn row_salt(&self, _sequence: u64, index: u32) -> [u8; ROW_SALT_BYTES] {
        [index.to_le_bytes()[0]; ROW_SALT_BYTES]
    }

    fn record(&self, position: Position, sequence: u64) -> Result<Record, ReadError> {
        match self.payloads.get(&position) {
            Some((kept, payload)) if *kept == sequence => Record::decode(sequence, payload)
                .map_err(|malformed| damaged(position, Damage::Payload(malformed))),
            Some(_) => Err(damaged(position, Damage::Sequence)),
            None => Err(damaged(position, Damage::Checksum)),
        }
    }

    fn is_ample(&self) -> bool {
        true
    }

    fn has_spare_of(&self, _: u64) -> bool {
        true
    }

    fn keep(&mut self, draft: Draft, changes: &RowChanges, last: Position) -> Result<(), String> {
        for (mut offset, bytes) in draft.written() {
            let mut rest = bytes;
            while let Some(head) = rest.first_chunk() {
                let head = FrameHead::decode(head);
                let (frame, behind) =
                    rest.split_at(usize::try_from(FRAME_HEAD_BYTES + u64::from(head.length)).unwrap());
                let position = Position { segment: 1, offset };
                self.payloads.insert(
                    position,
                    (head.sequence, frame[usize::try_from(FRAME_HEAD_BYTES).unwrap()..].to_vec()),
                );
                offset += frame.len() as u64;
                rest = behind;
            }
        }
        assert!(self.payloads.contains_key(&last));
        for (key, body) in changes {
            match body {
                Some(body) => self.rows.insert(key.clone(), body.clone()),
                None => self.rows.remove(key),
            };
        }
        self.end = draft;
        Ok(())
    }
}
