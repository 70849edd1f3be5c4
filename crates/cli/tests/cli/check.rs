//! `dermx dataset check`: what it finds, how it prints it, and how it ends.

use crate::dermx::{TestResult, Workplace, command, fail, stderr, stdout, succeed};
use serde_json::Value;
use std::error::Error;
use std::fs;
use std::path::Path;

/// The exit code and the JSON of `dermx dataset check ... --json`.
fn check(folder: &Path, args: &[&str]) -> Result<(Option<i32>, Value), Box<dyn Error>> {
    let args = [&["dataset", "check", "--json"], args].concat();
    let output = command(folder, &args).output()?;
    let json = serde_json::from_slice(&output.stdout).map_err(|_| stderr(&output))?;
    Ok((output.status.code(), json))
}

/// `kind path` of each finding.
fn findings(json: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of_one = |one: &Value| format!("{} {}", text(&one["kind"]), text(&one["path"]));
    json["findings"].as_array().into_iter().flatten().map(of_one).collect()
}

const ALL: [&str; 6] =
    ["--data", "data/dermx", "--images", "data/dermx/images", "--split", "train=data/train"];

#[test]
fn synthetic_data_are_sound() -> TestResult {
    let workplace = Workplace::new()?;
    let output = succeed(workplace.path(), &[&["dataset", "check"], &ALL[..]].concat())?;
    let text = stdout(&output);
    assert!(text.contains("photos: images 12, train 24; 630 pairs compared\n"), "{text}");
    assert!(text.ends_with("findings: 0 errors, 0 others\n"), "{text}");
    let (code, json) = check(workplace.path(), &ALL)?;
    assert_eq!(code, Some(0));
    let expected = serde_json::json!({
        "num_photos": {"images": 12, "train": 24},
        "num_pairs": 630,
        "num_errors": 0,
        "num_findings": {},
        "findings": [],
    });
    for (key, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(json[key], *value, "{key}");
    }
    Ok(())
}

#[test]
fn a_test_photo_in_the_training_set_is_leakage() -> TestResult {
    let workplace = Workplace::new()?;
    let original = workplace.join("data/dermx/images/synthetic-acne-001.jpg");
    fs::copy(&original, workplace.join("data/train/wart/copied.jpg"))?;
    let photo = image::open(&original)?;
    let cropped = photo.crop_imm(3, 5, photo.width() * 9 / 10, photo.height() * 9 / 10);
    cropped.fliph().save(workplace.join("data/train/acne/mirrored.jpg"))?;
    let args = [&["dataset", "check"], &ALL[..]].concat();
    fail(workplace.path(), &args, 65, &["2 leakage, 1 contradiction"])?;
    let text = stdout(&command(workplace.path(), &args).output()?);
    assert!(text.contains("\nleakage (error): 2\n  data/train/acne/mirrored.jpg: looks"), "{text}");
    let (code, json) = check(workplace.path(), &ALL)?;
    assert_eq!(code, Some(65));
    // They are in two classes, too.
    assert_eq!(json["num_errors"], 3);
    assert_eq!(json["num_findings"], serde_json::json!({"leakage": 2, "contradiction": 1}));
    let leaks = ["leakage data/train/acne/mirrored.jpg", "leakage data/train/wart/copied.jpg"];
    assert_eq!(findings(&json)[..2], leaks);
    let message = json["findings"][1]["message"].as_str().unwrap_or_default();
    assert!(message.contains("is the same file as data/dermx/images/synthetic-acne-001.jpg"));
    Ok(())
}

#[test]
fn duplicates_alone_are_no_error_and_long_lists_are_cut() -> TestResult {
    let workplace = Workplace::new()?;
    let original = workplace.join("data/train/acne/acne-0001.jpg");
    for number in 0..25 {
        fs::copy(&original, workplace.join(&format!("data/train/acne/copy-{number}.jpg")))?;
    }
    let args = ["dataset", "check", "--split", "train=data/train"];
    let text = stdout(&succeed(workplace.path(), &args)?);
    assert!(text.contains("findings: 0 errors, 25 others\n\nduplicate: 25\n"), "{text}");
    assert!(text.ends_with("\n  and 5 more; --json lists all\n"), "{text}");
    assert_eq!(text.matches("is the same file as").count(), 20);
    let (_, json) = check(workplace.path(), &args[2..])?;
    assert_eq!(findings(&json).len(), 25);
    Ok(())
}

#[test]
fn photos_that_do_not_fit_the_annotations_are_found() -> TestResult {
    let workplace = Workplace::new()?;
    let path = |name: &str| workplace.join(&format!("data/dermx/images/{name}"));
    fs::remove_file(path("synthetic-acne-001.jpg"))?;
    fs::write(path("synthetic-acne-002.jpg"), "no photo")?;
    let photo = image::open(path("synthetic-vitiligo-001.jpg"))?;
    let turned = image::DynamicImage::ImageRgb8(photo.to_rgb8()).rotate90();
    turned.save(path("synthetic-vitiligo-001.jpg"))?;
    fs::copy(workplace.join("data/train/acne/acne-0001.jpg"), path("stranger.jpg"))?;
    let (code, json) = check(workplace.path(), &ALL[..4])?;
    assert_eq!(code, Some(65));
    let expected = [
        "missing data/dermx/images/synthetic-acne-001",
        "unreadable data/dermx/images/synthetic-acne-002.jpg",
        "size_mismatch data/dermx/images/synthetic-vitiligo-001.jpg",
        "extra data/dermx/images/stranger.jpg",
    ];
    assert_eq!(findings(&json), expected);
    Ok(())
}

