//! Ids of images in folders and tables, and what is known of a data set before it is trained on.

use crate::dermx::{QUICK, TestResult, Workplace, command, fail, stderr, stdout, succeed};
use image::{Rgb, RgbImage};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Settings of a short run without a test.
const SHORT: [&str; 3] = ["--set", "run.epochs=1", "--no-eval"];

fn arguments(run: &str, more: &[&str]) -> Vec<String> {
    let more = QUICK.iter().chain(more).map(ToString::to_string);
    Workplace::train_args(run).into_iter().chain(more).collect()
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// A photo that is not like others: stripes whose width and direction `number` says.
fn save_photo(path: &Path, number: u32) -> TestResult {
    fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    let (period, is_upright) = (3 + 5 * (number / 2), number.is_multiple_of(2));
    let photo = RgbImage::from_fn(96, 72, |x, y| {
        let along = if is_upright { x } else { y };
        Rgb([if along / period % 2 == 0 { 20 } else { 200 }, (2 * x) as u8, (3 * y) as u8])
    });
    Ok(photo.save(path)?)
}

/// A workplace with a trained network in `run`.
fn trained() -> Result<Workplace, Box<dyn Error>> {
    let workplace = Workplace::new()?;
    succeed(workplace.path(), &borrowed(&arguments("run", &SHORT)))?;
    Ok(workplace)
}

fn foreign(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/foreign_heatmaps");
    folder.join(name).display().to_string()
}

#[test]
fn patients_with_dots_in_their_image_ids_are_found_on_both_sides() -> TestResult {
    let folder = tempfile::tempdir()?;
    let mut table = "patient_id;image_id\r\n".to_string();
    for number in 0..3 {
        for (side, visit) in [("left", "a.1"), ("right", "b.2")] {
            let name = format!("x{number}.{visit}");
            let path = folder.path().join(side).join(format!("{name}.PNG"));
            save_photo(&path, 2 * number + u32::from(side == "left"))?;
            // With folder and extension, or without.
            let row = if number == 0 { format!("{side}/{name}.PNG") } else { name };
            table += &format!("person{number};{row}\r\n");
        }
    }
    fs::write(folder.path().join("t.csv"), &table)?;
    let args =
        ["dataset", "check", "--split", "l=left", "--split", "r=right", "--patients", "t.csv"];
    fail(folder.path(), &args, 65, &["3 leakage"])?;
    let text = stdout(&command(folder.path(), &args).output()?);
    assert!(text.contains("patients: 3; 0 photos without a patient"), "{text}");

    // The study's photos only: no row is about one of these.
    fs::write(folder.path().join("t.csv"), "image_id,patient_id\nx0,P\nx1,Q\n")?;
    fail(folder.path(), &args, 65, &["1 wrong row"])?;
    let text = stdout(&command(folder.path(), &args).output()?);
    assert!(text.contains("2 rows, but none is about one of the 6 images"), "{text}");
    Ok(())
}

#[test]
fn a_table_of_patients_is_joined_before_the_training() -> TestResult {
    let workplace = Workplace::new()?;
    let refused = arguments("run", &["--set", "data.patients=t.csv"]);
    let table =
        |rows: &str| fs::write(workplace.join("t.csv"), format!("image_id,patient_id\n{rows}"));
    table("nobody,P\nelse.jpg,Q\n")?;
    fail(workplace.path(), &borrowed(&refused), 65, &["t.csv", "2 rows, but none", "`nobody`"])?;
    table("acne-0001,P\nacne/acne-0001.jpg,P\n")?;
    let parts = ["t.csv: line 3", "`acne/acne-0001.jpg` again, after line 2"];
    fail(workplace.path(), &borrowed(&refused), 65, &parts)?;
    fs::copy(
        workplace.join("data/train/acne/acne-0001.jpg"),
        workplace.join("data/train/wart/acne-0001.jpg"),
    )?;
    table("acne-0001,P\n")?;
    let parts = ["t.csv: line 2", "acne/acne-0001.jpg", "wart/acne-0001.jpg", "name the folder"];
    fail(workplace.path(), &borrowed(&refused), 65, &parts)?;
    assert!(!workplace.join("run").exists());
    fs::remove_file(workplace.join("data/train/wart/acne-0001.jpg"))?;

    table("acne/acne-0001,P\ntrain/acne/acne-0002.jpg,P\nnobody,Q\n")?;
    let more = [&["--set", "data.patients=t.csv"], &SHORT[..]].concat();
    let output = succeed(workplace.path(), &borrowed(&arguments("run", &more)))?;
    let text = stderr(&output);
    assert!(
        text.contains("1 of 3 rows are about none of the images") && text.contains("`nobody`"),
        "{text}"
    );
    Ok(())
}

#[test]
fn photos_of_one_name_in_two_folders_are_predicted_and_explained() -> TestResult {
    let workplace = trained()?;
    save_photo(&workplace.join("pets/cat/001.jpg"), 1)?;
    save_photo(&workplace.join("pets/dog/001.JPG"), 4)?;
    save_photo(&workplace.join("pets/dog/deep/p.2.png"), 6)?;
    save_photo(&workplace.join("pets/top.png"), 9)?;
    let from = ["--run", "run", "--images", "pets"];
    succeed(workplace.path(), &[&["predict"], &from[..], &["--out", "p.csv"]].concat())?;
    let text = fs::read_to_string(workplace.join("p.csv"))?;
    let ids: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(ids, ["cat/001", "dog/001", "dog/deep/p.2", "top"]);

    let targets = "\u{feff}image_id;target\r\ncat/001;0\r\npets/dog/001.jpg;1\r\np.2;2\r\ntop;3\r\nother;0\r\n";
    fs::write(workplace.join("t.csv"), targets)?;
    let explain = [&["explain"], &from[..], &["--targets", "t.csv", "--out", "maps"]].concat();
    let checks = ["randomization", "faithfulness", "robustness"].map(|check| ["--sanity", check]);
    let output = succeed(workplace.path(), &[&explain[..], checks.as_flattened()].concat())?;
    assert!(stderr(&output).contains("1 of 5 rows"), "{}", stderr(&output));
    for file in ["cat/001.npy", "dog/001.npy", "dog/deep/p.2.npy", "top.npy"] {
        assert!(workplace.join("maps").join(file).is_file(), "{file}");
        let mut randomized = fs::read_dir(workplace.join("maps/randomized"))?;
        assert!(
            randomized.all(|stage| stage.is_ok_and(|stage| stage.path().join(file).is_file())),
            "{file}"
        );
    }
    let table = fs::read_to_string(workplace.join("maps/faithfulness.csv"))?;
    assert!(table.contains("\ndog/001,network,"), "{table}");
    let table = fs::read_to_string(workplace.join("maps/robustness.csv"))?;
    let rows = table.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let of_network = |row: &Vec<&str>| row[1] == "network" && row.len() == 6;
    assert_eq!(rows.filter(of_network).count(), 4, "{table}");

    let explain = |targets: &str, parts: &[&str]| {
        fs::write(workplace.join("t.csv"), format!("image_id,target\n{targets}"))?;
        let args = [&["explain"], &from[..], &["--targets", "t.csv", "--out", "again"]].concat();
        fail(workplace.path(), &args, 65, &[&["t.csv"], parts].concat())
    };
    let rest = "dog/001,1\np.2,2\ntop,3\n";
    explain(&format!("001,0\n{rest}"), &["line 2", "cat/001.jpg", "dog/001.JPG"])?;
    explain(
        &format!("cat/001,0\ncat/001,0\n{rest}"),
        &["line 3", "`cat/001` again, after line 2"],
    )?;
    explain(&format!("cat/001,0\ncat/001.jpg,5\n{rest}"), &["line 3", "`cat/001.jpg` again"])?;
    explain(rest, &["no target for image `cat/001`"])?;
    explain("x,0\ny,1\n", &["2 rows, but none is about one of the 4 images"])?;
    assert!(!workplace.join("again").exists());

    save_photo(&workplace.join("pets/cat/001.png"), 12)?;
    let args = [&["predict"], &from[..], &["--out", "q.csv"]].concat();
    fail(workplace.path(), &args, 65, &["the id `cat/001`", "001.jpg", "001.png"])
}

#[test]
fn maps_in_sub_folders_are_scored_as_maps_in_one() -> TestResult {
    let workplace = trained()?;
    for entry in fs::read_dir(workplace.join("data/dermx/images"))? {
        let from = entry?.path();
        let name = from.file_name().and_then(|name| name.to_str()).ok_or("no name")?;
        let to = workplace.join("nested").join(if name.contains("acne") { "a/b" } else { "c" });
        fs::create_dir_all(&to)?;
        fs::copy(&from, to.join(name))?;
    }
    for (images, out) in [("data/dermx/images", "flat-maps"), ("nested", "nested-maps")] {
        let args = ["explain", "--run", "run", "--images", images, "--sanity", "randomization"];
        succeed(workplace.path(), &[&args[..], &["--out", out]].concat())?;
        let args = ["evaluate", "--data", "data/dermx", "--heatmaps", out, "--localization"];
        succeed(workplace.path(), &[&args[..], &["--out", &format!("{out}-scores")]].concat())?;
    }
    assert!(workplace.join("nested-maps/a/b/synthetic-acne-001.npy").is_file());
    for file in ["eval.json", "per_image.csv"] {
        let [flat, nested] = ["flat-maps-scores", "nested-maps-scores"].map(|folder| {
            fs::read_to_string(workplace.join(folder).join(file)).unwrap_or_default()
        });
        assert!(!flat.is_empty() && flat == nested, "{file} differs");
    }
    // A map in two folders is two maps of one image; one of no image is told.
    let map = workplace.join("nested-maps/a/b/synthetic-acne-001.npy");
    fs::copy(&map, workplace.join("nested-maps/stranger.npy"))?;
    let args = ["evaluate", "--data", "data/dermx", "--heatmaps", "nested-maps"];
    let text = stderr(&succeed(workplace.path(), &args)?);
    assert!(text.contains("1 of 13 heat maps") && text.contains("stranger.npy"), "{text}");
    fs::copy(&map, workplace.join("nested-maps/synthetic-acne-001.jpg.npy"))?;
    fail(
        workplace.path(),
        &args,
        65,
        &["synthetic-acne-001.jpg", "again, after", "a/b/synthetic-acne-001.npy"],
    )
}

#[test]
fn predictions_are_joined_by_image_id_and_not_by_chance() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (data, maps) = (foreign("data"), foreign("maps"));
    let args = ["evaluate", "--data", &data, "--heatmaps", &maps, "--predictions", "p.csv"];
    let original = fs::read_to_string(foreign("predictions.csv"))?;
    fs::write(folder.path().join("p.csv"), &original)?;
    let expected = stdout(&succeed(folder.path(), &args)?);
    // Folders, extensions, a byte-order mark and a row about another image change nothing.
    let named = original
        .replace("\r\nplain,", "\r\nphotos/plain.JPG,")
        .replace("\r\ntiny,", "\r\ntiny.png,");
    assert_ne!(named, original);
    let columns = original.lines().next().ok_or("no header")?.split(',').count();
    let other = format!("another,,Acne{}\r\n", ",".repeat(columns - 3));
    fs::write(folder.path().join("p.csv"), format!("\u{feff}{named}{other}"))?;
    let output = succeed(folder.path(), &args)?;
    assert_eq!(stdout(&output), expected);
    assert!(
        stderr(&output).contains("1 of 6 rows") && stderr(&output).contains("`another`"),
        "{}",
        stderr(&output)
    );

    let partial = [&args[..], &["--partial"]].concat();
    for (text, parts) in [
        ("image_id,predicted\nx,Acne\ny,Acne\n", &["2 rows, but none is about one of"][..]),
        (
            "image_id,predicted,predicted\nplain,Acne,Vitiligo\n",
            &["line 1", "two columns `predicted`"],
        ),
        ("image_id,predicted\nplain,Acne\nplain.jpg,Vitiligo\n", &["line 3", "`plain.jpg` again"]),
        ("image_id,predicted\nplain,Acne\ntiny\n", &["line 3", "found 1 cells; expected 2"]),
        ("image_id,predicted\nplain,\n", &["line 2, column `predicted`", "found nothing"]),
        ("image_id,predicted\nplain,\"Acne\ntiny,Acne\n", &["line 2", "never closed"]),
    ] {
        fs::write(folder.path().join("p.csv"), text)?;
        fail(folder.path(), &partial, 65, &[parts, &["p.csv"]].concat())?;
    }
    Ok(())
}

