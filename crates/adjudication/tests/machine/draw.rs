//! Chance with a memory: a case has a few landmark amounts, and everything in it is drawn near them.
//!
//! A deductible, the edge of a band, a limit and a line then meet to the fen, or miss by one. Must not know plans.

use bedside_claim::{Date, Money, Rate};

/// Draws the parts of one case.
pub(crate) struct Draw {
    rng: fastrand::Rng,
    landmarks: Vec<i64>,
}

/// A band's rate may be none, all, one ten-thousandth, or one whose products end in half a fen.
const RATES: [i64; 12] = [0, 1, 2_500, 3_333, 5_000, 5_000, 6_000, 7_000, 8_500, 9_999, 10_000, 10_000];

impl Draw {
    pub(crate) fn new(seed: u64) -> Draw {
        let mut rng = fastrand::Rng::with_seed(seed);
        let scale = [1, 10, 100, 1_000, 10_000, 100_000, 10_000_000, 1_000_000_000][rng.usize(0..8)];
        let landmarks = (0..3).map(|_| scale * rng.i64(1..=10)).collect();
        Draw { rng, landmarks }
    }

    pub(crate) fn one_in(&mut self, many: u32) -> bool {
        self.rng.u32(0..many) == 0
    }

    pub(crate) fn upto(&mut self, most: usize) -> usize {
        self.rng.usize(0..=most)
    }

    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.rng.i64(least..=most)
    }

    pub(crate) fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.rng.usize(0..choices.len())].clone()
    }

    /// One or two of the choices.
    pub(crate) fn some<T: Clone>(&mut self, choices: &[T]) -> Vec<T> {
        (0..=self.upto(1)).map(|_| self.of(choices)).collect()
    }

    /// Fen at, or one off, a landmark or the sum of two; now and then anything.
    pub(crate) fn fen(&mut self) -> i64 {
        let landmarks = self.landmarks.clone();
        let landmark = self.of(&landmarks);
        let off = self.of(&[-1, 0, 0, 0, 0, 0, 1]);
        let fen = match self.upto(7) {
            0 => self.between(0, 3 * landmark),
            1 => landmark + self.of(&landmarks) + off,
            2 => landmark / 2 + off,
            3 => self.between(0, 200),
            _ => landmark + off,
        };
        fen.max(0)
    }

    pub(crate) fn money(&mut self) -> Money {
        Money::from_units(self.fen())
    }

    pub(crate) fn rate(&mut self) -> Rate {
        let rate = if self.one_in(6) { self.between(0, 10_000) } else { self.of(&RATES) };
        Rate::from_units(rate)
    }
}

/// So many days later.
pub(crate) fn plus_days(day: Date, days: i64) -> Date {
    day + jiff::Span::new().days(days)
}