#[test]
fn a_damaged_annotation_is_a_finding() -> TestResult {
    let workplace = Workplace::new()?;
    let metadata = workplace.join("data/dermx/metadata.csv");
    fs::remove_file(&metadata)?;
    let (code, json) = check(workplace.path(), &ALL)?;
    assert_eq!((code, &json["num_photos"]["train"]), (Some(65), &Value::from(24)));
    assert_eq!(findings(&json), ["missing data/dermx/metadata.csv"]);
    Ok(())
}

#[test]
fn a_patient_in_both_splits_is_leakage() -> TestResult {
    let workplace = Workplace::new()?;
    let table = "image_id,patient_id\nsynthetic-acne-001,P\nacne-0001,P\nacne-0002,Q\nother,R\n";
    fs::write(workplace.join("patients.csv"), table)?;
    let args = [&ALL[..], &["--patients", "patients.csv"]].concat();
    let (code, json) = check(workplace.path(), &args)?;
    assert_eq!(code, Some(65));
    assert_eq!(findings(&json), ["leakage patients.csv", "stale_row patients.csv"]);
    assert_eq!(json["patients"]["num_patients"], 2);
    assert_eq!(json["patients"]["num_photos_without_patient"], 12 + 24 - 3);
    let args = ["dataset", "check", "--split", "a=data/train", "--patients", "patients.csv"];
    fail(workplace.path(), &args, 2, &["--patients needs two folders"])?;
    fs::write(workplace.join("patients.csv"), "image_id,person\n1,P\n")?;
    let args = [&["dataset", "check"], &ALL[..], &["--patients", "patients.csv"]].concat();
    fail(workplace.path(), &args, 65, &["patients.csv", "line 1", "patient_id"])
}

#[test]
fn a_folder_is_compared_with_its_manifest() -> TestResult {
    let workplace = Workplace::new()?;
    let folder = ["--folder", "data/train"];
    let write = ["dataset", "check", "--write-manifest", "train.txt", folder[0], folder[1]];
    succeed(workplace.path(), &write)?;
    let text = fs::read(workplace.join("train.txt"))?;
    fail(workplace.path(), &write, 73, &["train.txt", "--overwrite"])?;
    succeed(workplace.path(), &[&write[..], &["--overwrite"]].concat())?;
    assert_eq!(fs::read(workplace.join("train.txt"))?, text);
    let verify = ["--manifest", "train.txt", folder[0], folder[1]];
    let (code, json) = check(workplace.path(), &verify)?;
    assert_eq!((code, findings(&json).len()), (Some(0), 0));
    assert_eq!(json["manifest"]["num_files"], 24);

    let path = |name: &str| workplace.join(&format!("data/train/acne/acne-000{name}.jpg"));
    let mut bytes = fs::read(path("1"))?;
    bytes[100] ^= 1;
    fs::write(path("1"), bytes)?;
    fs::remove_file(path("2"))?;
    fs::rename(path("3"), path("3-renamed"))?;
    fs::write(path("-added"), "new")?;
    let (code, json) = check(workplace.path(), &verify)?;
    assert_eq!(code, Some(65));
    let expected = [
        "missing data/train/acne/acne-0002.jpg",
        "missing data/train/acne/acne-0003.jpg",
        "changed data/train/acne/acne-0001.jpg",
        "extra data/train/acne/acne-000-added.jpg",
        "extra data/train/acne/acne-0003-renamed.jpg",
    ];
    assert_eq!(findings(&json), expected);
    Ok(())
}

#[test]
fn a_manifest_may_lie_in_its_folder() -> TestResult {
    let workplace = Workplace::new()?;
    let args = ["--data", "data/dermx", "--write-manifest", "data/dermx/manifest.txt"];
    assert_eq!(check(workplace.path(), &args)?.0, Some(0));
    let args = ["--data", "data/dermx", "--manifest", "data/dermx/manifest.txt"];
    let (code, json) = check(workplace.path(), &args)?;
    assert_eq!((code, findings(&json).len()), (Some(0), 0));
    Ok(())
}

#[test]
fn a_bad_manifest_is_refused() -> TestResult {
    let workplace = Workplace::new()?;
    let hash = blake3::hash(b"");
    let text =
        format!("dermx manifest 1, BLAKE3 of the lines below: {hash}\n{hash} 0 ../../etc/x\n");
    let args = ["dataset", "check", "--folder", "data", "--manifest", "bad.txt"];
    for (text, part) in [(text.as_str(), "line 2"), ("{}", "line 1"), ("", "line 1")] {
        fs::write(workplace.join("bad.txt"), text)?;
        fail(workplace.path(), &args, 65, &["bad.txt", part])?;
    }
    fs::remove_file(workplace.join("bad.txt"))?;
    fail(workplace.path(), &args, 66, &["bad.txt"])
}

#[test]
fn arguments_that_do_not_make_sense_are_refused() -> TestResult {
    let workplace = Workplace::new()?;
    for (args, parts) in [
        (&[][..], "--data"),
        (&["--images", "data/dermx/images"], "--data"),
        (&["--split", "data/train"], "NAME=PATH"),
        (&["--split", "a=data/train", "--split", "a=data/dermx/images"], "`a`"),
        (&["--manifest", "x.txt"], "--folder or --data"),
    ] {
        fail(workplace.path(), &[&["dataset", "check"], args].concat(), 2, &[parts])?;
    }
    fail(workplace.path(), &["dataset", "check", "--data", "nowhere"], 66, &["nowhere"])?;
    let args = ["dataset", "check", "--split", "a=data/dermx/masks", "--split", "b=nowhere"];
    fail(workplace.path(), &args, 66, &["nowhere"])
}
