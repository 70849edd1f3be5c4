//! Whole data sets: `cargo bench -p dermx-formats --bench data_sets`. Each is written once, and then opened; the most memory
//! that the process held meanwhile (Linux) is told, too.

use dermx_data::{Dataset, Fill, Image, ImageSize, Mask, Random, Reading, Region, Schema, Shape};
use dermx_formats::{Target, convert, open};
use divan::Bencher;
use std::fs;
use std::path::Path;

fn main() {
    divan::main();
}

/// A round outline of 30 vertices, with a little noise.
fn outline(random: &mut Random, size: ImageSize) -> Shape {
    let (x, y) =
        (random.uniform(0.0, f64::from(size.width)), random.uniform(0.0, f64::from(size.height)));
    let vertex = |idx| {
        let (radius, angle) =
            (random.uniform(30.0, 40.0), f64::from(idx) * std::f64::consts::TAU / 30.0);
        [x + radius * angle.cos(), y + radius * angle.sin()]
    };
    Shape::Polygon { rings: vec![(0..30).map(vertex).collect()], fill: Fill::Coco }
}

/// Writes 5,000 images of `size` by two raters, with as many regions in each reading, to `out`; with photos.
fn write(out: &Path, target: Target, size: ImageSize, num_regions: usize) {
    let mut random = Random::new(0, "bench", 0, "data sets");
    let (mut images, mut readings) = (Vec::new(), Vec::new());
    let photos = out.join("photos");
    for image_idx in 0..5000 {
        let class = ["cat", "dog", "bird"][image_idx % 3];
        let image_id = format!("{class}/{image_idx:05}");
        let photo = photos.join(format!("{image_id}.png"));
        fs::create_dir_all(photo.parent().expect("a folder")).expect("a folder");
        Mask::empty(size).write_png(&photo).expect("writes");
        for rater in ["alice", "bob"] {
            let mut reading = Reading::new(image_id.as_str(), rater, size);
            reading.regions = (0..num_regions)
                .map(|idx| Region {
                    concept: format!("concept {}", idx % 3),
                    attributes: Vec::new(),
                    shape: outline(&mut random, size),
                })
                .collect();
            readings.push(reading);
        }
        let gold = vec![class.to_owned()];
        let file_name = format!("{image_id}.png");
        images.push(Image { image_id, file_name, photo: Some(photo), gold, ..Image::default() });
    }
    let dataset = Dataset::new(out, Schema::default(), images, readings).expect("a data set");
    convert(&dataset, target, &out.join("set")).expect("converts");
}

fn opened(bencher: Bencher, target: Target, size: ImageSize, num_regions: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), target, size, num_regions);
    let set = folder.path().join("set");
    // From here on the peak is counted anew; what the system has not taken back since writing is in it.
    let _ = fs::write("/proc/self/clear_refs", "5");
    bencher.bench_local(|| {
        let dataset = open(&set).expect("opens");
        assert_eq!(dataset.readings().len(), 10_000);
        dataset
    });
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("peak: {}", peak.unwrap_or("unknown").trim());
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn open_10000_masks_of_256x256(bencher: Bencher) {
    opened(bencher, Target::Masks, ImageSize::new(256, 256), 1);
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn open_50000_coco_annotations(bencher: Bencher) {
    opened(bencher, Target::Coco, ImageSize::new(480, 640), 5);
}
