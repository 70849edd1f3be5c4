//! Annotations and heat maps of which a part could be passed over: each is read, refused or named.

use crate::dermx::{TestResult, command, fail, stderr, stdout, succeed};
use serde_json::Value;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Annotations of the image `a`, 20 rows and 30 columns, by `r1`; a folder `maps`.
struct DataSet(TempDir);

/// `"path": [...]` of the corners of a rectangle, both ends included.
fn path(key: &str, [left, top, right, bottom]: [i32; 4]) -> String {
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
    let corners = corners.map(|(x, y)| format!(r#"{{"x":{x},"y":{y}}}"#));
    format!("\"{key}\":[{}]", corners.join(","))
}

fn polygon(name: &str, corners: [i32; 4]) -> String {
    format!(r#"{{"name":"{name}","polygon":{{{}}}}}"#, path("path", corners))
}

impl DataSet {
    fn new(outlines: &[String]) -> Result<Self, Box<dyn Error>> {
        let data_set = Self(tempfile::tempdir()?);
        for folder in ["data/annotations", "maps"] {
            fs::create_dir_all(data_set.join(folder))?;
        }
        data_set.annotate("r1_a.json", outlines)?;
        let header = "original_filename;dataset;diagnosis;current_filename;skin_tone;age\n";
        fs::write(
            data_set.join("data/metadata.csv"),
            format!("{header}o;s;Acne;a.jpg;dark;adult\n"),
        )?;
        Ok(data_set)
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn join(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn annotate(&self, name: &str, outlines: &[String]) -> TestResult {
        let tag = r#"{"name":"Acne","tag":{}}"#.to_owned();
        let annotations = [&[tag], outlines].concat().join(",");
        let image = r#"{"width":30,"height":20}"#;
        let json = format!(r#"{{"image":{image},"annotations":[{annotations}]}}"#);
        Ok(fs::write(self.join("data/annotations").join(name), json)?)
    }

    /// Writes a map of two rows and two columns as `maps/a.npy`, and nothing else.
    fn write_npy(&self, descr: &str, values: &[u8]) -> TestResult {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2, 2), }}");
        let start = b"\x93NUMPY\x01\x00\x76\x00".as_slice();
        let bytes = [start, format!("{header:<117}\n").as_bytes(), values].concat();
        self.clear_maps()?;
        Ok(fs::write(self.join("maps/a.npy"), bytes)?)
    }

    fn clear_maps(&self) -> TestResult {
        fs::remove_dir_all(self.join("maps"))?;
        Ok(fs::create_dir(self.join("maps"))?)
    }

    /// Scores of explanations and the messages of `evaluate`.
    fn evaluate(&self, more: &[&str]) -> Result<(Value, String), Box<dyn Error>> {
        let args =
            ["evaluate", "--data", "data", "--heatmaps", "maps", "--size", "20x30", "--json"];
        let output = succeed(self.root(), &[&args[..], more].concat())?;
        let record: Value = serde_json::from_slice(&output.stdout)?;
        Ok((record["explanation"].clone(), stderr(&output)))
    }

    fn mass(&self, characteristic: &str) -> Result<Option<f64>, Box<dyn Error>> {
        self.write_npy("<f4", &1.0f32.to_le_bytes().repeat(4))?;
        Ok(self.evaluate(&[])?.0[characteristic]["mass"]["mean"].as_f64())
    }
}

#[test]
fn a_hole_in_additional_paths_is_no_part_of_the_mask() -> TestResult {
    // 10 x 10 pixels without the 2 x 2 inside of the hole's rim, of 600.
    let hole = path("x", [3, 3, 6, 6]).replace("\"x\":[{", "\"additional_paths\":[[{") + "]";
    let outline = path("path", [1, 1, 10, 10]);
    let scar = format!(r#"{{"name":"Scar","polygon":{{{outline},{hole}}}}}"#);
    let data_set = DataSet::new(&[scar])?;
    let mass = data_set.mass("Scar")?.ok_or("no mass")?;
    assert!((mass - 96.0 / 600.0).abs() < 1e-12, "{mass}");
    let holes = polygon("Scar", [1, 1, 10, 10]).replace("\"path\":", "\"holes\":[],\"path\":");
    data_set.annotate("r1_a.json", &[holes])?;
    let parts = ["r1_a.json", "annotations[1].polygon", "unknown field `holes`"];
    fail(data_set.root(), &["dataset", "describe", "--data", "data"], 65, &parts)
}

#[test]
fn annotations_that_are_not_read_are_refused_wherever_they_are_used() -> TestResult {
    let outlines = [polygon("Scar", [1, 1, 10, 10])];
    let data_set = DataSet::new(&outlines)?;
    data_set.write_npy("<f4", &[0; 16])?;
    fs::create_dir(data_set.join("data/annotations/second"))?;
    data_set.annotate("second/r3_a.json", &outlines)?;
    data_set.annotate("r2_a.JSON", &outlines)?;
    let parts = ["r2_a.JSON", "second"];
    for args in [
        &["dataset", "describe", "--data", "data"][..],
        &["dataset", "tables", "--data", "data"],
        &["evaluate", "--data", "data", "--heatmaps", "maps"],
    ] {
        fail(data_set.root(), args, 65, &parts)?;
    }
    let args = ["dataset", "check", "--data", "data"];
    fail(data_set.root(), &args, 65, &["2 unreadable"])?;
    let text = stdout(&command(data_set.root(), &args).output()?);
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    Ok(())
}

#[test]
fn files_that_nothing_reads_and_images_without_annotation_are_named() -> TestResult {
    let data_set = DataSet::new(&[polygon("Scar", [1, 1, 10, 10])])?;
    fs::write(data_set.join("data/annotations/r2_a.txt"), "")?;
    let metadata = data_set.join("data/metadata.csv");
    fs::write(&metadata, fs::read_to_string(&metadata)? + "o;s;Acne;b.jpg;dark;adult\n")?;
    let described = stdout(&succeed(data_set.root(), &["dataset", "describe", "--data", "data"])?);
    let expected = "1 files or folders are not read: data/annotations/r2_a.txt\n";
    assert!(described.contains(expected), "{described}");
    assert!(described.contains("1 images are not annotated\n"), "{described}");
    data_set.write_npy("<f4", &[0; 16])?;
    let (_, messages) = data_set.evaluate(&[])?;
    for part in ["r2_a.txt", "1 of 2 images have no annotation", "scored: `b`"] {
        assert!(messages.contains(part), "{messages}");
    }
    let output = command(data_set.root(), &["dataset", "check", "--data", "data"]).output()?;
    assert!(stdout(&output).contains("r2_a.txt: is not read"), "{}", stdout(&output));
    Ok(())
}

#[test]
fn an_outline_outside_of_the_image_is_named_and_not_scored() -> TestResult {
    let outside = polygon("Cyst", [40, 1, 50, 10]);
    let data_set = DataSet::new(&[polygon("Scar", [1, 1, 10, 10]), outside])?;
    data_set.write_npy("<f4", &1.0f32.to_le_bytes().repeat(4))?;
    let (table, messages) = data_set.evaluate(&[])?;
    assert_eq!(table["Cyst"], Value::Null);
    let union = table["Union"]["mass"]["mean"].as_f64().ok_or("no mass")?;
    assert!((union - 100.0 / 600.0).abs() < 1e-12, "{union}");
    let warning = "1 outlines lie outside of their image and are not scored: r1_a.json";
    assert!(messages.contains(warning), "{messages}");
    let checked = stdout(&succeed(data_set.root(), &["dataset", "check", "--data", "data"])?);
    assert!(checked.contains("\noutside of the image: 1\n"), "{checked}");
    assert!(checked.contains("outline 2 of `Cyst` lies outside"), "{checked}");
    Ok(())
}

#[test]
fn whole_numbers_score_alike_in_both_formats() -> TestResult {
    let data_set = DataSet::new(&[polygon("Scar", [1, 1, 10, 10])])?;
    let values = [10_u8, 51, 0, 200];
    for more in [&["--no-normalize"][..], &[], &["--no-normalize", "--no-quantize"]] {
        data_set.clear_maps()?;
        let png = image::GrayImage::from_raw(2, 2, values.to_vec()).ok_or("four values")?;
        png.save(data_set.join("maps/a.png"))?;
        let (expected, messages) = data_set.evaluate(more)?;
        assert!(!messages.contains("above 1"), "{messages}");
        data_set.write_npy("|u1", &values)?;
        assert_eq!(data_set.evaluate(more)?.0, expected, "{more:?}");
        // 257 times as large: the same shares of 65535.
        let wide = values.map(|value| [value; 2]).concat();
        data_set.write_npy(">u2", &wide)?;
        assert_eq!(data_set.evaluate(more)?.0, expected, "{more:?}");
    }
    Ok(())
}

#[test]
fn values_above_one_that_are_cut_are_counted() -> TestResult {
    let data_set = DataSet::new(&[polygon("Scar", [1, 1, 10, 10])])?;
    data_set.write_npy("<f8", &[0.5, 1.0, 1.5, 200.0].map(f64::to_le_bytes).concat())?;
    let (_, messages) = data_set.evaluate(&["--no-normalize"])?;
    let expected = "2 values in 1 heat maps are above 1 and count as 1, because maps are not \
                    normalized: maps/a.npy";
    assert!(messages.contains(expected), "{messages}");
    assert!(!data_set.evaluate(&[])?.1.contains("above 1"));
    Ok(())
}

#[test]
fn maps_that_point_nowhere_and_masks_without_a_pixel_are_counted() -> TestResult {
    // Of 2 rows and 3 columns the pixels are those at rows 5, 15 and columns 5, 15, 25.
    let outlines = [polygon("Plaque", [2, 2, 12, 12]), polygon("Scar", [8, 8, 10, 10])];
    let data_set = DataSet::new(&outlines)?;
    let args = ["evaluate", "--data", "data", "--heatmaps", "maps", "--size", "2x3"];
    for (value, is_blank) in [(0.0_f32, true), (-1.0, true), (0.5, false)] {
        data_set.write_npy("<f4", &value.to_le_bytes().repeat(4))?;
        let message = stderr(&succeed(data_set.root(), &args)?);
        let expected = "1 of 1 heat maps have no value above 0: their fuzzy F1 is 0";
        assert_eq!(message.contains(expected), is_blank, "{value}: {message}");
        let expected = "1 outlined characteristics have no pixel at 2x3";
        assert!(message.contains(expected) && message.contains("`Scar` of `r1`"), "{message}");
    }
    Ok(())
}

#[test]
fn a_map_with_a_value_that_is_not_finite_is_refused_with_its_place() -> TestResult {
    let data_set = DataSet::new(&[polygon("Scar", [1, 1, 10, 10])])?;
    for (descr, values) in [
        (">f8", [0.5, 1.0, f64::NAN, 0.0].map(f64::to_be_bytes).concat()),
        ("<f8", [0.5, 1.0, f64::INFINITY, 0.0].map(f64::to_le_bytes).concat()),
        (">f4", [0.5, 1.0, f32::NEG_INFINITY, 0.0].map(f32::to_be_bytes).concat()),
    ] {
        data_set.write_npy(descr, &values)?;
        let args = ["evaluate", "--data", "data", "--heatmaps", "maps", "--no-normalize"];
        fail(data_set.root(), &args, 65, &["maps/a.npy: row 1, column 0: found"])?;
    }
    Ok(())
}
