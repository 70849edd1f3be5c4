use super::*;
use dermx_data::Mask;
use std::fs;

/// What the images of a file say, which are given as text.
fn parse(images: &str, rater: Rater<'_>) -> Result<Annotations, String> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n<version>1.1</version>\n\
         <meta><task><name>a &amp; b</name></task></meta>\n{images}</annotations>\n"
    );
    parse_file(text.as_bytes(), rater)
}

fn parse_file(bytes: &[u8], rater: Rater<'_>) -> Result<Annotations, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("annotations.xml");
    fs::write(&path, bytes).unwrap();
    read(&path, rater, Fill::Darwin).map_err(|error| format!("{}: {}", error.place, error.message))
}

/// One image of 8 columns and 6 rows with `shapes`, read by Ann.
fn reading(shapes: &str) -> Result<RawReading, String> {
    let image =
        format!("<image id=\"0\" name=\"cat/1.jpg\" width=\"8\" height=\"6\">{shapes}</image>");
    let mut annotations = parse(&image, Rater::Name("Ann"))?;
    assert_eq!(annotations.readings.len(), 1);
    Ok(annotations.readings.remove(0))
}

fn rings(shapes: &str) -> Vec<Vec<[f64; 2]>> {
    let rings = |region: Region| match region.shape {
        Shape::Polygon { rings, fill: Fill::Darwin } if rings.len() == 1 => rings[0].clone(),
        other => panic!("{other:?}"),
    };
    reading(shapes).unwrap().regions.into_iter().map(rings).collect()
}

