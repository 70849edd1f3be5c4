//! Files broken at random, as disks, editors, spreadsheets and other programs break them.

use crate::Group;
use dermx_data::Random;
use serde_json::{Value, json};

/// Stands for text that no JSON value has; a string of the name is replaced by the text.
const RAW: &str = "@raw@";

/// Pieces that mean something in one of the formats, or that are absurd.
const PIECES: [&str; 60] = [
    "0",
    "-1",
    "1",
    "2.5",
    "3",
    "255",
    "256",
    "1e3",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "-1e308",
    "1e999",
    "nan",
    "inf",
    "null",
    "true",
    "NaN",
    "\"\"",
    "\"x\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[[",
    "]]",
    "{",
    "}",
    ",",
    ";",
    ":",
    "=",
    "\"",
    "'''",
    "\"\"\"",
    "#",
    "\n",
    "\r\n",
    "\t",
    "|",
    "<",
    ">",
    "</image>",
    "<image>",
    "&lt;",
    "&x;",
    "\u{feff}",
    "\u{0}",
    "\u{202e}",
    "../",
    "/",
    "\\",
    "a.b.c = 1\n",
    "[x]\n",
    "[[x]]\n",
    "IHDR",
    "IDAT",
];

/// How many of [`PIECES`] are numbers.
const NUM_NUMBERS: usize = 17;

/// A file of `group` broken in one of the ways of its kind.
pub fn mutated(bytes: &[u8], group: Group, random: &mut Random) -> Vec<u8> {
    match group {
        Group::Annotations if random.chance(0.5) => {
            mutated_json(bytes, random).unwrap_or_else(|| mutated_bytes(bytes, random))
        }
        Group::Tables if random.chance(0.5) => mutated_table(bytes, random),
        _ => mutated_bytes(bytes, random),
    }
}

/// Flips, replaces, cuts, copies, moves and repeats bytes, and puts in telling pieces.
fn mutated_bytes(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let start = random.below(bytes.len());
        let end = (start + 1 + random.below(48)).min(bytes.len());
        match random.below(16) {
            0..=2 => bytes[start] ^= 1 << random.below(8),
            3 => bytes[start] = [0x00, 0x01, 0x7f, 0x80, 0xd9, 0xff][random.below(6)],
            4 => {
                let end = (start + [1, 2, 4, 8][random.below(4)]).min(bytes.len());
                bytes[start..end].fill([0, 0xff][random.below(2)]);
            }
            5 | 6 => drop(bytes.drain(start..end)),
            7 => bytes.truncate(start),
            8 => bytes.extend_from_within(start..),
            9 | 10 => {
                let piece = bytes[start..end].to_vec();
                let at = random.below(bytes.len());
                drop(bytes.splice(at..at, piece));
            }
            11 => bytes.insert(start, 0xff),
            12 => {
                let piece = random.pick(&PIECES).unwrap().bytes();
                drop(bytes.splice(start..start, piece));
            }
            // A number becomes another one, so that the file can still be parsed.
            _ => {
                let number = number_at(&bytes, start);
                let piece = random.pick(&PIECES[..NUM_NUMBERS]).unwrap().bytes();
                drop(bytes.splice(number, piece));
            }
        }
    }
    bytes
}

/// The bytes of the first number from `start`.
fn number_at(bytes: &[u8], start: usize) -> std::ops::Range<usize> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let first = bytes[start..].iter().position(u8::is_ascii_digit).map_or(start, |at| start + at);
    let length = bytes[first..].iter().position(|byte| !is_part(byte));
    first..length.map_or(bytes.len(), |length| first + length)
}

/// The JSON pointers of every value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (idx, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{idx}"), found);
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                pointers(
                    item,
                    &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        _ => {}
    }
}

