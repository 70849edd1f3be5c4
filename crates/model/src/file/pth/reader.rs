//! The bytes of pickles, one piece after the other.

/// A position in bytes that may end at any point.
#[derive(Debug)]
pub struct Reader<'a> {
    input: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, position: 0 }
    }

    /// Number of bytes that were read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next `length` bytes, which are not copied.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self.position.checked_add(length);
        let bytes = end.and_then(|end| self.input.get(self.position..end));
        let bytes = bytes.ok_or_else(|| self.cut_off())?;
        self.position += length;
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let bytes = self.take(N)?;
        <[u8; N]>::try_from(bytes).map_err(|_| self.cut_off())
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, String> {
        let [byte] = self.fixed()?;
        Ok(byte)
    }

    /// A length or number of one byte if `is_short`, else of four bytes.
    pub fn number(&mut self, is_short: bool) -> Result<u32, String> {
        if is_short { Ok(self.byte()?.into()) } else { Ok(u32::from_le_bytes(self.fixed()?)) }
    }

    /// A text after its length.
    pub fn text(&mut self, is_short: bool) -> Result<&'a str, String> {
        let length = self.number(is_short)?;
        let bytes = self.take(length as usize)?;
        std::str::from_utf8(bytes).map_err(|_| "a text in the pickle is not UTF-8".to_string())
    }

    /// A text up to the end of its line.
    pub fn line(&mut self) -> Result<&'a str, String> {
        let rest = self.input.get(self.position..).unwrap_or_default();
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| self.cut_off())?;
        let line = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| "a name in the pickle is not UTF-8".to_string())
    }

    fn cut_off(&self) -> String {
        format!("the pickle is cut off at byte {}", self.position)
    }
}
