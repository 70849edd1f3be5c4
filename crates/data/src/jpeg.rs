//! The JPEGs of cameras, decoded as libjpeg-turbo decodes them, to the pixel.
//!
//! Pillow decodes with libjpeg-turbo, so a study that was done with it gets the same pixels here; and
//! decoding is most of the time that a photo takes on its way to the network.
//!
//! Read here: baseline and extended sequential Huffman coding of 8 bits, gray or three components
//! (YCbCr or RGB) in one scan, each as large as the photo or halved in width, height or both. What
//! else there is (progressive, arithmetic coding, 12 bits, CMYK) [`Header::read`] leaves to another
//! decoder.
//!
//! # Source
//! ITU-T T.81; the rounding is that of libjpeg-turbo's defaults, which Pillow uses.

mod bits;
mod color;
mod header;
mod huffman;
mod idct;
mod interleave;
mod kind;
mod plane;
mod scan;
mod segments;
mod transpose;
mod upsample;

pub(crate) use header::Header;
pub(crate) use kind::unread_kind;
pub(crate) use scan::recycle;
pub(crate) use segments::segments;
