//! dermx as a library: train image classifiers, see where they look, and score it against the masks of
//! several experts.
//!
//! Three types are the entries:
//! - [`Benchmark`] scores heat maps, of any program, and predictions against an annotated data set;
//! - [`Model`] is a trained network: it predicts and explains photos;
//! - [`Experiment`] is a configuration and its run folder: it trains, tests and reports.
//!
//! What computes is a [`Session`], who is told of progress and may stop the work a [`Watch`]; both are
//! values, and nothing is global. Research output; not a medical device.
//!
//! ```
//! use dermx::{Context, Experiment, Session};
//!
//! # fn main() -> Result<(), dermx::RunError> {
//! let experiment = Experiment::open("quickstart.toml")?.set("run.epochs=3")?;
//! assert_eq!(experiment.config().run.epochs, 3);
//! let session = Session::cpu().with_threads(2)?;
//! let context = Context::silent(&session);
//! assert_eq!(context.session.num_threads(), 2);
//! // experiment.train(&context)? trains every seed, tests, and writes the report.
//! # Ok(())
//! # }
//! ```

mod dataset;
mod experiment;
mod model;
mod overlay;

pub use dataset::Dataset;
pub use dermx_data::{DataError, ImageSize, SynthConfig, SynthSummary, read_photo};
pub use dermx_eval::{
    Average, Border, EvalRecord, HeatmapScoring, MapRow, Normalize, Score, UnionAverage,
};
pub use dermx_gradcam::{Heatmap, Method, Output, Settings, blend_heatmap};
pub use dermx_model::{Architecture, Padding};
pub use dermx_run::config::Config;
pub use dermx_run::{
    Backend, Context, Images, RunError, Session, Tested, Trained, Validated, WeightsOptions,
    synthesize,
};
pub use dermx_score::{
    Benchmark, Diagnosis, MapFolder, MapSource, Prediction, Predictions, RawMap, ScoreError,
    Scorecard, ScoredRows, ScoringChoices, Variable, write_npy,
};
pub use dermx_work::{Cancel, Failure, PanicLog, Progress, ProgressBar, Watch};
pub use experiment::Experiment;
pub use model::{Model, PhotoPrediction, Targets, raw_maps, to_predictions};
pub use overlay::overlay;
