//! Masks: drawn by hand, against upolygon and Pillow, and against dense arithmetic.

use dermx_data::polygon::{is_outside, rasterize, rasterize_nearest};
use dermx_data::{ErrorKind, ImageSize, Mask, Ring};
use proptest::prelude::*;
use serde::Deserialize;

/// The mask drawn as lines of `.` and `#`.
fn drawn(lines: &[&str]) -> Mask {
    let size = ImageSize::new(lines.len() as u32, lines[0].len() as u32);
    let dense: Vec<u8> = lines.iter().flat_map(|line| line.bytes()).collect();
    Mask::from_dense(&dense.iter().map(|&mark| u8::from(mark == b'#')).collect::<Vec<_>>(), size)
}

#[track_caller]
fn assert_drawn(rings: &[Ring], lines: &[&str]) {
    let expected = drawn(lines);
    let mask = rasterize(rings, expected.size());
    let dense = mask.to_dense();
    let found: Vec<String> = dense
        .chunks(mask.size().width as usize)
        .map(|row| row.iter().map(|&value| if value == 1 { '#' } else { '.' }).collect())
        .collect();
    assert_eq!(found, lines);
    assert_eq!(mask, expected);
}

#[test]
fn square_includes_all_its_edges() {
    // Fill: rows 1 and 2, x from 1 to 3. Outline: the row y = 3 as well.
    assert_drawn(
        &[vec![[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]]],
        &[".....", ".###.", ".###.", ".###.", "....."],
    );
}

#[test]
fn hole_keeps_its_rim() {
    // The inner square cuts x = 2 and 4 in rows 2 and 3: filled 0..=2 and 4..=6, so (3, 2) and
    // (3, 3) are open; its outline sets row 2 again (2..=4) and row 4.
    assert_drawn(
        &[
            vec![[0.0, 0.0], [6.0, 0.0], [6.0, 6.0], [0.0, 6.0]],
            vec![[2.0, 2.0], [4.0, 2.0], [4.0, 4.0], [2.0, 4.0]],
        ],
        &["#######", "#######", "#######", "###.###", "#######", "#######", "#######"],
    );
}

#[test]
fn vertices_are_clipped_and_then_rounded_to_even() {
    // x: -3 -> 0, 2.5 -> 2; y: 0.5 -> 0, 9 -> 2 (three rows).
    assert_drawn(
        &[vec![[-3.0, 0.5], [2.5, 0.5], [2.5, 9.0], [-3.0, 9.0]]],
        &["###.", "###.", "###."],
    );
    // 1.5 -> 2, 3.5 -> 4.
    assert_drawn(&[vec![[1.5, 0.0], [3.5, 0.0]]], &["..###"]);
}

#[test]
fn tie_on_an_edge_takes_no_step_from_the_left() {
    // Down from (0, 0) to (4, 2), drawn twice: y = x / 2, so at x = 1 the tie 0.5 stays in row 0
    // and at x = 3 the tie 1.5 stays in row 1. The fill sets (0, 0) and (2, 1). The right end of a
    // slanted edge stays out: (4, 2) is not set.
    assert_drawn(&[vec![[0.0, 0.0], [4.0, 2.0]]], &["##...", "..##.", "....."]);
    // Up from (0, 2) to (4, 0): y = 2 - x / 2, the ties stay in rows 2 and 1. The fill sets row 0
    // at x = 4, the upper end, and row 1 at x = 2.
    assert_drawn(&[vec![[0.0, 2.0], [4.0, 0.0]]], &["....#", "..##.", "##..."]);
    // A steep edge from (0, 0) to (1, 2): at y = 1 the tie x = 0.5 stays at x = 0.
    assert_drawn(&[vec![[0.0, 0.0], [1.0, 2.0]]], &["#.", "#.", ".."]);
}

#[test]
fn upright_and_level_edges_include_both_ends() {
    assert_drawn(&[vec![[1.0, 0.0], [1.0, 2.0]]], &[".#.", ".#.", ".#."]);
    assert_drawn(&[vec![[0.0, 1.0], [2.0, 1.0]]], &["...", "###", "..."]);
    assert_drawn(&[vec![[1.0, 1.0]]], &["...", ".#.", "..."]);
}

