//! The lines of a settlement, page by page (5204).

use bedside_gateway::v1;
use tonic::{Code, Status};

use crate::base::{base, edited};
use crate::house::{House, info, reason};

const PSN_NO: &str = "33010000000000000000012345";

/// The base bill with so many lines.
fn long(lines: usize) -> v1::SettleBillRequest {
    let mut request = base();
    let charge = request.feedetail[0].clone();
    request.feedetail = (1..=lines)
        .map(|number| v1::FeeDetail { feedetl_sn: number.to_string(), ..charge.clone() })
        .collect();
    request.data.as_mut().unwrap().medfee_sumamt = format!("{}.00", 60 * lines);
    request
}

fn by_setl_id(settlement: &v1::Settlement) -> v1::ListFeesRequest {
    v1::ListFeesRequest {
        fixmedins_code: "H33010600001".to_owned(),
        psn_no: PSN_NO.to_owned(),
        setl_id: settlement.setl_id.clone(),
        ..v1::ListFeesRequest::default()
    }
}

async fn page(house: &mut House, request: v1::ListFeesRequest) -> Result<v1::ListFeesResponse, Status> {
    Ok(house.client.list_fees(request).await?.into_inner())
}

/// Follows the tokens to the end; the sizes of the pages and all lines.
async fn pages(house: &mut House, mut request: v1::ListFeesRequest) -> (Vec<usize>, Vec<v1::LineSettlement>) {
    let (mut sizes, mut lines) = (Vec::new(), Vec::new());
    loop {
        let page = page(house, request.clone()).await.unwrap();
        sizes.push(page.lines.len());
        lines.extend(page.lines);
        if page.next_page_token.is_empty() {
            return (sizes, lines);
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_line_once_in_order() {
    let mut house = House::open().await;
    let settled = house.settle(long(1_205)).await.unwrap();
    let by_visit = v1::ListFeesRequest {
        setl_id: String::new(),
        mdtrt_id: settled.mdtrt_id.clone(),
        ..by_setl_id(&settled)
    };
    let both = v1::ListFeesRequest { mdtrt_id: settled.mdtrt_id.clone(), ..by_setl_id(&settled) };
    for request in [by_setl_id(&settled), by_visit, both] {
        for (page_size, expected) in
            [(0, vec![500, 500, 205]), (1_000, vec![1_000, 205]), (241, vec![241; 5])]
        {
            let request = v1::ListFeesRequest { page_size, ..request.clone() };
            let (sizes, lines) = pages(&mut house, request).await;
            assert_eq!(sizes, expected);
            assert_eq!(lines, settled.lines);
        }
    }
    house.close().await;
}

/// The limit was lowered after the settlement was booked.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_where_the_message_would() {
    let mut house = House::open().await;
    let settled = house.settle(long(300)).await.unwrap();
    let mut house = house.restart_with(|config| config.limits.answer_bytes = 16 << 10).await;
    let request = v1::ListFeesRequest { page_size: 300, ..by_setl_id(&settled) };
    let (sizes, lines) = pages(&mut house, request).await;
    assert!(sizes.len() > 2 && sizes.iter().all(|size| *size > 10), "{sizes:?}");
    assert_eq!(lines, settled.lines);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_stays_with_its_settlement() {
    let mut house = House::open().await;
    let first = house.settle(base()).await.unwrap();
    let by_visit = v1::ListFeesRequest {
        setl_id: String::new(),
        mdtrt_id: first.mdtrt_id.clone(),
        page_size: 2,
        ..by_setl_id(&first)
    };
    let begun = page(&mut house, by_visit.clone()).await.unwrap();
    assert_eq!((&begun.lines[..], &begun.setl_id), (&first.lines[..2], &first.setl_id));
    // The visit is settled anew while the listing is under way.
    house.cancel("C1", &first).await.unwrap();
    let second = house.settle(edited("header.msgid = M2")).await.unwrap();
    let rest = v1::ListFeesRequest { page_token: begun.next_page_token.clone(), ..by_visit.clone() };
    let rest = page(&mut house, rest).await.unwrap();
    assert_eq!((&rest.lines[..], &rest.setl_id), (&first.lines[2..], &first.setl_id));
    assert_eq!(rest.next_page_token, "");
    assert_eq!(page(&mut house, by_visit).await.unwrap().setl_id, second.setl_id);
    assert_eq!(page(&mut house, by_setl_id(&first)).await.unwrap().lines, first.lines);

    let of_another = v1::ListFeesRequest { page_token: begun.next_page_token, ..by_setl_id(&second) };
    let tokens = [
        "x",
        "S1.2",
        "S0000000000000001.0",
        "S0000000000000001.02",
        "S0000000000000001.3",
        "S0000000000000009.1",
    ];
    let wrong = tokens
        .into_iter()
        .map(|token| v1::ListFeesRequest { page_token: token.to_owned(), ..by_setl_id(&first) })
        .chain([of_another]);
    for request in wrong {
        let status = page(&mut house, request.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{}", request.page_token);
        let metadata = info(&status).metadata;
        assert_eq!((metadata["field"].as_str(), metadata["code"].as_str()), ("page_token", "wrong_token"));
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_someone_else_are_not_found() {
    let mut house = House::open().await;
    let settled = house.settle(base()).await.unwrap();
    let mirror = house.cancel("C1", &settled).await.unwrap();
    let changes: [fn(&mut v1::ListFeesRequest); 4] = [
        |request| request.psn_no = "33010000000000000000054321".to_owned(),
        |request| request.fixmedins_code = "H33010600002".to_owned(),
        |request| request.mdtrt_id = "MDT9".to_owned(),
        |request| request.setl_id = "S9".to_owned(),
    ];
    for change in changes {
        let mut request = by_setl_id(&settled);
        change(&mut request);
        let status = page(&mut house, request.clone()).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "SETTLEMENT_NOT_FOUND"));
        // Nor does a token open them.
        if request.setl_id == settled.setl_id {
            request.page_token = format!("{}.1", settled.setl_id);
            assert_eq!(reason(&page(&mut house, request).await.unwrap_err()), "INVALID_MESSAGE");
        }
    }
    let status = page(&mut house, by_setl_id(&mirror)).await.unwrap_err();
    assert_eq!(reason(&status), "SETTLEMENT_NOT_FOUND", "a cancellation has no lines of its own");

    for page_size in [-1, 1_001] {
        let status =
            page(&mut house, v1::ListFeesRequest { page_size, ..by_setl_id(&settled) }).await.unwrap_err();
        assert_eq!(info(&status).metadata["field"], "page_size");
    }
    let empty = page(&mut house, v1::ListFeesRequest::default()).await.unwrap_err();
    assert_eq!(info(&empty).metadata["faults"], "3");
    house.close().await;
}