fn mask(attributes: &str) -> Result<Mask, String> {
    let shapes = format!("<mask label=\"Beak\" {attributes}></mask>");
    match &reading(&shapes)?.regions[0].shape {
        Shape::Mask(mask) => Ok(mask.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mask_is_row_by_row_inside_of_its_box() {
    // 1 zero, 3 ones, 2 zeros in a box of 3 columns and 2 rows at column 2, row 1:
    //   0 1 1
    //   1 0 0
    // Columns first, it would be 0 1 0 / 1 1 0.
    let mask = mask("rle=\"1, 3, 2\" left=\"2\" top=\"1\" width=\"3\" height=\"2\"").unwrap();
    assert_eq!(mask.size(), ImageSize::new(6, 8));
    assert_eq!(mask.runs(), [[11, 13], [18, 19]]);
}

#[test]
fn an_odd_and_an_even_number_of_counts_are_both_masks() {
    let of = |rle: &str| {
        mask(&format!("rle=\"{rle}\" left=\"0\" top=\"0\" width=\"8\" height=\"1\"")).unwrap()
    };
    assert_eq!(of("2,3,3").runs(), [[2, 5]]);
    assert_eq!(of("2,6").runs(), [[2, 8]]);
    assert_eq!(of("0,8").runs(), [[0, 8]]);
    assert_eq!(of("8").runs(), [[0_u32; 2]; 0]);
}

#[test]
fn outlines_are_as_drawn_and_boxes_turn_around_their_center() {
    let shapes = "<polygon label=\"A\" points=\"1.5,2;3,2.25;3,4\"/>\
                  <box label=\"B\" xtl=\"1\" ytl=\"2\" xbr=\"5\" ybr=\"4\"/>\
                  <box label=\"B\" xtl=\"1\" ytl=\"2\" xbr=\"5\" ybr=\"4\" rotation=\"90.0\"/>";
    // Around (3, 3), the corner (1, 2), two to the left and one above, comes to one to the right and two
    // above.
    assert_eq!(
        rings(shapes),
        [
            vec![[1.5, 2.0], [3.0, 2.25], [3.0, 4.0]],
            vec![[1.0, 2.0], [5.0, 2.0], [5.0, 4.0], [1.0, 4.0]],
            vec![[4.0, 1.0], [4.0, 5.0], [2.0, 5.0], [2.0, 1.0]],
        ]
    );
    let ellipse = &rings("<ellipse label=\"C\" cx=\"4\" cy=\"3\" rx=\"2\" ry=\"1\"/>")[0];
    assert_eq!([ellipse[0], ellipse[180]], [[6.0, 3.0], [4.0, 4.0]]);
}

#[test]
fn tags_are_labels_and_attributes_are_adjectives() {
    let reading = reading(
        "<tag label=\"ill\" source=\"manual\"></tag>\n\
         <polygon label=\"A &lt; B\" points=\"1,2;3,2;3,4\" occluded=\"1\">\
         <attribute name=\"swollen\">true</attribute><attribute name=\"dry\">false</attribute>\
         <attribute name=\"colour\">dark &amp; <![CDATA[red]]>&#33;</attribute>\
         <attribute name=\"degree\">2</attribute><attribute name=\"note\"></attribute></polygon>",
    )
    .unwrap();
    assert_eq!(reading.labels, ["ill"]);
    assert_eq!(reading.regions[0].concept, "A < B");
    assert_eq!(reading.regions[0].attributes, ["swollen", "dark & red!", "degree=2"]);
}

#[test]
fn one_rater_reads_all_images_also_those_without_a_shape() {
    let images = "<image id=\"0\" name=\"a.jpg\" width=\"4\" height=\"3\"/>\
                  <image id=\"1\" name=\"b.jpg\" width=\"4\" height=\"3\"><tag label=\"ill\"/></image>";
    let read = parse(images, Rater::Name("Ann")).unwrap();
    let seen: Vec<_> =
        read.readings.iter().map(|one| (one.image.as_str(), one.rater.as_str())).collect();
    assert_eq!(seen, [("a.jpg", "Ann"), ("b.jpg", "Ann")]);
    assert_eq!(read.images[0].size, Some(ImageSize::new(3, 4)));
}

#[test]
fn raters_that_are_named_by_an_attribute_read_what_they_marked() {
    let by = |rater: &str| format!("<attribute name=\"who\">{rater}</attribute>");
    let outline = |rater: &str| {
        format!("<polygon label=\"A\" points=\"1,1;2,1;2,2\">{}</polygon>", by(rater))
    };
    let images = format!(
        "<image id=\"0\" name=\"a.jpg\" width=\"4\" height=\"3\">{}{}{}<tag label=\"ill\">{}</tag></image>\
         <image id=\"1\" name=\"b.jpg\" width=\"4\" height=\"3\"></image>",
        outline("Ann"),
        outline("Bob"),
        outline("Ann"),
        by("Bob")
    );
    let read = parse(&images, Rater::Attribute("who")).unwrap();
    assert_eq!(read.images.len(), 2);
    let seen: Vec<_> = read
        .readings
        .iter()
        .map(|one| (one.rater.as_str(), one.regions.len(), one.labels.len()))
        .collect();
    assert_eq!(seen, [("Ann", 2, 0), ("Bob", 1, 1)]);
    assert!(read.readings.iter().all(|one| one.regions[0].attributes.is_empty()));
    let message = parse(&images, Rater::Attribute("whom")).unwrap_err();
    assert!(message.contains("image `a.jpg`: `polygon`: found no attribute `whom`"), "{message}");
}

#[test]
fn what_is_not_read_is_counted() {
    let images = "<image id=\"0\" name=\"a.jpg\" width=\"4\" height=\"3\">\
                  <polyline label=\"A\" points=\"1,1;2,2\"/><polyline label=\"A\" points=\"1,1;2,2\"/>\
                  <skeleton label=\"B\"><points label=\"1\" points=\"1,1\"><attribute name=\"x\">y\
                  </attribute></points></skeleton>\
                  <tag label=\"ill\"><attribute name=\"degree\">2</attribute></tag></image>";
    let read = parse(images, Rater::Name("Ann")).unwrap();
    assert_eq!(read.skipped, ["2 `polyline`", "1 `skeleton`", "1 attribute of a tag"]);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line() {
    let image = |inside: &str| {
        format!("<image id=\"0\" name=\"a.jpg\" width=\"8\" height=\"6\">\n{inside}</image>\n")
    };
    let mask = |rle: &str, left: &str| {
        image(&format!(
            "<mask label=\"A\" rle=\"{rle}\" left=\"{left}\" top=\"1\" width=\"3\" height=\"2\"/>"
        ))
    };
    let twice = image("").repeat(2);
    for (images, expected) in [
        (mask("1,3,1", "2"), "line 6: image `a.jpg`: `mask`: `rle`: found 5 pixels; expected 6"),
        (mask("1,3,99999999999999999999", "2"), "`rle`: found `99999999999999999999`"),
        (mask("1,3,18446744073709551615", "2"), "found 18446744073709551615 pixels; expected 6"),
        (mask("1,3,-2", "2"), "found `-2`; expected a number of pixels"),
        (mask("6", "6"), "2x3 at row 1, column 6; expected one inside of the image of 6x8"),
        (mask("6", "-1"), "found `left` = `-1`; expected a whole number"),
        (image("<polygon label=\"A\" points=\"1,1;2;3,3\"/>"), "`points`: found `2`; expected two"),
        (image("<polygon label=\"A\" points=\"\"/>"), "an outline without a vertex"),
        (image("<polygon label=\"A\" points=\"1,1;inf,2\"/>"), "found `inf,2`"),
        (image("<polygon points=\"1,1;2,2\"/>"), "`polygon`: found no `label`"),
        (image("<box label=\"A\" xtl=\"1\" ytl=\"x\"/>"), "found `ytl` = `x`; expected a number"),
        (image("<tag label=\"A\" label=\"B\"/>"), "line 6: `tag`: found `label` twice"),
        (image("<tag label=\"&x;\"/>"), "line 6: `label`: "),
        (twice, "found the image `a.jpg` twice"),
        ("<image name=\"a\" width=\"0\" height=\"1\"></image>".to_owned(), "found a width of 0"),
        (
            "<image name=\"a\" width=\"4\"></image>".to_owned(),
            "line 5: image `a`: found no `height`",
        ),
        ("<track id=\"0\" label=\"A\"></track>".to_owned(), "found `track`, which is of videos"),
        (format!("{}{}", "<a>".repeat(50), "</a>".repeat(50)), "more than 32 elements"),
        ("<image>".to_owned(), "line 5: "),
    ] {
        let message = parse(&images, Rater::Name("Ann")).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    for (bytes, expected) in [
        (&b""[..], "line 1: found no element; expected XML"),
        (b"{}", "found no element; expected XML"),
        (b"<annotation/>", "found `annotation`; expected `annotations`: export it as"),
        (b"<annotations>", "the end of the file inside of an element"),
        (b"<annotations></annotations><more/>", "found more after the end"),
        (b"<annotations>\n\xff</annotations>", "line 2: found bytes that are not UTF-8"),
        (b"<?xml version=\"1.0\" encoding=\"UTF-16\"?><annotations/>", "the encoding `UTF-16`"),
        (
            b"<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;\">]><annotations/>",
            "found a document type, which is not read",
        ),
    ] {
        let message = parse_file(bytes, Rater::Name("Ann")).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn masks_far_larger_than_their_file_are_refused() {
    // One column of 65535 rows in few letters; 16 of them are a million runs of pixels, and 32 for each of
    // some 1500 bytes are less than one more.
    let column =
        "<mask label=\"A\" rle=\"0,65535\" left=\"0\" top=\"0\" width=\"1\" height=\"65535\"/>";
    let image = |num: usize| {
        let columns = column.repeat(num);
        format!("<image id=\"0\" name=\"a.jpg\" width=\"9\" height=\"65535\">{columns}</image>")
    };
    assert_eq!(parse(&image(15), Rater::Name("Ann")).unwrap().readings[0].regions.len(), 15);
    let message = parse(&image(20), Rater::Name("Ann")).unwrap_err();
    assert!(message.contains("far larger than the file itself"), "{message}");
}
