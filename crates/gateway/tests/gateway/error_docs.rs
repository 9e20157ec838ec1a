//! `docs/errors.md` names every code, and nothing else.

use bedside_gateway::errors::ErrorReason;
use bedside_gateway::invalid::InvalidCode;

fn documented() -> String {
    let reasons: Vec<String> = ErrorReason::ALL
        .iter()
        .map(|reason| {
            format!(
                "| `{}` | {:?} | {} | {} |\n",
                reason.code(),
                reason.grpc(),
                reason.cause(),
                reason.remedy()
            )
        })
        .collect();
    let codes: Vec<String> =
        InvalidCode::ALL.iter().map(|code| format!("| `{}` | {} |\n", code.code(), code.remedy())).collect();
    format!("{}\x00{}", reasons.concat(), codes.concat())
}

#[test]
fn every_code_is_documented() {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md"));
    for row in documented().split('\0').flat_map(str::lines) {
        assert!(page.contains(row), "docs/errors.md lacks or differs in this row:\n{row}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, ErrorReason::ALL.len() + InvalidCode::ALL.len());
}

#[test]
fn codes_are_unique() {
    let mut codes: Vec<&str> = InvalidCode::ALL.iter().map(|code| code.code()).collect();
    codes.extend(ErrorReason::ALL.iter().map(|reason| reason.code()));
    let all = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), all);
}
