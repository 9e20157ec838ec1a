//! A plan's sheet as JSON: keys are those of the pack file, texts are in the language asked for.

use bedside_policy::sheet::{BandLine, Cited, Fact, ItemListSheet, Number, NumberRow, Part, Sheet};
use serde_json::{Value, json};

/// The whole sheet.
pub(crate) fn document(sheet: &Sheet) -> Value {
    let Sheet { id, version, title, head, sources, benefits, lists, parameters } = sheet;
    let sources = sources.iter().map(|source| json!({ "title": source.title, "grade": source.grade.name() }));
    json!({
        "id": id,
        "version": version,
        "name": title,
        "plan": part(head),
        "sources": sources.collect::<Vec<_>>(),
        "benefits": benefits.iter().map(part).collect::<Vec<_>>(),
        "lists": lists.iter().map(list).collect::<Vec<_>>(),
        "parameters": parameters.iter().map(number).collect::<Vec<_>>(),
    })
}

fn part(part: &Part) -> Value {
    let Part { id, title, facts, numbers, bands } = part;
    let facts =
        facts.iter().map(|Fact { key, label, text }| json!({ "key": key, "label": label, "text": text }));
    json!({
        "id": id,
        "name": title,
        "facts": facts.collect::<Vec<_>>(),
        "numbers": numbers.iter().map(number).collect::<Vec<_>>(),
        "bands": bands.iter().map(band).collect::<Vec<_>>(),
    })
}

fn number(number: &Number) -> Value {
    let Number { key, label, rows, cited: of } = number;
    let rows =
        rows.iter().map(|NumberRow { conditions, value }| json!({ "when": conditions, "value": value }));
    json!({ "key": key, "label": label, "rows": rows.collect::<Vec<_>>(), "cited": cited(of) })
}

/// The source is counted from 0 here, as scripts do.
fn cited(cited: &Cited) -> Value {
    let Cited { parameter, article, source, grade } = cited;
    json!({ "parameter": parameter, "article": article, "source": source - 1, "grade": grade.name() })
}

fn band(line: &BandLine) -> Value {
    let BandLine { edges, edge, rate } = line;
    json!({ "edges": edges, "edge": edge.as_ref().map(cited), "rate": number(rate) })
}

fn list(list: &ItemListSheet) -> Value {
    let ItemListSheet { name, date, cited: of, items } = list;
    let items = items.iter().map(
        |item| json!({ "code": item.code, "from": item.from.to_string(), "until": item.until.to_string() }),
    );
    json!({ "name": name, "date": date, "cited": cited(of), "items": items.collect::<Vec<_>>() })
}
