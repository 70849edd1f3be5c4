//! What `evaluate` says of probabilities, and the page that it writes of maps and predictions of any program.

use crate::dermx::{TestResult, fail, stderr, stdout, succeed};
use serde_json::Value;
use std::error::Error;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A prediction of each photo of the fixture: two of nine are wrong.
const PREDICTIONS: &str = "image_id,predicted,p_cat,p_dog,p_bird
cat/001,cat,0.8,0.1,0.1
cat/a.1,cat,0.6,0.2,0.2
cat/indoors/002,dog,0.3,0.5,0.2
dog/001,cat,0.4,0.35,0.25
dog/003,dog,0.1,0.8,0.1
dog/old/b.2,dog,0.1,0.6,0.3
bird/001,bird,0.1,0.1,0.8
bird/004,bird,0.2,0.2,0.6
bird/no 7,bird,0.3,0.3,0.4
";

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/fixture").join(name);
    path.display().to_string()
}

fn with_predictions(text: &str) -> Result<TempDir, Box<dyn Error>> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join("theirs.csv"), text)?;
    Ok(folder)
}

fn diagnosis(folder: &Path, scores: &str) -> Result<Value, Box<dyn Error>> {
    let bytes = fs::read(folder.join(scores).join("eval.json"))?;
    Ok(serde_json::from_slice::<Value>(&bytes)?["diagnosis"].take())
}

#[test]
fn labels_alone_have_scores_of_probabilities_and_a_page() -> TestResult {
    let folder = with_predictions(PREDICTIONS)?;
    let images = fixture("images");
    let evaluate = [
        "evaluate",
        "--data",
        &images,
        "--predictions",
        "theirs.csv",
        "--out",
        "scores",
        "--report",
    ];
    let text = stdout(&succeed(folder.path(), &evaluate)?);
    assert!(
        text.contains("AUROC 0.") && text.contains("report: scores/report/index.html"),
        "{text}"
    );
    let diagnosis = diagnosis(folder.path(), "scores")?;
    // Of cats 0.8 and 0.6 are above all six others, 0.3 above four of them and tied with one.
    let cat = &diagnosis["classes"]["cat"];
    assert_eq!(cat["auroc"]["mean"], 16.5 / 18.0);
    assert_eq!(cat["sensitivity_at_specificity_95"]["mean"], 2.0 / 3.0);
    for name in ["auroc", "auprc", "sensitivity_at_specificity_95", "sensitivity_at_specificity_80"]
    {
        for score in [&cat[name], &diagnosis[name]] {
            assert_eq!(score["interval"].as_array().map(Vec::len), Some(2), "{name}: {score}");
        }
        assert_eq!((&diagnosis[name]["n"], &cat[name]["n"]), (&3.into(), &9.into()), "{name}");
    }
    // Each largest probability alone in its bin, but 0.8 three times and 0.6 three times, all right:
    // (3 * 0.2 + 3 * 0.4 + |0 - 0.5| + |(1 - 0.4) + (0 - 0.4)|) / 9, the two of 0.4 in one bin.
    let ece = diagnosis["ece"]["mean"].as_f64().ok_or("no ece")?;
    assert!((ece - (0.6 + 1.2 + 0.5 + 0.2) / 9.0).abs() < 1e-12, "{ece}");
    let bins = diagnosis["reliability"].as_array().ok_or("no bins")?;
    assert_eq!(bins.iter().filter_map(|bin| bin["n"].as_u64()).sum::<u64>(), 9);
    let report = folder.path().join("scores/report");
    let markdown = fs::read_to_string(report.join("report.md"))?;
    for shown in
        ["# theirs, tested on images", "AUROC", "reliability.svg", "one set of predictions"]
    {
        assert!(markdown.contains(shown), "{shown}: {markdown}");
    }
    for file in ["index.html", "figures/reliability.svg", "tables/diagnosis.csv"] {
        assert!(report.join(file).is_file(), "{file}");
    }
    // The same without the columns: those scores are not there, all others are the same.
    let rows = PREDICTIONS.lines().map(|row| row.split(',').take(2).collect::<Vec<_>>().join(","));
    fs::write(folder.path().join("theirs.csv"), rows.collect::<Vec<_>>().join("\n"))?;
    succeed(folder.path(), &[&evaluate[..6], &["plain"]].concat())?;
    let mut plain = self::diagnosis(folder.path(), "plain")?;
    for (name, score) in plain.as_object_mut().ok_or("no diagnosis")? {
        let mut expected = diagnosis[name].clone();
        for class in expected.as_object_mut().filter(|_| name == "classes").into_iter().flatten() {
            class
                .1
                .as_object_mut()
                .ok_or("no class")?
                .retain(|name, _| !name.starts_with("au") && !name.contains("_at_"));
        }
        assert_eq!(*score, expected, "{name}");
    }
    assert!(plain["auroc"].is_null() && plain["ece"].is_null() && plain["reliability"].is_null());
    Ok(())
}

