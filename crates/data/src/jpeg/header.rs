//! What stands before the pixels: markers and their segments.

use super::huffman::{Class, HuffmanTable};
use super::idct::ZIGZAG;
use super::segments::{START_OF_SCAN, Segment, segments};

/// A component of the photo: brightness, one of two color differences, or red, green or blue.
pub(crate) struct Component {
    id: u8,
    /// Blocks of the component in an MCU, along the width and along the height: 1 or 2.
    pub(super) sampling: [usize; 2],
    quantization_idx: u8,
    /// Factor of each coefficient, row by row.
    pub(super) quantization: [i16; 64],
    pub(super) dc: HuffmanTable,
    pub(super) ac: HuffmanTable,
}

/// What the values of the components mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    Gray,
    YCbCr,
    Rgb,
}

/// The header of a JPEG that this decoder reads.
pub(crate) struct Header<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(super) components: Vec<Component>,
    pub(super) color: Color,
    /// MCUs between two restart markers; 0 for none.
    pub(super) restart_interval: usize,
    /// The file from the first byte of the scan on.
    pub(super) scan: &'a [u8],
}

/// What the segments read so far said.
#[derive(Default)]
struct Tables {
    size: [u32; 2],
    components: Vec<Component>,
    quantization: [Option<[i16; 64]>; 4],
    /// DC tables, AC tables.
    huffman: [[Option<HuffmanTable>; 4]; 2],
    restart_interval: usize,
    has_jfif: bool,
    adobe_transform: Option<u8>,
}

impl<'a> Header<'a> {
    /// The header of a file; `None` if the file is damaged there or of a kind that is not read here.
    pub(crate) fn read(file: &'a [u8]) -> Option<Self> {
        let mut tables = Tables::default();
        for Segment { marker, content, behind } in segments(file) {
            if marker == START_OF_SCAN {
                return tables.header(content, behind);
            }
            tables.read(marker, content)?;
        }
        None
    }
}

impl Tables {
    /// `None` if the segment is wrong or says that another decoder is needed.
    fn read(&mut self, marker: u8, segment: &[u8]) -> Option<()> {
        match marker {
            0xC0 | 0xC1 => self.read_frame(segment),
            0xC4 => self.read_huffman(segment),
            0xDB => self.read_quantization(segment),
            0xDD => {
                self.restart_interval = usize::from(u16::from_be_bytes(segment.try_into().ok()?));
                Some(())
            }
            // Other processes of coding, arithmetic coding.
            0xC2..=0xCF => None,
            _ => {
                self.read_application(marker, segment);
                Some(())
            }
        }
    }

    fn read_application(&mut self, marker: u8, segment: &[u8]) {
        match (marker, segment) {
            (0xE0, [b'J', b'F', b'I', b'F', 0, ..]) if segment.len() >= 14 => self.has_jfif = true,
            (0xEE, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => {
                self.adobe_transform = Some(*transform);
            }
            _ => {}
        }
    }

    fn read_frame(&mut self, segment: &[u8]) -> Option<()> {
        let [8, height_1, height_0, width_1, width_0, num_components, rest @ ..] = segment else {
            return None;
        };
        let (components, []) = rest.as_chunks::<3>() else { return None };
        let is_second_frame = !self.components.is_empty();
        if is_second_frame
            || !matches!(num_components, 1 | 3)
            || components.len() != usize::from(*num_components)
        {
            return None;
        }
        let side = |bytes| u32::from(u16::from_be_bytes(bytes));
        self.size = [side([*height_1, *height_0]), side([*width_1, *width_0])];
        for &[id, sampling, quantization_idx] in components {
            let sampling = [usize::from(sampling >> 4), usize::from(sampling & 15)];
            if sampling.iter().any(|factor| !matches!(factor, 1 | 2)) {
                return None;
            }
            self.components.push(Component {
                id,
                sampling,
                quantization_idx,
                quantization: [0; 64],
                dc: HuffmanTable::default(),
                ac: HuffmanTable::default(),
            });
        }
        if let [only] = &mut self.components[..] {
            // Alone, a component comes block by block, whatever its factors are.
            only.sampling = [1, 1];
        }
        Some(())
    }

    fn read_quantization(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let num_bytes = 1 + usize::from(kind >> 4);
            let (values, rest) = rest.split_at_checked(64 * num_bytes)?;
            segment = rest;
            let mut table = [0; 64];
            for (value, &idx) in values.chunks_exact(num_bytes).zip(&ZIGZAG) {
                table[usize::from(idx)] = match value {
                    [value] => i16::from(*value),
                    // Beyond 32,767 libjpeg-turbo overflows too.
                    [high, low] => i16::from_be_bytes([*high, *low]),
                    _ => return None,
                };
            }
            *self.quantization.get_mut(usize::from(kind & 15))? = Some(table);
        }
        Some(())
    }

    fn read_huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let num_values = counts.iter().map(|&count| usize::from(count)).sum();
            let (values, rest) = rest.split_at_checked(num_values)?;
            segment = rest;
            let class = if kind >> 4 == 0 { Class::Dc } else { Class::Ac };
            let table = HuffmanTable::new(class, counts, values)?;
            let tables = self.huffman.get_mut(usize::from(kind >> 4))?;
            *tables.get_mut(usize::from(kind & 15))? = Some(table);
        }
        Some(())
    }

    /// All of the above, after the scan's own segment.
    fn header<'a>(mut self, segment: &[u8], scan: &'a [u8]) -> Option<Header<'a>> {
        let (&num_components, rest) = segment.split_first()?;
        if self.components.is_empty() || usize::from(num_components) != self.components.len() {
            return None;
        }
        let (selectors, rest) = rest.split_at_checked(2 * self.components.len())?;
        // All coefficients of all bits.
        if rest != [0, 63, 0] {
            return None;
        }
        for (component, selector) in self.components.iter_mut().zip(selectors.as_chunks::<2>().0) {
            let [id, tables] = *selector;
            if id != component.id {
                return None;
            }
            let [dc, ac] = &self.huffman;
            component.dc = dc.get(usize::from(tables >> 4))?.clone()?;
            component.ac = ac.get(usize::from(tables & 15))?.clone()?;
            let quantization_idx = usize::from(component.quantization_idx);
            component.quantization = (*self.quantization.get(quantization_idx)?)?;
        }
        let blocks_in_mcu = self.components.iter().map(|component| component.sampling);
        if blocks_in_mcu.map(|[columns, rows]| columns * rows).sum::<usize>() > 10 {
            return None;
        }
        let [height, width] = self.size;
        Some(Header {
            width,
            height,
            color: self.color(),
            components: self.components,
            restart_interval: self.restart_interval,
            scan,
        })
    }

    /// libjpeg's rules.
    fn color(&self) -> Color {
        let [a, b, c] = match &self.components[..] {
            [a, b, c] => [a.id, b.id, c.id],
            _ => return Color::Gray,
        };
        match self.adobe_transform {
            _ if self.has_jfif => Color::YCbCr,
            Some(0) => Color::Rgb,
            Some(_) => Color::YCbCr,
            None if [a, b, c] == *b"RGB" => Color::Rgb,
            None => Color::YCbCr,
        }
    }
}
