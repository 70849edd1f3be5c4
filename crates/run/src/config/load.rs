//! From a name on the command line to a checked configuration.

use super::document::Document;
use super::sections::Config;
use crate::error::{RunError, RunResult};
use std::path::{Path, PathBuf};

/// Configurations that are part of the binary, so that it works in an empty folder.
const BUILT_IN: [(&str, &str); 5] = [
    ("quickstart.toml", include_str!("../../../../configs/quickstart.toml")),
    ("resnet50.toml", include_str!("../../../../configs/resnet50.toml")),
    ("efficientnet-b4.toml", include_str!("../../../../configs/efficientnet-b4.toml")),
    ("as-published/resnet50.toml", include_str!("../../../../configs/as-published/resnet50.toml")),
    (
        "as-published/efficientnet-b4.toml",
        include_str!("../../../../configs/as-published/efficientnet-b4.toml"),
    ),
];

/// The folder of configurations that do what the study's code did.
const AS_PUBLISHED: &str = "as-published/";

/// Loads `name`: a path, a file in `configs/`, or a configuration that is part of the binary; then
/// applies `overrides` (`section.key=value`) and checks everything.
///
/// # Errors
/// No such configuration, or the list of all that is wrong with it.
pub fn load(name: &str, overrides: &[String]) -> RunResult<Config> {
    let (origin, text) = find(name, &BUILT_IN)?;
    parse(&origin, &text, overrides)
}

/// Loads the resolved configuration of a run folder.
///
/// # Errors
/// Not a run folder, or one whose configuration was damaged.
pub fn load_run(folder: &Path) -> RunResult<Config> {
    let path = folder.join("config.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let message = format!("{}: not a run folder ({error})", path.display());
        RunError::missing_input(message)
    })?;
    parse(&path.display().to_string(), &text, &[])
}

/// The name of a configuration: its file name without the extension, after the folder's of one that
/// is part of the binary.
pub fn config_name(name: &str) -> String {
    if let Some(nested) = name.strip_suffix(".toml").filter(|_| name.starts_with(AS_PUBLISHED)) {
        return nested.replace('/', "-");
    }
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str());
    stem.unwrap_or("run").to_string()
}

