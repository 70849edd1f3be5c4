//! How far numbers are apart.

/// Pixels of the control are perturbed by this share of their value.
pub const PERTURBATION: f32 = 3e-7;

/// `||a - b|| / ||a||`.
pub fn distance(expected: &[f32], found: &[f32]) -> f64 {
    assert_eq!(expected.len(), found.len());
    let square = |value: f64| value * value;
    let pairs = expected.iter().zip(found);
    let apart: f64 = pairs.map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let length: f64 = expected.iter().map(|a| square(f64::from(*a))).sum();
    if apart == 0.0 { 0.0 } else { (apart / length).sqrt() }
}

/// Prints the distance beside that of the control, and expects it to be within `tolerance`.
#[track_caller]
pub fn assert_close(what: &str, values: [&[f32]; 3], tolerance: f64) {
    let (apart, _) = print(what, values, tolerance);
    assert!(apart <= tolerance, "{what}: {apart:e}, tolerance {tolerance:e}");
}

/// The same where the network itself may magnify rounding beyond `tolerance`: up to three times the
/// control is expected, too.
#[track_caller]
pub fn assert_close_or_as_control(what: &str, values: [&[f32]; 3], tolerance: f64) {
    let (apart, control) = print(what, values, tolerance);
    let tolerance = tolerance.max(3.0 * control);
    assert!(apart <= tolerance, "{what}: {apart:e}, tolerance {tolerance:e}");
}

#[track_caller]
fn print(what: &str, [expected, control, found]: [&[f32]; 3], tolerance: f64) -> (f64, f64) {
    assert!(found.iter().all(|value| value.is_finite()), "{what}: not finite");
    let (apart, control) = (distance(expected, found), distance(expected, control));
    println!("{what:<52} wgpu {apart:7.1e}  control {control:7.1e}  tolerance {tolerance:.0e}");
    (apart, control)
}
