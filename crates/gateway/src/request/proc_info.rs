//! `setl_proc_info`: the one thing that is read of it, products of a base and a ratio.
//!
//! The field is free text of the region, up to 4,000 characters. What is read is `12028.48*0.84`, also with `×`, `x` or a
//! percentage; everything else of it is dropped, so that nothing personal in it is stored. It must not know what a
//! product stands for.

use bedside_claim::{Money, Rate};

/// Characters that are looked at.
const CHARS_MAX: usize = 4_000;

/// The products of a text, written in one way and joined: `12028.48*0.84`.
pub(super) fn kept(text: &str) -> String {
    let products = products(text);
    products.iter().map(|(base, rate)| format!("{base}*{rate}")).collect::<Vec<_>>().join(";")
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Number(String),
    Times,
    Percent,
    Other,
}

/// Every amount times ratio in a text; a product of three numbers is none.
pub(super) fn products(text: &str) -> Vec<(Money, Rate)> {
    let tokens = tokens(text);
    let mut products = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        let [Token::Number(base), Token::Times, Token::Number(ratio)] = window else { continue };
        let percent = usize::from(tokens.get(at + 3) == Some(&Token::Percent));
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let is_longer = before == Some(&Token::Times) || tokens.get(at + 3 + percent) == Some(&Token::Times);
        let ratio = if percent == 1 { of_percent(ratio) } else { Rate::parse(ratio).ok() };
        if let (Ok(base), Some(ratio), false) = (Money::parse(base), ratio, is_longer)
            && ratio <= Rate::ONE
        {
            products.push((base, ratio));
        }
    }
    products
}

fn of_percent(text: &str) -> Option<Rate> {
    let hundredths = Money::parse(text).ok()?;
    // Two decimals of a percentage are four of a ratio.
    Some(Rate::from_units(hundredths.units()))
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut number = String::new();
    for character in text.chars().take(CHARS_MAX).chain([' ']) {
        if character.is_ascii_digit() || (character == '.' && !number.is_empty()) {
            number.push(character);
            continue;
        }
        if !number.is_empty() {
            tokens.push(Token::Number(std::mem::take(&mut number)));
        }
        match character {
            '*' | '×' | 'x' | 'X' | '✕' => tokens.push(Token::Times),
            '%' | '％' => tokens.push(Token::Percent),
            _ if character.is_whitespace() => {}
            _ => tokens.push(Token::Other),
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_found_and_nothing_else_is_kept() {
        let cases = [
            ("", ""),
            ("12028.48*0.84", "12028.48*0.84"),
            ("统筹支付：12028.48 × 84% = 10103.92", "12028.48*0.84"),
            ("张三 330106198001011234 起付线 800", ""),
            ("100*0.1；900X0.85", "100.00*0.1;900.00*0.85"),
            ("2*3*0.5", ""),
            ("5*2", ""),
            ("1.2.3*0.5", ""),
            ("7 0.5", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(kept(text), expected, "{text}");
            assert_eq!(kept(&kept(text)), expected, "{text}");
        }
    }
}
