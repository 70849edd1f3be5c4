//! Annotations with the faults that people and programs make, in every format that is JSON: read, or refused
//! with file and place.

use dermx_data::{DataError, ErrorKind, Fill, darwin};
use dermx_formats::coco::{self, CocoOptions};
use dermx_formats::{chexlocalize, darwin2, label_studio, labelme};
use std::fs;
use std::path::Path;

/// A format: its name, a file in which `{ring}` stands for a list of vertices, a vertex, and its reader.
struct Format {
    name: &'static str,
    text: &'static str,
    vertex: fn(&str, &str) -> String,
    /// A key and its value that may not be there twice.
    key: &'static str,
    read: fn(&Path) -> Result<(), DataError>,
}

fn object(x: &str, y: &str) -> String {
    format!("{{\"x\":{x},\"y\":{y}}}")
}

fn pair(x: &str, y: &str) -> String {
    format!("[{x},{y}]")
}

const FORMATS: [Format; 6] = [
    Format {
        name: "derm1_a.json",
        text: r#"{"image":{"width":20,"height":10},"annotations":[{"name":"Scar","polygon":{"path":[{ring}]}}]}"#,
        vertex: object,
        key: r#""width":20,"#,
        read: |path| darwin::read_evaluation(path).map(drop),
    },
    Format {
        name: "darwin_2.json",
        text: r#"{"version":"2.0","item":{"name":"a","slots":[{"width":20,"height":10}]},
            "annotations":[{"name":"Scar","polygon":{"paths":[[{ring}]]}}]}"#,
        vertex: object,
        key: r#""width":20,"#,
        read: |path| darwin2::read(path, Some("r"), Fill::Darwin).map(drop),
    },
    Format {
        name: "coco.json",
        text: r#"{"images":[{"id":1,"file_name":"a","height":10,"width":20}],"categories":[{"id":1,"name":"a"}],
            "annotations":[{"image_id":1,"category_id":1,"segmentation":[[{ring}]]}]}"#,
        vertex: |x, y| format!("{x},{y}"),
        key: r#""image_id":1,"#,
        read: |path| {
            let rater = coco::Rater::Named("r".to_owned());
            coco::read(path, &CocoOptions { rater, fill: Fill::Coco }).map(drop)
        },
    },
    Format {
        name: "chexlocalize.json",
        text: r#"{"p":{"img_size":[10,20],"Edema":[[{ring}]]}}"#,
        vertex: pair,
        key: r#""img_size":[10,20],"#,
        read: |path| chexlocalize::read(path, "gt").map(drop),
    },
    Format {
        name: "label_studio.json",
        text: r#"[{"data":{"image":"a.jpg"},"annotations":[{"completed_by":1,"result":[{"type":"polygonlabels",
            "original_width":20,"original_height":10,"value":{"polygonlabels":["A"],"points":[{ring}]}}]}]}]"#,
        vertex: pair,
        key: r#""original_width":20,"#,
        read: |path| label_studio::read(path, Fill::Pil).map(drop),
    },
    Format {
        name: "labelme.json",
        text: r#"{"imagePath":"a.jpg","imageHeight":10,"imageWidth":20,"shapes":[{"label":"A","points":[{ring}]}]}"#,
        vertex: pair,
        key: r#""imageHeight":10,"#,
        read: |path| labelme::read(path, "r", Fill::Pil).map(drop),
    },
];

impl Format {
    /// The file with an outline of these vertices.
    fn with(&self, vertices: &[[&str; 2]]) -> String {
        let ring: Vec<String> = vertices.iter().map(|[x, y]| (self.vertex)(x, y)).collect();
        self.text.replace("{ring}", &ring.join(","))
    }

    fn read(&self, bytes: impl AsRef<[u8]>) -> Result<(), DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(self.name);
        fs::write(&path, bytes).unwrap();
        let read = (self.read)(&path);
        if let Err(error) = &read {
            assert_eq!((error.kind, &error.path), (ErrorKind::Invalid, &path), "{error}");
            assert!(!error.place.is_empty(), "{error}");
            assert!(!error.message.is_empty() && error.message.len() < 400, "{error}");
        }
        read
    }
}

const SQUARE: [[&str; 2]; 4] = [["1", "1"], ["9", "1"], ["9", "8"], ["1", "8"]];

#[test]
fn faults_that_people_and_programs_make_are_read_or_refused_with_their_place() {
    let mut num_cases = 0;
    for format in &FORMATS {
        let name = format.name;
        let good = format.with(&SQUARE);
        let mut check = |what: &str, bytes: Vec<u8>, is_read: bool| {
            let read = format.read(bytes);
            assert_eq!(read.is_ok(), is_read, "{name}: {what}: {read:?}");
            num_cases += 1;
        };
        let with = |x: &str| format.with(&[["1", "1"], [x, "1"], ["9", "8"]]).into_bytes();
        check("as it has to be", good.clone().into_bytes(), true);
        check("an outline outside of the image", with("-500"), true);
        check(
            "an outline that crosses itself",
            format.with(&[["1", "1"], ["9", "8"], ["9", "1"], ["1", "8"]]).into_bytes(),
            true,
        );
        check("decimals", with("9.75e0"), true);
        for (what, value) in [
            ("not a number", "NaN"),
            ("infinity", "-Infinity"),
            ("more than a float holds", "1e999"),
            ("a text", "\"9\""),
            ("nothing", "null"),
            ("a list", "[]"),
            ("an object", "{}"),
            ("a truth value", "true"),
        ] {
            check(what, with(value), false);
        }
        check("nothing at all", Vec::new(), false);
        check("white space", b" \n".to_vec(), false);
        check("a byte order mark", [b"\xef\xbb\xbf", good.as_bytes()].concat(), false);
        check("a text in UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect(), false);
        let latin_1 = good.replace("Scar", "A").replacen("a.jpg", "a", 1);
        let at = latin_1.find('"').unwrap() + 1;
        let latin_1 = [&latin_1.as_bytes()[..at], b"\xe9", &latin_1.as_bytes()[at..]].concat();
        check("bytes that are not UTF-8", latin_1, false);
        check("a file that is cut off", good.as_bytes()[..good.len() / 2].to_vec(), false);
        check("something behind the end", format!("{good} {{}}").into_bytes(), false);
        check("a comma too many", good.replacen('}', ",}", 1).into_bytes(), false);
        check(
            "a key that is there twice",
            good.replacen(format.key, &format.key.repeat(2), 1).into_bytes(),
            false,
        );
        check("single quotes", good.replace('"', "'").into_bytes(), false);
    }
    assert!(num_cases >= 60, "{num_cases}");
}

#[test]
fn numbers_beyond_any_image_are_bounded() {
    for format in &FORMATS {
        for value in ["1e308", "-1e308", "99999999999999999999"] {
            let read = format.read(format.with(&[["1", "1"], [value, value], ["9", "8"]]));
            // Read and cut to the image, or refused as too far away.
            if let Err(error) = read {
                assert!(error.message.contains("the coordinate"), "{error}");
            }
        }
    }
}
