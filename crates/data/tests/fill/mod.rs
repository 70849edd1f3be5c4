//! Outlines filled by the rules of COCO and Pillow: by hand, against pycocotools and Pillow, and outlines
//! that are too costly.

use dermx_data::fill::{coco, pil};
use dermx_data::{Fill, ImageSize, Mask, Region, Ring, Shape};
use proptest::prelude::*;
use serde::Deserialize;

fn drawn(mask: &Mask) -> Vec<String> {
    let mark = |&value: &u8| if value == 1 { '#' } else { '.' };
    let width = mask.size().width as usize;
    mask.to_dense().chunks(width).map(|row| row.iter().map(mark).collect()).collect()
}

fn size_of(lines: &[&str]) -> ImageSize {
    ImageSize::new(lines.len() as u32, lines[0].len() as u32)
}

#[track_caller]
fn assert_coco(ring: &[[f64; 2]], lines: &[&str]) {
    assert_eq!(drawn(&coco(&[ring.to_vec()], size_of(lines))), lines);
}

#[track_caller]
fn assert_pil(ring: &[[f64; 2]], lines: &[&str]) {
    assert_eq!(drawn(&pil(&[ring.to_vec()], size_of(lines))), lines);
}

#[test]
fn coco_square_holds_the_pixels_between_its_sides() {
    // On the fine grid x runs from 5 to 15 and crosses the middles of columns 1 (7) and 2 (12), at y = 5 and
    // 15: rows ceil(5.5 / 5 - 0.5) = 1 and ceil(15.5 / 5 - 0.5) = 3, the latter left out.
    let square = [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]];
    assert_coco(&square, &[".....", ".##..", ".##..", "....."]);
}

#[test]
fn coco_edge_crosses_a_column_at_the_upper_of_its_two_points() {
    // The slanted edge from (0, 0) to (20, 20) of the fine grid passes (2, 2) and (3, 3): 2.5 / 5 - 0.5 = 0,
    // row 0 of column 0, and so on down the diagonal. Below is the level edge at 20: row ceil(3.6) = 4.
    assert_coco(&[[0.0, 0.0], [4.0, 4.0], [0.0, 4.0]], &["#...", "##..", "###.", "####"]);
    // A steep edge from (0, 0) to (5, 20): x = y / 4 + 0.5, cut; x is 3 first at y = 10, so the crossing is
    // at y = 9: 9.5 / 5 - 0.5 = 1.4, row 2. The level edge at 20 is crossed at row 4, and the pixels between
    // belong to the triangle on the left.
    assert_coco(&[[0.0, 0.0], [1.0, 4.0], [0.0, 4.0]], &["..", "..", "#.", "#."]);
}

#[test]
fn coco_vertices_are_cut_towards_zero_on_the_fine_grid() {
    // 5 * 0.5 + 0.5 = 3: the middle of column 0, between 2 and 3, is not crossed; at 0.49 it is 2.
    assert_coco(&[[0.5, 0.0], [0.5, 1.0], [2.0, 1.0], [2.0, 0.0]], &[".#"]);
    assert_coco(&[[0.49, 0.0], [0.49, 1.0], [2.0, 1.0], [2.0, 0.0]], &["##"]);
}

#[test]
fn coco_lines_and_points_have_no_pixel() {
    assert_coco(&[[1.0, 1.0]], &["...", "..."]);
    assert_coco(&[[0.0, 0.0], [3.0, 2.0]], &["...", "..."]);
    assert!(coco(&[vec![]], ImageSize::new(2, 2)).is_empty());
}

#[test]
fn pil_square_includes_all_its_edges() {
    let square = [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]];
    assert_pil(&square, &[".....", ".###.", ".###.", ".###.", "....."]);
}

#[test]
fn pil_vertices_are_cut_towards_zero() {
    // (1, 1), (3, 1), (3, 2), (1, 2); and -0.9 is 0.
    assert_pil(&[[1.9, 1.9], [3.1, 1.9], [3.1, 2.9], [1.9, 2.9]], &["....", ".###", ".###"]);
    assert_pil(&[[-0.9, -0.9], [1.9, -0.9]], &["##.", "..."]);
}

