//! Annotations in each format, and other files in JSON.

use super::{test_file, test_files};
use crate::target::{refused, refused_text};
use crate::{Group, Outcome, Target};
use dermx_data::{DataError, Fill, ImageSize, OutlineBudget, Reading, Shape, darwin};
use dermx_eval::{EvalRecord, read_eval_json};
use dermx_formats::coco::{self, CocoOptions};
use dermx_formats::{Annotations, chexlocalize, cvat, darwin2, label_studio, labelme};
use dermx_search::read_journal;
use dermx_study::audit;
use dermx_sweep::Sweep;
use std::path::Path;

pub fn targets() -> Vec<Target> {
    let target = |name, file, seeds, read| Target::new(name, Group::Annotations, file, seeds, read);
    vec![
        target(
            "darwin_1",
            "derm1_a.json",
            darwin_1_files,
            |_, path| match darwin::read_evaluation(path) {
                Ok(reading) => used_reading(&reading),
                Err(error) => refused(&error, path, true),
            },
        ),
        target(
            "darwin_2",
            "a.json",
            || {
                test_files(&[
                    "formats/tests/tools/darwin2/files/a.json",
                    "formats/tests/tools/darwin2/files/b.json",
                ])
            },
            |_, path| used(path, darwin2::read(path, None, Fill::Darwin)),
        ),
        target("coco", "a.json", coco_files, |_, path| {
            let rater = coco::Rater::Key("rater".to_owned());
            used(path, coco::read(path, &CocoOptions { rater, fill: Fill::Coco }))
        }),
        target("chexlocalize", "a.json", chexlocalize_files, |_, path| {
            used(path, chexlocalize::read(path, "gt"))
        }),
        target("label_studio", "a.json", label_studio_files, |_, path| {
            used(path, label_studio::read(path, Fill::Pil))
        }),
        target("labelme", "a.json", labelme_files, |_, path| {
            used(path, labelme::read(path, "ann", Fill::Pil))
        }),
        target("cvat", "a.xml", cvat_files, |_, path| {
            used(path, cvat::read(path, cvat::Rater::Attribute("who"), Fill::Pil))
        }),
        target(
            "eval_json",
            "eval.json",
            || vec![serde_json::to_vec_pretty(&EvalRecord::default()).unwrap()],
            |_, path| {
                let bytes = std::fs::read(path).unwrap();
                match read_eval_json::<EvalRecord>(&bytes) {
                    Ok(_) => Outcome::Read,
                    Err(_) => Outcome::Refused,
                }
            },
        ),
        target(
            "matrices",
            "matrices.json",
            || {
                vec![
                    br#"{"test_order": ["a", "b"], "train_order": ["b", "a"],
                "networks": {"n": [[[3, 1], [2, 4]], [[5, 0], [1, 4]]]}}"#
                        .to_vec(),
                ]
            },
            |_, path| match audit(path, None) {
                Ok(_) => Outcome::Read,
                Err(error) => refused_text(&error.to_string(), path),
            },
        ),
        target(
            "sweep_plan",
            "plan.json",
            || vec![PLAN.as_bytes().to_vec()],
            |folder, path| match Sweep::open(folder) {
                Ok(_) => Outcome::Read,
                Err(error) => refused_text(&error.to_string(), path),
            },
        ),
        target(
            "journal",
            "journal.jsonl",
            || vec![JOURNAL.as_bytes().to_vec()],
            |_, path| {
                let bytes = std::fs::read(path).unwrap();
                match read_journal(&bytes) {
                    Ok((_, num_bytes)) => {
                        assert!(num_bytes <= bytes.len());
                        Outcome::Read
                    }
                    Err(error) => refused_text(&format!("{}: {error}", path.display()), path),
                }
            },
        ),
    ]
}

const PLAN: &str = r#"{"format": 1, "launcher": "local", "jobs": 2, "lease_s": 60, "working_folder": "/w",
    "resources": {}, "units": [{"name": "c-s0-12345678", "group": "c-12345678", "config": "c", "seed": 0,
    "set": ["run.epochs=1"]}]}"#;

