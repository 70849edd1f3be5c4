//! COCO's run lengths: by hand, against pycocotools, and broken.

use dermx_data::{ImageSize, Mask};
use dermx_formats::rle::{decode, decode_counts, encode, encode_counts};
use proptest::prelude::*;
use serde::Deserialize;

#[test]
fn counts_run_down_the_columns() {
    // . # #
    // . . #    The columns are 00, 10 and 11: 2 without, 1 with, 1 without, 2 with.
    let mask = Mask::from_dense(&[0, 1, 1, 0, 0, 1], ImageSize::new(2, 3));
    assert_eq!(encode_counts(&mask), [2, 1, 1, 2]);
    // The fourth is 2 - 1 = 1: letters 48 + 2, 48 + 1, 48 + 1, 48 + 1.
    assert_eq!(encode(&mask), "2111");
    assert_eq!(decode(mask.size(), "2111").unwrap(), mask);
}

#[test]
fn first_count_is_of_pixels_outside_and_may_be_zero() {
    let size = ImageSize::new(3, 2);
    let full = Mask::from_dense(&[1; 6], size);
    assert_eq!((encode_counts(&full), encode(&full)), (vec![0, 6], "06".to_owned()));
    assert_eq!(encode_counts(&Mask::empty(size)), [6]);
    assert_eq!(decode_counts(size, &[0, 6]).unwrap(), full);
    assert_eq!(decode_counts(size, &[6]).unwrap(), Mask::empty(size));
}

#[test]
fn an_odd_number_of_counts_and_empty_runs_are_legal() {
    let size = ImageSize::new(1, 6);
    let mask = Mask::from_dense(&[0, 1, 1, 0, 0, 0], size);
    assert_eq!(decode_counts(size, &[1, 2, 3]).unwrap(), mask);
    assert_eq!(decode_counts(size, &[1, 1, 0, 1, 3, 0]).unwrap(), mask);
}

#[test]
fn numbers_of_several_letters_are_signed() {
    // 100 x 10: counts 20, 900, 60, 20. 20 = 0b10100: 5 bits with bit 4 set would be negative, so more
    // follow: 48 + 0x20 + 20 = 100 'd', then 48 '0'. 900 = 28 * 32 + 4: 48 + 32 + 4 = 84 'T', 28 has bit 4:
    // 48 + 32 + 28 = 108 'l', '0'. 60 = 1 * 32 + 28: 48 + 32 + 28 = 108 'l', 49 '1'.
    // 20 - 900 = -880 = -28 * 32 + 16: 48 + 32 + 16 = 96 '`', then -28 = -1 * 32 + 4: 48 + 32 + 4 = 84 'T',
    // then -1: 48 + 31 = 79 'O'.
    let (size, counts) = (ImageSize::new(100, 10), [20, 900, 60, 20]);
    let mask = decode_counts(size, &counts).unwrap();
    assert_eq!(encode(&mask), "d0Tl0l1`TO");
    assert_eq!(decode(size, "d0Tl0l1`TO").unwrap(), mask);
}

#[track_caller]
fn assert_refused(size: [u32; 2], text: &str, message: &str) {
    assert_eq!(decode(size.into(), text).unwrap_err(), message);
}

#[test]
fn malformed_run_lengths_are_refused() {
    let sum = "the counts add up to 5 pixels; expected 6 for an image of 2x3";
    assert_refused([2, 3], "5", sum);
    assert_eq!(decode_counts([2, 3].into(), &[1, 4]).unwrap_err(), sum);
    assert_eq!(
        decode_counts([2, 3].into(), &[u32::MAX, u32::MAX, 8]).unwrap_err(),
        "the counts add up to 8589934598 pixels; expected 6 for an image of 2x3"
    );
    assert!(decode_counts([2, 3].into(), &[]).is_err());
    assert_refused([2, 3], "", "the counts add up to 0 pixels; expected 6 for an image of 2x3");
    // 'O' is -1; in the fourth place -2 ('N') is two less than the second count, 1.
    assert_refused([2, 3], "O7", "count 0 is -1; expected 0 to 4294967295");
    assert_refused([2, 3], "211N", "count 3 is -1; expected 0 to 4294967295");
    assert_refused([2, 3], "2 ", "found ` ` at letter 1 of the counts; expected `0` to `o`");
    assert_refused([2, 3], "2p", "found `p` at letter 1 of the counts; expected `0` to `o`");
    assert_refused([2, 3], "21d", "the counts end within a number; the text is cut off");
    assert_refused([2, 3], "PPPPPPPP0", "the count at letter 7 has more than 7 letters");
    // 2^32 = 4 * 32^6.
    assert_refused([2, 3], "PPPPPP4", "count 0 is 4294967296; expected 0 to 4294967295");
    assert_refused([0, 3], "", "found a side of 0 pixels; expected 1 to 65535");
    assert_refused([1, 65536], "", "found a side of 65536 pixels; expected 1 to 65535");
    assert_refused(
        [10_001, 10_000],
        "",
        "found an image of 10001x10000 pixels (height x width); expected at most 100 megapixels",
    );
}

