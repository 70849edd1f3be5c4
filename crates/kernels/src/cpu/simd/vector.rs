//! What every instruction set can do with vectors.

/// A vector of `f32`.
///
/// # Safety
///
/// Methods may be called only where the instruction set has been found on the machine, and must be
/// inlined into a function compiled for it. Pointers must be good for the lanes accessed; they need
/// no alignment.
pub(in crate::cpu) trait Simd: Copy {
    /// The register.
    type Vector: Copy;
    /// Lanes.
    const WIDTH: usize;
    /// Rows of a register tile that is 1, 2 or 3 vectors wide: together with the operands they
    /// fill the registers.
    const ROWS: [usize; 3];

    unsafe fn splat(value: f32) -> Self::Vector;
    unsafe fn load(source: *const f32) -> Self::Vector;
    unsafe fn store(target: *mut f32, value: Self::Vector);
    /// The first `len` lanes, the others 0; `len` ≤ WIDTH.
    unsafe fn load_first(source: *const f32, len: usize) -> Self::Vector;
    unsafe fn store_first(target: *mut f32, value: Self::Vector, len: usize);
    /// Fetches the cache line of an address that will be read; any address will do.
    #[inline(always)]
    unsafe fn prefetch(_address: *const f32) {}
    /// [`Simd::store`] past the caches, to an address that is a multiple of the vector's size. Before
    /// another thread reads it, [`Simd::fence`] must be called.
    unsafe fn stream(target: *mut f32, value: Self::Vector);
    /// Orders what was streamed before what is stored afterwards.
    unsafe fn fence();
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn div(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b + c, rounded once where the instruction set can.
    unsafe fn fma(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// (c + a₁ · b₁) + a₀ · b₀, of lanes that are [`Simd::pairs`]: 1 the upper half, 0 the lower.
    unsafe fn fma_pairs(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Each lane of `low` and of `high`, rounded to bfloat16, in the lower and the upper half of a lane.
    unsafe fn pairs(low: Self::Vector, high: Self::Vector) -> Self::Vector;
    /// `b` where either is not a number.
    unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `b` where either is not a number.
    unsafe fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `value` where `condition` > 0, else 0.
    unsafe fn where_positive(condition: Self::Vector, value: Self::Vector) -> Self::Vector;
    /// `value` where a = b, else 0.
    unsafe fn where_equal(a: Self::Vector, b: Self::Vector, value: Self::Vector) -> Self::Vector;
    /// `yes` where a > b, or `a` is not a number and `b` is one; else `no`.
    unsafe fn where_above(
        a: Self::Vector,
        b: Self::Vector,
        yes: Self::Vector,
        no: Self::Vector,
    ) -> Self::Vector;
    /// `value` · 2^k, where `shifted` is 1.5 · 2^23 + k and -126 ≤ k ≤ 127.
    unsafe fn times_power_of_two(value: Self::Vector, shifted: Self::Vector) -> Self::Vector;
}

/// Two numbers, rounded to bfloat16 (to nearest, ties to even), in the lower and the upper half of a
/// lane. What is not a number stays so.
#[inline(always)]
pub(in crate::cpu) fn pair(low: f32, high: f32) -> f32 {
    let rounded = |value: f32| {
        let bits = value.to_bits();
        let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
        if value.is_nan() { bits | 0x0040_0000 } else { nearest }
    };
    f32::from_bits(rounded(low) >> 16 | rounded(high) & 0xffff_0000)
}