#[test]
fn one_photo_in_two_classes_is_a_contradiction() -> TestResult {
    let workplace = Workplace::new()?;
    let original = workplace.join("data/train/acne/acne-0001.jpg");
    fs::copy(&original, workplace.join("data/train/wart/wart-9999.jpg"))?;
    let check = ["dataset", "check", "--split", "train=data/train"];
    fail(workplace.path(), &check, 65, &["1 contradiction"])?;
    let text = stdout(&command(workplace.path(), &check).output()?);
    let expected = "contradiction (error): 1\n  data/train/wart/wart-9999.jpg: is the same file as \
                    data/train/acne/acne-0001.jpg; it is in the class `wart` and in `acne`";
    assert!(text.contains(expected), "{text}");

    let parts =
        ["1 photos are copies", "wart-9999.jpg", "acne-0001.jpg", "`Viral warts` and in `Acne`"];
    let parts = [&parts[..], &["data.leaks"]].concat();
    fail(workplace.path(), &borrowed(&arguments("run", &SHORT)), 65, &parts)?;
    assert!(!workplace.join("run").exists());
    let warned = [&["--set", "data.leaks=warn"], &SHORT[..]].concat();
    let output = succeed(workplace.path(), &borrowed(&arguments("warned", &warned)))?;
    assert!(stderr(&output).contains("wart-9999.jpg"), "{}", stderr(&output));
    // Twice in one class is no contradiction.
    fs::rename(
        workplace.join("data/train/wart/wart-9999.jpg"),
        workplace.join("data/train/acne/acne-9999.jpg"),
    )?;
    succeed(workplace.path(), &check)?;
    succeed(workplace.path(), &borrowed(&arguments("run", &SHORT))).map(drop)
}