#[test]
fn pil_cuts_round_outwards_but_for_halves() {
    // From (0, 0) to (3, 2): x is 0, 1.5, 3. The second edge is the first, back: row 1 is cut at 1.5 twice,
    // from 2 (half up) to 1 (half down): nothing. Row 0 starts both edges at 0, which leave to the right by
    // 1.5: the second cut moves to round(1.5) - 1 = 1. Row 2 ends them at 3: the cut moves to 1.5 -> 2, + 1.
    assert_pil(&[[0.0, 0.0], [3.0, 2.0]], &["##..", "....", "...#"]);
}

#[test]
fn pil_ring_of_one_vertex_has_no_pixel_and_repeated_it_has_one() {
    assert_pil(&[[1.0, 1.0]], &["...", "..."]);
    assert_pil(&[[1.0, 1.0], [1.0, 1.0]], &["...", ".#."]);
}

#[test]
fn rings_are_united_and_not_cancelled() {
    let ring = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]];
    let (once, twice) = ([ring.clone()], [ring.clone(), ring]);
    let size = ImageSize::new(5, 5);
    assert_eq!((coco(&once, size), pil(&once, size)), (coco(&twice, size), pil(&twice, size)));
    assert_eq!((coco(&once, size).area(), pil(&once, size).area()), (16, 25));
}

/// The numbers of generate.py.
struct Draws(u64);

impl Draws {
    fn below(&mut self, num: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % num
    }
}

const KINDS: [(u64, u64, u64); 10] = [
    (3, 1, 8),
    (8, 2, 8),
    (8, 4, 12),
    (8, 10, 12),
    (8, 3, 6),
    (0, 1, 30),
    (1000, 7, 8),
    (1_000_000, 2, 6),
    (20, 1000, 60),
    (2, 1, 2),
];

/// An outline of generate.py.
fn outline(case_idx: usize) -> (ImageSize, Vec<Ring>) {
    let mut draws = Draws(case_idx as u64);
    let (far, parts, most) = KINDS[case_idx % KINDS.len()];
    let longest = match case_idx % 10 {
        8 => 400,
        5 => 8,
        _ => 40,
    };
    let (height, width) = (1 + draws.below(longest), 1 + draws.below(longest));
    let coordinate = |draws: &mut Draws, length: u64| {
        let drawn = draws.below((length + 2 * far) * parts + 1) as f64;
        (drawn - (far * parts) as f64) / parts as f64
    };
    let ring = |draws: &mut Draws| {
        let num_vertices = 1 + draws.below(most);
        let vertex = |_| [coordinate(draws, width), coordinate(draws, height)];
        (0..num_vertices).map(vertex).collect()
    };
    let num_rings = 1 + draws.below(3);
    let rings = (0..num_rings).map(|_| ring(&mut draws)).collect();
    (ImageSize::new(height as u32, width as u32), rings)
}

fn hashed(mask: &Mask) -> String {
    let borders = mask.runs().as_flattened().iter();
    let hash = borders.fold(0xCBF2_9CE4_8422_2325_u64, |hash, &border| {
        (hash ^ u64::from(border)).wrapping_mul(0x100_0000_01B3)
    });
    format!("{hash:016x}")
}

#[derive(Deserialize)]
struct Golden {
    coco: Vec<String>,
    pil: Vec<String>,
    num_pixels: [usize; 2],
}

