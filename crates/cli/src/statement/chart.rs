//! The pictures of a statement: who pays what as one bar, and the way from the bill down to what the patient pays.
//!
//! It draws exact fen on integer axes and is told every label; it adds up nothing but where a bar begins. Invariant: the
//! last bar of a waterfall ends at zero when the parts are the whole. The one conversion to floating point is the
//! plotting library's own, from a fen to a pixel: nothing that is shown as a number passes through it.

use std::ops::Range;

use bedside_claim::Money;
use plotters::coord::Shift;
use plotters::coord::types::{RangedCoordi32, RangedCoordi64};
use plotters::prelude::{
    Cartesian2d, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, TextStyle, WHITE};

use super::{rendering, thousandths};
use crate::failure::Failure;

/// Units across a picture: a phone's width, so that its letters stay as large as the text around it.
pub(super) const WIDTH: u32 = 340;
/// Colours that stay apart for colour-blind readers and in grey, each dark enough for white letters on it. The page's
/// style sheet is given the same list; payers past its end begin again, and the number on each bar tells them apart.
pub(super) const PALETTE: [RGBColor; 6] = [
    RGBColor(0, 92, 150),
    RGBColor(0, 115, 90),
    RGBColor(122, 62, 140),
    RGBColor(90, 98, 30),
    RGBColor(20, 60, 100),
    RGBColor(120, 80, 40),
];
/// What the patient pays, from the account and in cash.
pub(super) const ACCOUNT: RGBColor = RGBColor(150, 90, 0);
pub(super) const CASH: RGBColor = RGBColor(176, 46, 20);
/// The bill itself, and the hospital's part.
pub(super) const NEUTRAL: RGBColor = RGBColor(85, 92, 102);

/// The bar of the picture of shares.
const BAR: u32 = 40;
/// A row of a waterfall: its words above its bar.
const ROW: i32 = 36;
const WORDS: i32 = 18;
/// Letters of a label that fit beside its amount, a Chinese one counted twice.
const LABEL: usize = 36;

/// A part of the whole, with what is to stand beside it.
pub(super) struct Part<'a> {
    /// Its number on the statement; empty for the whole.
    pub(super) number: String,
    pub(super) label: &'a str,
    pub(super) amount: Money,
    pub(super) colour: RGBColor,
}

/// A drawn picture: the `svg` element and its size in units.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) svg: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Fen across, units down.
type Plane<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordi64, RangedCoordi32>>;

/// One bar of the whole, cut into its parts in their order.
pub(super) fn shares(parts: &[Part<'_>], whole: Money) -> Result<Picture, Failure> {
    let ends = ends(parts)?;
    draw(BAR, &ends, |plane| {
        for (part, range) in parts.iter().zip(&ends) {
            let (from, to) = (range.start, range.end);
            plane
                .draw(&Rectangle::new([(from, 0), (to, height(BAR))], part.colour.filled()))
                .map_err(rendering)?;
            plane
                .draw(&PathElement::new([(to, 0), (to, height(BAR))], WHITE.stroke_width(2)))
                .map_err(rendering)?;
            // A part of less than a twentieth is too narrow for its number; the table beside the bar has it.
            if thousandths(part.amount, whole) >= 50 {
                let style = letters(17, &WHITE, HPos::Center);
                // The middle of two ends of one sign cannot overflow.
                let middle = from + (to - from) / 2;
                plane
                    .draw(&Text::new(part.number.clone(), (middle, height(BAR) / 2), style))
                    .map_err(rendering)?;
            }
        }
        Ok(())
    })
}

/// The whole as a full bar, then each part as a step down from where the one before it left off.
pub(super) fn waterfall(whole: &Part<'_>, parts: &[Part<'_>]) -> Result<Picture, Failure> {
    let steps = ends(parts)?;
    let total = whole.amount.units();
    let mut rows = vec![(whole, 0..total)];
    for (part, step) in parts.iter().zip(&steps) {
        let from = total.checked_sub(step.start).ok_or_else(out_of_range)?;
        let to = total.checked_sub(step.end).ok_or_else(out_of_range)?;
        rows.push((part, from..to));
    }
    let count = u32::try_from(rows.len()).map_err(rendering)?;
    let tall = count.checked_mul(ROW.unsigned_abs()).ok_or_else(out_of_range)?;
    let spans: Vec<Range<i64>> = rows.iter().map(|(_, span)| span.clone()).collect();
    draw(tall, &spans, |plane| {
        let (left, right) = edges(&spans);
        let mut top = 0;
        for (index, (part, span)) in rows.iter().enumerate() {
            let bar = [(span.start, top + WORDS), (span.end, top + ROW - 4)];
            plane
                .draw(&Rectangle::new([(left, top + WORDS), (right, top + ROW - 4)], TRACK.filled()))
                .map_err(rendering)?;
            plane.draw(&Rectangle::new(bar, part.colour.filled())).map_err(rendering)?;
            let words = letters(15, &BLACK, HPos::Left);
            plane.draw(&Text::new(label(part), (left, top + WORDS / 2), words)).map_err(rendering)?;
            let amount = letters(15, &BLACK, HPos::Right);
            plane
                .draw(&Text::new(shown(part, index), (right, top + WORDS / 2), amount))
                .map_err(rendering)?;
            top += ROW;
            if index + 1 < rows.len() {
                // Where this row leaves off and the next one begins.
                let line =
                    PathElement::new([(span.end, top - 4), (span.end, top + WORDS)], NEUTRAL.stroke_width(1));
                plane.draw(&line).map_err(rendering)?;
            }
        }
        Ok(())
    })
}

