//! Kinds of JPEG that no decoder here reads.

use super::segments::{START_OF_SCAN, segments};

/// What is unusual about the JPEG `file`, in words that follow "a JPEG"; `None` for the kinds that are
/// read, and where the file is damaged before its kind is told.
///
/// Read are progressive Huffman coding, and sequential one with all channels in one scan, of 8 bits in
/// 1, 3 or 4 channels. Of sequential coding in several scans zune-jpeg makes other pixels without a
/// word (0.5.15, where a channel has fewer rows than another), so it is refused.
///
/// # Source
/// ITU-T T.81, table B.1, and T.87 (JPEG-LS).
pub(crate) fn unread_kind(file: &[u8]) -> Option<String> {
    let kind = |words: &str| Some(words.to_owned());
    let mut sequential_channels = None;
    for segment in segments(file) {
        match (segment.marker, segment.content) {
            (0xC0..=0xC2, content) => {
                if let Some(kind) = unread_frame(segment.marker, content) {
                    return Some(kind);
                }
                let is_sequential = segment.marker != 0xC2;
                sequential_channels = content.get(5).copied().filter(|_| is_sequential);
            }
            (0xC3, _) => return kind("with lossless coding"),
            (0xC5..=0xC7 | 0xCD..=0xCF | 0xDE, _) => return kind("with hierarchical coding"),
            (0xC9 | 0xCA | 0xCC, _) => return kind("with arithmetic coding"),
            (0xCB, _) => return kind("with lossless arithmetic coding"),
            (0xF7, _) => return kind("with JPEG-LS coding"),
            (START_OF_SCAN, &[num_channels, ..])
                if sequential_channels.is_some_and(|all| num_channels < all) =>
            {
                return kind(
                    "whose channels come one after the other (sequential, in several scans)",
                );
            }
            _ => {}
        }
    }
    None
}

/// What is unusual about the frame of a sequential or progressive JPEG.
fn unread_frame(marker: u8, content: &[u8]) -> Option<String> {
    let &[bits, height_1, height_0, _, _, num_channels, ref channels @ ..] = content else {
        return None;
    };
    // What no reference file of the tests has.
    let is_odd = |channel: &[u8; 3]| {
        let [across, down] = [channel[1] >> 4, channel[1] & 15];
        !matches!(across, 1 | 2 | 4) || !matches!((marker, down), (_, 1 | 2) | (0xC2, 4))
    };
    match (bits, [height_1, height_0], num_channels) {
        (8, [0, 0], _) => Some("that states its height behind its pixels".to_owned()),
        (8, _, 1) => None,
        (8, _, 3 | 4) => channels
            .as_chunks()
            .0
            .iter()
            .any(is_odd)
            .then(|| "with an unusual resolution of its channels".to_owned()),
        (8, _, num) => Some(format!("of {num} channels, not 1, 3 or 4")),
        (bits, ..) => Some(format!("of {bits} bits a value, not 8")),
    }
}

#[cfg(test)]
mod tests {
    use super::unread_kind;

    /// A JPEG whose only segment is a frame of 2 x 3 pixels.
    fn frame(marker: u8, bits: u8, height: u8, num_channels: u8) -> Vec<u8> {
        vec![0xFF, 0xD8, 0xFF, marker, 0, 8, bits, 0, height, 0, 3, num_channels]
    }

    #[test]
    fn the_marker_of_the_frame_tells_the_kind() {
        let kind = |marker| unread_kind(&frame(marker, 8, 2, 3)).unwrap_or_default();
        for marker in [0xC0, 0xC1, 0xC2] {
            assert_eq!(kind(marker), "");
        }
        assert_eq!(kind(0xC3), "with lossless coding");
        assert_eq!(kind(0xC9), "with arithmetic coding");
        assert_eq!(kind(0xCA), "with arithmetic coding");
        assert_eq!(kind(0xCB), "with lossless arithmetic coding");
        assert_eq!(kind(0xF7), "with JPEG-LS coding");
        for marker in [0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE] {
            assert_eq!(kind(marker), "with hierarchical coding");
        }
    }

    #[test]
    fn bits_channels_and_a_missing_height_are_told() {
        let kind = |bits, height, num_channels| {
            unread_kind(&frame(0xC1, bits, height, num_channels)).unwrap_or_default()
        };
        assert_eq!(kind(12, 2, 3), "of 12 bits a value, not 8");
        assert_eq!(kind(8, 2, 2), "of 2 channels, not 1, 3 or 4");
        assert_eq!(kind(8, 0, 3), "that states its height behind its pixels");
        assert_eq!([kind(8, 2, 1), kind(8, 2, 4)], ["", ""]);
    }

    #[test]
    fn unusual_resolutions_are_told() {
        let kind = |marker, sampling| {
            let mut file = frame(marker, 8, 2, 3);
            file.extend([1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0]);
            file[5] = 17;
            unread_kind(&file).unwrap_or_default()
        };
        for sampling in [0x11, 0x21, 0x12, 0x22, 0x41, 0x42] {
            assert_eq!([kind(0xC0, sampling), kind(0xC2, sampling)], ["", ""]);
        }
        assert_eq!(kind(0xC0, 0x14), "with an unusual resolution of its channels");
        assert_eq!(kind(0xC2, 0x14), "");
        assert_eq!(kind(0xC2, 0x31), "with an unusual resolution of its channels");
    }

    #[test]
    fn sequential_channels_one_after_the_other_are_told() {
        let kind = |marker, channels: u8, num_in_scan: u8| {
            let scan = [0xFF, 0xDA, 0, 3, num_in_scan];
            unread_kind(&[&frame(marker, 8, 2, channels)[..], &scan].concat()).unwrap_or_default()
        };
        assert!(kind(0xC0, 3, 1).starts_with("whose channels come one after the other"));
        assert!(kind(0xC1, 4, 2).starts_with("whose channels come one after the other"));
        assert_eq!([kind(0xC0, 3, 3), kind(0xC0, 1, 1), kind(0xC2, 3, 1)], ["", "", ""]);
    }

    #[test]
    fn a_cut_off_header_has_no_kind() {
        let file = frame(0xC3, 8, 2, 3);
        for length in 0..file.len() {
            assert_eq!(unread_kind(&file[..length]), None, "{length}");
        }
    }
}
