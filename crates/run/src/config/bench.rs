//! Configurations of a comparison of backends: `[bench]`.

use super::declare::{section, section_node};
use super::files::{OneSection, Source};
use super::resolve::listed;
use super::schema::{Node, Range};
use crate::error::{RunError, RunResult};
use crate::session::Backend;
use dermx_data::ImageSize;
use dermx_model::Architecture;

section! {
    /// A comparison of backends: the same network with the same weights and images on several.
    BenchSection {
        /// What computes; the others are compared with the first.
        backends: Vec<String>, default(vec!["cpu".into()]), Range::Distinct(1);
        /// The network.
        architecture: Architecture, default(Architecture::RESNET18);
        /// [height, width] of the images, in pixels.
        size: ImageSize, default(ImageSize::new(64, 64)), Range::Sides(1);
        /// Images in a batch.
        batch_size: u16, default(8), Range::Count(1, u16::MAX as u32);
        /// Batches that are timed.
        steps: u16, default(5), Range::Count(1, u16::MAX as u32);
    }
}

/// The section of a comparison.
pub(super) const BENCH: &str = "bench";

/// What a file that configures a comparison may say.
pub(super) fn root() -> Vec<Node> {
    vec![section_node(BENCH, BenchSection::meaning(), false, BenchSection::nodes())]
}

/// A comparison of backends: what is compared.
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

impl BenchConfig {
    /// Loads the comparison `name`, as [`super::Config::load`] does a configuration.
    ///
    /// # Errors
    /// No such comparison, or the list of all that is wrong with it.
    pub fn load(name: &str) -> RunResult<Self> {
        Self::of_source(&Source::find(name)?)
    }

    fn of_source(source: &Source) -> RunResult<Self> {
        let mut problems = Vec::new();
        let OneSection { document, section, .. } =
            source.one_section::<BenchSection>(&root(), BENCH, &mut problems)?;
        let mut backends = Vec::new();
        for name in section.iter().flat_map(|section| &section.backends) {
            match name.parse() {
                Ok(backend) => backends.push(backend),
                Err(message) => {
                    let place = document.place("bench.backends");
                    problems.push(format!("{place}: `bench.backends`: `{name}`: {message}"));
                }
            }
        }
        match section {
            Some(section) if problems.is_empty() => Ok(Self {
                backends,
                architecture: section.architecture,
                size: section.size,
                batch_size: section.batch_size,
                steps: section.steps,
            }),
            _ => Err(RunError::bad_config(listed(&problems))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BenchConfig;
    use crate::config::files::{BUILT_IN, Source};

    #[test]
    fn all_that_is_wrong_is_listed() {
        let (_, text) =
            BUILT_IN.iter().copied().find(|(name, _)| *name == "compare-backends.toml").unwrap();
        assert_eq!(
            BenchConfig::of_source(&Source::of_text("test.toml", text))
                .err()
                .map(|e| e.to_string()),
            None
        );
        let text = text
            .replace("\"wgpu\"", "\"gpu\"")
            .replace("[bench]", "[bench]\nstep = 5\nbatch_size = 0");
        let found =
            BenchConfig::of_source(&Source::of_text("test.toml", &text)).unwrap_err().to_string();
        for part in ["`gpu`", "did you mean `steps`?", "`bench.batch_size` has to be at least 1"] {
            assert!(found.contains(part), "{part}: {found}");
        }
    }
}
