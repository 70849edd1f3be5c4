//! Data sets that were converted and opened again.

use dermx_data::{Concept, Dataset, Fill, Image, ImageSize, Mask, Reading, Region, Schema, Shape};
use dermx_formats::{Target, convert, open};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Names that tables, paths and TOML could stumble over; each is another one where case does not count.
const NAMES: [&str; 22] = [
    "beak",
    "wing feather",
    "a,b;c",
    "\"quoted\" it's",
    "'''",
    "n=1 # no",
    "[x]",
    "{rater}",
    "é",
    "日本 語",
    "x.y.z",
    "-",
    "1",
    "true",
    "_",
    "a\\b",
    "line\nbreak",
    "tab\tand\u{7f}",
    " before",
    "after ",
    "a|b",
    ".hidden",
];
/// How many of them can be those of files, and stand in tables.
const NUM_TAME: usize = 15;

/// Ids of images; no id is another one where case does not count.
const IDS: [&str; 14] = [
    "001",
    "cat/001",
    "x/cat/001",
    "cat/a.1",
    "cat/b c",
    "é/日本",
    "it's \"q\"",
    "a,b;c",
    "{image}",
    "n=1",
    "dog/001",
    "x/ before",
    "x/after ",
    "a.jpg",
];
const NUM_TAME_IDS: usize = 13;

/// What a data set is made of, before names are given to it.
#[derive(Debug, Clone)]
struct Plan {
    names: Vec<&'static str>,
    ids: Vec<&'static str>,
    has_photos: bool,
    raters_name_classes: bool,
    images: Vec<ImagePlan>,
    raters: Vec<&'static str>,
}

