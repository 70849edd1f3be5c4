//! Annotation files and metadata, broken at random: what is refused is refused with its place, and
//! what is read can be used.
//!
//! `DERMX_MUTATIONS=full` breaks 2000 annotation files and 500 metadata files, otherwise fewer;
//! where `DERMX_DATA` names the real data set, half of them are its files.

mod fixture;

use dermx_data::{DataError, Random, darwin, metadata};
use fixture::Fixture;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Stands for text that no JSON value has; a string of the name is replaced by the text.
const RAW: &str = "@raw@";

/// `full`, or `reduced`.
fn num_mutations(full: usize, reduced: usize) -> usize {
    match std::env::var("DERMX_MUTATIONS").as_deref() {
        Ok("full") => full,
        _ => reduced,
    }
}

/// The root of the real data set, if there is one.
fn real_root() -> Option<PathBuf> {
    std::env::var_os("DERMX_DATA").map(PathBuf::from)
}

/// Three handmade files, then some of the real data set if it is there.
fn annotation_files() -> Vec<Vec<u8>> {
    let fixture = Fixture::small();
    let hole = r#"{"dataset":"x","image":{"width":40,"height":30},"annotations":[
        {"name":"Acne","tag":{}},{"name":"Scar","complex_polygon":{"path":[
        [{"x":1,"y":1},{"x":38.5,"y":2},{"x":3,"y":27}],[{"x":5,"y":5},{"x":9,"y":5},{"x":5,"y":9}]
        ]},"attributes":["Red","Hyperpigmented"]}]}"#;
    let mut files = vec![
        fs::read(fixture.path("annotations/derm1_a.json")).unwrap(),
        fs::read(fixture.path("annotations/derm2_a.json")).unwrap(),
        hole.as_bytes().to_vec(),
    ];
    let Some(root) = real_root() else { return files };
    let mut real: Vec<PathBuf> =
        fs::read_dir(root.join("annotations")).unwrap().map(|one| one.unwrap().path()).collect();
    real.sort_unstable();
    files.extend(real.iter().step_by(97).map(|path| fs::read(path).unwrap()));
    files
}

/// Flips, replaces, cuts, copies and repeats bytes.
fn mutate_bytes(bytes: &mut Vec<u8>, special: &[u8], random: &mut Random) {
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            return;
        }
        let start = random.below(bytes.len());
        let end = (start + 1 + random.below(64)).min(bytes.len());
        match random.below(16) {
            0..=2 => bytes[start] ^= 1 << random.below(8),
            3..=5 => bytes[start] = *random.pick(special).unwrap(),
            6 | 7 => drop(bytes.drain(start..end)),
            8 | 9 => bytes.truncate(start),
            10 | 11 => bytes.extend_from_within(start..),
            12 | 13 => {
                let piece = bytes[start..end].to_vec();
                let at = random.below(bytes.len());
                drop(bytes.splice(at..at, piece));
            }
            14 => drop(bytes.splice(0..0, *b"\xef\xbb\xbf")),
            _ => bytes.insert(start, 0xff),
        }
    }
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
                pointers(item, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

/// Values of another type, of absurd size, or not JSON at all.
fn absurd(random: &mut Random) -> String {
    let deep = "[".repeat(100_000);
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

/// Drops, repeats, retypes or moves one value.
fn mutate_structure(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    let mut all = Vec::new();
    pointers(&value, "", &mut all);
    // Most values are vertices, so every other time one is drawn from the outer ones.
    let outer: Vec<String> = all.iter().filter(|at| at.matches('/').count() < 5).cloned().collect();
    let from = if random.chance(0.5) { &outer } else { &all };
    let at = random.pick(from).unwrap().clone();
    let chosen = value.pointer_mut(&at).unwrap();
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
            let key = random.pick(&entries.keys().cloned().collect::<Vec<_>>()).unwrap().clone();
            entries.remove(&key);
        }
        (1, Value::Object(entries)) if !entries.is_empty() => {
            let (key, item) = entries.iter().nth(random.below(entries.len())).unwrap();
            let twice = format!("{{\"{key}\":{item},",);
            raw = twice + &Value::from(entries.clone()).to_string()[1..];
            *chosen = json!(RAW);
        }
        (2, Value::Array(items)) => items.clear(),
        (2, Value::Number(number)) => {
            let factor = random.pick(&[1e3, -1e3, 1e9, -1e9, 1e300]).unwrap();
            *chosen = json!(number.as_f64().unwrap() * factor);
        }
        _ => *chosen = json!(RAW),
    }
    value.to_string().replacen(&format!("\"{RAW}\""), &raw, 1).into_bytes()
}