#[test]
fn overlapping_rings_cancel_by_the_even_odd_rule() {
    // The second ring repeats the first: all cuts double, so only the outline is left.
    let ring = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]];
    assert_drawn(&[ring.clone(), ring], &["#####", "#...#", "#...#", "#...#", "#####"]);
}

#[test]
fn closing_vertex_may_be_repeated() {
    let open = vec![[1.0, 0.0], [5.0, 2.0], [2.0, 5.0]];
    let mut closed = open.clone();
    closed.push(open[0]);
    let size = ImageSize::new(6, 6);
    assert_eq!(rasterize(&[open], size), rasterize(&[closed], size));
}

#[test]
fn no_ring_and_no_pixel_give_an_empty_mask() {
    assert!(rasterize(&[], ImageSize::new(3, 3)).is_empty());
    assert!(rasterize(&[vec![[0.0, 0.0]]], ImageSize::new(0, 3)).is_empty());
}

/// Whether a ring lies outside of an image of 8 rows and 10 columns.
fn lies_outside(ring: &[[f64; 2]]) -> bool {
    is_outside(&[ring.to_vec()], ImageSize::new(8, 10))
}

#[test]
fn a_ring_is_outside_where_no_part_of_it_is_in_the_image() {
    // Beside, above and below; pixels reach from -0.5 to 9.5 and to 7.5.
    assert!(lies_outside(&[[12.0, 1.0], [20.0, 1.0], [20.0, 6.0]]));
    assert!(lies_outside(&[[-9.0, 1.0], [-0.5, 1.0], [-0.5, 6.0], [-9.0, 6.0]]));
    assert!(lies_outside(&[[9.5, 1.0], [20.0, 1.0], [20.0, 6.0]]));
    assert!(lies_outside(&[[1.0, -20.0], [6.0, -1.0], [3.0, -5.0]]));
    assert!(lies_outside(&[[1.0, 7.5], [6.0, 9.0], [3.0, 8.0]]));
    assert!(!lies_outside(&[[9.4, 1.0], [20.0, 1.0], [20.0, 6.0]]));
    assert!(!lies_outside(&[[-9.0, 1.0], [-0.4, 3.0]]));
    // The corner of the image lies in the triangle's bounding box, but x + y > -5 in the image.
    assert!(lies_outside(&[[-10.0, 5.0], [5.0, -10.0], [-10.0, -10.0]]));
    // No vertex in the image, but an edge: x + y = 3.
    assert!(!lies_outside(&[[-10.0, 13.0], [13.0, -10.0], [-10.0, -10.0]]));
    // No vertex and no edge in the image, which lies inside.
    assert!(!lies_outside(&[[-9.0, -9.0], [50.0, -9.0], [50.0, 50.0], [-9.0, 50.0]]));
    assert!(!lies_outside(&[[3.0, 3.0]]));
    assert!(lies_outside(&[[3.0, 30.0]]));
    assert!(is_outside(&[], ImageSize::new(8, 10)));
}

#[test]
fn rings_are_outside_together() {
    let size = ImageSize::new(8, 10);
    let around = |far: f64| vec![[-far, -far], [far, -far], [far, far], [-far, far]];
    let beside = vec![[12.0, 1.0], [20.0, 1.0], [20.0, 6.0]];
    // In the hole of a frame.
    assert!(is_outside(&[around(90.0), around(50.0)], size));
    assert!(!is_outside(&[around(90.0), around(50.0), around(70.0)], size));
    assert!(is_outside(&[beside.clone(), beside.clone()], size));
    assert!(!is_outside(&[beside, vec![[3.0, 3.0]]], size));
}

#[test]
fn largest_image_is_addressed() {
    // The last pixel of 65535 x 65535 has index 65535^2 - 1.
    let mask = rasterize(&[vec![[1e9, 1e9]]], ImageSize::new(65535, 65535));
    assert_eq!(mask.runs(), [[4_294_836_224, 4_294_836_225]]);
}

