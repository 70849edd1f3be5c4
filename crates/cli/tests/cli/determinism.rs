//! The same seed gives the same bytes.

use crate::dermx::{QUICK, TestResult, Workplace, assert_same_results, command, results, stderr};
use std::error::Error;
use std::path::Path;

#[test]
fn two_runs_and_any_number_of_threads_give_the_same_bytes() -> TestResult {
    let workplace = Workplace::new()?;
    // The report shows the name of the run's folder, so the folders share one.
    for (run, num_threads) in
        [("first/run", "2"), ("again/run", "2"), ("one-thread/run", "1"), ("four/run", "4")]
    {
        let checked = ["--set", "explain.sanity=[\"randomization\"]"];
        let mut train = workplace.train(run, &checked);
        let output = train.env("RAYON_NUM_THREADS", num_threads).output()?;
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let names: Vec<String> =
        results(&workplace.join("first/run"))?.into_iter().map(|(name, _)| name).collect();
    for name in [
        "eval.json",
        "report/index.html",
        "report/report.md",
        "seed-0/eval.json",
        "seed-0/metrics.jsonl",
        "seed-0/per_image.csv",
        "seed-0/predictions.csv",
        "seed-0/heatmaps/synthetic-acne-001.npy",
        "seed-0/heatmaps/heatmaps.json",
        "seed-0/heatmaps/randomized/01-head/synthetic-acne-001.npy",
        "seed-0/weights.safetensors",
        "seed-0/run.json",
        "seed-0/checkpoints/epoch-00002-step-000000/optimizer.safetensors",
        "train-images.manifest",
        "seed-1/predictions.csv",
    ] {
        assert!(names.iter().any(|found| found == name), "no {name} in {names:?}");
    }
    for other in ["again/run", "one-thread/run", "four/run"] {
        assert_same_results(&workplace.join("first/run"), &workplace.join(other))?;
    }
    Ok(())
}

#[test]
fn seeds_differ() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("run", &[]).output()?.status.success());
    let [zero, one] = [0, 1]
        .map(|seed| std::fs::read(workplace.join(&format!("run/seed-{seed}/predictions.csv"))));
    assert_ne!(zero?, one?);
    Ok(())
}

/// All numbers of a file of predictions.
fn probabilities(path: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut numbers = Vec::new();
    for record in csv::Reader::from_path(path)?.records() {
        numbers.extend(record?.iter().filter_map(|cell| cell.parse::<f64>().ok()));
    }
    Ok(numbers)
}

/// `DERMX_SIMD` has each instruction set that the machine has do the same.
#[test]
fn instruction_sets_agree() -> TestResult {
    let workplace = Workplace::new()?;
    let run = |set: &str| -> TestResult {
        let output =
            workplace.train(&format!("{set}/run"), &QUICK).env("DERMX_SIMD", set).output()?;
        assert!(output.status.success(), "{}", stderr(&output));
        Ok(())
    };
    run("avx512bf16")?;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("fma") {
        for set in ["avx512", "avx2"] {
            run(set)?;
            assert_same_results(
                &workplace.join("avx512bf16/run"),
                &workplace.join(set).join("run"),
            )?;
        }
    }
    let predictions = |set: &str| -> Result<Vec<f64>, Box<dyn Error>> {
        let out = format!("{set}.csv");
        let images = "data/dermx/images";
        let args = ["predict", "--run", "avx512bf16/run", "--images", images, "--out", &out];
        let output = command(workplace.path(), &args).env("DERMX_SIMD", set).output()?;
        assert!(output.status.success(), "{}", stderr(&output));
        probabilities(&workplace.join(&out))
    };
    let [best, portable] = ["avx512bf16", "portable"].map(predictions);
    let (best, portable) = (best?, portable?);
    assert_eq!(best.len(), portable.len());
    assert_ne!(best, portable, "without fused multiply-add the last bits differ");
    for (best, portable) in best.iter().zip(&portable) {
        assert!((best - portable).abs() < 1e-4, "{best} {portable}");
    }
    Ok(())
}
