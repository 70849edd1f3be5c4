//! Kinds of JPEG that no decoder here reads.

use super::segments::segments;

/// What is unusual about the JPEG `file`, in words that follow "a JPEG"; `None` for the kinds that are
/// read (sequential and progressive Huffman coding of 8 bits in 1, 3 or 4 channels), and where the
/// file is damaged before its kind is told.
///
/// # Source
/// ITU-T T.81, table B.1, and T.87 (JPEG-LS).
pub(crate) fn unread_kind(file: &[u8]) -> Option<String> {
    let kind = |words: &str| Some(words.to_owned());
    for segment in segments(file) {
        return match (segment.marker, segment.content) {
            (0xC0..=0xC2, &[8, 0, 0, ..]) => kind("that states its height behind its pixels"),
            (0xC0..=0xC2, &[8, _, _, _, _, 1 | 3 | 4, ..]) => None,
            (0xC0..=0xC2, &[8, _, _, _, _, channels, ..]) => {
                Some(format!("of {channels} channels, not 1, 3 or 4"))
            }
            (0xC0..=0xC2, &[bits, ..]) => Some(format!("of {bits} bits a value, not 8")),
            (0xC3, _) => kind("with lossless coding"),
            (0xC5..=0xC7 | 0xCD..=0xCF | 0xDE, _) => kind("with hierarchical coding"),
            (0xC9 | 0xCA | 0xCC, _) => kind("with arithmetic coding"),
            (0xCB, _) => kind("with lossless arithmetic coding"),
            (0xF7, _) => kind("with JPEG-LS coding"),
            _ => continue,
        };
    }
    None
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
    fn a_cut_off_header_has_no_kind() {
        let file = frame(0xC3, 8, 2, 3);
        for length in 0..file.len() {
            assert_eq!(unread_kind(&file[..length]), None, "{length}");
        }
    }
}
