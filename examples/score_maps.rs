//! Scores heat maps of any program against several raters: `score_maps DATA MAPS`.
//!
//! From a checkout, after `train_and_score /tmp/dermx`: `cargo run --release --workspace
//! --example score_maps -- /tmp/dermx/data/dermx /tmp/dermx/run/seed-0/heatmaps`.

use dermx::{Benchmark, Dataset, MapFolder, MapSource, RawMap, ScoringChoices};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let [data, maps] = &paths[..] else {
        return Err("write: score_maps DATA MAPS".into());
    };
    let dataset = Dataset::open(data)?;
    // Masks, baselines and the raters' own ceiling are computed here, once for all maps.
    let benchmark = Benchmark::new(&dataset, ScoringChoices::default())?;

    let maps = MapFolder::open(maps)?;
    let card = benchmark.score(&maps, None)?;
    let skill = &card.record.skill["Union"];
    println!("skill {:?}, 95 % interval {:?}", skill.skill.mean, skill.skill.interval);
    println!("fuzzy F1 {:?}", card.record.explanation["Union"].f1.mean);
    for (name, table) in &card.record.baselines {
        println!("  {name}: {:?}", table["Union"].f1.mean);
    }

    // Maps may come from memory, too: here every map points at the upper half of its image.
    let upper = RawMap::Double { size: [2, 1], values: vec![1.0, 0.0] };
    let arrays: BTreeMap<String, RawMap> =
        maps.names().into_iter().map(|name| (name.to_string(), upper.clone())).collect();
    let upper = benchmark.score(&arrays, None)?;
    println!("upper half: {:?}", upper.record.explanation["Union"].f1.mean);
    Ok(())
}
