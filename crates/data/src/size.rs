//! Image sizes, always height first.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest side of an image that is annotated, in pixels.
pub const MAX_SIDE_PX: u32 = 65_535;

/// Largest image of any kind that is read (photo, mask, heat map, what an annotation says of its image), in
/// pixels: bounds what a few bytes can ask for.
pub const MAX_PIXELS: u64 = 100_000_000;

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
    /// The longest side of what images are brought to; a longer one is a slip of the pen. In pixels.
    pub const MAX_SIDE_PX: u32 = 8192;

    /// A size of `height` rows and `width` columns.
    pub const fn new(height: u32, width: u32) -> Self {
        Self { height, width }
    }

    /// Rows times columns.
    pub const fn num_pixels(self) -> usize {
        self.height as usize * self.width as usize
    }

    /// Whether an image that is read may have so many pixels.
    ///
    /// # Errors
    /// What was found, and that at most [`MAX_PIXELS`] are read.
    pub fn check_area(self) -> Result<(), String> {
        match u64::from(self.height) * u64::from(self.width) > MAX_PIXELS {
            true => Err(format!(
                "found an image of {self} pixels (height x width); expected at most 100 megapixels"
            )),
            false => Ok(()),
        }
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
        // A number of any length is a number, and too large.
        let side = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true if !digits.is_empty() => Ok(digits.parse().unwrap_or(u32::MAX)),
            _ => Err(error()),
        };
        let (height, width) = (side(height)?, side(width)?);
        let allowed = 1..=Self::MAX_SIDE_PX;
        match allowed.contains(&height) && allowed.contains(&width) {
            true => Ok(Self { height, width }),
            false => Err(format!("a side has 1 to {} pixels, found `{text}`", Self::MAX_SIDE_PX)),
        }
    }
}