/// What was refused names the file and the place; what was read can be rasterized.
#[track_caller]
fn assert_read_or_located(path: &Path, bytes: &[u8]) -> bool {
    match darwin::parse_evaluation(path, bytes) {
        Ok(evaluation) => {
            let vertices = evaluation.regions.iter().flat_map(|one| one.rings()).flatten().count();
            assert!(vertices < bytes.len());
            let mask = evaluation.union_mask();
            let num_runs = mask.map_or(0, |mask| mask.runs().len());
            assert!(num_runs <= evaluation.size.height as usize * (vertices + 1));
            for characteristic in evaluation.concepts() {
                assert!(evaluation.mask(characteristic).is_some());
            }
            true
        }
        Err(error) => {
            assert_located(&error, path);
            false
        }
    }
}

#[track_caller]
fn assert_located(error: &DataError, path: &Path) {
    assert_eq!(error.path, path);
    assert!(!error.message.is_empty());
    assert!(!error.place.is_empty() && !error.place.ends_with('?'), "{error}");
}

#[test]
fn broken_annotation_files_are_refused_with_their_place() {
    let path = Path::new("derm1_a.json");
    let files = annotation_files();
    let mut random = Random::new(0, "mutated annotations", 0, "");
    let (handmade, real) = files.split_at(3);
    let (mut num_read, mut num_refused) = (0, 0);
    for mutation_idx in 0..num_mutations(2000, 400) {
        let of_real = !real.is_empty() && mutation_idx % 4 < 2;
        let base = random.pick(if of_real { real } else { handmade }).unwrap();
        let bytes = match mutation_idx % 2 {
            0 => mutate_structure(base, &mut random),
            _ => {
                let mut bytes = base.clone();
                mutate_bytes(&mut bytes, b"0123456789-.eE[]{}\",:", &mut random);
                bytes
            }
        };
        match assert_read_or_located(path, &bytes) {
            true => num_read += 1,
            false => num_refused += 1,
        }
    }
    assert!(num_read > 40 && num_refused > 40, "{num_read} {num_refused}");
}

/// Breaks a table as a spreadsheet program or a careless hand would.
fn mutate_table(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut rows: Vec<Vec<String>> =
        text.lines().map(|line| line.split(';').map(str::to_owned).collect()).collect();
    let row_idx = random.below(rows.len());
    let column_idx = random.below(rows[row_idx].len());
    let (mut separator, mut line_end, mut start) = (";", "\r\n", "");
    match random.below(10) {
        0 => separator = random.pick(&[",", "\t", "|"]).unwrap(),
        1 => line_end = random.pick(&["\n", "\r", "\n\n", "\r\r\n"]).unwrap(),
        2 => start = "\u{feff}",
        3 => drop(rows[row_idx].remove(column_idx)),
        4 => rows[row_idx].push("more".to_owned()),
        5 => rows.iter_mut().for_each(|row| drop(row.remove(column_idx.min(row.len() - 1)))),
        6 => rows.push(rows[row_idx].clone()),
        7 => rows[row_idx][column_idx] = "unknown".to_owned(),
        8 => rows[row_idx][column_idx].insert(0, '"'),
        _ => rows[row_idx][column_idx].clear(),
    }
    let lines: Vec<String> = rows.iter().map(|row| row.join(separator)).collect();
    (start.to_owned() + &lines.join(line_end) + line_end).into_bytes()
}

#[test]
fn broken_metadata_is_refused_with_its_place() {
    let fixture = Fixture::small();
    let path = fixture.path("metadata.csv");
    let mut handmade = fs::read(&path).unwrap();
    handmade.extend_from_slice(b"b.jpg;source;Psoriasis;b.jpeg;light;young\r\n");
    let mut files = vec![handmade];
    files.extend(real_root().map(|root| fs::read(root.join("metadata.csv")).unwrap()));
    let mut random = Random::new(0, "mutated metadata", 0, "");
    let (mut num_read, mut num_refused) = (0, 0);
    for mutation_idx in 0..num_mutations(500, 100) {
        let mut bytes = random.pick(&files).unwrap().clone();
        match mutation_idx % 2 {
            0 => bytes = mutate_table(&bytes, &mut random),
            _ => mutate_bytes(&mut bytes, b";,\"\r\n\t", &mut random),
        }
        fs::write(&path, &bytes).unwrap();
        match metadata::read(&path) {
            Ok(images) => {
                num_read += 1;
                assert!(!images.is_empty() && images.len() < bytes.len());
            }
            Err(error) => {
                num_refused += 1;
                let is_precise = error.message == "found no row; expected one per image";
                let is_place = error.place.starts_with("line ") || is_precise;
                assert!(is_place && error.path == path, "{error}");
            }
        }
    }
    assert!(num_read > 10 && num_refused > 10, "{num_read} {num_refused}");
}
