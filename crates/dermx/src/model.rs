//! A trained network.

use dermx_data::ImageSize;
use dermx_gradcam::{Explainer, Heatmap, Method, Settings};
use dermx_run::{Context, Images, Job, RunError, Session, TrainedNetwork, WeightsOptions, predict};
use dermx_score::{Prediction, Predictions, RawMap, argmax};
use dermx_work::Watch;
use std::collections::BTreeMap;
use std::path::Path;

/// Images that are computed together.
const BATCH_SIZE: usize = 8;

/// Which class of each image is explained.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// The one that the network predicts.
    Predicted,
    /// This one, by its index.
    Class(usize),
    /// One for each image, by its index.
    Each(&'a [usize]),
}

/// What a network says of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotoPrediction {
    /// The image.
    pub image_id: String,
    /// The class with the largest logit.
    pub class: String,
    /// The classes that the image is given: that one; of a network of several labels, all that reach their thresholds.
    pub labels: Vec<String>,
    /// A probability for each class, in the order of [`Model::classes`]; of several labels each by itself.
    pub probabilities: Vec<f64>,
    /// A logit for each class.
    pub logits: Vec<f32>,
}

/// A trained network, with its classes and what it does to photos.
///
/// ```no_run
/// use dermx::{Method, Model, Targets};
///
/// # fn main() -> Result<(), dermx::RunError> {
/// let model = Model::open("runs/first", None)?;
/// let photos = model.photos("photos")?;
/// for prediction in model.predict(&photos)? {
///     println!("{}: {}", prediction.image_id, prediction.class);
/// }
/// let maps = model.explain(&photos, Method::GradCam, Targets::Predicted)?;
/// println!("{} maps of {} x {}", maps.len(), maps[0].1.height, maps[0].1.width);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Model {
    trained: TrainedNetwork,
    session: Session,
}

/// Heat maps as [`Benchmark`](crate::Benchmark) scores them.
pub fn raw_maps(maps: impl IntoIterator<Item = (String, Heatmap)>) -> BTreeMap<String, RawMap> {
    let raw = |(image_id, map): (String, Heatmap)| {
        let Heatmap { height, width, values } = map;
        (image_id, RawMap::Single { size: [height, width], values })
    };
    maps.into_iter().map(raw).collect()
}

/// Predictions as [`Benchmark`](crate::Benchmark) scores them, of a model with these classes
/// ([`Model::classes`]).
pub fn to_predictions(predictions: &[PhotoPrediction], classes: &[String]) -> Predictions {
    let row = |(idx, one): (usize, &PhotoPrediction)| Prediction {
        line: idx + 1,
        image_id: one.image_id.clone(),
        gold: None,
        predicted: one.class.clone(),
        probability: one.probabilities.iter().copied().reduce(f64::max),
        probabilities: one.probabilities.clone(),
        logits: Vec::new(),
    };
    Predictions {
        path: "predictions in memory".into(),
        rows: predictions.iter().enumerate().map(row).collect(),
        classes: classes.to_vec(),
        calibration: None,
    }
}

impl Model {
    /// The network of `seed` of the finished run in `run`, of its first seed when `None`, on the
    /// processor.
    ///
    /// # Errors
    /// No such run or seed, or weights that do not fit.
    pub fn open(run: impl AsRef<Path>, seed: Option<u64>) -> Result<Self, RunError> {
        Self::open_on(run, seed, &Session::cpu())
    }

