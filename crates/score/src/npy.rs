//! The `.npy` format of NumPy: a header that is a dictionary of Python, then the values.
//!
//! The header is read by hand: it has three keys with a text, a truth value and a tuple of numbers, and a parser
//! for all of Python's literals takes time that doubles with each bracket in it.
//!
//! # Source
//! `numpy.lib.format`.

use std::num::IntErrorKind;

/// Longest header, in bytes; NumPy writes 128, and more only for arrays of records.
const MAX_HEADER_BYTES: usize = 4096;

/// Axes of an array.
const MAX_AXES: usize = 32;

/// What a file says of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The type of a value as NumPy writes it, such as `<f4`.
    pub descr: String,
    /// Whether the first axis varies fastest.
    pub is_column_major: bool,
    /// Sizes of the axes.
    pub shape: Vec<u64>,
}

/// The header of a file and what follows it.
///
/// # Errors
/// What is wrong.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), String> {
    let cut = || "not a .npy file: it is cut off".to_owned();
    let rest =
        bytes.strip_prefix(b"\x93NUMPY").ok_or("is no .npy file: it does not start like one")?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        other => return Err(format!("a .npy file of version {other}; expected 1, 2 or 3")),
    };
    if length > MAX_HEADER_BYTES {
        return Err(format!("has a header of {length} bytes; {PLAIN}"));
    }
    let (header, values) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = Parser { rest: header }.header();
    Ok((header.map_err(|message| format!("has a header with {message}; {PLAIN}"))?, values))
}

const PLAIN: &str = "expected that of an array of plain numbers, as NumPy's `save` writes it";

/// What is left of a header. Nothing in it is read twice.
struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn header(mut self) -> Result<Header, String> {
        let (mut descr, mut is_column_major, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while !self.take(b'}') {
            let key = self.text()?;
            self.expect(b':')?;
            match key {
                b"descr" if self.take(b'[') => return Err("columns (records)".to_owned()),
                b"descr" => descr = Some(String::from_utf8_lossy(self.text()?).into_owned()),
                b"fortran_order" => is_column_major = Some(self.truth()?),
                b"shape" => shape = Some(self.tuple()?),
                other => {
                    return Err(format!(
                        "the key `{}`",
                        String::from_utf8_lossy(other).escape_debug()
                    ));
                }
            }
            if !self.take(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        if !self.rest.trim_ascii().is_empty() {
            return Err("more after its end".to_owned());
        }
        let missing = |key: &str| format!("no `{key}`");
        Ok(Header {
            descr: descr.ok_or_else(|| missing("descr"))?,
            is_column_major: is_column_major.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
        })
    }

    /// Whether `byte` comes next, which is then passed.
    fn take(&mut self, byte: u8) -> bool {
        self.rest = self.rest.trim_ascii_start();
        let rest = self.rest.strip_prefix(&[byte]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.take(byte) {
            return Ok(());
        }
        let found = String::from_utf8_lossy(&self.rest[..self.rest.len().min(12)]).into_owned();
        Err(format!("`{}` in place of `{}`", found.escape_debug(), char::from(byte)))
    }

    /// A text in quotes of either kind; escapes have no place in what is looked for.
    fn text(&mut self) -> Result<&'a [u8], String> {
        let quote = if self.take(b'"') { b'"' } else { b'\'' };
        if quote == b'\'' {
            self.expect(quote)?;
        }
        let end = self.rest.iter().position(|&byte| byte == quote);
        let end = end.ok_or("a text without its end")?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        Ok(text)
    }

    fn truth(&mut self) -> Result<bool, String> {
        self.rest = self.rest.trim_ascii_start();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err("neither True nor False as its order".to_owned())
    }

    /// Numbers in parentheses, with the `L` of Python 2.
    fn tuple(&mut self) -> Result<Vec<u64>, String> {
        self.expect(b'(')?;
        let mut numbers = Vec::new();
        while !self.take(b')') {
            if numbers.len() == MAX_AXES {
                return Err(format!("more than {MAX_AXES} axes"));
            }
            numbers.push(self.number()?);
            self.take(b'L');
            if !self.take(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(numbers)
    }

    fn number(&mut self) -> Result<u64, String> {
        self.rest = self.rest.trim_ascii_start();
        let end = self.rest.iter().position(|byte| !byte.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let digits = String::from_utf8_lossy(digits);
        match digits.parse() {
            Ok(number) => Ok(number),
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => Ok(u64::MAX),
            Err(_) => Err("no number as the size of an axis".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, parse};

    fn file(version: u8, header: &str) -> Vec<u8> {
        let length = match version {
            1 => (header.len() as u16).to_le_bytes().to_vec(),
            _ => (header.len() as u32).to_le_bytes().to_vec(),
        };
        [b"\x93NUMPY", &[version, 0][..], &length, header.as_bytes(), b"rest"].concat()
    }

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        let expected = |shape: &[u64]| Header {
            descr: "<f4".to_owned(),
            is_column_major: false,
            shape: shape.to_vec(),
        };
        for (header, shape) in [
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      \n", &[2, 3][..]),
            ("{\"shape\":(7,),\"fortran_order\":False,\"descr\":\"<f4\"}", &[7]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }\n", &[2, 3]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", &[]),
        ] {
            for version in 1..=3 {
                let file = file(version, header);
                assert_eq!(parse(&file).unwrap(), (expected(shape), &b"rest"[..]), "{header}");
            }
        }
    }

    #[test]
    fn other_headers_are_refused_at_once() {
        let deep = |open: &str| format!("{{'descr': {}", open.repeat(400));
        let large = format!("{{'descr': '{}'}}", "x".repeat(5000));
        for (header, expected) in [
            (deep("["), "has a header with columns (records)"),
            (deep("("), "in place of `'`"),
            (deep("{'"), "in place of `'`"),
            (large, "has a header of 5013 bytes"),
            ("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}".to_owned(), "neither True nor"),
            ("{'descr': '<f4', 'fortran_order': True, 'shape': (1, -2)}".to_owned(), "no number"),
            ("{'descr': '<f4', 'shape': (1, 2)}".to_owned(), "no `fortran_order`"),
            ("{'descr': '<f4".to_owned(), "a text without its end"),
            ("{'other': '<f4'}".to_owned(), "the key `other`"),
            (format!("{{'shape': ({})}}", "1,".repeat(40)), "more than 32 axes"),
            ("{} {}".to_owned(), "more after its end"),
        ] {
            let error = parse(&file(1, &header)).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(error.len() < 200, "{error}");
        }
        for (bytes, expected) in [
            (&b"\x93NUMPZ"[..], "does not start like one"),
            (b"\x93NUMPY\x01", "cut off"),
            (b"\x93NUMPY\x04\x00\x01\x00", "version 4"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "a header of 4294967295 bytes"),
            (b"\x93NUMPY\x01\x00\x20\x00{", "cut off"),
        ] {
            assert!(parse(bytes).unwrap_err().contains(expected), "{bytes:?}");
        }
    }
}