#[test]
fn nearest_takes_the_pixel_at_the_center() {
    // 4 -> 2 columns: (0.5) * 2 = 1 and (1.5) * 2 = 3; 2 -> 3 rows: floor of 1/3, 1 and 5/3.
    let mask = drawn(&["##.#", "..#."]);
    assert_eq!(mask.resize_nearest(ImageSize::new(3, 2)), drawn(&["##", "..", ".."]));
}

#[derive(Deserialize)]
struct Golden {
    polygons: Vec<Drawn>,
    resized: Vec<Resized>,
}

#[derive(Deserialize)]
struct Drawn {
    size: ImageSize,
    rings: Vec<Ring>,
    runs: Vec<[u32; 2]>,
}

#[derive(Deserialize)]
struct Resized {
    size: ImageSize,
    runs: Vec<[u32; 2]>,
    new_size: ImageSize,
    new_runs: Vec<[u32; 2]>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn mask_of(runs: &[[u32; 2]], size: ImageSize) -> Mask {
    let mut dense = vec![0; size.num_pixels()];
    for &[start, end] in runs {
        dense[start as usize..end as usize].fill(1);
    }
    Mask::from_dense(&dense, size)
}

#[test]
fn polygons_are_drawn_as_by_upolygon() {
    for (idx, Drawn { size, rings, runs }) in golden().polygons.into_iter().enumerate() {
        assert_eq!(rasterize(&rings, size).runs(), runs, "polygon {idx}");
    }
}

#[test]
fn masks_are_resized_as_by_pillow() {
    for (idx, case) in golden().resized.into_iter().enumerate() {
        let resized = mask_of(&case.runs, case.size).resize_nearest(case.new_size);
        assert_eq!(resized.runs(), case.new_runs, "mask {idx}");
        assert_eq!(resized.size(), case.new_size);
    }
}

#[test]
fn png_is_read_back_and_its_bytes_are_stable() {
    let folder = tempfile::tempdir().unwrap();
    let mask = drawn(&["##.#.", "..#..", "....#"]);
    let paths = ["a.png", "b.png"].map(|name| folder.path().join(name));
    for path in &paths {
        mask.write_png(path).unwrap();
        assert_eq!(Mask::read_png(path).unwrap(), mask);
    }
    assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no partial file is left");
}

#[test]
fn png_with_another_gray_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    let mut gray = image::GrayImage::new(3, 2);
    gray.put_pixel(2, 1, image::Luma([17]));
    gray.save(&path).unwrap();
    let error = Mask::read_png(&path).unwrap_err().to_string();
    assert!(error.ends_with("mask.png: row 1, column 2: found the value 17; expected 0 or 255"));
}

#[test]
fn png_with_transparent_pixels_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    // White and black as usual, then white throughout with the mask in the alpha channel.
    let save = |alpha: [u8; 2], gray: [u8; 2]| {
        let values = vec![gray[0], alpha[0], gray[1], alpha[1]];
        let image = image::ImageBuffer::<image::LumaA<u8>, _>::from_raw(2, 1, values).unwrap();
        image.save(&path).unwrap();
        Mask::read_png(&path)
    };
    let expected = Mask::from_dense(&[1, 0], ImageSize::new(1, 2));
    assert_eq!(save([255, 255], [255, 0]).unwrap(), expected);
    let error = save([255, 0], [255, 255]).unwrap_err();
    assert!(error.to_string().contains("transparent pixels"), "{error}");
}

#[test]
fn huge_png_is_refused_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    let header = [b"IHDR".as_slice(), &60_000_u32.to_be_bytes(), &60_000_u32.to_be_bytes()];
    let header = [&header.concat()[..], &[8, 0, 0, 0, 0]].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&header);
    let parts = [b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice(), &header, &crc.sum().to_be_bytes()];
    std::fs::write(&path, [&parts.concat()[..], b"\0\0\0\0IDAT"].concat()).unwrap();
    let error = Mask::read_png(&path).unwrap_err();
    assert!(error.message.contains("found an image of 60000x60000"), "{error}");
}

