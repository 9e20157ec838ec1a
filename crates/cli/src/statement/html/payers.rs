//! Who pays: every payment, the hospital's part, the account and the cash, each with its number on the page, its colour
//! and the lines that it came from.

use bedside_claim::Money;
use bedside_gateway::v1;
use plotters::style::RGBColor;

use super::lines::LineRow;
use super::reasons::Group;
use super::{Phrase, chart};
use crate::failure::Failure;
use crate::statement::{Words, money, percent};

/// A row of the table of payers.
pub(super) struct Payer {
    pub(super) part: Part,
    pub(super) id: String,
    /// Its number on the page: on its bar, its row and every share.
    pub(super) number: usize,
    /// Its class in the style sheet.
    pub(super) colour: String,
    rgb: RGBColor,
    pub(super) payer: Phrase,
    pub(super) benefit: Phrase,
    /// One name in one language, for pictures and tooltips.
    pub(super) label: String,
    /// The anchor of its clause.
    pub(super) clause: Option<String>,
    pub(super) amount: Money,
    pub(super) percent: String,
    /// The lines that it came from.
    pub(super) from: Vec<Source>,
}

/// A line that a payment came from.
pub(super) struct Source {
    pub(super) line: String,
    pub(super) feedetl_sn: String,
    pub(super) name: String,
    pub(super) amount: Money,
}

/// What is paid to the person beside the bill, or by a relative's account.
pub(super) struct Beside {
    pub(super) what: Phrase,
    pub(super) who: Phrase,
    pub(super) amount: String,
    pub(super) evt_no: String,
}

/// A picture with what a screen reader says of it.
pub(super) struct Picture {
    pub(super) title: String,
    pub(super) told: String,
    pub(super) svg: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Which part of a line is a payer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The share of the payment at this place of the answer.
    Payment(usize),
    Hospital,
    Account,
    Cash,
}

impl Part {
    /// What no benefit pays, in the order of their rows.
    const REST: [Part; 3] = [Part::Hospital, Part::Account, Part::Cash];

    /// The amount as the line has it; an answer that lacks the share has no such amount.
    pub(super) fn of_line(self, line: &v1::LineSettlement) -> &str {
        match self {
            Part::Payment(place) => line.shares.get(place).map_or("", String::as_str),
            Part::Hospital => &line.hosp_part_amt,
            Part::Account => &line.acct_pay,
            Part::Cash => &line.psn_cash_pay,
        }
    }

    fn of_bill(self, answer: &v1::Settlement, info: &v1::SetlInfo) -> Result<Money, Failure> {
        money(match self {
            Part::Payment(place) => answer.payments.get(place).map_or("", |payment| payment.amount.as_str()),
            Part::Hospital => &info.hosp_part_amt,
            Part::Account => &info.acct_pay,
            Part::Cash => &info.psn_cash_pay,
        })
    }

    /// Whether there is anything to say of it; the payments and the cash stand on every statement.
    fn is_there(self, answer: &v1::Settlement, amount: Money) -> bool {
        match self {
            Part::Payment(_) | Part::Cash => true,
            // Shares of single lines can cancel each other out.
            Part::Hospital | Part::Account => {
                !amount.is_zero() || answer.lines.iter().any(|line| self.of_line(line) != "0.00")
            }
        }
    }

    fn name(self, answer: &v1::Settlement) -> v1::Text {
        let (zh, en) = match self {
            Part::Payment(place) => {
                return answer
                    .payments
                    .get(place)
                    .and_then(|payment| payment.payer.clone())
                    .unwrap_or_default();
            }
            Part::Hospital => ("医院负担", "hospital"),
            Part::Account => ("个人账户", "personal account"),
            Part::Cash => ("个人现金", "patient, cash"),
        };
        v1::Text { zh: zh.to_owned(), en: en.to_owned() }
    }

    /// Class and colour; what is the patient's looks the same on every statement.
    fn colour(self) -> (String, RGBColor) {
        match self {
            Part::Payment(place) => {
                let shade = place % chart::PALETTE.len();
                (format!("c{shade}"), chart::PALETTE[shade])
            }
            Part::Hospital => ("hospital".to_owned(), chart::NEUTRAL),
            Part::Account => ("account".to_owned(), chart::ACCOUNT),
            Part::Cash => ("cash".to_owned(), chart::CASH),
        }
    }
}

