#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "../../../tests/browser/mod.rs"]
mod browser;

use bedside_claim::Lang;
use bedside_gateway::answer::{Booking, mirror};
use bedside_gateway::v1;
use bedside_policy::Library;

use super::page;
use crate::case;
use crate::statement::Language;

const LOW_INCOME: &str = include_str!("../../../morning/07-low-income.json");
const EVENT: &str = include_str!("../../../../../fixtures/case-files/anyoufu-diagnosis.json");

fn settled(case: &str) -> v1::Settlement {
    let file = case::read(case, Lang::En).unwrap();
    case::settle(&file, &Library::builtin().unwrap(), Lang::En).unwrap().remove(0)
}

fn shown(answer: &v1::Settlement, language: Language) -> String {
    page(std::slice::from_ref(answer), language).unwrap()
}

#[test]
fn no_text_of_the_answer_becomes_markup() {
    let planted = "<script>alert('x')</script>\"&<b>";
    let text = || Some(v1::Text { zh: planted.to_owned(), en: planted.to_owned() });
    let mut answer = settled(LOW_INCOME);
    for own in [
        &mut answer.setl_id,
        &mut answer.mdtrt_id,
        &mut answer.medins_setl_id,
        &mut answer.setl_time,
        &mut answer.programme,
        &mut answer.benefit_year,
        &mut answer.init_setl_id,
    ] {
        *own = planted.to_owned();
    }
    answer.notices = vec![text().unwrap()];
    for payment in &mut answer.payments {
        (payment.payer, payment.benefit, payment.clause) = (text(), text(), planted.to_owned());
    }
    for line in &mut answer.lines {
        (line.item_name, line.reason) = (planted.to_owned(), text());
        for own in
            [&mut line.feedetl_sn, &mut line.med_list_codg, &mut line.med_chrgitm_type, &mut line.reason_code]
        {
            *own = planted.to_owned();
        }
    }
    for step in &mut answer.explanation {
        (step.benefit, step.text) = (text(), text());
        for own in
            [&mut step.clause, &mut step.source, &mut step.article, &mut step.grade, &mut step.reason_code]
        {
            *own = planted.to_owned();
        }
    }
    for pack in &mut answer.packs {
        pack.name = text();
        for own in [&mut pack.version, &mut pack.from, &mut pack.until, &mut pack.status, &mut pack.grade] {
            *own = planted.to_owned();
        }
    }
    let payment = answer.payments.first().cloned();
    answer.to_person = vec![v1::FixedPayment { payment, evt_no: planted.to_owned() }];
    answer.mulaid = vec![v1::MulAidPayment { psn_no: planted.to_owned(), amount: "1.00".to_owned() }];
    answer.variances = vec![v1::Variance {
        payer_kind: planted.to_owned(),
        adopted: "1.00".to_owned(),
        computed: "2.00".to_owned(),
        difference: "-1.00".to_owned(),
        causes: vec![v1::VarianceCause {
            code: planted.to_owned(),
            text: text(),
            amount: planted.to_owned(),
            ..v1::VarianceCause::default()
        }],
    }];
    for language in [Language::Zh, Language::En, Language::Both] {
        let html = shown(&answer, language);
        assert!(!html.contains("<script"), "markup of the answer is on the page");
        // As text, as an attribute and in the picture.
        assert!(!html.contains("alert('x')"), "a quote of the answer can end an attribute");
        assert!(html.contains("&#60;script&#62;") && html.contains("&lt;script&gt;"));
    }
}

#[test]
fn the_page_asks_for_nothing_outside_itself() {
    let html = shown(&settled(LOW_INCOME), Language::Both);
    for part in ["src=", "url(", "@import", "<script", "onload", "javascript:", "https:"] {
        assert!(!html.contains(part), "`{part}` is on the page");
    }
    // The one address is a name that the plotting library gives its pictures.
    assert_eq!(html.matches("http:").count(), html.matches("http://www.w3.org/2000/svg").count());
    let links = html.matches("href=\"").count();
    assert_eq!(links, html.matches("href=\"#").count() + html.matches("href=\"data:,\"").count());
}

#[test]
fn every_link_leads_to_a_place_on_the_page() {
    let answer = settled(LOW_INCOME);
    let html = page(&[answer.clone(), answer], Language::Zh).unwrap();
    let ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "an anchor comes twice");
    for target in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&target), "`#{target}` leads nowhere");
    }
}

#[test]
fn the_languages_are_one_or_side_by_side() {
    let answer = settled(LOW_INCOME);
    let (zh, en, both) =
        (shown(&answer, Language::Zh), shown(&answer, Language::En), shown(&answer, Language::Both));
    assert!(zh.contains("城乡居民基本医疗保险") && !zh.contains("resident basic insurance fund"));
    assert!(en.contains("resident basic insurance fund") && !en.contains("住院待遇</span>"));
    assert!(both.contains("谁付多少") && both.contains("Who pays what"));
    assert!(zh.contains("<html lang=\"zh-CN\">") && en.contains("<html lang=\"en\">"));
}

#[test]
fn a_cancellation_shows_what_is_taken_back() {
    let booking = Booking { setl_id: "S2", booked_at_ms: 1_780_000_000_000 };
    let mut booked = settled(LOW_INCOME);
    booked.setl_id = "S1".to_owned();
    let html = shown(&mirror(&booked, "M2", booking).unwrap(), Language::En);
    for part in ["cancels settlement", ">S1<", ">S2<", "-130630.00", "-83203.40", "<svg"] {
        assert!(html.contains(part), "`{part}` is not on the page");
    }
}

/// Here and not beside the other pages that a browser looks at, because `settle` makes no cancellation.
#[test]
fn a_cancellation_fits_prints_and_adds_up_in_a_browser() {
    let booking = Booking { setl_id: "330100-2026-0000000002", booked_at_ms: 1_780_000_000_000 };
    let booked = settled(LOW_INCOME);
    let html = shown(&mirror(&booked, "M2", booking).unwrap(), Language::Both);
    let page = browser::Page { name: "cancellation", html, totals: vec![-13_063_000], lines: vec![9] };
    let _ = browser::check(&[page]);
}

#[test]
fn an_event_without_a_bill_has_no_picture_but_what_is_paid() {
    let html = shown(&settled(EVENT), Language::Zh);
    assert!(!html.contains("<svg") && !html.contains("<details"));
    assert!(html.contains("300000.00") && html.contains("450000.00") && html.contains("E-2026-1"));
}

#[test]
fn the_digest_is_of_the_answers_bytes() {
    // SHA-256 of no bytes at all, as FIPS 180-4 has it: a message without a field has none.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(super::digest(&v1::Settlement::default()), empty);
    // Field 1 is `setl_id`: tag 0x0a, length 1, `A`.
    let one = v1::Settlement { setl_id: "A".to_owned(), ..v1::Settlement::default() };
    let text: String = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        [0x0a, 1, b'A'],
    ))
    .iter()
    .map(|byte: &u8| format!("{byte:02x}"))
    .collect();
    assert_eq!(super::digest(&one), text);
}

#[test]
fn a_line_that_is_not_the_sum_of_its_shares_is_a_fault() {
    let mut answer = settled(LOW_INCOME);
    answer.lines[2].psn_cash_pay = "0.01".to_owned();
    let error = page(&[answer], Language::En).unwrap_err().to_string();
    assert!(error.contains("line `0003` of the answer is not the sum of its shares"), "{error}");
}