    /// The same in `session`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(
        run: impl AsRef<Path>,
        seed: Option<u64>,
        session: &Session,
    ) -> Result<Self, RunError> {
        let trained = TrainedNetwork::open(run.as_ref(), seed, session.device())?;
        Ok(Self { trained, session: session.clone() })
    }

    /// The network in a `.pth`, safetensors or Keras file, of dermx, torchvision, timm or Keras, in
    /// `session`; what `options` leave open is found out.
    ///
    /// # Errors
    /// No such file, or weights that do not fit what is said of them.
    pub fn from_weights(
        file: impl AsRef<Path>,
        options: &WeightsOptions,
        session: &Session,
    ) -> Result<Self, RunError> {
        let trained = TrainedNetwork::of_file(file.as_ref(), options, session.device())?;
        Ok(Self { trained, session: session.clone() })
    }

    /// Class names in the order of the logits.
    pub fn classes(&self) -> &[String] {
        &self.trained.classes
    }

    /// The size that photos are stretched to.
    pub const fn size(&self) -> ImageSize {
        self.trained.size
    }

    /// The photo `path`, or the photos in the folder `path` and its sub-folders, as this network takes
    /// them.
    ///
    /// # Errors
    /// No such file or folder, or no photo in it.
    pub fn photos(&self, path: impl AsRef<Path>) -> Result<Images, RunError> {
        Images::open(path.as_ref(), &self.trained)
    }

    /// What the network says of each of `images`, in their order.
    ///
    /// # Errors
    /// A photo that cannot be read, or logits that are not finite.
    pub fn predict(&self, images: &Images) -> Result<Vec<PhotoPrediction>, RunError> {
        self.predict_watched(images, Watch::SILENT)
    }

    /// The same, watched.
    ///
    /// # Errors
    /// As [`Self::predict`], or a request to stop.
    pub fn predict_watched(
        &self,
        images: &Images,
        watch: Watch<'_>,
    ) -> Result<Vec<PhotoPrediction>, RunError> {
        let context = Context { session: &self.session, watch };
        let logits =
            self.session.install(|| predict(&self.trained, images, BATCH_SIZE, context))?;
        let prediction = |(image_id, logits): (&String, Vec<f32>)| PhotoPrediction {
            image_id: image_id.clone(),
            class: self.classes()[argmax(&logits)].clone(),
            labels: self.names(self.trained.given(&logits)),
            probabilities: self.trained.probabilities(&logits),
            logits,
        };
        Ok(images.ids().iter().zip(logits).map(prediction).collect())
    }

    fn names(&self, places: Vec<usize>) -> Vec<String> {
        places.into_iter().map(|place| self.classes()[place].clone()).collect()
    }

    /// The raw heat map of each of `images` with its id, by `method` with its usual settings, of the
    /// last feature maps where it explains a layer.
    ///
    /// # Errors
    /// A photo that cannot be read, a class that is not there, or a map that is not finite.
    pub fn explain(
        &self,
        images: &Images,
        method: Method,
        targets: Targets<'_>,
    ) -> Result<Vec<(String, Heatmap)>, RunError> {
        self.explain_with(images, method, targets, Settings::default(), None, Watch::SILENT)
    }

    /// The same with other settings and another layer, watched.
    ///
    /// # Errors
    /// As [`Self::explain`]; settings that make no sense, no such layer, or a request to stop.
    pub fn explain_with(
        &self,
        images: &Images,
        method: Method,
        targets: Targets<'_>,
        settings: Settings,
        layer: Option<&str>,
        watch: Watch<'_>,
    ) -> Result<Vec<(String, Heatmap)>, RunError> {
        settings.check()?;
        self.trained.check_explained(settings.output, &[])?;
        let explainer = Explainer::new(&self.trained.network, method, settings, layer)?;
        let num_images = images.ids().len();
        let of_one = match targets {
            Targets::Class(class_idx) => vec![class_idx; num_images],
            _ => Vec::new(),
        };
        let targets = match targets {
            Targets::Predicted => None,
            Targets::Class(_) => Some(of_one.as_slice()),
            Targets::Each(each) if each.len() == num_images => Some(each),
            Targets::Each(each) => {
                let message = format!("{} targets for {num_images} images", each.len());
                return Err(RunError::usage(message));
            }
        };
        let context = Context { session: &self.session, watch };
        let job = Job { trained: &self.trained, images, targets, batch_size: BATCH_SIZE, context };
        let mut maps = Vec::with_capacity(num_images);
        self.session.install(|| {
            job.maps("explain", &explainer, &mut |one| {
                maps.push((one.image_id.to_string(), one.map));
                Ok(())
            })
        })?;
        Ok(maps)
    }
}