#[test]
fn broken_png_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    assert_eq!(Mask::read_png(&path).unwrap_err().kind, ErrorKind::Missing);
    drawn(&["#.#"]).write_png(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for len in [0, 8, bytes.len() / 2] {
        std::fs::write(&path, &bytes[..len]).unwrap();
        let error = Mask::read_png(&path).unwrap_err();
        assert_eq!((error.kind, &error.path), (ErrorKind::Invalid, &path), "{len} bytes");
    }
}

/// Two masks of one size, as 0 and 1.
fn two_dense() -> impl Strategy<Value = (ImageSize, Vec<u8>, Vec<u8>)> {
    (1u32..12, 1u32..12).prop_flat_map(|(height, width)| {
        let size = ImageSize::new(height, width);
        let dense = || prop::collection::vec(0u8..2, size.num_pixels());
        (Just(size), dense(), dense())
    })
}

proptest! {
    #[test]
    fn runs_agree_with_dense_arithmetic((size, a, b) in two_dense()) {
        let (left, right) = (Mask::from_dense(&a, size), Mask::from_dense(&b, size));
        prop_assert_eq!(left.to_dense(), a.clone());
        prop_assert_eq!(left.area(), a.iter().filter(|&&value| value == 1).count());
        let union: Vec<u8> = a.iter().zip(&b).map(|(a, b)| a | b).collect();
        prop_assert_eq!(left.union(&right), Mask::from_dense(&union, size));
        let both = a.iter().zip(&b).filter(|&(a, b)| a & b == 1).count();
        prop_assert_eq!(left.intersection_area(&right), both);
        let (one, two) = (Mask::in_at_least(1, &[&left, &right]), Mask::in_at_least(2, &[&left, &right]));
        prop_assert_eq!(one, Some(Mask::from_dense(&union, size)));
        prop_assert_eq!(two.map(|mask| mask.area()), Some(both));
        let majority = Mask::in_at_least(2, &[&left, &right, &left]);
        prop_assert_eq!(majority, Some(left.clone()));
        let all = Mask::union_all([left.clone(), right, left]).unwrap();
        prop_assert_eq!(all, Mask::from_dense(&union, size));
    }

    #[test]
    fn resizing_agrees_with_dense_indexing((size, a, _) in two_dense(), h in 1u32..20, w in 1u32..20) {
        // With such sizes f64 does not decide: floor((2 i + 1) * len / (2 * new_len)).
        let new_size = ImageSize::new(h, w);
        let source = |i: u32, len: u32, new_len: u32| ((2 * i + 1) * len / (2 * new_len)) as usize;
        let is_tie = |len: u32, new: u32| (0..new).any(|i| ((2 * i + 1) * len).is_multiple_of(2 * new));
        prop_assume!(!is_tie(size.height, h) && !is_tie(size.width, w));
        let mut dense = Vec::new();
        for y in 0..h {
            for x in 0..w {
                let row = source(y, size.height, h) * size.width as usize;
                dense.push(a[row + source(x, size.width, w)]);
            }
        }
        let resized = Mask::from_dense(&a, size).resize_nearest(new_size);
        prop_assert_eq!(resized, Mask::from_dense(&dense, new_size));
    }

    #[test]
    fn drawing_small_is_drawing_and_resizing(
        rings in prop::collection::vec(prop::collection::vec([-3f64..40.0, -3f64..40.0], 1..8), 0..4),
        (height, width, new_height, new_width) in (1u32..40, 1u32..40, 1u32..40, 1u32..40),
    ) {
        let (size, new_size) = (ImageSize::new(height, width), ImageSize::new(new_height, new_width));
        let resized = rasterize(&rings, size).resize_nearest(new_size);
        prop_assert_eq!(rasterize_nearest(&rings, size, new_size), resized);
    }
}
