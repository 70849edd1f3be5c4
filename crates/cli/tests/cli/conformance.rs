//! The real data set; `DERMX_DATA` names its root.

use crate::dermx::{TestResult, succeed};
use std::fs;
use std::io::Write;
use std::path::Path;

/// The root of the real data set, or `None` with a loud note.
pub fn real() -> Option<String> {
    let root = std::env::var("DERMX_DATA").ok();
    if root.is_none() {
        // Not `eprintln`: the test harness would keep it to itself.
        let note = "SKIPPED: set DERMX_DATA to the root of the DermX data set to run this test";
        let _ = writeln!(std::io::stderr(), "{note}");
    }
    root
}

#[test]
fn real_description_is_the_published_one() -> TestResult {
    let Some(root) = real() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let output = succeed(folder.path(), &["dataset", "describe", "--data", &root])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in [
        "1698 evaluations, 566 images",
        "411 discarded",
        "1287 accepted / 526 images",
        "1277 single / 525 images",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    let output = succeed(folder.path(), &["dataset", "describe", "--data", &root, "--json"])?;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(json["counts"]["evaluations"], 1698);
    assert_eq!(
        json["table_4_dermx"],
        serde_json::json!({
            "Acne": 99, "Actinic keratosis": 91, "Psoriasis": 97, "Seborrheic dermatitis": 78,
            "Viral warts": 74, "Vitiligo": 86,
        })
    );
    Ok(())
}

#[test]
fn real_masks_give_maps_without_a_network_their_known_scores() -> TestResult {
    let Some(root) = real() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let maps = folder.path().join("maps");
    fs::create_dir(&maps)?;
    let map =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/foreign_heatmaps/maps/tiny.npy");
    for line in fs::read_to_string(Path::new(&root).join("metadata.csv"))?.lines().skip(1) {
        let file_name = Path::new(line.split(';').nth(3).ok_or("a short line")?);
        let image_id = file_name.file_stem().ok_or("no file name")?.to_string_lossy().into_owned();
        fs::copy(&map, maps.join(format!("{image_id}.npy")))?;
    }
    let args = ["evaluate", "--data", &root, "--heatmaps", "maps", "--json"];
    let record: serde_json::Value = serde_json::from_slice(&succeed(folder.path(), &args)?.stdout)?;
    assert_eq!(record["scoring"]["num_mask_rows"], 3194);
    assert_eq!(record["scoring"]["num_union_rows"], 1444);
    let mean = |value: &serde_json::Value| value["mean"].as_f64().unwrap_or(f64::NAN);
    let centre = &record["baselines"]["centre_gaussian"]["Union"];
    for (score, expected) in [("f1", 0.360), ("sensitivity", 0.574), ("specificity", 0.707)] {
        assert!((mean(&centre[score]) - expected).abs() < 5e-4, "{score}: {}", centre[score]);
    }
    let random = mean(&record["baselines"]["random"]["Union"]["f1"]);
    assert!((random - 0.283).abs() < 5e-4, "{random}");
    // A map that points nowhere: F1 and sensitivity 0, specificity 1.
    assert_eq!(mean(&record["explanation"]["Union"]["f1"]), 0.0);
    assert_eq!(mean(&record["explanation"]["Union"]["specificity"]), 1.0);
    Ok(())
}

#[test]
fn real_masks_are_their_outlines_in_every_pixel() -> TestResult {
    let Some(root) = real() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let args = ["dataset", "check", "--data", &root, "--json"];
    let check: serde_json::Value = serde_json::from_slice(&succeed(folder.path(), &args)?.stdout)?;
    assert_eq!(check["annotations"]["masks_compared"], 3562);
    assert_eq!(check["annotations"]["masks_equal"], 3562);
    assert_eq!(check["num_findings"], serde_json::json!({"outside_image": 2}));
    Ok(())
}

#[test]
fn real_baselines_and_raters_have_their_known_scores() -> TestResult {
    let Some(root) = real() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let args = ["evaluate", "--baselines", "--data", &root, "--json"];
    let record: serde_json::Value = serde_json::from_slice(&succeed(folder.path(), &args)?.stdout)?;
    // The numbers that README and book print.
    let printed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/dermx-2021-baselines.json");
    let printed: serde_json::Value = serde_json::from_str(&fs::read_to_string(printed)?)?;
    let mean = |value: &serde_json::Value| value["mean"].as_f64().unwrap_or(f64::NAN);
    for table in ["centre_gaussian", "random", "uniform_ones", "ceiling"] {
        let of = |record: &serde_json::Value| match table {
            "ceiling" => record["ceiling"]["Union"].clone(),
            map => record["baselines"][map]["Union"].clone(),
        };
        let (found, printed) = (of(&record), of(&printed));
        for score in ["f1", "sensitivity", "specificity"] {
            let (found, expected) = (mean(&found[score]), mean(&printed[score]));
            assert!(
                (found - expected).abs() < 1e-6,
                "{table}, {score}: {found}, expected {expected}"
            );
        }
    }
    assert_eq!(record["ceiling"]["Union"]["f1"]["n"], 2672);
    assert_eq!(record["scoring"]["num_union_rows"], 1444);
    Ok(())
}

#[test]
fn real_tables_are_the_printed_ones_to_the_last_cell() -> TestResult {
    let Some(root) = real() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let printed = printed_tables();
    let args = ["dataset", "tables", "--data", &root, "--compare", &printed];
    let text = succeed(folder.path(), &[&args[..], &["--out", "tables"]].concat())?.stdout;
    let text = String::from_utf8(text)?;
    for text in [text, fs::read_to_string(folder.path().join("tables/tables.md"))?] {
        assert!(text.lines().any(|line| line == "566 / 566"), "{text}");
    }
    let table_3b = fs::read_to_string(folder.path().join("tables/table_3b.csv"))?;
    let plaque = table_3b.lines().find(|line| line.starts_with("Plaque,")).unwrap_or_default();
    let cells: Vec<&str> = plaque.split(',').collect();
    let rounded = |idx: usize| cells.get(idx).and_then(|cell| cell.parse::<f64>().ok());
    let [mean, std] = [1, 2].map(|idx| format!("{:.2}", rounded(idx).unwrap_or(f64::NAN)));
    assert_eq!([mean, std], ["0.48", "0.39"], "{table_3b}");

    let found: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("tables/tables.json"))?)?;
    // Computed once by an independent program (NumPy and Pillow, from the mask files without those of the
    // two outlines outside of their images, which change two specificities in the sixth digit).
    let expected: serde_json::Value = serde_json::from_str(include_str!("dermx_2021_tables.json"))?;
    let num_numbers = assert_contains("", &found, &expected);
    assert!(num_numbers > 700, "{num_numbers}");
    Ok(())
}