/// Every payment in the order of the answer, then what of the rest there is; numbered from 1.
pub(super) fn payers(
    id: &str,
    answer: &v1::Settlement,
    info: &v1::SetlInfo,
    groups: &[Group],
    words: Words,
) -> Result<Vec<Payer>, Failure> {
    let total = money(&info.medfee_sumamt)?;
    let mut payers = Vec::new();
    for part in (0..answer.payments.len()).map(Part::Payment).chain(Part::REST) {
        let amount = part.of_bill(answer, info)?;
        if !part.is_there(answer, amount) {
            continue;
        }
        let number = payers.len() + 1;
        let name = part.name(answer);
        let (colour, rgb) = part.colour();
        let (benefit, clause) = match part {
            Part::Payment(place) => benefit(&answer.payments[place], groups, words),
            _ => (words.say("", ""), None),
        };
        payers.push(Payer {
            part,
            id: format!("{id}-p{number}"),
            number,
            colour,
            rgb,
            label: words.first(Some(&name)).to_owned(),
            payer: words.say_text(Some(&name)),
            benefit,
            clause,
            percent: percent(amount, total),
            amount,
            from: Vec::new(),
        });
    }
    Ok(payers)
}

/// What a payment is called, and the anchor of its clause.
fn benefit(payment: &v1::Payment, groups: &[Group], words: Words) -> (Phrase, Option<String>) {
    if payment.origin == "adopted" {
        return (words.say("国家平台已结算", "settled by the national platform"), None);
    }
    let group = groups.iter().find(|group| group.is_of(&payment.pack_id, &payment.benefit_id));
    (words.say_text(payment.benefit.as_ref()), group.map(|group| group.id.clone()))
}

/// Writes down at every payer the lines that its amount came from.
pub(super) fn trace(payers: &mut [Payer], rows: &[LineRow]) {
    for row in rows {
        for share in &row.shares {
            if let Some(payer) = payers.get_mut(share.number - 1) {
                payer.from.push(Source {
                    line: row.id.clone(),
                    feedetl_sn: row.feedetl_sn.clone(),
                    name: row.name.clone(),
                    amount: share.amount,
                });
            }
        }
    }
}

/// The two pictures; none where nothing is billed.
pub(super) fn pictures(
    payers: &[Payer],
    total: Money,
    words: Words,
) -> Result<Option<[Picture; 2]>, Failure> {
    let parts: Vec<chart::Part<'_>> = payers
        .iter()
        .filter(|payer| !payer.amount.is_zero())
        .map(|payer| chart::Part {
            number: payer.number.to_string(),
            label: &payer.label,
            amount: payer.amount,
            colour: payer.rgb,
        })
        .collect();
    if parts.is_empty() || total.is_zero() {
        return Ok(None);
    }
    let bill =
        words.first(Some(&v1::Text { zh: "账单总额".to_owned(), en: "the bill".to_owned() })).to_owned();
    let whole = chart::Part { number: String::new(), label: &bill, amount: total, colour: chart::NEUTRAL };
    let told: Vec<String> =
        payers.iter().map(|payer| format!("{} {} {}", payer.number, payer.label, payer.amount)).collect();
    let told = format!("{bill} {total}: {}", told.join("; "));
    let picture = |title: String, drawn: chart::Picture| Picture {
        title,
        told: told.clone(),
        svg: drawn.svg,
        width: drawn.width,
        height: drawn.height,
    };
    Ok(Some([
        picture(
            words.of("各方占账单的份额", "Each payer's share of the bill").into_owned(),
            chart::shares(&parts, total)?,
        ),
        picture(
            words.of("从账单到个人负担", "From the bill to what the patient pays").into_owned(),
            chart::waterfall(&whole, &parts)?,
        ),
    ]))
}

/// What is paid to the person beside the bill, and what relatives' accounts paid of it.
pub(super) fn beside(answer: &v1::Settlement, words: Words) -> Vec<Beside> {
    let to_person = answer.to_person.iter().map(|paid| {
        let payment = paid.payment.clone().unwrap_or_default();
        Beside {
            what: words.say_text(payment.benefit.as_ref()),
            who: words.say_text(payment.payer.as_ref()),
            amount: payment.amount,
            evt_no: paid.evt_no.clone(),
        }
    });
    let relatives = answer.mulaid.iter().map(|paid| Beside {
        what: words.say("其中家庭共济（已含在个人账户内）", "of the account: a relative's account"),
        who: Phrase { zh: Some(paid.psn_no.clone()), en: None },
        amount: paid.amount.clone(),
        evt_no: String::new(),
    });
    to_person.chain(relatives).collect()
}