#[derive(Debug, Clone)]
struct ImagePlan {
    sides: [u32; 2],
    extension: usize,
    gold: Vec<usize>,
    patient: Option<&'static str>,
    attributes: [Option<&'static str>; 2],
    readings: Vec<Option<ReadingPlan>>,
}

#[derive(Debug, Clone)]
struct ReadingPlan {
    classes: Vec<usize>,
    discards: Vec<usize>,
    tags: Vec<usize>,
    regions: Vec<(Index, Vec<usize>, ShapePlan)>,
}

#[derive(Debug, Clone)]
enum ShapePlan {
    Outline(Vec<Vec<[f64; 2]>>, Fill),
    Pixels(Vec<bool>),
}

fn some(of: usize) -> impl Strategy<Value = Vec<usize>> {
    subsequence((0..of).collect::<Vec<_>>(), 0..=of).prop_shuffle()
}

fn shape() -> impl Strategy<Value = ShapePlan> {
    let vertex = [-4.0..16.0_f64, -4.0..16.0_f64];
    let rings = vec(vec(vertex, 1..6), 1..3);
    let fill = prop::sample::select(vec![Fill::Coco, Fill::Pil, Fill::Darwin]);
    prop_oneof![
        (rings, fill).prop_map(|(rings, fill)| ShapePlan::Outline(rings, fill)),
        vec(any::<bool>(), 1..40).prop_map(ShapePlan::Pixels),
    ]
}

fn reading() -> impl Strategy<Value = ReadingPlan> {
    let regions = vec((any::<Index>(), some(2), shape()), 0..4);
    (some(3), some(2), some(3), regions).prop_map(|(classes, discards, tags, regions)| {
        ReadingPlan { classes, discards, tags, regions }
    })
}

fn plan(num_names: usize, num_ids: usize) -> impl Strategy<Value = Plan> {
    let value = || prop::option::of(prop::sample::select(NAMES[..NUM_TAME].to_vec()));
    let image = (
        [1..12_u32, 1..12_u32],
        0..3_usize,
        some(3),
        value(),
        [value(), value()],
        vec(prop::option::of(reading()), 4),
    );
    let image = image.prop_map(|(sides, extension, gold, patient, attributes, readings)| {
        ImagePlan { sides, extension, gold, patient, attributes, readings }
    });
    let some_of = |all: &[&'static str], num: std::ops::RangeInclusive<usize>| {
        subsequence(all.to_vec(), num).prop_shuffle()
    };
    // Three classes, two discards, three concepts, two attributes of regions, two of images.
    let names = some_of(&NAMES[..num_names], 12..=12);
    let ids = some_of(&IDS[..num_ids], 5..=5);
    let raters = some_of(&NAMES[..num_names], 1..=4);
    (names, ids, any::<[bool; 2]>(), vec(image, 1..=5), raters).prop_map(
        |(names, ids, [has_photos, raters_name_classes], images, raters)| Plan {
            names,
            ids,
            has_photos,
            raters_name_classes,
            images,
            raters,
        },
    )
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The data set of a plan, with its photos in `folder`.
fn build(plan: &Plan, folder: &Path) -> Dataset {
    let [classes, discards, concepts, adjectives, attributes] =
        [0..3, 3..5, 5..8, 8..10, 10..12].map(|range| texts(&plan.names[range]));
    // They are columns of a table, whose names have no white space at their ends.
    let mut attributes: Vec<_> = attributes.iter().map(|name| name.trim().to_owned()).collect();
    // Names that the tables of `convert` would use.
    if plan.images.len().is_multiple_of(2) {
        attributes[0] = "class".to_owned();
    }
    let (mut images, mut readings) = (Vec::new(), Vec::new());
    let (mut said, mut marked, mut used) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let pick = |from: &[String], which: &[usize]| {
        which.iter().map(|&idx| from[idx].clone()).collect::<Vec<_>>()
    };
    for (id, image) in plan.ids.iter().zip(&plan.images) {
        let size = ImageSize::from(image.sides);
        let file_name = format!("{id}{}", [".png", ".PNG", ".Png"][image.extension]);
        let photo = folder.join(&file_name);
        if plan.has_photos {
            fs::create_dir_all(photo.parent().unwrap()).unwrap();
            Mask::empty(size).write_png(&photo).unwrap();
        }
        let values = attributes.iter().zip(image.attributes);
        let values = values.filter_map(|(name, value)| Some((name.clone(), value?.to_owned())));
        images.push(Image {
            image_id: (*id).to_owned(),
            file_name,
            photo: plan.has_photos.then_some(photo),
            gold: pick(&classes, &image.gold),
            is_without_class: false,
            patient: image.patient.map(str::to_owned),
            attributes: values.collect(),
        });
        for (rater, plan) in plan.raters.iter().zip(&image.readings) {
            let Some(plan) = plan else { continue };
            let mut reading = Reading::new(*id, *rater, size);
            reading.classes = pick(&classes, &plan.classes);
            reading.discards = pick(&discards, &plan.discards);
            reading.tags = pick(&concepts, &plan.tags);
            reading.sort_labels();
            said.extend(reading.tags.clone());
            for (concept, adjective_idxs, shape) in &plan.regions {
                let concept = concept.get(&concepts).clone();
                let shape = match shape {
                    ShapePlan::Outline(rings, fill) => {
                        Shape::Polygon { rings: rings.clone(), fill: *fill }
                    }
                    ShapePlan::Pixels(bits) => {
                        let dense =
                            bits.iter().cycle().take(size.num_pixels()).map(|&bit| bit.into());
                        Shape::Mask(Mask::from_dense(&dense.collect::<Vec<u8>>(), size))
                    }
                };
                let adjectives = pick(&adjectives, adjective_idxs);
                marked.insert(concept.clone());
                used.extend(adjectives.clone());
                reading.regions.push(Region { concept, attributes: adjectives, shape });
            }
            readings.push(reading);
        }
    }
    let concept = |name: &String| Concept {
        is_localisable: marked.contains(name) || !said.contains(name),
        name: name.clone(),
        group: attributes[1].clone(),
        is_optional: false,
    };
    let schema = Schema {
        name: discards[1].clone(),
        concepts: concepts.iter().map(concept).collect(),
        classes,
        discards,
        region_attributes: used.into_iter().collect(),
        image_attributes: attributes.clone(),
        spellings: vec![
            ["Bill".to_owned(), concepts[0].clone()],
            ["Beek".to_owned(), concepts[1].clone()],
        ],
        raters_name_classes: plan.raters_name_classes,
        study: None,
    };
    Dataset::new(folder, schema, images, readings).unwrap()
}

/// Images with only whether they have a photo, for it is found by another path.
fn images(dataset: &Dataset) -> Vec<(bool, Image)> {
    let plain = |image: &Image| (image.photo.is_some(), Image { photo: None, ..image.clone() });
    dataset.images().iter().map(plain).collect()
}

fn assert_equal(one: &Dataset, other: &Dataset) {
    assert_eq!(images(one), images(other));
    assert_eq!(one.readings(), other.readings());
    assert_eq!(one.schema(), other.schema());
    assert_eq!(one.content_hash(), other.content_hash());
}

/// The image, the rater, the labels, and the runs of each concept.
type PixelReading = (String, String, Vec<String>, BTreeMap<String, Vec<[u32; 2]>>);

/// What masks can hold of a reading: its labels, and the pixels of each concept that has some.
fn pixels(dataset: &Dataset) -> Vec<PixelReading> {
    let of = |one: &Reading| {
        let mask = |concept: &str| one.mask(concept).filter(|mask| !mask.is_empty());
        let concepts = one.concepts().into_iter();
        let masks = concepts
            .filter_map(|concept| Some((concept.to_owned(), mask(concept)?.runs().to_vec())));
        let labels = [&one.classes, &one.discards, &one.tags].into_iter().flatten().cloned();
        (one.image_id.clone(), one.rater.clone(), labels.collect(), masks.collect())
    };
    dataset.readings().iter().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_in_coco(plan in plan(NAMES.len(), IDS.len())) {
        let folder = tempfile::tempdir().unwrap();
        let original = build(&plan, &folder.path().join("photos"));
        let [one, two] = ["coco/one", "two"].map(|name| folder.path().join(name));
        convert(&original, Target::Coco, &one).unwrap();
        let once = open(&one).unwrap();
        assert_equal(&once, &original);
        convert(&once, Target::Coco, &two).unwrap();
        assert_equal(&open(&two).unwrap(), &original);
    }

    #[test]
    fn masks_hold_readings_labels_and_pixels(plan in plan(NUM_TAME, NUM_TAME_IDS)) {
        let folder = tempfile::tempdir().unwrap();
        let original = build(&plan, &folder.path().join("photos"));
        let [one, two] = ["masks/one", "two"].map(|name| folder.path().join(name));
        convert(&original, Target::Masks, &one).unwrap();
        let once = open(&one).unwrap();
        assert_eq!(images(&once), images(&original));
        assert_eq!(pixels(&once), pixels(&original));
        let schema = |dataset: &Dataset| {
            let schema = dataset.schema().clone();
            let concepts: Vec<_> = schema.concepts.into_iter().map(|one| [one.name, one.group]).collect();
            (schema.classes, schema.discards, concepts, schema.image_attributes, schema.spellings)
        };
        assert_eq!(schema(&once), schema(&original));
        convert(&once, Target::Masks, &two).unwrap();
        assert_equal(&open(&two).unwrap(), &once);
    }
}

#[test]
fn what_masks_and_tables_cannot_hold_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let size = ImageSize::new(1, 2);
    let with = |id: &str, rater: &str, concept: &str, class: &str| {
        let mut reading = Reading::new(id, rater, size);
        let shape = Shape::Mask(Mask::empty(size));
        reading.regions.push(Region { concept: concept.to_owned(), attributes: Vec::new(), shape });
        let schema = Schema { classes: vec![class.to_owned()], ..Schema::default() };
        let image =
            Image { image_id: id.to_owned(), gold: vec![class.to_owned()], ..Image::default() };
        Dataset::new(folder.path(), schema, vec![image], vec![reading]).unwrap()
    };
    for (dataset, message) in [
        (with("a", ".r", "c", "k"), "`.r` cannot be the name of a file"),
        (with("a", "r/s", "c", "k"), "`r/s` cannot be the name of a file"),
        (with("a", "r.jpg", "c", "k"), "`r.jpg` has the name of a photo"),
        (with("x.png/a", "r", "c", "k"), "`x.png` has the name of a photo"),
        (with("a", "r", "R", "k"), "`R` and `r` cannot both be names of files"),
        (with("a", "r ", "c", "k"), "`r ` has white space at an end"),
        (with("a", "r", "c", "k|l"), "`k|l` has a `|`"),
    ] {
        let out = folder.path().join("out");
        let error = convert(&dataset, Target::Masks, &out).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert!(!out.exists());
        convert(&dataset, Target::Coco, &out).unwrap();
        assert_eq!(open(&out).unwrap().readings(), dataset.readings());
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn ids_that_lead_out_of_the_folder_or_are_one_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dataset.toml"), "[coco]\nfile = \"a.json\"").unwrap();
    for (names, message) in [
        (["../x.jpg", "y.jpg"], "an image has the id `../x`"),
        (["..", "y.jpg"], "an image has the id `..`"),
        ([".jpg", "y.jpg"], "an image has the id ``"),
        (["a/../x.jpg", "y.jpg"], "an image has the id `a/../x`"),
        (["cat/A.jpg", "cat/a.png"], "`cat/A` and `cat/a`"),
        (["/cat/É.jpg", "cat/e\u{301}.jpg"], "`cat/É` and `cat/é`"),
    ] {
        let images: Vec<_> = names.iter().enumerate().map(|(id, name)| {
            serde_json::json!({"id": id, "file_name": name, "height": 2, "width": 2})
        }).collect();
        let json = serde_json::json!({"images": images, "categories": [], "annotations": []});
        fs::write(folder.path().join("a.json"), json.to_string()).unwrap();
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    // One image by two spellings of its name is one.
    let photos = folder.path().join("photos");
    fs::create_dir_all(photos.join("cat")).unwrap();
    Mask::empty(ImageSize::new(2, 2)).write_png(&photos.join("cat/é.png")).unwrap();
    let text = format!(
        "images = {:?}\n[coco]\nfiles = {{ ann = {:?} }}",
        photos.display().to_string(),
        folder.path().join("a.json").display().to_string()
    );
    fs::write(folder.path().join("dataset.toml"), text).unwrap();
    let json = r#"{"images": [{"id": 1, "file_name": "../photos/cat/é.jpg"}], "categories": [], "annotations": []}"#;
    fs::write(folder.path().join("a.json"), json).unwrap();
    let dataset = open(folder.path()).unwrap();
    assert_eq!(dataset.readings()[0].image_id, "cat/é");
}