/// Takes the outlines out of the annotations that `is_meant` means, and the mask files of all.
fn remove_outlines(workplace: &Workplace, is_meant: impl Fn(&str) -> bool) -> TestResult {
    fs::remove_dir_all(workplace.join("data/dermx/masks"))?;
    for entry in fs::read_dir(workplace.join("data/dermx/annotations"))? {
        let path: PathBuf = entry?.path();
        if !is_meant(&path.display().to_string()) {
            continue;
        }
        let mut file: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
        let annotations = file["annotations"].as_array_mut().ok_or("no annotations")?;
        annotations.retain(|annotation| annotation.get("tag").is_some());
        fs::write(&path, serde_json::to_vec(&file)?)?;
    }
    Ok(())
}

#[test]
fn a_test_set_without_outlines_is_refused_before_the_training() -> TestResult {
    let workplace = Workplace::new()?;
    remove_outlines(&workplace, |_| true)?;
    let parts = ["data/dermx", "of 12 images, 0 of them with outlines", "--no-eval"];
    fail(workplace.path(), &borrowed(&arguments("run", &[])), 65, &parts)?;
    assert!(!workplace.join("run").exists());
    succeed(workplace.path(), &borrowed(&arguments("run", &SHORT))).map(drop)
}

#[test]
fn what_explains_and_what_is_explained_is_known_before_the_training() -> TestResult {
    let workplace = Workplace::new()?;
    let layer = arguments("layer", &["--set", "explain.layer=layer9"]);
    fail(workplace.path(), &borrowed(&layer), 78, &["layer9"])?;
    assert!(!workplace.join("layer/seed-0/checkpoints").exists());
    fs::write(workplace.join("data/dermx/images/synthetic-acne-001.jpg"), "no photo")?;
    let photo = arguments("photo", &["--set", "data.leaks=ignore"]);
    fail(workplace.path(), &borrowed(&photo), 65, &["synthetic-acne-001.jpg"])?;
    assert!(!workplace.join("photo").exists());
    Ok(())
}

