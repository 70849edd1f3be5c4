//! The published confusion matrices.

use crate::dermx::{TestResult, fail, succeed};
use std::fs;
use std::path::Path;

fn published(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/published");
    root.join(name).display().to_string()
}

#[test]
fn the_published_tables_are_found_again_and_two_classes_exchanged() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (matrices, tables) = (published("confusion_matrices.json"), published("paper_tables.json"));
    let args = ["audit", "--matrices", &matrices, "--tables", &tables];
    let json = succeed(folder.path(), &[&args[..], &["--json"]].concat())?.stdout;
    let audits: serde_json::Value = serde_json::from_slice(&json)?;
    for (network, accuracy, std) in [("resnet50", 0.468, 0.045), ("efficientnet_b4", 0.596, 0.125)]
    {
        let audit = &audits[network];
        assert_eq!(audit["comparison"]["matching"], 36, "{network}");
        assert_eq!(audit["comparison"]["cells"], 36, "{network}");
        assert_eq!(audit["permutation"], serde_json::json!([0, 1, 2, 3, 5, 4]), "{network}");
        assert_eq!(audit["evidence"]["matrices_agreeing"], 5, "{network}");
        let corrected = &audit["corrected"]["accuracy"];
        let is_near = |key: &str, expected: f64| {
            corrected[key].as_f64().is_some_and(|found| (found - expected).abs() < 5e-4)
        };
        assert!(is_near("mean", accuracy) && is_near("std", std), "{network}: {corrected}");
    }
    let text = String::from_utf8(succeed(folder.path(), &args)?.stdout)?;
    assert!(text.contains("output 5 is Viral warts, output 4 is Vitiligo"), "{text}");
    assert!(text.contains("0.468 ± 0.045") && text.contains("0.596 ± 0.125"), "{text}");
    Ok(())
}

#[test]
fn matrices_that_do_not_fit_are_named() -> TestResult {
    let folder = tempfile::tempdir()?;
    let args = ["audit", "--matrices", "m.json"];
    for (text, part) in [
        ("{\"test_order\": [\"a\", \"b\"], \"networks\": {\"n\": [[[1, 2], [3]]]}}", "row 1"),
        ("{\"test_order\": [\"a\", \"b\"], \"networks\": {\"n\": [[[1, 2]]]}}", "run 0"),
        ("{\"test_order\": [\"a\", \"a\"], \"networks\": {}}", "different names"),
        ("{\"test_order\": [\"a\"], \"networks\": {\"n\": [[[-1]]]}}", "-1"),
        ("{\"networks\": {}}", "test_order"),
    ] {
        fs::write(folder.path().join("m.json"), text)?;
        fail(folder.path(), &args, 65, &["m.json", part])?;
    }
    fail(folder.path(), &["audit", "--matrices", "none.json"], 66, &["none.json"])
}