/// Values of another type, of absurd size or depth, or not JSON at all.
fn absurd(random: &mut Random) -> String {
    let deep = "[".repeat(10_000);
    let nested = format!("{}{}", "{\"x\":".repeat(300), "}".repeat(300));
    let texts = [
        "null",
        "true",
        "\"x\"",
        "3",
        "-1",
        "0",
        "65535",
        "1e308",
        "-1e308",
        "1e999",
        "NaN",
        "Infinity",
        "18446744073709551616",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "[[[]]]",
        "\"\\ud800\"",
        &deep,
        &nested,
    ];
    (*random.pick(&texts).unwrap()).to_owned()
}

/// Drops, repeats, retypes or moves one value; `None` of what is no JSON.
fn mutated_json(bytes: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    let mut all = Vec::new();
    pointers(&value, "", &mut all);
    // Most values are vertices, so every other time one is drawn from the outer ones.
    let outer: Vec<String> = all.iter().filter(|at| at.matches('/').count() < 5).cloned().collect();
    let from = if random.chance(0.5) { &outer } else { &all };
    let at = random.pick(from)?.clone();
    let chosen = value.pointer_mut(&at)?;
    let mut raw = absurd(random);
    match (random.below(4), &mut *chosen) {
        (0, Value::Array(items)) if !items.is_empty() => {
            let item_idx = random.below(items.len());
            match random.chance(0.5) {
                true => drop(items.remove(item_idx)),
                false => items.push(items[item_idx].clone()),
            }
        }
        (0, Value::Object(entries)) if !entries.is_empty() => {
            let key = random.pick(&entries.keys().cloned().collect::<Vec<_>>())?.clone();
            entries.remove(&key);
        }
        (1, Value::Object(entries)) if !entries.is_empty() => {
            let (key, item) = entries.iter().nth(random.below(entries.len()))?;
            let twice = format!("{{{}:{item},", Value::from(key.as_str()));
            raw = twice + &Value::from(entries.clone()).to_string()[1..];
            *chosen = json!(RAW);
        }
        (2, Value::Array(items)) => items.clear(),
        (2, Value::Number(number)) => {
            let factor = random.pick(&[1e3, -1e3, 1e9, -1e9, 1e300])?;
            *chosen = json!(number.as_f64()? * factor);
        }
        _ => *chosen = json!(RAW),
    }
    Some(value.to_string().replacen(&format!("\"{RAW}\""), &raw, 1).into_bytes())
}

/// Breaks a table as a spreadsheet program or a careless hand would.
fn mutated_table(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let own = if text.lines().next().unwrap_or_default().contains(';') { ";" } else { "," };
    let mut rows: Vec<Vec<String>> =
        text.lines().map(|line| line.split(own).map(str::to_owned).collect()).collect();
    let row_idx = random.below(rows.len());
    let column_idx = random.below(rows[row_idx].len());
    let (mut separator, mut line_end, mut start) = (own, "\r\n", "");
    match random.below(12) {
        0 => separator = random.pick(&[",", ";", "\t", "|"]).unwrap(),
        1 => line_end = random.pick(&["\n", "\r", "\n\n", "\r\r\n"]).unwrap(),
        2 => start = "\u{feff}",
        3 => drop(rows[row_idx].remove(column_idx)),
        4 => rows[row_idx].push("more".to_owned()),
        5 => rows.iter_mut().for_each(|row| drop(row.remove(column_idx.min(row.len() - 1)))),
        6 => rows.push(rows[row_idx].clone()),
        7 => rows[row_idx][column_idx] = "unknown".to_owned(),
        8 => rows[row_idx][column_idx].insert(0, '"'),
        9 => rows[row_idx][column_idx] = (*random.pick(&PIECES).unwrap()).to_owned(),
        10 => rows.swap(row_idx, 0),
        _ => rows[row_idx][column_idx].clear(),
    }
    let lines: Vec<String> = rows.iter().map(|row| row.join(separator)).collect();
    (start.to_owned() + &lines.join(line_end) + line_end).into_bytes()
}