#[track_caller]
fn assert_golden(fill: fn(&[Ring], ImageSize) -> Mask, hashes: &[String], num_pixels: usize) {
    assert_eq!(hashes.len(), 1000);
    let mut area = 0;
    for (case_idx, hash) in hashes.iter().enumerate() {
        let (size, rings) = outline(case_idx);
        let mask = fill(&rings, size);
        let found = drawn(&mask).join("\n");
        assert_eq!(&hashed(&mask), hash, "outline {case_idx}: {rings:?} in {size}\n{found}");
        area += mask.area();
    }
    assert_eq!(area, num_pixels);
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

#[test]
fn a_thousand_outlines_are_filled_as_by_pycocotools() {
    let Golden { coco: hashes, num_pixels, .. } = golden();
    assert_golden(coco, &hashes, num_pixels[0]);
}

#[test]
fn a_thousand_outlines_are_filled_as_by_pillow() {
    let Golden { pil: hashes, num_pixels, .. } = golden();
    assert_golden(pil, &hashes, num_pixels[1]);
}

fn region(rings: Vec<Ring>, fill: Fill) -> Region {
    Region {
        concept: "beak".to_owned(),
        attributes: Vec::new(),
        shape: Shape::Polygon { rings, fill },
    }
}

#[test]
fn outlines_that_cross_too_many_lines_are_refused() {
    let size = ImageSize::new(65535, 65535);
    // Each edge up or down crosses 65534 rows, each to the left or right as many columns: 2^22 are crossed by
    // 64.002 of them.
    let zigzag = |num_edges: usize, axis: usize| {
        let vertex = |idx| {
            let mut vertex = [0.0; 2];
            vertex[axis] = (idx % 2) as f64 * 65534.0;
            vertex
        };
        vec![(0..num_edges).map(vertex).collect::<Ring>()]
    };
    let (wide, tall) = (0, 1);
    for fill in [Fill::Coco, Fill::Pil, Fill::Darwin] {
        assert_eq!(region(zigzag(64, tall), fill).check(size), Ok(()));
        let error = region(zigzag(66, tall), fill).check(size).unwrap_err();
        assert!(error.contains("cross 4325244 rows"), "{error}");
    }
    assert!(region(zigzag(66, wide), Fill::Coco).check(size).is_err());
    assert!(region(zigzag(66, wide), Fill::Pil).check(size).is_ok());
    assert!(region(zigzag(66, wide), Fill::Darwin).check(size).is_ok());
}

#[test]
fn masks_of_another_size_are_refused() {
    let shape = Shape::Mask(Mask::empty(ImageSize::new(3, 4)));
    assert_eq!(shape.check(ImageSize::new(3, 4)), Ok(()));
    let error = shape.check(ImageSize::new(4, 3)).unwrap_err();
    assert_eq!(error, "found a mask of 3x4; expected 4x3, the size of the image");
}

#[test]
fn the_largest_image_is_addressed() {
    let size = ImageSize::new(65535, 65535);
    let ring = vec![vec![[65534.0, 65534.0], [1e300, 65534.0], [1e300, 1e300], [65534.0, 1e300]]];
    assert_eq!(coco(&ring, size).runs(), [[4_294_836_224, 4_294_836_225]]);
    assert_eq!(pil(&ring, size).runs(), [[4_294_836_224, 4_294_836_225]]);
}

proptest! {
    #[test]
    fn transposing_exchanges_rows_and_columns(
        (size, dense) in (1u32..20, 1u32..20).prop_flat_map(|(height, width)| {
            let size = ImageSize::new(height, width);
            // Long runs, so that some go on in the next row.
            let bits = prop::collection::vec((0u8..2, 1usize..9), size.num_pixels());
            (Just(size), bits.prop_map(move |runs| {
                runs.into_iter()
                    .flat_map(|(value, length)| vec![value; length])
                    .take(size.num_pixels())
                    .collect::<Vec<u8>>()
            }))
        })
    ) {
        let mask = Mask::from_dense(&dense, size);
        let (height, width) = (size.height as usize, size.width as usize);
        let expected: Vec<u8> =
            (0..width).flat_map(|x| (0..height).map(move |y| (x, y))).map(|(x, y)| dense[y * width + x]).collect();
        let transposed = mask.transposed();
        prop_assert_eq!(&transposed, &Mask::from_dense(&expected, ImageSize::new(size.width, size.height)));
        prop_assert_eq!(transposed.transposed(), mask.clone());
        let columns = expected.chunks(height);
        let runs = columns.map(|column| column.chunk_by(|a, b| a == b).filter(|run| run[0] == 1).count());
        prop_assert_eq!(mask.num_runs_of_columns(), runs.sum::<usize>());
    }

    #[test]
    fn any_outline_stays_in_the_image(
        rings in prop::collection::vec(prop::collection::vec([-1e6f64..1e6, -1e300f64..1e300], 0..8), 0..4),
        (height, width) in (0u32..40, 0u32..40),
    ) {
        let size = ImageSize::new(height, width);
        for mask in [coco(&rings, size), pil(&rings, size)] {
            prop_assert!(mask.runs().last().is_none_or(|run| run[1] as usize <= size.num_pixels()));
        }
    }
}
