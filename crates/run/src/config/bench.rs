//! Configurations of a comparison of backends: `[bench]`.

use super::document::Document;
use super::load::find;
use crate::error::{RunError, RunResult};
use crate::session::Backend;
use dermx_data::ImageSize;
use dermx_model::Architecture;

/// Comparisons that are part of the binary.
const BUILT_IN: [(&str, &str); 1] =
    [("compare-backends.toml", include_str!("../../../../configs/compare-backends.toml"))];

/// `[bench]`: what is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchConfig {
    /// What computes; the first is what the others are compared with.
    pub backends: Vec<Backend>,
    /// The network.
    pub architecture: Architecture,
    /// Height and width of the images.
    pub size: ImageSize,
    /// Images in a batch.
    pub batch_size: u16,
    /// Batches that are timed.
    pub steps: u16,
}

/// Loads the comparison `name`, as [`super::load()`] does a configuration.
///
/// # Errors
/// No such comparison, or the list of all that is wrong with it.
pub fn load_bench(name: &str) -> RunResult<BenchConfig> {
    let (origin, text) = find(name, &BUILT_IN)?;
    parse(&origin, &text).map_err(RunError::bad_config)
}

fn parse(origin: &str, text: &str) -> Result<BenchConfig, String> {
    let document = Document::parse(origin, text)?;
    let mut problems = Vec::new();
    match read(&document, &mut problems) {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems.join("\n")),
    }
}

fn read(document: &Document, problems: &mut Vec<String>) -> Option<BenchConfig> {
    const SECTION: &str = "bench";
    const KNOWN: [&str; 5] = ["backends", "architecture", "size", "batch_size", "steps"];
    document.report_unknown_sections(&[SECTION], problems);
    document.report_unknown(SECTION, &KNOWN, problems);
    let names = document.read::<Vec<String>>(SECTION, "backends", problems);
    let architecture = document.read(SECTION, "architecture", problems);
    let size = document.read::<[u32; 2]>(SECTION, "size", problems);
    let batch_size = document.read(SECTION, "batch_size", problems);
    let steps = document.read(SECTION, "steps", problems);
    let mut backends = Vec::new();
    for name in names? {
        match name.parse() {
            Ok(backend) => backends.push(backend),
            Err(message) => problems.push(format!("`bench.backends`: `{name}`: {message}")),
        }
    }
    if backends.is_empty() {
        problems.push("`bench.backends` is empty".to_string());
    }
    let [height, width] = size?;
    let (batch_size, steps) = (batch_size?, steps?);
    for (key, value) in [
        ("size", height.min(width)),
        ("batch_size", u32::from(batch_size)),
        ("steps", u32::from(steps)),
    ] {
        if value == 0 {
            problems.push(format!("`bench.{key}` is 0; at least 1 is needed"));
        }
    }
    let size = ImageSize::new(height, width);
    Some(BenchConfig { backends, architecture: architecture?, size, batch_size, steps })
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, parse};

    #[test]
    fn built_in_comparisons_are_valid() {
        for (name, text) in BUILT_IN {
            assert_eq!(parse(name, text).err(), None, "{name}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_listed() {
        let text = BUILT_IN[0].1.replace("\"wgpu\"", "\"gpu\"").replace("steps = ", "step = ");
        let found = parse("test.toml", &text).unwrap_err();
        for part in ["`gpu`", "did you mean `steps`?"] {
            assert!(found.contains(part), "{part}: {found}");
        }
    }
}
