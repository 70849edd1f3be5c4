//! Image sizes, always height first.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The size of an image in pixels, written `HEIGHTxWIDTH` and stored as `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "[u32; 2]", into = "[u32; 2]")]
pub struct ImageSize {
    /// Rows, in pixels.
    pub height: u32,
    /// Columns, in pixels.
    pub width: u32,
}

impl ImageSize {
    /// A size of `height` rows and `width` columns.
    pub const fn new(height: u32, width: u32) -> Self {
        Self { height, width }
    }

    /// Rows times columns.
    pub const fn num_pixels(self) -> usize {
        self.height as usize * self.width as usize
    }
}

impl From<[u32; 2]> for ImageSize {
    fn from([height, width]: [u32; 2]) -> Self {
        Self { height, width }
    }
}

impl From<ImageSize> for [u32; 2] {
    fn from(size: ImageSize) -> Self {
        [size.height, size.width]
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

impl FromStr for ImageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not a size; write HEIGHTxWIDTH, for example 300x400");
        let (height, width) = text.split_once('x').ok_or_else(error)?;
        match (height.parse(), width.parse()) {
            (Ok(height), Ok(width)) if height > 0 && width > 0 => Ok(Self { height, width }),
            _ => Err(error()),
        }
    }
}
