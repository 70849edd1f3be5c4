//! Huffman codes, and the numbers that follow them.

use super::bits::{Bits, NUM_REFILLED};

/// Bits that one lookup resolves: most codes with their values, in tables that stay in the L1 cache.
const NUM_LOOKUP_BITS: u32 = 11;

const BAD_CODE: &str = "a code that its Huffman table does not hold";

/// Whether a table codes differences of DC coefficients or runs and values of AC coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Dc,
    Ac,
}

/// What a code stands for: how many zeros come before a value, and how many bits the value has.
#[derive(Debug, Clone, Copy)]
struct Symbol(u8);

impl Symbol {
    /// 15 zeros and another, not followed by bits.
    const SIXTEEN_ZEROS: u8 = 0xF0;

    fn run(self) -> u32 {
        u32::from(self.0 >> 4)
    }

    fn size(self) -> u32 {
        u32::from(self.0 & 15)
    }

    /// Among AC coefficients.
    fn is_end_of_block(self) -> bool {
        self.size() == 0 && self.0 != Self::SIXTEEN_ZEROS
    }
}

/// What begins with certain [`NUM_LOOKUP_BITS`] bits.
///
/// From the lowest bit on: bits to drop (6), kind (2), the symbol (8), the value (16, signed).
#[derive(Debug, Clone, Copy)]
struct Entry(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Kind {
    /// A code and the bits of its value.
    Whole = 0,
    /// The end of the block.
    EndOfBlock = 1,
    /// A code whose value's bits are still to be read.
    Code = 2,
    /// The beginning of a longer code, or of none.
    LongCode = 3,
}

impl Entry {
    const LONG_CODE: Self = Self((Kind::LongCode as u32) << 6);

    fn new(class: Class, symbol: Symbol, num_code_bits: u32, next_bits: u32) -> Self {
        let size = symbol.size();
        let num_bits = num_code_bits + size;
        let (kind, num_dropped, value) = if class == Class::Ac && symbol.is_end_of_block() {
            (Kind::EndOfBlock, num_code_bits, 0)
        } else if num_bits <= NUM_LOOKUP_BITS {
            let value_bits = (next_bits >> (NUM_LOOKUP_BITS - num_bits)) & ((1 << size) - 1);
            (Kind::Whole, num_bits, value_of(value_bits, size))
        } else {
            (Kind::Code, num_code_bits, 0)
        };
        let value = u32::from((value as i16).cast_unsigned());
        Self(num_dropped | (kind as u32) << 6 | u32::from(symbol.0) << 8 | value << 16)
    }

    fn num_bits(self) -> u32 {
        self.0 & 63
    }

    fn is(self, kind: Kind) -> bool {
        (self.0 >> 6) & 3 == kind as u32
    }

    fn symbol(self) -> Symbol {
        Symbol((self.0 >> 8) as u8)
    }

    fn value(self) -> i32 {
        self.0.cast_signed() >> 16
    }
}

/// The number that `size` bits stand for: the upper half is positive (T.81, figure F.12).
#[inline(always)]
fn value_of(bits: u32, size: u32) -> i32 {
    let is_negative = bits < (1 << size) >> 1;
    bits.cast_signed() - if is_negative { (1 << size) - 1 } else { 0 }
}

/// A Huffman table.
#[derive(Clone)]
pub(super) struct HuffmanTable {
    lookup: Box<[Entry; 1 << NUM_LOOKUP_BITS]>,
    /// By length: the smallest 16 bits that begin with no code of up to this length.
    limit: [u32; 17],
    /// By length: what is added to a code to get the index of its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Default for HuffmanTable {
    /// A table without codes.
    fn default() -> Self {
        let lookup = Box::new([Entry::LONG_CODE; 1 << NUM_LOOKUP_BITS]);
        Self { lookup, limit: [0; 17], offset: [0; 17], symbols: Vec::new() }
    }
}

impl HuffmanTable {
    /// The table with `counts[i]` codes of `i + 1` bits; `None` if there are too many.
    pub(super) fn new(class: Class, counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        // No difference has more than 15 bits.
        if symbols.len() > 256 || (class == Class::Dc && symbols.iter().any(|&size| size > 15)) {
            return None;
        }
        let mut table = Self { symbols: symbols.to_vec(), ..Self::default() };
        let (mut code, mut idx) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            table.offset[length as usize] = idx as i32 - code.cast_signed();
            for _ in 0..count {
                table.fill_lookup(class, code, length, Symbol(*symbols.get(idx)?));
                code += 1;
                idx += 1;
            }
            if code > 1 << length {
                return None;
            }
            table.limit[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    fn fill_lookup(&mut self, class: Class, code: u32, length: u32, symbol: Symbol) {
        let Some(num_next_bits) = NUM_LOOKUP_BITS.checked_sub(length) else { return };
        let first = code << num_next_bits;
        for bits in first..first + (1 << num_next_bits) {
            if let Some(entry) = self.lookup.get_mut(bits as usize) {
                *entry = Entry::new(class, symbol, length, bits);
            }
        }
    }

    #[inline(always)]
    fn entry(&self, bits: &Bits<'_>) -> Entry {
        self.lookup[bits.peek::<NUM_LOOKUP_BITS>() as usize]
    }

    /// The symbol and its value, of a code that the lookup did not resolve.
    #[inline(always)]
    fn read(&self, bits: &mut Bits<'_>, entry: Entry) -> Result<(Symbol, i32), &'static str> {
        bits.refill();
        let (symbol, num_bits) = if entry.is(Kind::LongCode) {
            self.find(bits.peek::<16>())?
        } else {
            (entry.symbol(), entry.num_bits())
        };
        bits.drop(num_bits);
        let size = symbol.size();
        Ok((symbol, value_of(bits.read(size), size)))
    }

    /// The symbol with which `next`, 16 bits, begins, and the length of its code.
    #[cold]
    fn find(&self, next: u32) -> Result<(Symbol, u32), &'static str> {
        let length = (1..=16).find(|&length| next < self.limit[length]).ok_or(BAD_CODE)?;
        let code = (next >> (16 - length)).cast_signed();
        let idx = usize::try_from(code + self.offset[length]).map_err(|_| BAD_CODE)?;
        self.symbols.get(idx).map(|&symbol| (Symbol(symbol), length as u32)).ok_or(BAD_CODE)
    }
}

/// Where the coefficients stand in a block, by their order in the file; what lies beyond the last is
/// led to the last, which spares a comparison for each.
static POSITIONS: [u8; 128] = {
    let mut positions = [63; 128];
    let mut idx = 0;
    while idx < 64 {
        positions[idx] = super::idct::ZIGZAG[idx];
        idx += 1;
    }
    positions
};

/// Reads the coefficients of a block that holds zeros; returns how many were read, zeros among them.
///
/// `prediction` is the DC coefficient of the block before.
///
/// # Errors
/// Bits that are no code; more than 64 coefficients.
#[inline(always)]
pub(super) fn read_block(
    bits: &mut Bits<'_>,
    [dc, ac]: [&HuffmanTable; 2],
    prediction: &mut i32,
    block: &mut [i16; 64],
) -> Result<usize, &'static str> {
    bits.refill();
    let entry = dc.entry(bits);
    let difference = if entry.is(Kind::Whole) {
        bits.drop(entry.num_bits());
        entry.value()
    } else {
        dc.read(bits, entry)?.1
    };
    *prediction = prediction.wrapping_add(difference);
    block[0] = *prediction as i16;
    read_ac(bits, ac, block)
}

/// Stores a value after `num` coefficients and the zeros before it; returns how many there are then.
#[inline(always)]
fn store(block: &mut [i16; 64], num: usize, symbol: Symbol, value: i32) -> usize {
    let idx = num + symbol.run() as usize;
    block[usize::from(POSITIONS[idx & 127])] = value as i16;
    idx + 1
}

/// Reads the AC coefficients and returns how many coefficients there are with the DC coefficient.
#[inline(always)]
fn read_ac(
    bits: &mut Bits<'_>,
    ac: &HuffmanTable,
    block: &mut [i16; 64],
) -> Result<usize, &'static str> {
    let mut num = 1;
    'block: while num < 64 {
        bits.refill();
        let other = 'whole: {
            // As many lookups as fit into what a refill leaves.
            for _ in 0..NUM_REFILLED / NUM_LOOKUP_BITS {
                let entry = ac.entry(bits);
                if !entry.is(Kind::Whole) {
                    break 'whole entry;
                }
                bits.drop(entry.num_bits());
                num = store(block, num, entry.symbol(), entry.value());
                if num >= 64 {
                    break 'block;
                }
            }
            continue 'block;
        };
        if other.is(Kind::EndOfBlock) {
            bits.drop(other.num_bits());
            break 'block;
        }
        let (symbol, value) = ac.read(bits, other)?;
        if symbol.is_end_of_block() {
            break 'block;
        }
        num = store(block, num, symbol, value);
    }
    if num > 64 { Err("a block of more than 64 coefficients") } else { Ok(num) }
}
