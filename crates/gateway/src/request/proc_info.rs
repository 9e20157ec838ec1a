//! `setl_proc_info`: the one thing that is read of it, a product of a base and a ratio.
//!
//! The field is free text of the region, up to 4,000 characters. What is read is `12028.48*0.84`, also with `×` or a
//! percentage, where it is all the reckoning there is: with another number in the text, but for the product's result, nobody
//! knows what the product stands for. Everything else is dropped, so that nothing personal in it is stored.

use bedside_claim::{Money, Rate};

/// Characters that are looked at.
const CHARS_MAX: usize = 4_000;

/// The product of a text, written in one way: `12028.48*0.84`; empty where there is none.
pub(super) fn kept(text: &str) -> String {
    product(text).map(|(base, rate)| format!("{base}*{rate}")).unwrap_or_default()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Number(String),
    Times,
    Percent,
    Equals,
    Other,
}

/// Amount times ratio, where that is all the reckoning in the text.
pub(super) fn product(text: &str) -> Option<(Money, Rate)> {
    let tokens: Vec<Token> = tokens(text).into_iter().filter(|token| *token != Token::Other).collect();
    let (base, ratio) = match tokens.as_slice() {
        [Token::Number(base), Token::Times, Token::Number(ratio)]
        | [Token::Number(base), Token::Times, Token::Number(ratio), Token::Equals, Token::Number(_)] => {
            (base, Rate::parse(ratio).ok()?)
        }
        [Token::Number(base), Token::Times, Token::Number(ratio), Token::Percent]
        | [
            Token::Number(base),
            Token::Times,
            Token::Number(ratio),
            Token::Percent,
            Token::Equals,
            Token::Number(_),
        ] => (base, of_percent(ratio)?),
        _ => return None,
    };
    let base = Money::parse(base).ok()?;
    (ratio <= Rate::ONE).then_some((base, ratio))
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
            '*' | '×' | '✕' => tokens.push(Token::Times),
            '=' | '＝' => tokens.push(Token::Equals),
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
            ("100*0.1；900*0.85", ""),
            ("12,028.48*0.84", ""),
            ("10000+2028.48*0.84", ""),
            ("先自付300*0.1=30; 统筹 10103.92", ""),
            ("床位5x1", ""),
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