const JOURNAL: &str = r#"{"event":"began","window":2}
{"event":"asked","trial":0,"params":{"train.learning_rate":0.001,"train.optimizer":"adam"}}
{"event":"epoch","trial":0,"epoch":1,"value":0.5}
{"event":"asked","trial":1,"params":{"train.learning_rate":0.01,"train.optimizer":"sgd"}}
"#;

/// What was read is whole: masks have the size of their image, and outlines that are not too costly can be
/// filled.
fn used(path: &Path, read: Result<Annotations, DataError>) -> Outcome {
    let annotations = match read {
        Ok(annotations) => annotations,
        Err(error) => return refused(&error, path, true),
    };
    for reading in &annotations.readings {
        assert!(annotations.images.iter().any(|image| image.name == reading.image));
        let size = reading.size.unwrap_or(ImageSize::new(9, 9));
        size.check_area().unwrap();
        let mut budget = OutlineBudget::default();
        for region in &reading.regions {
            if let Shape::Mask(mask) = &region.shape {
                assert_eq!(mask.size(), size);
            } else if budget.take(&region.shape, size).is_ok() {
                assert!(region.shape.mask(size).area() <= size.num_pixels());
                region.is_outside(size);
            }
        }
    }
    Outcome::Read
}

fn used_reading(reading: &Reading) -> Outcome {
    reading.size.check_area().unwrap();
    if let Some(mask) = reading.union_mask() {
        assert!(mask.area() <= reading.size.num_pixels());
    }
    for concept in reading.concepts() {
        reading.mask_nearest(concept, ImageSize::new(30, 40));
    }
    Outcome::Read
}

/// Handmade files, then some of the real data set where `DERMX_DATA` names it.
fn darwin_1_files() -> Vec<Vec<u8>> {
    let simple = r#"{"dataset":"x","image":{"width":10,"height":8},"annotations":[
        {"name":"Acne","tag":{}},{"name":"Papule","polygon":{"path":[{"x":1,"y":1},{"x":8.5,"y":2},
        {"x":3,"y":7.25}]},"bounding_box":{"h":6,"w":7,"x":1,"y":1}}]}"#;
    let hole = r#"{"dataset":"x","version":"1.0","image":{"width":40,"height":30},"annotations":[
        {"name":"Acne","tag":{}},{"name":"Scar","complex_polygon":{"path":[
        [{"x":1,"y":1},{"x":38.5,"y":2},{"x":3,"y":27}],[{"x":5,"y":5},{"x":9,"y":5},{"x":5,"y":9}]
        ]},"attributes":["Red","Hyperpigmented"]}]}"#;
    let mut files = vec![simple.as_bytes().to_vec(), hole.as_bytes().to_vec()];
    if let Some(root) = std::env::var_os("DERMX_DATA") {
        let entries = std::fs::read_dir(Path::new(&root).join("annotations")).unwrap();
        let mut real: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        real.sort_unstable();
        files.extend(real.iter().step_by(97).map(|path| std::fs::read(path).unwrap()));
    }
    files
}

fn coco_files() -> Vec<Vec<u8>> {
    let file = |annotations: &str| {
        format!(
            r#"{{"annotations": [{annotations}], "images": [{{"id": 7, "file_name": "a.jpg", "height": 4, "width": 6}}],
            "categories": [{{"id": 1, "name": "beak"}}, {{"id": 2, "name": "tail"}}], "fill": "darwin",
            "readings": [{{"image_id": 7, "rater": "eve", "labels": ["cat"]}}]}}"#
        )
    };
    let all = file(
        r#"
        {"id": 1, "image_id": 7, "category_id": 1, "segmentation": [[1, 1, 3.25, 1, 3, 3, 1, 3], [0, 0, 5, 0, 5, -2.5e0]],
         "rater": "alice", "attributes": ["red"], "bbox": [1, 1, 2, 2], "area": 9, "iscrowd": 0, "fill": "pil"},
        {"id": 2, "image_id": 7, "category_id": 2, "segmentation": {"size": [4, 6], "counts": "91316"}, "rater": 3,
         "keypoints": [1, 2, 2]},
        {"id": 3, "image_id": 7, "category_id": 1, "segmentation": {"size": [4, 6], "counts": [9, 1, 3, 2, 9]},
         "rater": "bob", "attributes": {"occluded": false}},
        {"id": 4, "image_id": 7, "category_id": 1, "segmentation": [], "rater": "bob", "bbox": [0.5, 0, 2, 3]}"#,
    );
    let outline = r#"{"id": 1, "image_id": 7, "category_id": 1, "segmentation": [[1, 1, 3000.25, 1, 3000, 3000, 1, 3000]],
        "rater": "alice", "iscrowd": 0}"#;
    let large =
        file(outline).replace("\"height\": 4, \"width\": 6", "\"height\": 4000, \"width\": 6000");
    [all, large, file("")].map(String::into_bytes).to_vec()
}

