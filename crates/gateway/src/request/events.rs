//! What happened beside the bill: evtinfo becomes events.

use std::collections::BTreeMap;

use bedside_claim::{Event, Occurrence, OccurrenceKind, Visit};

use super::fields::{Charset, Era, ID, Place, Reader, TextForm};
use crate::invalid::{InvalidCode, Phrase};
use crate::v1;

/// Every event; `None` when one of them is wrong.
pub(super) fn read(reader: &mut Reader, rows: &[v1::EvtInfo], visit: Option<&Visit>) -> Option<Vec<Event>> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut events = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let place = Place::Row("evtinfo", index);
        events.push(event(reader, place, row, visit));
        if let Some(first) = seen.insert(&row.evt_no, index) {
            let allowed = Phrase::made(
                format!("与 evtinfo[{first}] 不同的事件编号"),
                format!("another number than evtinfo[{first}] has"),
            );
            reader.fault(place, "evt_no", InvalidCode::DuplicateRow, &row.evt_no, allowed);
            return None;
        }
    }
    events.into_iter().collect()
}

fn event(reader: &mut Reader, place: Place<'_>, row: &v1::EvtInfo, visit: Option<&Visit>) -> Option<Event> {
    let evt_no = reader.text(place, "evt_no", &row.evt_no, ID);
    let kinds = Phrase::fixed("diagnosis、disability、death、care", "diagnosis, disability, death or care");
    let known = |name: &str| OccurrenceKind::ALL.into_iter().find(|kind| kind.name() == name);
    let kind = reader.code(place, "evt_type", &row.evt_type, known, kinds);
    let date = reader.date(place, "evt_date", &row.evt_date, Era::Life);
    if let (Some(date), Some(visit)) = (date, visit)
        && date > visit.setl_date
    {
        let allowed = Phrase::fixed("不晚于结算日", "not after the day of settlement");
        reader.fault(place, "evt_date", InvalidCode::DateOrder, &row.evt_date, allowed);
        return None;
    }
    let accident = reader.optional_date(place, "acdt_date", &row.acdt_date, Era::Life);
    if let (Some(date), Some(Some(accident))) = (date, accident)
        && accident > date
    {
        let allowed = Phrase::fixed("不晚于同行 evt_date", "not after evt_date of the row");
        reader.fault(place, "acdt_date", InvalidCode::DateOrder, &row.acdt_date, allowed);
        return None;
    }
    let occurrence = match kind? {
        OccurrenceKind::Diagnosis => {
            belongs_elsewhere(reader, place, row, &["grade", "prior_grade", "acdt_date"])?;
            let form = TextForm::up_to(Charset::Visible, 20);
            Occurrence::Diagnosis { diag_code: reader.text(place, "diag_code", &row.diag_code, form)? }
        }
        OccurrenceKind::Disability => {
            belongs_elsewhere(reader, place, row, &["diag_code"])?;
            let assessed = grade(reader, place, "grade", &row.grade);
            let prior_grade = match row.prior_grade.as_str() {
                "" => Some(None),
                text => grade(reader, place, "prior_grade", text).map(Some),
            };
            Occurrence::Disability { grade: assessed?, prior_grade: prior_grade?, accident_date: accident? }
        }
        OccurrenceKind::Death => {
            belongs_elsewhere(reader, place, row, &["diag_code", "grade", "prior_grade"])?;
            Occurrence::Death { accident_date: accident? }
        }
        OccurrenceKind::Care => {
            belongs_elsewhere(reader, place, row, &["diag_code", "prior_grade", "acdt_date"])?;
            Occurrence::Care { grade: grade(reader, place, "grade", &row.grade)? }
        }
    };
    Some(Event { evt_no: evt_no?, date: date?, occurrence })
}

fn grade(reader: &mut Reader, place: Place<'_>, field: &str, value: &str) -> Option<u8> {
    let read = |text: &str| text.parse::<u8>().ok().filter(|grade| (1..=10).contains(grade));
    let allowed = Phrase::fixed("1 至 10", "from 1 to 10");
    reader.code(place, field, value, read, allowed)
}

/// Refuses a field that the kind of event does not have: it would be ignored.
fn belongs_elsewhere(
    reader: &mut Reader,
    place: Place<'_>,
    row: &v1::EvtInfo,
    fields: &[&'static str],
) -> Option<()> {
    let value = |field: &str| match field {
        "diag_code" => &row.diag_code,
        "grade" => &row.grade,
        "prior_grade" => &row.prior_grade,
        _ => &row.acdt_date,
    };
    let stray = fields.iter().find(|field| !value(field).is_empty());
    match stray {
        None => Some(()),
        Some(field) => {
            let allowed = Phrase::fixed("此类事件为空", "empty on this type of event");
            reader.fault(place, field, InvalidCode::Differs, value(field), allowed);
            None
        }
    }
}
