//! Tables in CSV.

use super::configurations::{LABELS, READINGS, data_set};
use crate::target::{refused, refused_text};
use crate::{Group, Outcome, Target};
use dermx_data::{DataError, PatientTable, metadata, read_folds};
use dermx_formats::boxes::{self, BoxOptions, Cell, Corners, Unit};
use dermx_formats::{open, open_table};
use dermx_score::{LabelPredictions, read_per_image, read_predictions};
use std::fs;
use std::path::Path;

pub fn targets() -> Vec<Target> {
    let target = |name, file, seeds, read| Target::new(name, Group::Tables, file, seeds, read);
    let of_data_set = |name, file, seeds| Target {
        prepare: data_set,
        ..target(name, file, seeds, |folder, path| read(path, open(&folder.join("a/b/birds"))))
    };
    vec![
        of_data_set("labels", "a/b/birds/labels.csv", || vec![LABELS.as_bytes().to_vec()]),
        of_data_set("readings", "a/b/birds/readings.csv", || vec![READINGS.as_bytes().to_vec()]),
        target(
            "metadata",
            "metadata.csv",
            || vec![METADATA.as_bytes().to_vec()],
            |_, path| read(path, metadata::read(path)),
        ),
        target(
            "patients",
            "patients.csv",
            || vec![b"image_id,patient_id\na,P 1\nb.jpg,P 1\ncat/c,\n".to_vec()],
            |_, path| read(path, PatientTable::read(path)),
        ),
        target(
            "folds",
            "folds.csv",
            || {
                vec![
                    b"image,fold\na,0\nb,1\nc.jpg,0\n".to_vec(),
                    b"image;fold;part;patient\na;0;train;P\nb;0;test;Q\na;1;val;P\nb;1;train;Q\n"
                        .to_vec(),
                ]
            },
            |_, path| read(path, read_folds(path)),
        ),
        target(
            "boxes",
            "boxes.csv",
            || vec![BOXES.as_bytes().to_vec()],
            |_, path| {
                let _ = read_boxes(path, Unit::Fraction, false);
                read_boxes(path, Unit::Pixels, true)
            },
        ),
        target(
            "predictions",
            "predictions.csv",
            || {
                vec![
                b"image_id,predicted\na,cat\nb,dog\n".to_vec(),
                b"image_id,gold,predicted,p_cat,p_dog,logit_cat,logit_dog\na,cat,dog,0.25,0.75,0,1.0986\n".to_vec(),
            ]
            },
            |_, path| {
                let labels = ["cat", "dog"].map(str::to_string);
                if let Err(error) = LabelPredictions::read(path, &labels) {
                    refused_text(&error.to_string(), path);
                }
                match read_predictions(path) {
                    Ok(_) => Outcome::Read,
                    Err(error) => refused_text(&error.to_string(), path),
                }
            },
        ),
        target(
            "per_image",
            "per_image.csv",
            || {
                vec![b"image_id,rater,characteristic,f1,sensitivity,specificity,mass\na,r,Union,0.5,0.25,1,\n".to_vec()]
            },
            |_, path| match read_per_image(path) {
                Ok(_) => Outcome::Read,
                Err(error) => refused_text(&error.to_string(), path),
            },
        ),
        Target {
            prepare: |folder| {
                for name in ["1.png", "2.png"] {
                    fs::write(folder.join(name), b"\x89PNG").unwrap();
                }
            },
            ..target(
                "image_table",
                "table.csv",
                || vec![b"image,class,patient\n1.png,cat,P\n2,dog,\n".to_vec()],
                |_, path| read(path, open_table(path)),
            )
        },
    ]
}

const METADATA: &str = "original_filename;dataset;diagnosis;current_filename;skin_tone;age\r\n\
    a_1.jpg;source;Acne;a.jpeg;dark;adult\r\nb.jpg;source;Psoriasis;b.jpeg;light;young\r\n";

const BOXES: &str = "image,rater,concept,a,b,c,d,width,height\na.jpg,Ann,Beak,1,2,3,4,20,10\n\
    b.jpg,Bob,No finding,,,,,,\na.jpg,Bob,\"Tail, long\",1.5,2.25,3.75,4.5,20,10\n";

/// Errors name the table; a place is missing only where the whole table is meant, or an image is named.
fn read<T>(path: &Path, read: Result<T, DataError>) -> Outcome {
    match read {
        Ok(_) => Outcome::Read,
        Err(error) => {
            let message = &error.message;
            let says_where =
                ["found no ", "the image `"].iter().any(|one| message.starts_with(one))
                    || message.contains(" rows, but none is about ");
            refused(&error, path, !says_where)
        }
    }
}

fn read_boxes(path: &Path, unit: Unit, inclusive: bool) -> Outcome {
    let options = BoxOptions {
        image: "image",
        rater: Cell::Column("rater"),
        concept: Cell::Column("concept"),
        numbers: ["a", "b", "c", "d"],
        corners: Corners::Xyxy,
        unit,
        inclusive,
        size: Some(["width", "height"]),
        sizes: None,
    };
    read(path, boxes::read(path, &options))
}