fn chexlocalize_files() -> Vec<Vec<u8>> {
    [
        r#"{"p1": {"Edema": [[[1, 1], [2.9, 1], [2.9, 2.5e0]], [[0, 0], [0, 0]]], "Atelectasis": [], "img_size": [40, 50]},
            "p2": {"img_size": [4, 5], "Lung Lesion": [[[-1, 1], [2, 2], [9, 100]]]}}"#,
        r#"{"p1": {"Edema": {"size": [4, 6], "counts": "91316"}, "Lung Lesion": {"size": [4, 6], "counts": "h0"}},
            "p0": {"Edema": {"counts": "9", "size": [3, 3]}, "Atelectasis": {"size": [3, 3], "counts": [1, 8]}}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn label_studio_files() -> Vec<Vec<u8>> {
    // The image has one row and three columns, its brush the pixels 1 and 2.
    let small = br#"[{"id":1,"data":{"image":"/data/upload/1/abcdef12-a.jpg"},"predictions":[],
        "annotations":[{"completed_by":{"email":"ann@x.org"},"was_cancelled":false,"result":[
        {"id":"a","type":"polygonlabels","to_name":"image","original_width":3,"original_height":1,
        "image_rotation":0,"value":{"points":[[10,10],[50,20.5],[30,90]],"polygonlabels":["A","B"]}},
        {"id":"b","type":"ellipselabels","to_name":"image","original_width":3,"original_height":1,
        "value":{"x":50,"y":50,"radiusX":10,"radiusY":20,"rotation":30,"ellipselabels":["A"]}},
        {"id":"c","type":"rectanglelabels","to_name":"image","original_width":3,"original_height":1,
        "value":{"x":50,"y":50,"width":10,"height":20,"rotation":30,"rectanglelabels":["A"]}},
        {"id":"d","type":"brushlabels","to_name":"image","original_width":3,"original_height":1,
        "value":{"format":"rle","rle":[0,0,0,12,57,27,248,1,50,128,72,10],"brushlabels":["A"]}},
        {"id":"a","type":"choices","value":{"choices":["red"]}}]}]}]"#;
    vec![small.to_vec()]
}

fn labelme_files() -> Vec<Vec<u8>> {
    let small =
        br#"{"imagePath":"a.jpg","imageHeight":9,"imageWidth":7,"flags":{"a":true},"shapes":[
        {"label":"A","points":[[3,3],[5,4]],"shape_type":"circle"},
        {"label":"B","points":[[3,3],[5,4],[4,6]],"shape_type":null,"flags":{"b":true}}]}"#;
    vec![small.to_vec(), test_file("formats/tests/tools/labelme/files/cat/masks.json")]
}

fn cvat_files() -> Vec<Vec<u8>> {
    let small = b"<annotations><image name=\"a\" width=\"9\" height=\"7\">\
        <box label=\"A\" xtl=\"1\" ytl=\"2\" xbr=\"5\" ybr=\"4\" rotation=\"9\">\
        <attribute name=\"who\">Ann</attribute><attribute name=\"degree\">2</attribute></box>\
        <mask label=\"A\" rle=\"1, 3, 2\" left=\"2\" top=\"1\" width=\"3\" height=\"2\">\
        <attribute name=\"who\">Bob</attribute></mask>\
        <polygon label=\"A\" points=\"1,1;4.5,2;3,6\"><attribute name=\"who\">Bob</attribute></polygon>\
        <ellipse label=\"A\" cx=\"4\" cy=\"3\" rx=\"2\" ry=\"1\"><attribute name=\"who\">Bob</attribute>\
        </ellipse></image></annotations>";
    vec![small.to_vec()]
}