#[test]
fn stripes_that_take_few_counts_and_many_runs_are_refused() {
    // Every second column of 10,000, each of 10,000 pixels: 5,000 runs a row.
    let counts = [10_000; 10_000];
    let error = decode_counts(ImageSize::new(10_000, 10_000), &counts).unwrap_err();
    assert_eq!(error, "the mask has 50000000 runs in its rows; expected at most 4194304");
}

/// The numbers of generate.py.
struct Draws(u64);

impl Draws {
    fn below(&mut self, num: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % num
    }

    fn two_below(&mut self, num: usize) -> [usize; 2] {
        let mut two = [0; 2].map(|_: u64| self.below(num as u64) as usize);
        two.sort_unstable();
        two
    }
}

/// A mask of generate.py.
fn drawn(case_idx: usize) -> Mask {
    let mut draws = Draws(case_idx as u64);
    let is_large = case_idx.is_multiple_of(10);
    let longest = if is_large { 700 } else { 50 };
    let (height, width) = (1 + draws.below(longest) as usize, 1 + draws.below(longest) as usize);
    let share = if is_large { 0 } else { [0, 1, 5, 9, 10][draws.below(5) as usize] };
    let mut dense = vec![0; height * width];
    if share > 0 {
        dense.fill_with(|| u8::from(draws.below(10) < share));
    }
    for _ in 0..draws.below(6) {
        let (rows, columns) = (draws.two_below(height + 1), draws.two_below(width + 1));
        let value = draws.below(2) as u8;
        for row in rows[0]..rows[1] {
            dense[row * width..][columns[0]..columns[1]].fill(value);
        }
    }
    Mask::from_dense(&dense, ImageSize::new(height as u32, width as u32))
}

fn hashed(values: impl IntoIterator<Item = u32>) -> String {
    let hash = values.into_iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, value| {
        (hash ^ u64::from(value)).wrapping_mul(0x100_0000_01B3)
    });
    format!("{hash:016x}")
}

#[derive(Deserialize)]
struct Golden {
    hashes: Vec<[String; 2]>,
    texts: Vec<(u32, u32, String, usize)>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

#[test]
fn a_thousand_masks_have_the_run_lengths_of_pycocotools_both_ways() {
    let hashes = golden().hashes;
    assert_eq!(hashes.len(), 1000);
    for (case_idx, expected) in hashes.into_iter().enumerate() {
        let mask = drawn(case_idx);
        let (text, counts) = (encode(&mask), encode_counts(&mask));
        // Equal texts: so what pycocotools writes is what is decoded below.
        let found = [hashed(text.bytes().map(u32::from)), hashed(counts.iter().copied())];
        assert_eq!(found, expected, "mask {case_idx}: {text}");
        assert_eq!(decode(mask.size(), &text).unwrap(), mask, "mask {case_idx}");
        assert_eq!(decode_counts(mask.size(), &counts).unwrap(), mask, "mask {case_idx}");
    }
}

#[test]
fn texts_of_pycocotools_are_read_and_written() {
    let texts = golden().texts;
    assert!(texts.iter().filter(|text| text.3 > 0).count() > 15);
    for (height, width, text, area) in texts {
        let mask = decode(ImageSize::new(height, width), &text).unwrap();
        assert_eq!((mask.area(), encode(&mask)), (area, text));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "[/-p]{0,40}", counts in prop::collection::vec(any::<u32>(), 0..9), (height, width) in (0u32..9, 0u32..9),
    ) {
        let size = ImageSize::new(height, width);
        for mask in [decode(size, &text), decode_counts(size, &counts)].into_iter().flatten() {
            prop_assert_eq!(decode(size, &encode(&mask)), Ok(mask));
        }
    }

    #[test]
    fn counts_that_add_up_are_read(parts in prop::collection::vec(0u32..30, 1..40), height in 1u32..9) {
        let mut counts = parts;
        let short = counts.iter().sum::<u32>() % height;
        counts.push(height - short);
        let size = ImageSize::new(height, counts.iter().sum::<u32>() / height);
        let mask = decode_counts(size, &counts).unwrap();
        prop_assert_eq!(mask.area() as u32, counts.iter().skip(1).step_by(2).sum::<u32>());
        prop_assert_eq!(decode_counts(size, &encode_counts(&mask)), Ok(mask.clone()));
        prop_assert_eq!(decode(size, &encode(&mask)), Ok(mask));
    }
}
