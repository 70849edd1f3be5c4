//! From the bits of the scan to pixels, one row of MCUs after the other.

use super::bits::{Bits, Segments};
use super::color::Colors;
use super::header::{Component, Header};
use super::interleave::interleave;
use super::plane::Plane;
use super::upsample::Upsampler;
use super::{huffman, idct};
use pulp::{Arch, Simd, WithSimd};
use std::cell::Cell;

/// Bytes without a meaning that may stand before a marker, as some cameras write them.
const MAX_UNUSED_BYTES: i64 = 512;

const TOO_FEW_BITS: &str = "too few bits";

/// A component and what was decoded of it.
struct Channel<'a> {
    component: &'a Component,
    plane: Plane,
    upsampler: Upsampler,
    /// The DC coefficient of the newest block.
    prediction: i32,
}

/// A scan of which some rows are decoded.
struct Scan<'a> {
    channels: Vec<Channel<'a>>,
    colors: Colors,
    segments: &'a Segments,
    bits: Bits<'a>,
    /// Segments that were begun.
    num_segments: usize,
    /// MCUs until the next restart marker.
    num_until_restart: usize,
    restart_interval: usize,
    /// `[height, width]` of an MCU, in pixels.
    mcu: [usize; 2],
    /// `[height, width]` of the photo.
    size: [usize; 2],
    row: Vec<[u8; 3]>,
}

impl Header<'_> {
    /// The pixels, `[height, width, 3]`, from a width and a height of at least 1.
    ///
    /// # Errors
    /// What is damaged.
    pub(crate) fn pixels(&self) -> Result<Vec<u8>, &'static str> {
        self.pixels_on(Arch::new())
    }

    /// The pixels, which are the same on all processors.
    fn pixels_on(&self, arch: Arch) -> Result<Vec<u8>, &'static str> {
        let segments = Segments::new(self.scan)?;
        let mut scan = Scan::new(self, &segments);
        let num_rows = scan.size[0].div_ceil(scan.mcu[0]);
        let mut pixels = SPARE.take();
        pixels.clear();
        pixels.reserve_exact(3 * scan.size[0] * scan.size[1]);
        for mcu_row in 0..num_rows {
            arch.dispatch(ReadRow { scan: &mut scan, mcu_row })?;
            arch.dispatch(AppendPixels { scan: &mut scan, mcu_row, pixels: &mut pixels });
        }
        scan.check_end()?;
        Ok(pixels)
    }
}

thread_local! {
    /// Memory for the pixels of this thread's next photo: new memory of that size comes page by page,
    /// each cleared by the system, which takes a tenth of the time of a photo.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Largest memory that a thread keeps, in bytes: a photo of 20 megapixels.
const MAX_SPARE: usize = 60_000_000;

/// Takes back the memory of pixels that nobody needs any more.
pub fn recycle(pixels: Vec<u8>) {
    if pixels.capacity() <= MAX_SPARE {
        SPARE.set(pixels);
    }
}

/// [`Scan::read_row`], compiled for each kind of processor.
///
/// A structure, not a closure: of closures the compiler would make a function for any processor. For
/// the same reason all that is called in here is inlined.
struct ReadRow<'a, 'b> {
    scan: &'a mut Scan<'b>,
    mcu_row: usize,
}

impl WithSimd for ReadRow<'_, '_> {
    type Output = Result<(), &'static str>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        self.scan.read_row(self.mcu_row)
    }
}

/// [`Scan::append_pixels`], compiled for each kind of processor.
struct AppendPixels<'a, 'b> {
    scan: &'a mut Scan<'b>,
    mcu_row: usize,
    pixels: &'a mut Vec<u8>,
}

impl WithSimd for AppendPixels<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.scan.append_pixels(self.mcu_row, self.pixels);
    }
}