#[test]
fn maps_of_another_program_have_a_page_under_the_rules_of_every_output() -> TestResult {
    let folder = with_predictions("image_id,predicted\ncat/001,cat\ndog/001,cat\n")?;
    let (masks, maps) = (fixture("masks"), fixture("maps"));
    let scored =
        ["evaluate", "--data", &masks, "--heatmaps", &maps, "--size", "30x40", "--out", "scores"];
    let paged = [&scored[..], &["--report"]].concat();
    succeed(folder.path(), &paged)?;
    let report = folder.path().join("scores/report");
    let markdown = fs::read_to_string(report.join("report.md"))?;
    for shown in ["# maps, tested on Animals", "wing feather", "No predictions were scored."] {
        assert!(markdown.contains(shown), "{shown}: {markdown}");
    }
    let table = fs::read_to_string(report.join("tables/explanation.csv"))?;
    assert!(table.contains("all,network,Union,f1,") && table.contains("raters"), "{table}");
    // The photos of the data set, the maps laid over them, and nothing that is not known of other programs.
    for shown in ["## Gallery", "with the highest F1", "(agreement 0."] {
        assert!(markdown.contains(shown), "{shown}: {markdown}");
    }
    let mut items = markdown.lines().filter(|line| line.starts_with("union F1 "));
    assert!(items.all(|item| !item.contains("seed") && !item.contains("explains")), "{markdown}");
    assert!(!markdown.contains("Predicted "), "{markdown}");
    let gallery = fs::read_to_string(report.join("tables/gallery.csv"))?;
    let row = gallery.lines().find(|row| row.starts_with("cat/001,")).ok_or("no cat")?;
    assert!(row.starts_with("cat/001,,cat,,,,,"), "{gallery}");
    assert!(report.join("gallery").read_dir()?.count() >= 3 * (gallery.lines().count() - 1));
    // What is there is refused; replaced is what the command writes, and nothing else.
    fs::write(report.join("notes.txt"), "mine")?;
    fail(folder.path(), &paged, 73, &["scores", "is not empty", "--overwrite"])?;
    let predictions = ["--report", "--overwrite", "--predictions", "theirs.csv", "--partial"];
    succeed(folder.path(), &[&scored[..], &predictions].concat())?;
    let markdown = fs::read_to_string(report.join("report.md"))?;
    assert!(markdown.contains("| Accuracy | 0.500"), "{markdown}");
    assert!(markdown.contains("Predicted cat (right)"), "{markdown}");
    assert!(markdown.contains("Predicted cat (wrong)"), "{markdown}");
    assert!(report.join("notes.txt").is_file());
    // Without a new page the old one, which is of other scores, goes.
    succeed(folder.path(), &[&scored[..], &["--overwrite"]].concat())?;
    assert!(!report.join("index.html").exists() && report.join("notes.txt").is_file());
    // Beside other scores the page shows both.
    let against = ["--out", "others", "--report", "--against", "scores"];
    succeed(folder.path(), &[&scored[..7], &against].concat())?;
    let markdown = fs::read_to_string(folder.path().join("others/report/report.md"))?;
    assert!(markdown.contains("others") && markdown.contains("against scores"), "{markdown}");
    // Without photos there is no gallery, and the page says why.
    fs::create_dir(folder.path().join("none"))?;
    let elsewhere = ["--out", "unseen", "--report", "--images", "none"];
    succeed(folder.path(), &[&scored[..7], &elsewhere].concat())?;
    let markdown = fs::read_to_string(folder.path().join("unseen/report/report.md"))?;
    let is_said =
        markdown.contains("images with a heat map were not found") && markdown.contains("--images");
    assert!(is_said && !markdown.contains("## Gallery"), "{markdown}");
    fail(folder.path(), &[&scored[..], &["--images", "none"]].concat(), 2, &["--report"])?;
    fail(folder.path(), &[&scored[..7], &["--report"]].concat(), 2, &["--out"])?;
    fail(folder.path(), &["evaluate", "--run", "r", "--out", "o", "--report"], 2, &["--report"])
}

#[test]
fn probabilities_that_are_none_are_told() -> TestResult {
    let images = fixture("images");
    let evaluate = ["evaluate", "--data", &images, "--predictions", "theirs.csv", "--json"];
    let percent = with_predictions(&PREDICTIONS.replace(",0.8,0.1,0.1", ",80,10,10"))?;
    let place = "line 2, column `p_bird`: found 10; expected a probability from 0 to 1";
    fail(percent.path(), &evaluate, 65, &[place, "theirs.csv"])?;
    for (text, told) in [
        (
            PREDICTIONS.replace("p_bird", "p_birds"),
            "but none `p_bird`; AUROC, AUPRC and calibration need",
        ),
        (PREDICTIONS.replace("0.35", ""), "line 5, column `p_dog`: found no number; AUROC"),
    ] {
        let folder = with_predictions(&text)?;
        let output = succeed(folder.path(), &evaluate)?;
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
        let record: Value = serde_json::from_slice(&output.stdout)?;
        assert!(record["diagnosis"]["auroc"].is_null(), "{record}");
        assert_eq!(record["diagnosis"]["accuracy"]["mean"], 7.0 / 9.0);
    }
    Ok(())
}
