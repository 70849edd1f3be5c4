//! COCO files: `cargo bench -p dermx-formats`.

use dermx_data::{Fill, ImageSize, Random, Region, Ring, Shape};
use dermx_formats::coco::{self, CocoOptions, Rater};
use dermx_formats::{AnnotatedImage, Annotations, RawReading};
use divan::Bencher;
use std::path::Path;

const SIZE: ImageSize = ImageSize::new(480, 640);

fn main() {
    divan::main();
}

/// A round outline of 30 vertices, with a little noise.
fn ring(random: &mut Random) -> Ring {
    let (x, y) = (random.uniform(0.0, 640.0), random.uniform(0.0, 480.0));
    let vertex = |idx| {
        let (radius, angle) =
            (random.uniform(30.0, 40.0), f64::from(idx) * std::f64::consts::TAU / 30.0);
        [x + radius * angle.cos(), y + radius * angle.sin()]
            .map(|one| (one * 100.0).round() / 100.0)
    };
    (0..30).map(vertex).collect()
}

/// 5,000 images of two raters, who marked five regions each: every `every`-th of all as a mask.
fn annotations(every: usize) -> Annotations {
    let mut random = Random::new(0, "bench", 0, "coco");
    let mut annotations = Annotations::default();
    for image_idx in 0..5000 {
        let name = format!("photos/{image_idx:05}.jpg");
        for rater in ["alice", "bob"] {
            let regions = (0..5).map(|region_idx| {
                let polygon = Shape::Polygon { rings: vec![ring(&mut random)], fill: Fill::Coco };
                let is_mask = (image_idx * 5 + region_idx) % every == 0;
                let shape = if is_mask { Shape::Mask(polygon.mask(SIZE)) } else { polygon };
                let concept = format!("concept {}", region_idx % 3);
                Region { concept, attributes: Vec::new(), shape }
            });
            annotations.readings.push(RawReading {
                image: name.clone(),
                rater: rater.to_owned(),
                size: Some(SIZE),
                labels: Vec::new(),
                regions: regions.collect(),
                file: "all.json".into(),
            });
        }
        annotations.images.push(AnnotatedImage { name, size: Some(SIZE), gold: Vec::new() });
    }
    annotations
}

fn read(path: &Path) -> Annotations {
    let options = CocoOptions { rater: Rater::Key("rater".to_owned()), fill: Fill::Coco };
    coco::read(path, &options).expect("reads")
}

#[divan::bench(args = [100_000, 2, 1], max_time = 10)]
fn read_50000_annotations_every_nth_a_mask(bencher: Bencher, every: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("all.json");
    coco::write(&path, &annotations(every)).expect("writes");
    bencher.bench_local(|| read(&path));
}

#[divan::bench(max_time = 10)]
fn write_50000_annotations(bencher: Bencher) {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, annotations) = (folder.path().join("all.json"), annotations(2));
    bencher.bench_local(|| coco::write(&path, &annotations).expect("writes"));
}

#[divan::bench(args = [Fill::Coco, Fill::Pil, Fill::Darwin], max_time = 10)]
fn pixels_of_1000_outlines(bencher: Bencher, fill: Fill) {
    let mut random = Random::new(0, "bench", 0, "outlines");
    let shapes: Vec<Shape> =
        (0..1000).map(|_| Shape::Polygon { rings: vec![ring(&mut random)], fill }).collect();
    bencher.bench_local(|| shapes.iter().map(|shape| shape.mask(SIZE).area()).sum::<usize>());
}
