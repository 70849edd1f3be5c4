use super::*;
use std::fs;

const OPTIONS: BoxOptions<'static> = BoxOptions {
    image: "image_id",
    rater: Cell::Column("rad_id"),
    concept: Cell::Column("class"),
    numbers: ["x", "y", "z", "w"],
    corners: Corners::Xywh,
    unit: Unit::Pixels,
    inclusive: false,
    size: None,
    sizes: None,
};

fn read_text(text: &str, options: &BoxOptions<'_>) -> Result<Annotations, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("boxes.csv");
    fs::write(&path, text).unwrap();
    read(&path, options).map_err(|error| format!("{}: {}", error.place, error.message))
}

/// The first and the last pixel, `[x, y]` each, of the box of four numbers; `None` where it has no pixel.
fn pixels(numbers: &str, options: &BoxOptions<'_>) -> Result<Option<[[f64; 2]; 2]>, String> {
    let text = format!("image_id,rad_id,class,x,y,z,w\na,R1,Nodule,{numbers}\n");
    match &read_text(&text, options)?.readings[0].regions[0].shape {
        Shape::Polygon { rings, fill: Fill::Pil } if rings.is_empty() => Ok(None),
        Shape::Polygon { rings, fill: Fill::Pil } => {
            let [start, _, end, _] = rings[0][..] else { panic!("{rings:?}") };
            assert_eq!(rings, &[shapes::rectangle(start, end)]);
            Ok(Some([start, end]))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_box_has_the_pixels_whose_centers_are_in_it() {
    let xyxy = BoxOptions { corners: Corners::Xyxy, ..OPTIONS };
    for (numbers, options, expected) in [
        // Columns 2, 3, 4; rows 5, 6.
        ("2,5,3,2", &OPTIONS, Some([[2.0, 5.0], [4.0, 6.0]])),
        ("2,5,5,7", &xyxy, Some([[2.0, 5.0], [4.0, 6.0]])),
        // The center of column 2 is 2.5: 2.4 is before it, 2.6 behind it; that of row 6 is 6.5.
        ("2.4,5.6,3,1", &OPTIONS, Some([[2.0, 6.0], [4.0, 6.0]])),
        ("2.6,5,1.8,1", &OPTIONS, Some([[3.0, 5.0], [3.0, 5.0]])),
        ("-1.5,0,3,1", &OPTIONS, Some([[-2.0, 0.0], [0.0, 0.0]])),
        // Between the centers 2.5 and 3.5.
        ("2.6,5,0.8,1", &OPTIONS, None),
    ] {
        assert_eq!(pixels(numbers, options), Ok(expected), "{numbers}");
    }
}

#[test]
fn inclusive_corners_are_pixels() {
    let options = BoxOptions { corners: Corners::Xyxy, inclusive: true, ..OPTIONS };
    // From column 2 to column 5, from row 5 to row 7: 4 columns, 3 rows.
    assert_eq!(pixels("2,5,5,7", &options), Ok(Some([[2.0, 5.0], [5.0, 7.0]])));
    assert_eq!(pixels("2,5,2,5", &options), Ok(Some([[2.0, 5.0], [2.0, 5.0]])));
    assert_eq!(pixels("1.6,5.4,5.4,6.6", &options), Ok(Some([[2.0, 5.0], [5.0, 7.0]])));
    for wrong in [
        BoxOptions { corners: Corners::Xywh, ..options.clone() },
        BoxOptions { unit: Unit::Fraction, ..options },
    ] {
        assert!(pixels("2,5,5,7", &wrong).unwrap_err().contains("`inclusive` is for corners"));
    }
}

#[test]
fn fractions_are_of_the_width_and_the_height() {
    // Of 20 columns and 10 rows: column 5 to before 15, row 2 to before 8.
    let expected = Some([[5.0, 2.0], [14.0, 7.0]]);
    let sizes = BTreeMap::from([("a".to_owned(), ImageSize::new(10, 20))]);
    let options = BoxOptions { unit: Unit::Fraction, sizes: Some(&sizes), ..OPTIONS };
    assert_eq!(pixels("0.25,0.2,0.5,0.6", &options), Ok(expected));
    let options = BoxOptions { sizes: None, ..options };
    assert!(pixels("0.25,0.2,0.5,0.6", &options).unwrap_err().contains("whose size is unknown"));
    let options = BoxOptions { size: Some(["width", "height"]), ..options };
    let text = "image_id,rad_id,class,x,y,z,w,width,height\na,R1,Nodule,0.25,0.2,0.5,0.6,20,10\n";
    let read = read_text(text, &options).unwrap();
    let rings = vec![shapes::rectangle([5.0, 2.0], [14.0, 7.0])];
    let shape = Shape::Polygon { rings, fill: Fill::Pil };
    assert_eq!(read.readings[0].regions[0].shape, shape);
    assert_eq!(read.images[0].size, Some(ImageSize::new(10, 20)));
    assert_eq!(read.readings[0].size, Some(ImageSize::new(10, 20)));
}

#[test]
fn rows_of_an_image_and_a_rater_are_one_reading_and_rows_without_numbers_say_it_was_read() {
    let text = "image_id;class;rad_id;x;y;z;w\na;Nodule;R1;1;1;2;2\nb;No finding;R1;;;;\n\
                a;;R2;;;;\na;Mass;R1;3;3;1;1\n";
    let read = read_text(text, &OPTIONS).unwrap();
    let names: Vec<_> = read.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let said: Vec<_> = read
        .readings
        .iter()
        .map(|one| {
            let concepts: Vec<_> = one.regions.iter().map(|one| one.concept.as_str()).collect();
            (one.image.as_str(), one.rater.as_str(), one.labels.join(" "), concepts.join(" "))
        })
        .collect();
    let said: Vec<_> = said.iter().map(|(a, b, c, d)| [*a, *b, c.as_str(), d.as_str()]).collect();
    assert_eq!(
        said,
        [["a", "R1", "", "Nodule Mass"], ["b", "R1", "No finding", ""], ["a", "R2", "", ""]]
    );
}

#[test]
fn one_rater_and_one_concept_need_no_column() {
    let options =
        BoxOptions { rater: Cell::Value("Ann"), concept: Cell::Value("Nodule"), ..OPTIONS };
    let read = read_text("image_id,x,y,z,w\na,1,1,2,2\nb,,,,\n", &options).unwrap();
    assert_eq!(read.readings[0].rater, "Ann");
    assert_eq!(read.readings[0].regions[0].concept, "Nodule");
    assert!(read.readings[1].labels.is_empty());
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line_and_column() {
    let sized = BoxOptions { size: Some(["width", "height"]), ..OPTIONS };
    let header = "image_id,rad_id,class,x,y,z,w,width,height";
    for (rows, expected) in [
        (",R1,A,1,1,2,2,,", "line 2, column `image_id`: found nothing; expected a name"),
        ("a,,A,1,1,2,2,,", "column `rad_id`: found nothing"),
        ("a,R1,,1,1,2,2,,", "column `class`: found nothing"),
        ("a,R1,A,1,1,,2,,", "column `z`: found nothing; expected a number, or nothing in all four"),
        ("a,R1,A,1,one,2,2,,", "column `y`: found `one`; expected a number"),
        ("a,R1,A,1,1,2,0,,", "column `x`: found a box from (1, 1) to (3, 1)"),
        ("a,R1,A,1,1,-2,2,,", "found a box from (1, 1) to (-1, 3)"),
        ("a,R1,A,1e300,1,1e301,2,,", "the coordinate 1000"),
        ("a,R1,A,1,1,2,2,9.5,9", "column `width`: found `9.5`; expected a number of pixels"),
        ("a,R1,A,1,1,2,2,9,", "column `height`: found ``"),
        ("a,R1,A,1,1,2,2,0,9", "column `width`: found a width of 0"),
        ("a,R1,A,1,1,2,2,9,9\na,R2,A,1,1,2,2,9,8", "line 3, column `width`: found the size 8x9"),
    ] {
        let message = read_text(&format!("{header}\n{rows}\n"), &sized).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    let message = read_text("image,x,y,z,w\n", &OPTIONS).unwrap_err();
    assert!(message.contains("line 1: found no column `image_id`"), "{message}");
    let message = read_text("image_id,x,y,z,w\n", &OPTIONS).unwrap_err();
    assert!(message.contains("found no column `rad_id`"), "{message}");
}
