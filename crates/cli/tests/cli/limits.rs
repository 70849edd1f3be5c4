//! Options have the limits of the keys that mean the same, and are looked at before anything else.

use crate::dermx::{TestResult, fail};

/// Commands whose inputs are not there: nothing but their options is looked at.
const PREDICT: &str = "predict --arch resnet18 --weights none --images none --out out";
const EXPLAIN: &str = "explain --arch resnet18 --weights none --images none --out out";
const EVALUATE: &str = "evaluate --data none --predictions none";
const TABLES: &str = "dataset tables --data none";
const SEARCH: &str = "search --config none --launcher local";
const SWEEP: &str = "sweep --config none --out out";

#[test]
fn numbers_beside_their_range_are_refused_before_anything_is_read() -> TestResult {
    let folder = tempfile::tempdir()?;
    for (command, option, values) in [
        (
            PREDICT,
            "--size",
            &["100000x100000", "0x64", "31x64", "8193x64", "99999999999999x64"][..],
        ),
        (PREDICT, "--batch", &["0", "65537", "18446744073709551616", "x"]),
        (EXPLAIN, "--size", &["100000x100000"]),
        (EXPLAIN, "--batch", &["0", "65537"]),
        (EXPLAIN, "--steps", &["0", "18446744073709551615"]),
        (EXPLAIN, "--samples", &["0", "100001"]),
        (EXPLAIN, "--noise", &["1001"]),
        (EXPLAIN, "--patch", &["0", "8193"]),
        (EXPLAIN, "--stride", &["0", "8193"]),
        (EVALUATE, "--size", &["100000x100000", "0x0"]),
        (EVALUATE, "--min-images", &["0", "18446744073709551615"]),
        (TABLES, "--bootstrap", &["100001", "18446744073709551615"]),
        (TABLES, "--min-images", &["0"]),
        (TABLES, "--resolution", &["100000x100000"]),
        (TABLES, "--seed", &["9223372036854775808"]),
        ("synth --out out", "--images", &["0", "1000001", "18446744073709551615"]),
        ("synth --out out", "--train-images", &["0", "18446744073709551615"]),
        ("synth --out out", "--seed", &["18446744073709551615"]),
        ("train --config none", "--seed", &["18446744073709551615"]),
        ("verify none", "--seed", &["18446744073709551615"]),
        ("verify none", "--epochs", &["0", "4294967296"]),
        ("bench", "--batch", &["0", "65536"]),
        ("bench", "--steps", &["0", "65536"]),
        ("bench", "--size", &["100000x100000"]),
        (SEARCH, "--max-trials", &["0", "1000001"]),
        (SEARCH, "--jobs", &["0", "1025"]),
        (SEARCH, "--lease", &["0", "18446744073709551615"]),
        (SWEEP, "--jobs", &["0", "1025"]),
        (SWEEP, "--lease", &["0", "18446744073709551615"]),
        ("sweep run none", "--jobs", &["0", "1025"]),
    ] {
        for value in values {
            let args: Vec<&str> = command.split(' ').chain([option, value]).collect();
            fail(folder.path(), &args, 2, &[option, value])?;
        }
    }
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "nothing was written");
    Ok(())
}

#[test]
fn numbers_that_would_overflow_together_are_refused_one_by_one() -> TestResult {
    let folder = tempfile::tempdir()?;
    for key in ["train.batch_size", "train.accumulation_steps", "explain.batch_size"] {
        let set = format!("{key}=4294967296");
        let args = ["config", "show", "--config", "quickstart.toml", "--set", &set];
        fail(folder.path(), &args, 78, &[key, "has to be at most 65536"])?;
    }
    for key in ["synthetic.num_images", "synthetic.num_train_images"] {
        let set = format!("{key}=4000000000");
        let args = ["config", "show", "--config", "quickstart.toml", "--set", &set];
        fail(folder.path(), &args, 78, &[key, "has to be at most 1000000"])?;
    }
    Ok(())
}
