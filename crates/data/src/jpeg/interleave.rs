//! Three rows of bytes to one of triples.

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::__m128i;
#[cfg(target_arch = "x86_64")]
use pulp::bytemuck::cast;
#[cfg(target_arch = "x86_64")]
use pulp::core_arch::x86::{Sse2, Ssse3};

/// Writes the first values of each row, then the second ones, and so on, to the end of `triples`.
///
/// On x86-64 sixteen triples at once are put together from shuffled bytes.
#[inline(always)]
pub(super) fn interleave(rows: [&[u8]; 3], triples: &mut [[u8; 3]]) {
    let [a, b, c] = rows.map(|row| &row[..triples.len()]);
    #[cfg(target_arch = "x86_64")]
    let (a, b, c, triples) = match (Sse2::try_new(), Ssse3::try_new()) {
        (Some(sse2), Some(ssse3)) => {
            let [a, b, c] = [a, b, c].map(|row| row.as_chunks::<16>());
            let (chunks, rest) = triples.as_chunks_mut::<16>();
            for (((chunk, a0), b0), c0) in chunks.iter_mut().zip(a.0).zip(b.0).zip(c.0) {
                *chunk = sixteen((sse2, ssse3), [a0, b0, c0]);
            }
            (a.1, b.1, c.1, rest)
        }
        _ => (a, b, c, triples),
    };
    for (idx, triple) in triples.iter_mut().enumerate() {
        *triple = [a[idx], b[idx], c[idx]];
    }
}

/// Sixteen values of each row as 16 triples.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn sixteen((sse2, ssse3): (Sse2, Ssse3), rows: [&[u8; 16]; 3]) -> [[u8; 3]; 16] {
    let [a, b, c]: [__m128i; 3] = rows.map(|row| cast(*row));
    let part = |part: usize| {
        let [from_a, from_b, from_c] = PLACES[part].map(cast);
        let a = ssse3._mm_shuffle_epi8(a, from_a);
        let b = ssse3._mm_shuffle_epi8(b, from_b);
        let c = ssse3._mm_shuffle_epi8(c, from_c);
        sse2._mm_or_si128(sse2._mm_or_si128(a, b), c)
    };
    cast([part(0), part(1), part(2)])
}

/// By third of the triples and by row: which value stands where; 128 for none.
#[cfg(target_arch = "x86_64")]
static PLACES: [[[u8; 16]; 3]; 3] = {
    let mut places = [[[128; 16]; 3]; 3];
    let mut idx = 0;
    while idx < 48 {
        places[idx / 16][idx % 3][idx % 16] = (idx / 3) as u8;
        idx += 1;
    }
    places
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_three_rows_alternate() {
        for len in [0, 1, 15, 16, 17, 50] {
            let row = |start: usize| (start..start + len).map(|value| value as u8).collect();
            let rows: [Vec<u8>; 3] = [0, 60, 120].map(row);
            let mut triples = vec![[0; 3]; len];
            interleave(rows.each_ref().map(|row| &row[..]), &mut triples);
            let expected: Vec<[u8; 3]> =
                (0..len as u8).map(|value| [value, value + 60, value + 120]).collect();
            assert_eq!(triples, expected);
        }
    }
}
