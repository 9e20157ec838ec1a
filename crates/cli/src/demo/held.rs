//! The scene of a quote that binds: promised, seen by another hospital as promised, and kept.

use bedside_claim::Lang;
use bedside_gateway::v1;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::morning::{self, Discharge};
use super::{Client, Ward, settlement, unexpected};
use crate::failure::Failure;

/// How long the quote binds.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Ward {
    /// Quotes a discharge so that it binds, asks from another hospital, and gives the request that settles within it.
    pub(super) async fn held(
        &mut self,
        client: &mut Client,
        discharge: &Discharge,
    ) -> Result<v1::SettleBillRequest, Failure> {
        let hold_until = in_an_hour();
        let header = discharge.request.header.clone().unwrap_or_default();
        let msgid = morning::next_msgid(&header.msgid, 7);
        let bill = v1::SettleBillRequest {
            header: Some(v1::Header { msgid, ..header.clone() }),
            ..discharge.request.clone()
        };
        let quote = quoted(client, discharge, bill.clone(), hold_until.clone()).await?;
        let promised = settlement(quote.settlement)?;
        self.books.add_nothing_booked();

        let mut elsewhere = bill;
        if let (Some(header), Some(visit)) = (&mut elsewhere.header, &mut elsewhere.mdtrtinfo) {
            "H33010000009".clone_into(&mut header.fixmedins_code);
            visit.mdtrt_id.push('X');
        }
        let other = quoted(client, discharge, elsewhere, String::new()).await?;
        let other = settlement(other.settlement)?;
        let reserved: Vec<&v1::Text> =
            other.notices.iter().filter(|notice| !promised.notices.contains(notice)).collect();
        let Some(notice) = reserved.first() else {
            return Err(Failure::fault("another hospital is not told what is promised"));
        };
        let (id, name) = (quote.hold_id, discharge.name(self.lang));
        let notice = match self.lang {
            Lang::Zh => &notice.zh,
            Lang::En => &notice.en,
        };
        self.say(
            format!("具有约束力的预结算：{name}，保留 {id} 至 {hold_until}，随后按预结算逐分结算；他院询价得到提示：{notice}"),
            format!("a quote that binds: {name}, {id} until {hold_until}, settled to the fen as quoted; another hospital that asked was told: {notice}"),
        );
        self.books.expect_next(promised);
        Ok(v1::SettleBillRequest { hold_id: id, ..discharge.request.clone() })
    }
}

/// In China Standard Time.
pub(super) fn in_an_hour() -> String {
    let until = Offset::constant(8).to_datetime(Timestamp::now() + HOUR);
    until.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

async fn quoted(
    client: &mut Client,
    discharge: &Discharge,
    bill: v1::SettleBillRequest,
    hold_until: String,
) -> Result<v1::PreSettleResponse, Failure> {
    let subject = Some(v1::pre_settle_request::Subject::Bill(bill));
    let answer = client.pre_settle(v1::PreSettleRequest { subject, hold_until, ..Default::default() }).await;
    Ok(answer.map_err(|status| unexpected(discharge, &status))?.into_inner())
}
