//! Every stage can be run alone.

use crate::dermx::{TestResult, Workplace, fail, stdout, succeed};
use std::fs;
use std::path::Path;

#[test]
fn a_finished_run_can_be_predicted_explained_scored_and_reported_again() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("run", &[]).output()?.status.success());
    let images = "data/dermx/images";

    let args = ["predict", "--run", "run", "--images", images, "--out", "predictions.csv"];
    succeed(workplace.path(), &[&args[..], &["--logits"]].concat())?;
    let again = fs::read_to_string(workplace.join("predictions.csv"))?;
    let of_run = fs::read_to_string(workplace.join("run/seed-0/predictions.csv"))?;
    let without_gold = |text: &str| -> Vec<String> {
        let fields = text.lines().map(|line| {
            let mut fields: Vec<&str> = line.split(',').collect();
            fields.remove(1);
            fields.join(",")
        });
        fields.collect()
    };
    assert_eq!(without_gold(&again), without_gold(&of_run));

    // The weights alone say all that the run does: network, stride, size, classes.
    let weights = "run/seed-0/weights.safetensors";
    let args = ["predict", "--weights", weights, "--images", images, "--out", "predictions.csv"];
    succeed(workplace.path(), &[&args[..], &["--logits", "--overwrite"]].concat())?;
    assert_eq!(fs::read_to_string(workplace.join("predictions.csv"))?, again);

    let mut targets = "image_id,target\n".to_string();
    for line in of_run.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        targets += &format!("{},{}\n", fields[0], fields[1]);
    }
    fs::write(workplace.join("targets.csv"), targets)?;
    let args = ["explain", "--run", "run", "--images", images, "--targets", "targets.csv"];
    succeed(workplace.path(), &[&args[..], &["--out", "maps"]].concat())?;
    for name in ["synthetic-acne-001.npy", "synthetic-vitiligo-002.npy"] {
        let of_run = fs::read(workplace.join("run/seed-0/heatmaps").join(name))?;
        assert!(fs::read(workplace.join("maps").join(name))? == of_run, "{name} differs");
    }

    let before = fs::read(workplace.join("run/eval.json"))?;
    let output = succeed(workplace.path(), &["evaluate", "--run", "run", "--json"])?;
    assert_eq!(fs::read(workplace.join("run/eval.json"))?, before);
    assert_eq!(output.stdout, before);
    let record: serde_json::Value = serde_json::from_slice(&before)?;
    assert_eq!(record["seeds"], serde_json::json!([0, 1]));
    assert_eq!(record["schema"], 2);
    assert_eq!(record["dataset"]["name"], "dermx");
    for key in ["diagnosis", "explanation", "baselines"] {
        assert!(!record[key].is_null(), "{key}");
    }

    for map in ["network", "centre_gaussian", "uniform_ones"] {
        let shares = &record["identification"][map];
        let shares = ["typical", "other", "outside"].map(|part| shares[part]["mean"].as_f64());
        assert!((shares.iter().flatten().sum::<f64>() - 1.0).abs() < 1e-9, "{map}: {shares:?}");
    }
    assert!(record["explanation"]["Union"]["auc"]["mean"].is_number());
    assert_eq!(record["baselines"]["uniform_ones"]["Union"]["auc"]["mean"], 0.5);

    // A run does not differ from itself.
    let args = ["evaluate", "--run", "run", "--against", "run", "--json"];
    let compared: serde_json::Value =
        serde_json::from_slice(&succeed(workplace.path(), &args)?.stdout)?;
    let comparison = &compared["comparisons"][0];
    for paired in [&comparison["f1"]["Union"], &comparison["accuracy"]] {
        assert_eq!((&paired["difference"], &paired["p"]), (&0.0.into(), &().into()), "{paired}");
        assert!(paired["images"].as_u64() > Some(0), "{paired}");
    }
    assert_eq!(fs::read(workplace.join("run/eval.json"))?, before);

    succeed(workplace.path(), &["report", "run", "--out", "page"])?;
    tables_in_latex_are_whole(&workplace.join("page/tables"))?;
    let page = fs::read_to_string(workplace.join("page/index.html"))?;
    for part in [
        "not a medical device",
        "random",
        "<svg",
        "data:image/jpeg;base64,",
        "Certificate of seed 0 (BLAKE3)",
        "The heat map explains",
        "with heat maps of the network of seed 0: ",
        "1000 resamples, seed 0",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(links_lead_to_files(&workplace.join("page"))? > 10);

    // Of two runs each shows the other's heat maps, and both are compared.
    fs::rename(workplace.join("run"), workplace.join("first"))?;
    copy(&workplace.join("first"), &workplace.join("second"))?;
    succeed(workplace.path(), &["report", "first", "second", "--latex", "--out", "pages"])?;
    let page = fs::read_to_string(workplace.join("pages/first/index.html"))?;
    for part in ["Heat map of second", "first (A, 2 seeds) against second (B, 2 seeds)"] {
        assert!(page.contains(part), "{part}");
    }
    let comparisons: serde_json::Value =
        serde_json::from_slice(&fs::read(workplace.join("pages/comparison.json"))?)?;
    assert_eq!(comparisons[0]["sides"], serde_json::json!(["first", "second"]));
    assert_eq!(comparisons[0]["f1"]["Union"]["difference"], 0.0);
    // The page of both says what it claims, and leads to theirs.
    let page = fs::read_to_string(workplace.join("pages/index.html"))?;
    for part in ["first (A) against second (B)", "nothing is claimed", "first/index.html"] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(links_lead_to_files(&workplace.join("pages"))?, 5);
    let table = fs::read_to_string(workplace.join("pages/comparison_1.csv"))?;
    assert!(table.contains("Accuracy") && table.contains("Wilcoxon signed-rank"), "{table}");
    let markdown = fs::read_to_string(workplace.join("pages/comparison.md"))?;
    assert!(markdown.contains("The unit is the image"), "{markdown}");
    runs_of_one_name_are_told_apart(&workplace)?;
    what_is_called_accuracy_is_the_runs(&workplace)
}

