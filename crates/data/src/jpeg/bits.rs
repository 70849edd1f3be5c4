//! The bits of a scan.

/// Bits that are there after a refill, at least.
pub(super) const NUM_REFILLED: u32 = 56;

/// Bytes after the last segment, so that eight can be read at once.
const NUM_PADDING: usize = 8;

/// The bytes of a scan without markers and stuffed zeros.
pub(super) struct Segments {
    bytes: Vec<u8>,
    /// Where each part between restart markers ends.
    ends: Vec<usize>,
}

impl Segments {
    /// The parts of the scan at the beginning of `file`, up to the first marker but RST.
    ///
    /// # Errors
    /// The file ends before; restart markers that do not count from 0 to 7, over and over.
    pub(super) fn new(file: &[u8]) -> Result<Self, &'static str> {
        let mut segments =
            Self { bytes: Vec::with_capacity(file.len() + NUM_PADDING), ends: vec![] };
        let mut rest = file;
        loop {
            let at = memchr::memchr(0xFF, rest).ok_or("no end of the scan")?;
            segments.bytes.extend_from_slice(&rest[..at]);
            // Any number of 0xFF may stand before a marker.
            let num_fill = rest[at..].iter().take_while(|&&byte| byte == 0xFF).count();
            let (&marker, tail) =
                rest[at + num_fill..].split_first().ok_or("no end of the scan")?;
            rest = tail;
            match marker {
                0x00 => segments.bytes.push(0xFF),
                0xD0..=0xD7 => {
                    if usize::from(marker - 0xD0) != segments.ends.len() % 8 {
                        return Err("a restart marker out of order");
                    }
                    segments.ends.push(segments.bytes.len());
                }
                _ => break,
            }
        }
        segments.ends.push(segments.bytes.len());
        segments.bytes.extend([0; NUM_PADDING]);
        Ok(segments)
    }

    /// The number of parts.
    pub(super) fn num(&self) -> usize {
        self.ends.len()
    }

    /// Part `idx`; an empty one if there is none.
    pub(super) fn bits(&self, idx: usize) -> Bits<'_> {
        let end = |idx: usize| self.ends.get(idx).copied();
        let start = idx.checked_sub(1).map_or(Some(0), end).unwrap_or(self.bytes.len());
        // What comes after the part is read but not used.
        let bytes = &self.bytes[start..];
        let num_bytes = end(idx).map_or(0, |end| end - start);
        Bits { bytes, num_bytes, next: 0, buffer: 0, num_buffered: 0 }
    }
}

/// A reader of bits, the highest bit of a byte first.
///
/// Beyond the end come any bits; [`Bits::num_left`] tells whether it was passed.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    num_bytes: usize,
    /// Index of the next byte to buffer.
    next: usize,
    /// The next bits, from the highest on.
    buffer: u64,
    num_buffered: u32,
}

impl Bits<'_> {
    /// Fills the buffer to [`NUM_REFILLED`] bits or more.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let next = self.bytes.get(self.next..).and_then(|bytes| bytes.first_chunk());
        // Bits of a byte that only partly fits come again, the same, with the next refill.
        self.buffer |= next.map_or(0, |bytes| u64::from_be_bytes(*bytes)) >> self.num_buffered;
        self.next += ((63 - self.num_buffered) >> 3) as usize;
        self.num_buffered |= NUM_REFILLED;
    }

    /// The next `NUM` bits, of 1 to 32; they have to be buffered.
    #[inline(always)]
    pub(super) fn peek<const NUM: u32>(&self) -> u32 {
        (self.buffer >> (64 - NUM)) as u32
    }

    /// Drops `num` bits; they have to be buffered.
    #[inline(always)]
    pub(super) fn drop(&mut self, num: u32) {
        self.buffer <<= num;
        self.num_buffered = self.num_buffered.wrapping_sub(num);
    }

    /// Reads `num` bits, at most 16; they have to be buffered.
    #[inline(always)]
    pub(super) fn read(&mut self, num: u32) -> u32 {
        let bits = (self.buffer >> 32) >> (32 - num);
        self.drop(num);
        bits as u32
    }

    /// Bits up to the end; negative if it was passed.
    pub(super) fn num_left(&self) -> i64 {
        8 * (self.num_bytes as i64 - self.next as i64) + i64::from(self.num_buffered)
    }
}