#[test]
fn images_without_masks_maps_and_predictions_are_counted_aloud() -> TestResult {
    let workplace = trained()?;
    // Nobody outlines anything on one image; another loses its map, one its prediction.
    remove_outlines(&workplace, |path| path.contains("_synthetic-acne-001"))?;
    save_photo(&workplace.join("data/dermx/images/stranger.png"), 1)?;
    let images = ["--run", "run", "--images", "data/dermx/images"];
    succeed(workplace.path(), &[&["explain"], &images[..], &["--out", "maps"]].concat())?;
    succeed(workplace.path(), &[&["predict"], &images[..], &["--out", "p.csv"]].concat())?;
    fs::remove_file(workplace.join("maps/synthetic-acne-002.npy"))?;
    let predictions = fs::read_to_string(workplace.join("p.csv"))?;
    let is_kept = |line: &&str| !line.starts_with("synthetic-vitiligo-001,");
    let kept: Vec<&str> = predictions.lines().filter(is_kept).collect();
    fs::write(workplace.join("p.csv"), kept.join("\n"))?;
    let args = ["evaluate", "--data", "data/dermx", "--heatmaps", "maps", "--predictions", "p.csv"];
    let text = stdout(&succeed(workplace.path(), &[&args[..], &["--partial"]].concat())?);
    for line in [
        "scored: 11 images, ",
        "\n1 of them have no mask",
        "\n1 more images have no heat map",
        "\n1 images have no prediction",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("no evaluation that counts"), "{text}");
    // A run says so, too, and its report.
    let output = succeed(workplace.path(), &borrowed(&arguments("scored", &SHORT[..2])))?;
    assert!(stdout(&output).contains("scored: 12 images, "), "{}", stdout(&output));
    assert!(stdout(&output).contains("\n1 of them have no mask"), "{}", stdout(&output));
    assert!(
        stderr(&output).contains("1 of 13 photos are of no image of the test set"),
        "{}",
        stderr(&output)
    );
    let page = fs::read_to_string(workplace.join("scored/report/report.md"))?;
    assert!(page.contains("1 of them have no mask"), "{page}");
    Ok(())
}