/// How many links the page in `folder` has, each of which leads to a file.
fn links_lead_to_files(folder: &Path) -> Result<usize, Box<dyn std::error::Error>> {
    let page = fs::read_to_string(folder.join("index.html"))?;
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let links = links.filter(|link| !link.starts_with('#') && !link.starts_with("data:"));
    let links: Vec<&str> = links.collect();
    for link in &links {
        assert!(folder.join(link).is_file(), "{link}");
    }
    Ok(links.len())
}

/// Each file of LaTeX in `folder` is one booktabs table whose rows have a cell for each column.
fn tables_in_latex_are_whole(folder: &Path) -> TestResult {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "tex") {
            continue;
        }
        let latex = fs::read_to_string(&path)?;
        let of = path.display();
        for part in ["\\begin{tabular}{", "\\toprule", "\\midrule", "\\bottomrule"] {
            assert_eq!(latex.matches(part).count().min(1), 1, "{of} without {part}: {latex}");
        }
        assert!(latex.ends_with("\\end{tabular}\n"), "{of}: {latex}");
        let spec = latex.split("\\begin{tabular}{").nth(1).and_then(|rest| rest.split('}').next());
        let num_columns = spec.map_or(0, str::len);
        for row in latex.lines().filter(|line| line.ends_with("\\\\")) {
            let cells = row.replace("\\&", "").split('&').count();
            assert_eq!(cells, num_columns, "{of}: {row}");
        }
        names.push(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    }
    names.sort();
    for name in ["summary", "run", "over_seeds", "diagnosis", "explanation", "confusion_seed_0"] {
        assert!(names.iter().any(|found| found == name), "no {name} in {names:?}");
    }
    Ok(())
}

