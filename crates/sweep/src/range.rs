//! Numbers and values as they are written on a command line.

use std::str::FromStr;

/// Numbers written as `0-4`, `7` or `0-2,5`; in order, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRange(pub Vec<u64>);

/// The most numbers of a range: one of more is a slip of the pen.
const MAX_NUMBERS: u64 = 100_000;

impl FromStr for NumberRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = Vec::new();
        for part in text.split(',') {
            let number = |text: &str| -> Result<u64, String> {
                let text = text.trim();
                text.parse().map_err(|_| format!("`{text}` is no number; write 0-4, or 0,2,5"))
            };
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if last < first || last - first >= MAX_NUMBERS {
                return Err(format!("`{part}` is empty or too long"));
            }
            numbers.extend(first..=last);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Self(numbers))
    }
}

/// The assignments `key=v` of `key=v1,v2,...`; commas inside brackets, braces and quotes divide
/// nothing.
///
/// # Errors
/// Text without `=`, or brackets that do not match.
pub fn choices(text: &str) -> Result<Vec<String>, String> {
    let (key, values) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}`: write section.key=value, or section.key=one,another"))?;
    let (mut depth, mut quote, mut parts) = (0_i32, None, vec![String::new()]);
    for letter in values.chars() {
        match letter {
            ',' if depth == 0 && quote.is_none() => {
                parts.push(String::new());
                continue;
            }
            '"' | '\'' if quote == Some(letter) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(letter),
            '[' | '{' if quote.is_none() => depth += 1,
            ']' | '}' if quote.is_none() => depth -= 1,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    if depth != 0 || quote.is_some() {
        return Err(format!("`{text}`: a bracket or a quote is not closed"));
    }
    Ok(parts.iter().map(|value| format!("{}={}", key.trim(), value.trim())).collect())
}

#[cfg(test)]
mod tests {
    use super::{NumberRange, choices};

    #[test]
    fn ranges_are_read() {
        let numbers = |text: &str| text.parse::<NumberRange>().map(|range| range.0);
        assert_eq!(numbers("0-4"), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(numbers("7, 0-2,1"), Ok(vec![0, 1, 2, 7]));
        for wrong in ["", "a", "3-1", "1-", "-1", "0-99999999"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn commas_divide_values_outside_brackets_only() {
        assert_eq!(choices("a.b=1,2").unwrap(), ["a.b=1", "a.b=2"]);
        assert_eq!(choices("a.b=[1, 2],[3]").unwrap(), ["a.b=[1, 2]", "a.b=[3]"]);
        assert_eq!(choices("a.b=\"x,y\"").unwrap(), ["a.b=\"x,y\""]);
        assert!(choices("a.b").is_err() && choices("a.b=[1").is_err());
    }
}
