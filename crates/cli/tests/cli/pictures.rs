//! What people look at: maps over photos, the page of a data set, a run while it trains, manual pages.

use crate::dermx::{QUICK, TestResult, Workplace, copy, fail, stderr, stdout, succeed};
use serde_json::Value;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The files below `folder` with the extension, by relative path without it.
fn stems(folder: &Path, extension: &str) -> Result<BTreeSet<PathBuf>, Box<dyn Error>> {
    let (mut stems, mut waiting) = (BTreeSet::new(), vec![folder.to_path_buf()]);
    while let Some(current) = waiting.pop() {
        for entry in fs::read_dir(current)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                stems.insert(path.strip_prefix(folder)?.with_extension(""));
            }
        }
    }
    Ok(stems)
}

#[test]
fn overlays_lie_beside_their_maps_and_go_with_them() -> TestResult {
    let workplace = Workplace::new()?;
    let more = [&QUICK[..], &["--no-eval", "--quiet", "--set", "run.epochs=1"]].concat();
    assert!(workplace.train("run", &more).status()?.success());
    let folder = workplace.path();
    let photos = workplace.join("data/dermx/images");
    // A photo in a folder of its own.
    let first = fs::read_dir(&photos)?.next().ok_or("no photo")??.path();
    let name = first.file_name().ok_or("no name")?;
    fs::create_dir(photos.join("deep"))?;
    fs::rename(&first, photos.join("deep").join(name))?;

    let explain = ["explain", "--run", "run", "--images", "data/dermx/images", "--out", "maps"];
    let pictured = [&explain[..], &["--overlays"]].concat();
    succeed(folder, &pictured)?;
    let maps = workplace.join("maps");
    let ids = stems(&maps, "npy")?;
    assert_eq!(ids.len(), 12);
    assert!(ids.iter().any(|id| id.starts_with("deep")), "{ids:?}");
    assert_eq!(stems(&maps, "png")?, ids);
    for id in &ids {
        let photo = image::open(photos.join(id).with_extension("jpg"))?.to_rgb8();
        let picture = image::open(maps.join(id).with_extension("png"))?.to_rgb8();
        assert_eq!(picture.height(), photo.height(), "{id:?}");
        assert!(picture.width() > photo.width(), "{id:?}: no room for a bar of colors");
        // The bar ends with the coldest color: 0, 0, 4.
        let last = picture.height() - 1;
        assert!(
            (photo.width()..picture.width()).any(|x| picture.get_pixel(x, last).0 == [0, 0, 4])
        );
    }

    // What is explained is what `predict` says.
    let description: Value = serde_json::from_slice(&fs::read(maps.join("heatmaps.json"))?)?;
    succeed(folder, &[&["predict"], &explain[1..5], &["--out", "p.csv"]].concat())?;
    let mut predictions = csv::Reader::from_path(workplace.join("p.csv"))?;
    let header = predictions.headers()?.clone();
    let mut num_images = 0;
    for row in predictions.records() {
        let row = row?;
        let cell =
            |name: &str| header.iter().position(|column| column == name).map(|idx| &row[idx]);
        let class = cell("predicted").ok_or("no class")?;
        let explained = &description["images"][&row[0]];
        assert_eq!(explained["class"].as_str(), Some(class), "{description}");
        let expected: f64 = cell(&format!("p_{class}")).ok_or("no probability")?.parse()?;
        let found = explained["probability"].as_f64().ok_or("no probability")?;
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        num_images += 1;
    }
    assert_eq!(num_images, 12);

    // Pictures are no maps, and are replaced with them; other pictures stay.
    succeed(
        folder,
        &["evaluate", "--data", "data/dermx", "--heatmaps", "maps", "--size", "60x80"],
    )?;
    fail(folder, &pictured, 73, &["maps: is not empty", "--overwrite"])?;
    fs::copy(maps.join("deep").join(name).with_extension("png"), maps.join("mine.png"))?;
    succeed(folder, &[&explain[..], &["--overwrite"]].concat())?;
    assert_eq!(stems(&maps, "png")?, BTreeSet::from([PathBuf::from("mine")]));
    assert_eq!(stems(&maps, "npy")?, ids);
    let tensor = ["explain", "--run", "run", "--tensor", "t", "--overlays", "--out", "other"];
    fail(folder, &tensor, 2, &["--overlays", "--tensor"])
}