/// With two runs in the folders `first` and `second`.
fn runs_of_one_name_are_told_apart(workplace: &Workplace) -> TestResult {
    for folder in ["a", "b"] {
        fs::create_dir(workplace.join(folder))?;
    }
    fs::rename(workplace.join("first"), workplace.join("a/comparison.md"))?;
    fs::rename(workplace.join("second"), workplace.join("b/comparison.md"))?;
    let both = ["report", "a/comparison.md", "b/comparison.md/"];
    succeed(workplace.path(), &[&both[..], &["--out", "same"]].concat())?;
    for (folder, other) in [("a-comparison.md", "b"), ("b-comparison.md", "a")] {
        let page = fs::read_to_string(workplace.join("same").join(folder).join("index.html"))?;
        let shown = format!("Heat map of {other}&#x2f;comparison.md");
        assert!(page.contains(&shown), "{folder}: no {shown}");
    }
    let comparisons: serde_json::Value =
        serde_json::from_slice(&fs::read(workplace.join("same/comparison.json"))?)?;
    let expected = serde_json::json!(["a/comparison.md", "b/comparison.md"]);
    assert_eq!(comparisons[0]["sides"], expected);
    // Nothing goes into a run folder, and a run is not compared with itself.
    fs::rename(workplace.join("a/comparison.md"), workplace.join("x"))?;
    fs::rename(workplace.join("b/comparison.md"), workplace.join("y"))?;
    let args = ["report", "x", "y", "--out", "."];
    fail(workplace.path(), &args, 73, &["is a run folder", "--out"])?;
    fail(workplace.path(), &["report", "x", "y/../x", "--out", "z"], 2, &["one run folder"])
}

/// With two runs in the folders `x` and `y`: scores are compared and written elsewhere.
fn what_is_called_accuracy_is_the_runs(workplace: &Workplace) -> TestResult {
    // Of `x` alone the second seed remains.
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(workplace.join("x/eval.json"))?)?;
    let before = fs::read_to_string(workplace.join("x/run.json"))?;
    let args = ["evaluate", "--run", "x", "--against", "y/seed-1", "--out", "scores"];
    let text = stdout(&succeed(workplace.path(), &args)?);
    assert!(text.contains("x (A, 2 seeds) against seed-1 (B, 1 seed)"), "{text}");
    assert!(text.contains("permutation of the mean"), "{text}");
    let written: serde_json::Value =
        serde_json::from_slice(&fs::read(workplace.join("scores/comparison.json"))?)?;
    let accuracy = &written[0]["accuracy"];
    let of_run = &record["diagnosis"]["accuracy"];
    let near = |found: &serde_json::Value, expected: &serde_json::Value| {
        let pair = found.as_f64().zip(expected.as_f64());
        pair.is_some_and(|(found, expected)| (found - expected).abs() < 1e-12)
    };
    assert!(near(&accuracy["first"], &of_run["mean"]), "{accuracy}");
    assert!(near(&accuracy["second"], &of_run["seeds"][1]), "{accuracy}");
    assert_eq!(written[0]["unit"], "image");
    for name in ["eval.json", "comparison.md", "comparison_1.csv", "seed-1/diagnoses.csv"] {
        assert!(workplace.join("scores").join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_to_string(workplace.join("x/run.json"))?, before);
    // What was written can be compared in turn; other images cannot.
    let args = ["evaluate", "--run", "x", "--against", "scores", "--json"];
    let compared: serde_json::Value =
        serde_json::from_slice(&succeed(workplace.path(), &args)?.stdout)?;
    assert_eq!(compared["comparisons"][0]["accuracy"]["difference"], 0.0);
    for file in ["seed-0/per_image.csv", "seed-1/per_image.csv"] {
        let path = workplace.join("scores").join(file);
        fs::write(&path, fs::read_to_string(&path)?.replace("synthetic-", "another-"))?;
    }
    for file in ["seed-0/diagnoses.csv", "seed-1/diagnoses.csv"] {
        let path = workplace.join("scores").join(file);
        let text = fs::read_to_string(&path)?;
        // The same images, but one of another class.
        let first = text.lines().nth(1).ok_or("no diagnosis")?;
        let [image, gold] = [0, 1].map(|idx| first.split(',').nth(idx).unwrap_or_default());
        let other = if gold == "Acne" { "Psoriasis" } else { "Acne" };
        fs::write(&path, text.replace(first, &format!("{image},{other},{gold}")))?;
    }
    let args = ["evaluate", "--run", "x", "--against", "scores"];
    fail(workplace.path(), &args, 65, &["gold class of image", "two test sets"])?;
    for file in ["seed-0/diagnoses.csv", "seed-1/diagnoses.csv"] {
        let path = workplace.join("scores").join(file);
        fs::write(&path, fs::read_to_string(&path)?.replace("synthetic-", "another-"))?;
    }
    fail(workplace.path(), &args, 65, &["scores", "no image", "both have"])?;
    scores_of_the_first_version_are_refused(workplace)
}