/// Where `name` was found, and its text.
pub(super) fn find(name: &str, built_in: &[(&str, &str)]) -> RunResult<(String, String)> {
    let candidates = [PathBuf::from(name), Path::new("configs").join(name)];
    for path in candidates {
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ok((path.display().to_string(), text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(RunError::io(&path, &error)),
        }
    }
    let found = built_in.iter().find(|(known, _)| *known == name);
    found.map(|(known, text)| (format!("built-in {known}"), (*text).to_string())).ok_or_else(|| {
        let known: Vec<&str> = built_in.iter().map(|(known, _)| *known).collect();
        let known = known.join(", ");
        let message = format!(
            "there is no configuration `{name}`, here or in configs/; built in are: {known}"
        );
        RunError::missing_input(message)
    })
}

/// Parses `text`, which is called `origin` in complaints, applies `overrides` and checks everything.
///
/// # Errors
/// The list of all that is wrong with it.
pub fn parse(origin: &str, text: &str, overrides: &[String]) -> RunResult<Config> {
    let bad = |message: String| RunError::bad_config(message);
    let mut document = Document::parse(origin, text).map_err(bad)?;
    for assignment in overrides {
        document.set(assignment).map_err(bad)?;
    }
    let mut problems = Vec::new();
    let config = Config::read(&document, &mut problems);
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(bad(problems.join("\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, config_name, load, parse};
    use crate::config::ExplainInput;

    const QUICKSTART: &str = BUILT_IN[0].1;

    fn complaints(text: &str, overrides: &[&str]) -> String {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        match parse("test.toml", text, &overrides) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn built_in_configurations_are_valid() {
        for (name, text) in BUILT_IN {
            assert_eq!(complaints(text, &[]), "", "{name}");
        }
    }

    #[test]
    fn a_misspelt_key_gets_its_line_and_a_suggestion() {
        let text = QUICKSTART.replace("\nepochs", "\nepocs");
        let line = 1 + text[..text.find("\nepocs").unwrap() + 1].matches('\n').count();
        let found = complaints(&text, &[]);
        assert!(
            found.contains(&format!(
                "test.toml:{line}: `run.epocs` is not known; did you mean `epochs`?"
            )),
            "{found}"
        );
        assert!(found.contains("`run.epochs` is missing"), "{found}");
    }

    #[test]
    fn every_key_misspelt_by_one_letter_is_recognized() {
        let table: toml::Table = QUICKSTART.parse().unwrap();
        let mut num_keys = 0;
        for (section, content) in &table {
            for key in content.as_table().unwrap().keys() {
                let typo = format!("{section}.x{key}=1");
                let found = complaints(QUICKSTART, &[&typo]);
                assert!(found.contains(&format!("did you mean `{key}`?")), "{typo}: {found}");
                num_keys += 1;
            }
        }
        assert!(num_keys > 40, "{num_keys}");
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let overrides =
            ["run.epochs=\"ten\"", "input.size=[0, 128]", "model.architecture=resnet19"];
        let found = complaints(QUICKSTART, &overrides);
        for part in ["--set run.epochs", "--set input.size", "--set model.architecture"] {
            assert!(found.contains(part), "{part} not in: {found}");
        }
    }

    #[test]
    fn a_variant_of_another_family_is_refused() {
        let found = complaints(QUICKSTART, &["model.padding=tf"]);
        let expected = "`model.padding` is `tf`, which is for an EfficientNet; resnet18 takes \
                        `torchvision`";
        assert!(found.contains(expected), "{found}");
        let b0 = "model.architecture=efficientnet_b0";
        let found = complaints(QUICKSTART, &[b0, "model.variant=v1"]);
        assert!(found.contains("`model.variant` is `v1`, which is for a ResNet"), "{found}");
        assert_eq!(complaints(QUICKSTART, &["model.variant=v1"]), "");
        assert_eq!(complaints(QUICKSTART, &[b0, "model.padding=tf", "model.head=gap_bn"]), "");
    }

    /// A value for each key that may be left out, but for those of other optimizers and schedules.
    const OPTIONAL: [&str; 23] = [
        "train.last_batch=merge",
        "train.accumulation_steps=2",
        "train.sampling=balanced",
        "train.optimizer=sgd",
        "train.momentum=0.9",
        "train.nesterov=true",
        "train.weight_decay=1e-4",
        "train.schedule=plateau",
        "train.plateau_patience=3",
        "train.plateau_factor=0.1",
        "train.warmup_epochs=2",
        "train.clip_norm=1.0",
        "train.ema_decay=0.99",
        "train.class_weights=balanced",
        "train.class_weight_cap=10.0",
        "train.label_smoothing=0.1",
        "train.precision=bf16",
        "train.mixup_alpha=0.2",
        "train.cutmix_alpha=1.0",
        "train.monitor=macro_f1",
        "train.select=best",
        "early_stopping.patience=5",
        "early_stopping.min_delta=0.5",
    ];

    #[test]
    fn optional_keys_are_read_and_written() {
        assert_eq!(complaints(QUICKSTART, &OPTIONAL), "");
        let overrides = OPTIONAL.map(str::to_string);
        let config = parse("test.toml", QUICKSTART, &overrides).unwrap();
        let written = toml::to_string_pretty(&config).unwrap();
        assert_eq!(parse("written", &written, &[]).unwrap(), config);
        for key in OPTIONAL.map(|text| text.split(['.', '=']).nth(1).unwrap()) {
            assert!(written.contains(&format!("{key} = ")), "{key} is not in: {written}");
        }
    }

    #[test]
    fn keys_of_another_optimizer_or_schedule_and_missing_ones_are_refused() {
        for (overrides, expected) in [
            (vec!["train.momentum=0.9"], "`train.momentum` is for `train.optimizer = \"sgd\"`"),
            (vec!["train.step_epochs=3"], "`train.step_epochs` is for `train.schedule = \"step\"`"),
            (
                vec!["train.schedule=step", "train.step_epochs=3"],
                "`train.step_factor` is missing; `train.schedule = \"step\"` needs it",
            ),
            (vec!["train.select=best"], "`train.monitor` is missing"),
            (vec!["early_stopping.patience=3"], "`early_stopping.min_delta` is missing"),
            (vec!["train.optimizer=sgd", "train.nesterov=true"], "needs a train.momentum above 0"),
            (vec!["train.ema_decay=1.0"], "`train.ema_decay` has to lie in [0, 1)"),
            (vec!["train.mixup_alpha=0"], "`train.mixup_alpha`"),
            (vec!["train.accumulation_steps=0"], "`train.accumulation_steps` has to be at least 1"),
            (vec!["train.last_batch=join"], "`train.last_batch`: unknown variant `join`"),
        ] {
            let found = complaints(QUICKSTART, &overrides);
            assert!(found.contains(expected), "{overrides:?}: {found}");
        }
    }

    #[test]
    fn learning_rates_that_are_no_floats_are_refused_whatever_makes_them() {
        let rates = ["inf", "nan", "-inf", "-0.1", "0", "0.0", "1e39", "1e300", "1e-60"];
        for rate in rates {
            let found = complaints(QUICKSTART, &[&format!("train.learning_rate={rate}")]);
            assert!(
                found.contains("--set train.learning_rate: `train.learning_rate` is "),
                "{found}"
            );
            let text =
                QUICKSTART.replace("learning_rate = 0.0005", &format!("learning_rate = {rate}"));
            let found = complaints(&text, &[]);
            assert!(found.contains("`train.learning_rate` is "), "{rate}: {found}");
        }
        assert_eq!(complaints(QUICKSTART, &["train.learning_rate=1e38"]), "");
        // In 7 epochs (0 to 6) floor(6 / 2) = 3 changes: 1e-3 * 1e14^3 = 1e39.
        let step = |factor: &str| {
            let factor = format!("train.step_factor={factor}");
            let schedule =
                ["train.schedule=step", "train.step_epochs=2", "train.learning_rate=1e-3"];
            complaints(QUICKSTART, &[&schedule[..], &[&factor]].concat())
        };
        let found = step("1e14");
        assert!(found.contains("`train.step_factor` takes the learning rate to 1.0e39"), "{found}");
        assert_eq!(step("1e13"), "");
        assert_eq!(step("0.1"), "");
        assert!(step("inf").contains("`train.step_factor` has to be positive"));
        let plateau = ["train.schedule=plateau", "train.plateau_patience=0", "train.monitor=loss"];
        let found =
            complaints(QUICKSTART, &[&plateau[..], &["train.plateau_factor=1e10"]].concat());
        assert!(
            found.contains("`train.plateau_factor` takes the learning rate to 5.0e56"),
            "{found}"
        );
    }

    #[test]
    fn occlusion_with_gaps_between_its_squares_is_refused() {
        let squares = |patch: &str, stride: &str| {
            let keys = [format!("explain.patch_px={patch}"), format!("explain.stride_px={stride}")];
            complaints(QUICKSTART, &["explain.method=occlusion", &keys[0], &keys[1]])
        };
        let found = squares("8", "16");
        assert!(found.contains("--set explain.stride_px: `explain.stride_px` is 16"), "{found}");
        assert!(found.contains("at most explain.patch_px, 8"), "{found}");
        assert_eq!(squares("8", "8"), "");
        assert_eq!(squares("500", "1"), "");
    }

    #[test]
    fn a_configuration_in_a_folder_has_a_name_of_its_own() {
        assert_eq!(config_name("as-published/resnet50.toml"), "as-published-resnet50");
        assert_eq!(config_name("/home/me/resnet50.toml"), "resnet50");
    }

    #[test]
    fn the_published_recipes_turn_on_what_the_code_did() {
        let resnet = load("as-published/resnet50.toml", &[]).unwrap();
        let b4 = load("as-published/efficientnet-b4.toml", &[]).unwrap();
        let pair = Some(["Viral warts".to_string(), "Vitiligo".to_string()]);
        for config in [&resnet, &b4] {
            assert_eq!(config.data.class_exchange, pair);
            assert!(config.augment.minmax_stretch && config.evaluate.quantize);
        }
        assert_eq!(resnet.explain.input, Some(ExplainInput::RawRgb));
        assert_eq!(resnet.input.normalization, "keras-caffe");
        assert_eq!((b4.run.epochs, b4.augment.rotation_degrees), (20, 15.0));
        assert_eq!(b4.input.normalization, "keras-tf23-efficientnet");
    }

    #[test]
    fn an_override_wins() {
        let config = load("quickstart.toml", &["run.epochs=3".to_string()]).unwrap();
        assert_eq!(config.run.epochs, 3);
        let seeds = load("quickstart.toml", &["run.seeds=[7]".to_string()]).unwrap().run.seeds;
        assert_eq!(seeds, [7]);
    }

    #[test]
    fn a_written_configuration_reads_back_equal() {
        for (name, text) in BUILT_IN {
            let config = parse(name, text, &[]).unwrap();
            let written = toml::to_string_pretty(&config).unwrap();
            assert_eq!(parse("written", &written, &[]).unwrap(), config);
        }
    }
}