impl<'a> Scan<'a> {
    fn new(header: &'a Header<'_>, segments: &'a Segments) -> Self {
        let size = [header.height as usize, header.width as usize];
        let factors = |axis: usize| header.components.iter().map(move |c| c.sampling[axis]);
        let largest = [0, 1].map(|axis| factors(axis).max().unwrap_or(1));
        let mcu = [8 * largest[1], 8 * largest[0]];
        let num_mcus = size[1].div_ceil(mcu[1]);
        let channel = |component: &'a Component| {
            let plane = Plane::new(component, size, largest, num_mcus);
            let halved = [0, 1].map(|axis| component.sampling[axis] < largest[axis]);
            let upsampler = Upsampler::new(halved, plane.width());
            Channel { component, plane, upsampler, prediction: 0 }
        };
        let restart_interval = match header.restart_interval {
            0 => usize::MAX,
            interval => interval,
        };
        Self {
            channels: header.components.iter().map(channel).collect(),
            colors: Colors::new(header.color, size[1]),
            segments,
            bits: segments.bits(0),
            num_segments: 1,
            num_until_restart: restart_interval,
            restart_interval,
            mcu,
            size,
            row: vec![[0; 3]; size[1]],
        }
    }

    /// Decodes a row of MCUs into the planes.
    ///
    /// # Errors
    /// Damaged blocks; bits that end early.
    #[inline(always)]
    fn read_row(&mut self, mcu_row: usize) -> Result<(), &'static str> {
        let mut block = [0; 64];
        let mut bits = self.bits;
        for mcu in 0..self.size[1].div_ceil(self.mcu[1]) {
            if self.num_until_restart == 0 {
                self.bits = bits;
                self.restart()?;
                bits = self.bits;
            }
            self.num_until_restart -= 1;
            for channel in &mut self.channels {
                let Component { sampling: [columns, rows], quantization, dc, ac, .. } =
                    channel.component;
                for row in 0..*rows {
                    for column in 0..*columns {
                        let prediction = &mut channel.prediction;
                        let num = huffman::read_block(&mut bits, [dc, ac], prediction, &mut block)?;
                        let samples = idct::samples(&block, quantization, num);
                        block = [0; 64];
                        channel.plane.put(mcu_row * rows + row, mcu * columns + column, &samples);
                    }
                }
            }
        }
        self.bits = bits;
        if bits.num_left() < 0 { Err(TOO_FEW_BITS) } else { Ok(()) }
    }

    #[cold]
    fn restart(&mut self) -> Result<(), &'static str> {
        self.check_segment()?;
        if self.num_segments == self.segments.num() {
            return Err("fewer restart markers than announced");
        }
        self.bits = self.segments.bits(self.num_segments);
        self.num_segments += 1;
        self.num_until_restart = self.restart_interval;
        for channel in &mut self.channels {
            channel.prediction = 0;
        }
        Ok(())
    }

    fn check_segment(&self) -> Result<(), &'static str> {
        match self.bits.num_left() {
            ..0 => Err(TOO_FEW_BITS),
            num if num >= 8 * (MAX_UNUSED_BYTES + 1) => Err("bits that belong to no block"),
            _ => Ok(()),
        }
    }

    /// After the last row.
    fn check_end(&self) -> Result<(), &'static str> {
        self.check_segment()?;
        // Some programs write a restart marker after the last MCU, too.
        let num_unread: i64 = (self.num_segments..self.segments.num())
            .map(|i| self.segments.bits(i).num_left())
            .sum();
        if self.segments.num() > self.num_segments + 1 || num_unread > 8 * MAX_UNUSED_BYTES {
            return Err("more restart markers than announced");
        }
        Ok(())
    }

    /// Appends the rows of the photo for which all samples are there.
    #[inline(always)]
    fn append_pixels(&mut self, mcu_row: usize, pixels: &mut Vec<u8>) {
        let height = self.size[0];
        // The last row waits for the samples below it.
        let start = (mcu_row * self.mcu[0]).saturating_sub(1);
        let end = (mcu_row + 1) * self.mcu[0];
        let end = if end >= height { height } else { end - 1 };
        for row in start..end {
            let mut rows: [&[u8]; 3] = [&[]; 3];
            for (samples, channel) in rows.iter_mut().zip(&mut self.channels) {
                *samples = channel.upsampler.row(&channel.plane, row);
            }
            interleave(self.colors.convert(rows), &mut self.row);
            pixels.extend_from_slice(self.row.as_flattened());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    fn assert_equal_everywhere(file: &[u8]) {
        let header = Header::read(file).expect("a header");
        let plain = header.pixels_on(Arch::Scalar).expect("decodes");
        assert_eq!(header.pixels().expect("decodes"), plain);
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            assert_eq!(header.pixels_on(Arch::V3(simd)).expect("decodes"), plain);
        }
    }

    #[test]
    fn pixels_do_not_depend_on_the_processor() {
        for (width, height) in [(200_u16, 100_u16), (77, 45), (5, 3)] {
            let mut random = Random::new(0, "jpeg", 0, "processor");
            let values = 3 * usize::from(width) * usize::from(height);
            let pixels: Vec<u8> =
                (0..values).map(|idx| (idx / 9 + random.below(60)) as u8).collect();
            for sampling in [SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_0] {
                for quality in [40, 90, 100] {
                    let mut file = Vec::new();
                    let mut encoder = Encoder::new(&mut file, quality);
                    encoder.set_sampling_factor(sampling);
                    encoder.encode(&pixels, width, height, ColorType::Rgb).expect("encodes");
                    assert_equal_everywhere(&file);
                }
            }
        }
    }
}
