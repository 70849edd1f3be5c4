//! The segments of a JPEG before its pixels.

/// A marker and what belongs to it.
pub(crate) struct Segment<'a> {
    pub marker: u8,
    /// Without marker and length.
    pub content: &'a [u8],
    /// The file from the end of the segment on.
    pub behind: &'a [u8],
}

/// The segments of `file` up to the first start of a scan, which is the last; they end early where
/// the file is damaged.
pub(crate) fn segments(file: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut rest = file.strip_prefix(&[0xFF, 0xD8]).unwrap_or_default();
    std::iter::from_fn(move || {
        let segment = next(std::mem::take(&mut rest))?;
        if segment.marker != START_OF_SCAN {
            rest = segment.behind;
        }
        Some(segment)
    })
}

/// The marker before the pixels.
pub(crate) const START_OF_SCAN: u8 = 0xDA;

fn next(mut rest: &[u8]) -> Option<Segment<'_>> {
    loop {
        // Bytes between segments are skipped, as are filling 0xFF.
        rest = &rest[memchr::memchr(0xFF, rest)? + 1..];
        let (&marker, tail) = rest.split_first()?;
        match marker {
            0xFF => continue,
            0x00 | 0x01 | 0xD0..=0xD7 => {
                rest = tail;
                continue;
            }
            0xD8 | 0xD9 => return None,
            _ => {}
        }
        let (length, tail) = tail.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
        let (content, behind) = tail.split_at_checked(length)?;
        return Some(Segment { marker, content, behind });
    }
}