/// The ground behind a bar of the waterfall.
const TRACK: RGBColor = RGBColor(238, 241, 244);

/// The whole as it is, a part as what it takes off.
fn shown(part: &Part<'_>, index: usize) -> String {
    match (index, part.amount.is_negative()) {
        (0, _) => part.amount.to_string(),
        (_, false) => format!("−{}", part.amount),
        (_, true) => format!("+{}", part.amount.to_string().trim_start_matches('-')),
    }
}

/// Number and name, cut to what fits.
fn label(part: &Part<'_>) -> String {
    let mut text = String::new();
    if !part.number.is_empty() {
        text = format!("{}  ", part.number);
    }
    let mut room = LABEL;
    for letter in part.label.chars() {
        let wide = if letter.is_ascii() { 1 } else { 2 };
        if wide > room {
            text.push('…');
            break;
        }
        room -= wide;
        text.push(letter);
    }
    text
}

/// Each part's place when all are laid end to end from zero.
fn ends(parts: &[Part<'_>]) -> Result<Vec<Range<i64>>, Failure> {
    let mut from = 0_i64;
    parts
        .iter()
        .map(|part| {
            let to = from.checked_add(part.amount.units()).ok_or_else(out_of_range)?;
            let range = from..to;
            from = to;
            Ok(range)
        })
        .collect()
}

/// The outermost fen of all spans, zero among them.
fn edges(spans: &[Range<i64>]) -> (i64, i64) {
    spans
        .iter()
        .flat_map(|span| [span.start, span.end])
        .fold((0, 0), |(least, most), fen| (least.min(fen), most.max(fen)))
}

fn draw(
    tall: u32,
    spans: &[Range<i64>],
    paint: impl FnOnce(&Plane<'_>) -> Result<(), Failure>,
) -> Result<Picture, Failure> {
    let (left, right) = edges(spans);
    let mut svg = String::new();
    {
        let area: DrawingArea<SVGBackend<'_>, Shift> =
            SVGBackend::with_string(&mut svg, (WIDTH, tall)).into_drawing_area();
        let plane = area.apply_coord_spec(Cartesian2d::<RangedCoordi64, RangedCoordi32>::new(
            left..right,
            0..height(tall),
            (0..height(WIDTH), 0..height(tall)),
        ));
        paint(&plane)?;
        plane.present().map_err(rendering)?;
    }
    Ok(Picture { svg, width: WIDTH, height: tall })
}

/// Units as the plotting library's coordinates.
fn height(units: u32) -> i32 {
    i32::try_from(units).unwrap_or(i32::MAX)
}

fn letters(size: i32, colour: &'static RGBColor, side: HPos) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(colour).pos(Pos::new(side, VPos::Center))
}

fn out_of_range() -> Failure {
    Failure::fault("the picture's amounts are out of range")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn part(number: &str, label: &'static str, fen: i64) -> Part<'static> {
        Part { number: number.to_owned(), label, amount: Money::from_units(fen), colour: CASH }
    }

    /// `x` and `width` of every bar that is filled with the parts' colour, as the picture has them.
    fn bars(svg: &str) -> Vec<(i64, i64)> {
        let number = |line: &str, name: &str| -> i64 {
            line.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        svg.lines()
            .filter(|line| line.starts_with("<rect") && line.contains("#B02E14"))
            .map(|line| (number(line, "x"), number(line, "width")))
            .collect()
    }

    #[test]
    fn a_waterfall_steps_down_to_zero() {
        let parts = [part("1", "fund", 5_000), part("2", "plan", 2_500), part("3", "cash", 2_500)];
        let picture = waterfall(&part("", "bill", 10_000), &parts).unwrap();
        assert_eq!(bars(&picture.svg), [(0, 340), (170, 170), (85, 85), (0, 85)]);
        assert!(picture.svg.contains("−50.00") && picture.svg.contains("100.00"));
    }

    #[test]
    fn a_mirror_is_drawn_from_the_other_side() {
        let parts = [part("1", "fund", -7_500), part("2", "cash", -2_500)];
        let picture = waterfall(&part("", "bill", -10_000), &parts).unwrap();
        assert_eq!(bars(&picture.svg), [(0, 340), (0, 255), (255, 85)]);
        assert!(picture.svg.contains("+75.00") && picture.svg.contains("-100.00"));
    }

    #[test]
    fn labels_are_escaped_and_cut() {
        let name = "<script>alert(1)</script> & a name that goes on well past what fits beside an amount";
        let picture = waterfall(&part("", name, 100), &[part("1", name, 100)]).unwrap();
        assert!(!picture.svg.contains("<script>") && picture.svg.contains("&lt;script&gt;"));
        assert!(picture.svg.contains('…'));
    }

    #[test]
    fn the_largest_amounts_are_drawn() {
        let parts = [part("1", "fund", i64::MAX)];
        assert!(waterfall(&part("", "bill", i64::MAX), &parts).is_ok());
        assert!(
            waterfall(&part("", "bill", i64::MAX), &[part("1", "fund", i64::MAX), part("2", "cash", 1)])
                .is_err()
        );
    }
}