/// Matching cells by table.
type Matching = &'static [(&'static str, u64)];

/// Cells of Tables 2a, 2b, 3a, appendix 1 and 3b that are found again with other choices than the
/// study's, as an independent program (NumPy) counted them.
const OTHER_CHOICES: [(&[&str], Matching); 7] = [
    (
        &["--evaluations", "settled"],
        &[("table_2a", 32), ("table_2b", 32), ("appendix_1", 238), ("table_3b", 87)],
    ),
    (
        &["--several-diagnoses", "drop"],
        &[("table_2a", 27), ("table_2b", 20), ("appendix_1", 189), ("table_3b", 96)],
    ),
    (&["--evaluations", "accepted"], &[("table_2a", 36), ("table_3b", 90)]),
    (&["--std", "population"], &[("table_2b", 36), ("table_3b", 91)]),
    (&["--resolution", "300x400"], &[("table_3b", 95)]),
    (&["--resolution", "128x128"], &[("table_3b", 92)]),
    (&["--resolution", "64x64"], &[("table_3b", 84)]),
];

#[test]
fn other_choices_lose_the_cells_that_they_should() -> TestResult {
    let Some(root) = real() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let printed = printed_tables();
    for (choice, expected) in OTHER_CHOICES {
        let args = ["dataset", "tables", "--data", &root, "--compare", &printed, "--json"];
        let output = succeed(folder.path(), &[&args[..], choice].concat())?;
        let found: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        for (table, matching) in expected {
            let found = &found["comparison_with_paper"][table]["matching"];
            assert_eq!(found, matching, "{choice:?}, {table}");
        }
    }
    Ok(())
}

fn printed_tables() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../datasets/published/paper_tables.json")
        .display()
        .to_string()
}

#[test]
fn real_parts_are_scored_or_too_few() -> TestResult {
    let Some(root) = real() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let args = ["dataset", "tables", "--data", &root, "--by", "skin_tone", "--bootstrap", "50"];
    let output = succeed(folder.path(), &[&args[..], &["--json"]].concat())?;
    let found: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let (dark, light) = (&found["by"]["skin_tone"]["dark"], &found["by"]["skin_tone"]["light"]);
    assert_eq!(dark["num_images"], 16);
    for table in ["table_2a", "table_2b", "table_3a", "table_3b", "chance_corrected"] {
        let rows = dark[table].as_object().ok_or("no table")?;
        let is_too_few = |row: &serde_json::Value| {
            row["too_few"] == true && row["f1"].is_null() && row["krippendorff_alpha"].is_null()
        };
        assert!(!rows.is_empty() && rows.values().all(is_too_few), "{table}: {rows:?}");
    }
    let f1 = &light["table_2b"]["Acne"]["f1"];
    let bound = |place: usize| f1["interval"][place].as_f64().unwrap_or(f64::NAN);
    let mean = f1["mean"].as_f64().unwrap_or(f64::NAN);
    assert!(bound(0) < mean && mean < bound(1), "{f1}");
    assert_eq!(light["table_3a"]["Leukotrichia"]["too_few"], true);
    let twice = succeed(folder.path(), &[&args[..], &["--json"]].concat())?;
    assert!(output.stdout == twice.stdout, "the same seed gives other intervals");
    Ok(())
}

/// Expects everything in `expected` in `found`, numbers to 1e-9; how many numbers there were.
fn assert_contains(path: &str, found: &serde_json::Value, expected: &serde_json::Value) -> usize {
    match expected {
        serde_json::Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| assert_contains(&format!("{path}/{key}"), &found[key], value))
            .sum(),
        serde_json::Value::Number(number) => {
            let (found, expected) = (found.as_f64(), number.as_f64().unwrap_or(f64::NAN));
            assert!(
                found.is_some_and(|found| (found - expected).abs() <= 1e-9),
                "{path}: {found:?}"
            );
            1
        }
        expected => {
            assert_eq!(found, expected, "{path}");
            0
        }
    }
}