/// A run that an older dermx scored has no report until it is scored again.
fn scores_of_the_first_version_are_refused(workplace: &Workplace) -> TestResult {
    let path = workplace.join("x/eval.json");
    let scores = fs::read_to_string(&path)?;
    fs::write(&path, scores.replace("\"schema\": 2,", "\"table_5\": {},"))?;
    let report = ["report", "x", "--out", "page-of-x"];
    let parts = ["x/eval.json", "version 1 is read no more", "score again with `dermx evaluate`"];
    fail(workplace.path(), &report, 65, &parts)?;
    succeed(workplace.path(), &["evaluate", "--run", "x"])?;
    assert_eq!(fs::read_to_string(&path)?, scores);
    succeed(workplace.path(), &report).map(drop)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

#[test]
fn the_tables_of_a_synthetic_set_count_its_raters_and_pairs() -> TestResult {
    let workplace = Workplace::new()?;
    let args = ["dataset", "tables", "--data", "data/dermx", "--json"];
    let tables: serde_json::Value =
        serde_json::from_slice(&succeed(workplace.path(), &args)?.stdout)?;
    assert_eq!(tables["counts"]["images"], 12);
    assert_eq!(tables["files_skipped"], 0);
    let row = &tables["table_2b"]["Acne"]["f1"];
    let num_pairs = row["n"].as_u64().unwrap_or(0);
    assert!((2..=56).contains(&num_pairs) && num_pairs.is_multiple_of(2), "{row}");
    for table in ["table_1", "table_2a", "table_3a", "table_3b"] {
        assert!(tables[table].is_object(), "{table}");
    }
    fs::write(workplace.join("printed.json"), "{}")?;
    let args = ["dataset", "tables", "--data", "data/dermx", "--compare", "printed.json"];
    fail(workplace.path(), &args, 65, &["printed.json", "tables"])
}

#[test]
fn a_run_is_never_overwritten() -> TestResult {
    let workplace = Workplace::new()?;
    fs::create_dir(workplace.join("full"))?;
    fs::write(workplace.join("full/notes.txt"), "mine")?;
    let args = Workplace::train_args("full");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    fail(workplace.path(), &args, 73, &["full", "`notes.txt`", "another --run"])?;
    fail(workplace.path(), &["synth", "--out", "full"], 73, &["full", "--overwrite"])?;
    assert_eq!(fs::read_to_string(workplace.join("full/notes.txt"))?, "mine");
    Ok(())
}

#[test]
fn a_layer_that_does_not_exist_lists_those_that_do() -> TestResult {
    let workplace = Workplace::new()?;
    let settings = ["--set", "run.seeds=[0]", "--set", "run.epochs=1", "--no-eval"];
    assert!(workplace.train("run", &settings).output()?.status.success());
    let args = ["explain", "--run", "run", "--images", "data/dermx/images", "--out", "maps"];
    let args = [&args[..], &["--layer", "layer5"]].concat();
    fail(workplace.path(), &args, 78, &["layer5", "features.18", "features.0"])?;
    fail(workplace.path(), &["report", "run", "--out", "page"], 66, &["not scored", "--resume"])
}

#[test]
fn help_has_an_example_for_every_command() -> TestResult {
    let folder = tempfile::tempdir()?;
    for command in [
        &["train"][..],
        &["synth"],
        &["dataset", "describe"],
        &["dataset", "tables"],
        &["predict"],
        &["explain"],
        &["evaluate"],
        &["report"],
        &["audit"],
    ] {
        let output = succeed(folder.path(), &[command, &["--help"]].concat())?;
        let example = format!("Example: dermx {}", command.join(" "));
        assert!(stdout(&output).contains(&example), "{command:?}");
    }
    fail(folder.path(), &["trian"], 2, &["trian", "train"])
}
