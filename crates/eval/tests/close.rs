//! Numbers of a golden, some of them undefined.

/// Both are defined, and no farther apart than `tolerance`, of 1 or of the expected value where that is larger.
#[track_caller]
pub fn assert_close(
    found: &[Option<f64>],
    expected: &[Option<f64>],
    tolerance: f64,
    place: impl std::fmt::Debug,
) {
    assert_eq!(found.len(), expected.len(), "{place:?}: {found:?}, expected {expected:?}");
    for (one, other) in found.iter().zip(expected) {
        let is_close = match (one, other) {
            (Some(one), Some(other)) => (one - other).abs() <= tolerance * other.abs().max(1.0),
            (one, other) => one == other,
        };
        assert!(is_close, "{place:?}: {found:?}, expected {expected:?}");
    }
}