#[test]
fn the_page_of_a_data_set_shows_samples_raters_counts_and_agreement() -> TestResult {
    let workplace = Workplace::new()?;
    let folder = workplace.path();
    let describe = ["dataset", "describe", "--data", "data/dermx"];
    let to_page = [&describe[..], &["--report", "--out", "about"]].concat();
    let output = succeed(folder, &to_page)?;
    assert!(stderr(&output).contains("report: about/report/index.html"), "{}", stderr(&output));
    let page = fs::read_to_string(workplace.join("about/report/index.html"))?;
    let json: Value = serde_json::from_slice(&fs::read(workplace.join("about/description.json"))?)?;
    let printed = stdout(&succeed(folder, &[&describe[..], &["--json"]].concat())?);
    assert_eq!(json, serde_json::from_str::<Value>(&printed)?);
    let raters = json["raters"].as_array().ok_or("no raters")?;
    assert!(raters.len() > 2, "{json}");
    let classes = json["metadata_images_per_class"].as_object().ok_or("no classes")?;
    for name in raters.iter().filter_map(Value::as_str).chain(classes.keys().map(String::as_str)) {
        assert!(page.contains(name), "no {name} in the page");
    }
    // A photo and its outlines for up to three images of each class.
    let num_photos = classes.values().filter_map(Value::as_u64).map(|num| num.min(3)).sum::<u64>();
    assert_eq!(page.matches("alt=\"Photo of image").count() as u64, num_photos);
    assert!(page.matches("alt=\"Outlines of the raters in image").count() as u64 > num_photos / 2);
    assert!(page.contains("id=\"agreement\"") && !page.contains("were not found"));
    for table in ["raters.csv", "concepts.csv"] {
        assert!(workplace.join("about/report/tables").join(table).is_file(), "{table}");
    }
    fail(folder, &to_page, 73, &["about: is not empty", "--overwrite"])?;
    succeed(folder, &[&to_page[..], &["--overwrite", "--samples", "1"]].concat())?;
    let short = fs::read_to_string(workplace.join("about/report/index.html"))?;
    assert!(short.matches("alt=\"Photo of image").count() < num_photos as usize);
    fail(folder, &[&describe[..], &["--report"]].concat(), 2, &["--out"])?;

    // Without photos, outlines are drawn alone.
    fs::rename(workplace.join("data/dermx/images"), workplace.join("elsewhere"))?;
    succeed(folder, &[&describe[..], &["--report", "--out", "alone"]].concat())?;
    let alone = fs::read_to_string(workplace.join("alone/report/index.html"))?;
    assert!(alone.contains("Photos of 12 of 12 images were not found"), "no note");
    assert!(alone.contains("alt=\"Outlines of the raters") && !alone.contains("alt=\"Photo of"));
    let found = ["--report", "--images", "elsewhere", "--out", "found"];
    succeed(folder, &[&describe[..], &found].concat())?;
    assert_eq!(fs::read(workplace.join("found/report/index.html"))?, page.as_bytes());
    Ok(())
}

#[test]
fn any_data_set_has_a_page() -> TestResult {
    let folder = tempfile::tempdir()?;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/fixture");
    copy(&fixtures, &folder.path().join("sets"))?;
    for (name, is_marked) in [("images", false), ("masks", true), ("coco-rle", true)] {
        let data = format!("sets/{name}");
        let args = ["dataset", "describe", "--data", &data, "--report", "--out", name];
        succeed(folder.path(), &args)?;
        let page = fs::read_to_string(folder.path().join(name).join("report/index.html"))?;
        assert!(page.contains("alt=\"Photo of image"), "{name}");
        assert_eq!(page.contains("alt=\"Outlines of"), is_marked, "{name}");
        assert_eq!(page.contains("class=\"legend\""), is_marked, "{name}");
    }
    Ok(())
}

#[test]
fn a_run_is_watched_until_it_ends() -> TestResult {
    let workplace = Workplace::new()?;
    let more = [&QUICK[..], &["--no-eval", "--quiet"]].concat();
    let mut training = workplace.train("run", &more).spawn()?;
    while !workplace.join("run/config.toml").exists() {
        assert!(training.try_wait()?.is_none_or(|status| status.success()), "no training");
        std::thread::sleep(Duration::from_millis(20));
    }
    let printed = stdout(&succeed(workplace.path(), &["watch", "run"])?);
    assert!(training.wait()?.success());
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 3, "{printed}");
    assert!(lines[0].starts_with("seed 0, epoch 1 of 2: loss "), "{printed}");
    assert!(lines[1].starts_with("seed 0, epoch 2 of 2: loss "), "{printed}");
    assert_eq!(lines[2], "finished; 1 of 1 seeds trained");
    let once = stdout(&succeed(workplace.path(), &["watch", "run", "--once"])?);
    assert_eq!(once, printed);
    fail(workplace.path(), &["watch", "nowhere"], 66, &["nowhere: there is no such folder"])?;
    fail(workplace.path(), &["watch", "data"], 66, &["data: is not a run folder"])
}

#[test]
fn every_command_has_a_manual_page() -> TestResult {
    let folder = tempfile::tempdir()?;
    succeed(folder.path(), &["man", "--out", "man"])?;
    let helps = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots/help");
    let helps = stems(&helps, "snap")?;
    let expected: BTreeSet<PathBuf> =
        helps.iter().map(|name| name.to_string_lossy().replace('_', "-").into()).collect();
    let pages = folder.path().join("man");
    assert_eq!(stems(&pages, "1")?, expected);
    let page = fs::read_to_string(pages.join("dermx-dataset-describe.1"))?;
    for part in [".TH dermx-dataset-describe 1", "\\-\\-report", "Example: dermx dataset describe"]
    {
        assert!(page.contains(part), "no `{part}` in {page}");
    }
    fail(folder.path(), &["man", "--out", "man"], 73, &["man: is not empty"])?;
    succeed(folder.path(), &["man", "--out", "man", "--overwrite"]).map(drop)
}

#[test]
fn shells_understand_their_completions() -> TestResult {
    let folder = tempfile::tempdir()?;
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = stdout(&succeed(folder.path(), &["completions", shell])?);
        for word in ["describe", "completions", "overlays"] {
            assert!(script.contains(word), "{shell}: no `{word}`");
        }
        let path = folder.path().join(shell);
        fs::write(&path, script)?;
        // What is not installed cannot be asked.
        if matches!(shell, "bash" | "zsh" | "fish")
            && let Ok(checked) = Command::new(shell).arg("-n").arg(&path).output()
        {
            assert!(checked.status.success(), "{shell}: {}", stderr(&checked));
        }
    }
    fail(folder.path(), &["completions", "cmd"], 2, &["cmd", "bash"])
}
