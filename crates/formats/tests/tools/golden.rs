//! What a library reads in a file.

use dermx_data::{ImageSize, Mask, Ring, Shape};
use dermx_formats::Annotations;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a format.
pub fn folder(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(format)
}

/// All readings of a file, in its order.
#[derive(Deserialize)]
pub struct Golden(Vec<GoldenReading>);

#[derive(Deserialize)]
struct GoldenReading {
    image: String,
    rater: String,
    labels: Vec<String>,
    regions: Vec<GoldenRegion>,
}

/// A region with its outline in pixels, or with its pixels in an image.
#[derive(Deserialize)]
struct GoldenRegion {
    concept: String,
    rings: Option<Vec<Ring>>,
    size: Option<ImageSize>,
    runs: Option<Vec<[u32; 2]>>,
}

impl Golden {
    /// Of a format.
    pub fn read(format: &str) -> Self {
        let text = fs::read_to_string(folder(format).join("golden.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Checks that a file was read so: the pixels are the same, and vertices no farther than `tolerance`.
    pub fn check(&self, read: &Annotations, tolerance: f64) {
        assert!(self.0.iter().any(|golden| golden.regions.len() > 3));
        assert_eq!(read.readings.len(), self.0.len());
        for (reading, golden) in read.readings.iter().zip(&self.0) {
            let name = format!("{} by {}", golden.image, golden.rater);
            assert_eq!(format!("{} by {}", reading.image, reading.rater), name);
            assert!(read.images.iter().any(|image| image.name == golden.image));
            assert_eq!(reading.labels, golden.labels, "{name}");
            assert_eq!(reading.regions.len(), golden.regions.len(), "{name}");
            for (idx, (region, golden)) in reading.regions.iter().zip(&golden.regions).enumerate() {
                let name = format!("{name}, region {idx}");
                assert_eq!(region.concept, golden.concept, "{name}");
                golden.check(&region.shape, tolerance, &name);
            }
        }
    }
}

impl GoldenRegion {
    fn check(&self, shape: &Shape, tolerance: f64, name: &str) {
        if let Some(expected) = &self.rings {
            let Shape::Polygon { rings, .. } = shape else { panic!("{name}: {shape:?}") };
            assert_eq!(rings.len(), expected.len(), "{name}");
            for (ring, expected) in rings.iter().zip(expected) {
                assert_eq!(ring.len(), expected.len(), "{name}");
                for (found, expected) in ring.iter().flatten().zip(expected.iter().flatten()) {
                    assert!((found - expected).abs() <= tolerance, "{name}: {found} {expected}");
                }
            }
        }
        if let Some(runs) = &self.runs {
            let size = self.size.unwrap();
            let expected = Mask::from_sorted_runs(size, runs.iter().copied());
            assert_eq!(shape.mask(size), expected, "{name}");
        }
    }
}
