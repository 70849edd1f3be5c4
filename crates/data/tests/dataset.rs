//! Data sets of any study, made in memory.

use dermx_data::{Concept, Dataset, Fill, Image, ImageSize, Mask, Reading, Region, Schema, Shape};
use std::path::Path;

const SIZE: ImageSize = ImageSize::new(8, 10);
const SQUARE: [[f64; 2]; 4] = [[1.0, 1.0], [4.0, 1.0], [4.0, 4.0], [1.0, 4.0]];

fn schema() -> Schema {
    let ear = Concept {
        name: "Ear".to_owned(),
        group: String::new(),
        is_localisable: true,
        is_optional: false,
    };
    let classes = ["Cat", "Dog"].map(str::to_owned).to_vec();
    Schema { classes, concepts: vec![ear], ..Schema::default() }
}

fn image(image_id: &str) -> Image {
    Image { image_id: image_id.to_owned(), ..Image::default() }
}

fn dataset(images: &[Image], readings: &[Reading]) -> Result<Dataset, dermx_data::DataError> {
    Dataset::new(Path::new("data"), schema(), images.to_vec(), readings.to_vec())
}

/// The message of what is refused, which names the folder.
#[track_caller]
fn refused(images: &[&str], readings: &[Reading]) -> String {
    let images: Vec<Image> = images.iter().map(|id| image(id)).collect();
    let error = dataset(&images, readings).unwrap_err();
    assert_eq!(error.path, Path::new("data"));
    error.message
}

#[test]
fn ids_that_differ_only_in_case_or_in_unicode_form_are_refused() {
    let message = refused(&["b", "Cats/One", "a", "cats/one"], &[]);
    assert!(message.contains("`Cats/One` and `cats/one`"), "{message}");
    assert!(refused(&["a", "a"], &[]).contains("`a`"));
    // An umlaut as one character and as two.
    assert!(refused(&["\u{c4}", "a\u{308}"], &[]).contains("`a\u{308}` and `\u{c4}`"));
    assert!(dataset(&[image("ab"), image("a"), image("a/b")], &[]).is_ok());
}

#[test]
fn ids_that_are_no_path_within_a_folder_are_refused() {
    for id in ["", "..", "../a", "a/../b", "a//b", "/a", "a/", "./a"] {
        let message = refused(&["x", id], &[]);
        assert!(message.contains(&format!("an image has the id `{id}`")), "{message}");
    }
    assert!(dataset(&[image("..a"), image(".b/c.")], &[]).is_ok());
}

#[test]
fn a_rater_reads_an_image_once() {
    let reading = |image_id: &str, rater: &str| Reading::new(image_id, rater, SIZE);
    // Not side by side, and not equal.
    let other = Reading { classes: vec!["Cat".to_owned()], ..reading("a", "r1") };
    let message = refused(&["a"], &[reading("a", "r1"), reading("a", "r2"), other]);
    assert!(message.contains("`a` has two readings of the rater `r1`"), "{message}");
    let readings = [reading("b", "r1"), reading("a", "r2"), reading("a", "r1")];
    let found = dataset(&[image("b"), image("a")], &readings).unwrap();
    let stems: Vec<String> = found.readings().iter().map(Reading::stem).collect();
    assert_eq!(stems, ["r1_a", "r2_a", "r1_b"]);
    assert_eq!(found.readings_of("a").len(), 2);
}

#[test]
fn raters_see_an_image_in_one_size() {
    let reading = |image_id: &str, rater: &str, width: u32| {
        Reading::new(image_id, rater, ImageSize::new(8, width))
    };
    let message = refused(&["a"], &[reading("a", "r2", 11), reading("a", "r1", 10)]);
    let expected = "`r2` saw the image `a` in 8x11 (height x width), but `r1` in 8x10";
    assert!(message.contains(expected), "{message}");
    assert!(dataset(&[image("a")], &[reading("a", "r1", 10), reading("b", "r2", 11)]).is_ok());
}

/// What each of these says differs from what the others say, if only by what is said where.
#[test]
fn other_contents_have_another_hash() {
    let with_shape = |shape: Shape| {
        let regions = vec![Region { shape, ..Region::outlined("Ear", Vec::new()) }];
        (image("a"), Reading { regions, ..Reading::new("a", "r1", SIZE) })
    };
    let outlined = |fill: Fill| with_shape(Shape::Polygon { rings: vec![SQUARE.to_vec()], fill });
    let with_image = |image: Image| (image, Reading::new("a", "r1", SIZE));
    let with_gold = |gold: &[&str]| {
        let gold = gold.iter().map(ToString::to_string).collect();
        with_image(Image { gold, ..image("a") })
    };
    let with_attribute = |name: &str, value: &str| {
        let attributes = [(name.to_owned(), value.to_owned())].into();
        with_image(Image { attributes, ..image("a") })
    };
    let contents = [
        with_image(image("a")),
        with_gold(&["Cat"]),
        with_gold(&["Dog"]),
        with_gold(&["Cat", "Dog"]),
        with_gold(&["CatDog"]),
        with_attribute("sex", "f"),
        with_attribute("sexf", ""),
        outlined(Fill::Darwin),
        outlined(Fill::Coco),
        outlined(Fill::Pil),
        with_shape(Shape::Mask(outlined(Fill::Darwin).1.regions[0].mask(SIZE))),
        with_shape(Shape::Mask(Mask::empty(SIZE))),
        (image("a"), Reading::new("a", "r2", SIZE)),
        (image("a"), Reading { classes: vec!["Cat".to_owned()], ..Reading::new("a", "r1", SIZE) }),
        (image("a"), Reading { tags: vec!["Cat".to_owned()], ..Reading::new("a", "r1", SIZE) }),
    ];
    let hash = |root: &str, (image, reading): &(Image, Reading)| {
        let (images, readings) = (vec![image.clone()], vec![reading.clone()]);
        let dataset = Dataset::new(Path::new(root), schema(), images, readings).unwrap();
        dataset.content_hash().to_hex().to_string()
    };
    let mut hashes: Vec<String> = contents.iter().map(|one| hash("data", one)).collect();
    assert_eq!(hashes, contents.each_ref().map(|one| hash("elsewhere", one)));
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), contents.len());
}
