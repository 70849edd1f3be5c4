//! Bytes in golden files are written as hexadecimal digits.

/// The bytes written as pairs of hexadecimal digits.
pub fn bytes(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}
