//! Table 6 of rule-made maps on the real masks; `generate.py` beside this file computed the golden
//! values with NumPy, Pillow and scikit-image, and says what the rule is.

use crate::conformance::real;
use crate::dermx::{TestResult, succeed};
use std::fs;
use std::path::Path;

const MAP: [usize; 2] = [10, 13];

/// SplitMix64.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn fraction(number: usize, place: usize) -> f64 {
    (mix((1000 * number + place) as u64) >> 40) as f64 / f64::from(1 << 24)
}

/// The map of the image of that number, by the rule.
fn rule_map(number: usize) -> Vec<f32> {
    let num_cells = MAP[0] * MAP[1];
    let [row, column] = [0, 1].map(|axis| fraction(number, axis) * MAP[axis] as f64);
    let value = |cell: usize| match number % 5 {
        0 => fraction(number, cell),
        1 => {
            let down = (cell / MAP[1]) as f64 - row;
            let along = (cell % MAP[1]) as f64 - column;
            1.0 / (1.0 + (down * down + along * along))
        }
        2 if cell == number % num_cells => 3.5,
        4 => 0.25,
        _ => 0.0,
    };
    (0..num_cells).map(|cell| value(cell) as f32).collect()
}

/// An `.npy` file of the map.
fn write_npy(path: &Path, values: &[f32]) -> std::io::Result<()> {
    let [height, width] = MAP;
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({height}, {width}), }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    fs::write(path, bytes)
}

#[test]
fn every_score_of_rule_made_maps_is_that_of_numpy() -> TestResult {
    let Some(root) = real() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let maps = folder.path().join("maps");
    fs::create_dir(&maps)?;
    let metadata = fs::read_to_string(Path::new(&root).join("metadata.csv"))?;
    let mut images: Vec<&str> = metadata
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split(';').nth(3)?.rsplit_once('.')?.0))
        .collect();
    images.sort_unstable();
    for (number, image) in images.iter().enumerate() {
        write_npy(&maps.join(format!("{image}.npy")), &rule_map(number))?;
    }
    let args = ["evaluate", "--data", &root, "--heatmaps", "maps", "--localization", "--json"];
    let found: serde_json::Value = serde_json::from_slice(&succeed(folder.path(), &args)?.stdout)?;
    let golden: serde_json::Value = serde_json::from_str(include_str!("golden.json"))?;
    assert_eq!(found["scoring"]["num_mask_rows"], golden["counts"]["masks"]);
    assert_eq!(found["scoring"]["num_union_rows"], golden["counts"]["unions"]);
    let mut num_numbers = 0;
    for table in ["explanation", "localization"] {
        for (name, scores) in golden[table].as_object().ok_or("no table")? {
            for (score, parts) in scores.as_object().ok_or("no scores")? {
                for (part, expected) in parts.as_object().ok_or("no parts")? {
                    let found =
                        found["explanation"][name][score][part].as_f64().unwrap_or(f64::NAN);
                    let expected = expected.as_f64().unwrap_or(f64::NAN);
                    let what = format!("{name} {score} {part}: {found}, expected {expected}");
                    assert!((found - expected).abs() < 1e-6, "{what}");
                    num_numbers += 1;
                }
            }
        }
    }
    assert_eq!(num_numbers, 17 * (4 + 6) * 4);
    Ok(())
}