#[test]
fn a_test_photo_of_two_diagnoses_is_refused() -> TestResult {
    let workplace = Workplace::new()?;
    let image = |name: &str| workplace.join(&format!("data/dermx/images/synthetic-{name}.jpg"));
    fs::copy(image("acne-001"), image("vitiligo-002"))?;
    let parts = ["1 photos are copies", "vitiligo-002", "`Vitiligo` and in `Acne`", "acne-001"];
    fail(workplace.path(), &borrowed(&arguments("run", &[])), 65, &parts)?;
    let check = ["dataset", "check", "--data", "data/dermx", "--images", "data/dermx/images"];
    fail(workplace.path(), &check, 65, &["1 contradiction"])?;
    // Nobody asks for the test set.
    succeed(workplace.path(), &borrowed(&arguments("run", &SHORT))).map(drop)
}

#[test]
fn photos_of_one_name_are_told_apart_by_folds_and_patients() -> TestResult {
    let workplace = Workplace::new()?;
    let train = workplace.join("data/train");
    // The second photo of each class gets the name `002.x.jpg`.
    let mut rows = [String::new(), String::new()];
    let mut patients = "image_id,patient_id\n".to_string();
    for entry in fs::read_dir(&train)? {
        let folder = entry?.path();
        let class = folder.file_name().and_then(|name| name.to_str()).ok_or("no name")?;
        let mut photos: Vec<PathBuf> = fs::read_dir(&folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        photos.sort();
        fs::rename(&photos[1], folder.join("002.x.jpg"))?;
        photos[1] = folder.join("002.x.jpg");
        for (idx, photo) in photos.iter().enumerate() {
            let name = photo.file_name().and_then(|name| name.to_str()).ok_or("no name")?;
            rows[usize::from(idx == 1)] += &format!("{class}/{name},\n");
        }
        patients += &format!("{class}/002.x,{class}\n");
    }
    fs::create_dir_all(workplace.join("lists/folds"))?;
    let write = |side: &str, rows: &str| {
        let path = workplace.join(&format!("lists/folds/metadata_fold_0_{side}.csv"));
        fs::write(path, format!("current_filename,patient_id\n{rows}"))
    };
    write("train", &rows[0])?;
    write("test", &rows[1])?;
    fs::write(workplace.join("patients.csv"), &patients)?;
    let split =
        ["--set", "split.method=files", "--set", "split.folds=lists", "--set", "split.fold=0"];
    let named = ["--set", "data.patients=patients.csv"];
    let more = [&split[..], &named, &SHORT].concat();
    succeed(workplace.path(), &borrowed(&arguments("run", &more)))?;
    let text = fs::read_to_string(workplace.join("run/split.csv"))?;
    let validation: Vec<&str> = text.lines().filter(|line| line.ends_with("validation")).collect();
    assert_eq!(validation.len(), 6);
    assert!(validation.iter().all(|line| line.contains("/002.x,")), "{text}");

    // Without the class nobody knows which of the six is meant.
    write("test", &rows[1].replace("acne/", ""))?;
    let parts = ["fold 0", "`002.x`", "any of 6 images", "acne/002.x.jpg"];
    fail(workplace.path(), &borrowed(&arguments("other", &more)), 65, &parts)
}
