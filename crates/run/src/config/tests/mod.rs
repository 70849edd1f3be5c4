//! What configurations say, and what is said of wrong ones.

mod bases;
mod schema;
mod shipped;

use super::files::BUILT_IN;
use super::resolve::NONE;
use super::schema::{Default, Node, join};
use super::{Config, ExplainInput, ExplainMethod, MOVED, Split, config_name, search};
use dermx_work::Failure;
use std::fs;

const QUICKSTART: &str = BUILT_IN[0].1;

/// What a configuration needs to say.
const SHORT: &str = "[data]\ntrain = \"train\"\ntest = \"dermx\"\n[model]\n\
                     architecture = \"resnet18\"\n[run]\nepochs = 3\n";

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn parse(text: &str, overrides: &[&str]) -> Config {
    Config::parse("test.toml", text, &strings(overrides)).unwrap()
}

fn complaints(text: &str, overrides: &[&str]) -> String {
    let found = Config::parse("test.toml", text, &strings(overrides));
    found.err().map_or(String::new(), |error| error.to_string())
}

/// Names of the files that configure a run.
fn runs() -> impl Iterator<Item = &'static str> {
    let names = BUILT_IN.iter().copied().map(|(name, _)| name);
    names.filter(|name| !name.starts_with("search") && !name.starts_with("compare"))
}

/// The paths of all keys below `nodes`, of a choice those of every option, with those of choices.
fn paths(prefix: &str, nodes: &[Node]) -> Vec<String> {
    let mut found = Vec::new();
    for node in nodes {
        let path = join(prefix, node.name());
        match node {
            Node::Key(_) => found.push(path),
            Node::Section(section) => found.extend(paths(&path, &section.nodes)),
            Node::Choice(choice) => {
                found.push(path.clone());
                found.push(join(&path, choice.tag));
                found.extend(choice.options.iter().flat_map(|option| paths(&path, &option.keys)));
            }
        }
    }
    found
}

#[test]
fn built_in_configurations_are_valid() {
    for name in runs() {
        let found = Config::load(name, &[]).err().map(|error| error.to_string());
        assert_eq!(found, None, "{name}");
    }
}

#[test]
fn a_misspelt_key_gets_its_line_and_a_suggestion() {
    let text = QUICKSTART.replace("\nepochs", "\nepocs");
    let line = 1 + text[..text.find("\nepocs").unwrap() + 1].matches('\n').count();
    let found = complaints(&text, &[]);
    let expected = format!("test.toml:{line}: `run.epocs` is not known; did you mean `epochs`?");
    assert_eq!(found, expected);
}

/// A letter more, a letter less and two letters exchanged.
fn typos(key: &str) -> [String; 3] {
    let letters: Vec<char> = key.chars().collect();
    let middle = letters.len() / 2;
    let mut less = letters.clone();
    less.remove(middle);
    let mut exchanged = letters.clone();
    // The first pair from the middle on that differs.
    let pair = (middle..letters.len() - 1).find(|&idx| letters[idx] != letters[idx + 1]);
    let pair = pair.unwrap_or(0);
    exchanged.swap(pair, pair + 1);
    [format!("{key}x"), less.into_iter().collect(), exchanged.into_iter().collect()]
}

#[test]
fn every_key_misspelt_by_one_letter_is_recognized() {
    let (mut num_keys, mut num_recognized, mut others) = (0, 0, Vec::new());
    for path in paths("", &Config::nodes()) {
        let Some((section, key)) = path.rsplit_once('.') else { continue };
        // Keys of a choice are known with the option that has them.
        let option = match section {
            "train.objective" if key == "pos_weight" => "train.objective=multilabel",
            "train.objective" if key != "focal_gamma" => "train.objective=guided",
            "train.optimizer" if ["momentum", "nesterov"].contains(&key) => "train.optimizer=sgd",
            "train.schedule" if key == "patience" => "train.schedule=plateau",
            "train.schedule" => "train.schedule=step",
            "explain.method" if key == "num_steps" => "explain.method=integrated_gradients",
            "explain.method" if key.starts_with("n") => "explain.method=smooth_grad",
            "explain.method" => "explain.method=occlusion",
            "split" if key == "fraction" => "split.method=fraction",
            "split" if key == "folds" => "split.method=files",
            "split" => "split.method=k_fold",
            _ => "run.epochs=1",
        };
        for typo in typos(key) {
            let typo = format!("{section}.{typo}=1");
            let found = complaints(QUICKSTART, &[option, &typo, "train.monitor=loss"]);
            match found.contains(&format!("did you mean `{key}`?")) {
                true => num_recognized += 1,
                false => others.push(typo),
            }
        }
        num_keys += 1;
    }
    assert!(num_keys > 90, "{num_keys}");
    // A letter less may make another key: 95 % are recognized.
    assert!(
        others.len() * 20 <= num_recognized + others.len(),
        "{num_recognized} and not {others:?}"
    );
}

#[test]
fn a_key_of_another_section_is_suggested_with_its_section() {
    let found = complaints(QUICKSTART, &["train.epochs=3"]);
    assert!(found.contains("`train.epochs` is not known; did you mean `run.epochs`?"), "{found}");
}

#[test]
fn all_problems_are_reported_at_once() {
    let overrides = [
        "run.epochs=\"ten\"",
        "input.size=[0, 128]",
        "model.architecture=resnet19",
        "train.optimizer=adan",
        "train.optimizer.momentum=0.9",
        "train.beta_1=0.9",
        "augment.zoom=2",
        "data.clases=[]",
        "study=3",
    ];
    let found = complaints(QUICKSTART, &overrides);
    for part in [
        "--set run.epochs: `run.epochs`: found the text \"ten\"; expected a whole number",
        "--set input.size: `input.size` is 0x128; it has to lie between 32 and 8192",
        "--set model.architecture: `model.architecture`: found `resnet19`; expected one of",
        "--set train.optimizer: `train.optimizer.name` is `adan`; did you mean `adam`?",
        "--set train.beta_1: `train.beta_1` is now `train.optimizer.beta_1`",
        "--set augment.zoom: `augment.zoom` has to lie in [0, 1)",
        "--set data.clases: `data.clases` is not known; did you mean `classes`?",
        "--set study: `study` has to be a section",
    ] {
        assert!(found.contains(part), "{part} not in: {found}");
    }
    // What follows from a value that is wrong anyway is not said.
    let found = complaints(QUICKSTART, &["model.architecture=efficientnet", "model.padding=tf"]);
    assert!(!found.contains("is for an EfficientNet"), "{found}");
}

#[test]
fn what_has_no_default_is_only_what_a_user_alone_knows() {
    fn required(prefix: &str, nodes: &[Node]) -> Vec<String> {
        let mut found = Vec::new();
        for node in nodes {
            let path = join(prefix, node.name());
            match node {
                Node::Key(key) if matches!(key.default, Default::Required) => found.push(path),
                Node::Key(_) => {}
                Node::Section(section) => found.extend(required(&path, &section.nodes)),
                Node::Choice(choice) => {
                    let keys = choice.options.iter().flat_map(|option| &option.keys);
                    found.extend(required(&path, &keys.cloned().collect::<Vec<_>>()));
                }
            }
        }
        found
    }
    assert_eq!(required("", &Config::nodes()), ["data.train", "split.folds"]);
    assert_eq!(required("", &search::root()), ["search.base", "search.space"]);
    let found = complaints("", &[]);
    assert_eq!(found, "test.toml: `data.train` is missing");
}

#[test]
fn a_short_configuration_is_complete() {
    assert!(SHORT.lines().count() <= 8);
    let config = parse(SHORT, &[]);
    assert_eq!(config.data.test_images, Some("dermx/images".into()));
    assert_eq!(config.train.learning_rate, 1e-4);
    assert_eq!((config.input.size.height, config.input.size.width), (224, 224));
    assert_eq!(parse(SHORT, &["train.optimizer=sgd"]).train.learning_rate, 1e-2);
    let b4 = parse(SHORT, &["model.architecture=efficientnet_b4"]);
    assert_eq!(b4.input.size.height, 380);
    let without = parse("data.train = \"train\"", &[]);
    assert_eq!((without.data.test, without.data.test_images), (None, None));
}

#[test]
fn classes_are_the_folders_where_none_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let train = folder.path().join("train");
    for class in ["naevus", "wart", ".hidden", "left_out"] {
        fs::create_dir_all(train.join(class)).unwrap();
    }
    let path = folder.path().join("mine.toml");
    let text = "[data.class_names]\nleft_out = \"\"\n";
    fs::write(
        &path,
        format!(
            "data.train = {train:?}\n{}",
            text.replace("[data.class_names]\n", "data.class_names.")
        ),
    )
    .unwrap();
    let name = path.to_str().unwrap();
    let config = Config::load(name, &[]).unwrap();
    assert_eq!(config.data.classes, ["naevus", "wart"]);
    // What was found is written, so that the run folder says it.
    let written = config.to_toml("").unwrap();
    assert_eq!(parse(&written, &[]), config);
    let one = Config::load(name, &strings(&["data.class_names.wart=\"\""])).unwrap_err();
    assert!(
        one.to_string().contains("number of classes: 1; a network needs at least two"),
        "{one}"
    );
    let none = Config::load(name, &strings(&["data.train=elsewhere"])).unwrap_err();
    assert!(none.to_string().contains("there are no training images"), "{none}");
}

#[test]
fn a_variant_of_another_family_is_refused() {
    let found = complaints(QUICKSTART, &["model.padding=tf"]);
    let expected = "`model.padding` is `tf`, which is for an EfficientNet or a MobileNetV2 or an Xception or an \
                    InceptionV3 or a MobileNet or an EfficientNet-Lite; resnet18 takes `torchvision`";
    assert!(found.contains(expected), "{found}");
    let b0 = "model.architecture=efficientnet_b0";
    let found = complaints(QUICKSTART, &[b0, "model.variant=v1"]);
    assert!(found.contains("`model.variant` is `v1`, which is for a ResNet"), "{found}");
    assert_eq!(complaints(QUICKSTART, &["model.variant=v1"]), "");
    assert_eq!(complaints(QUICKSTART, &[b0, "model.padding=tf", "model.head=gap_bn"]), "");
}

#[test]
fn a_mean_of_no_epoch_and_two_averages_are_refused() {
    let found = complaints(QUICKSTART, &["run.epochs=7", "train.swa_start=8"]);
    assert!(found.contains("`train.swa_start` is 8; the last epoch is 7"), "{found}");
    let found = complaints(QUICKSTART, &["train.swa_start=2", "train.ema_decay=0.9"]);
    assert!(found.contains("`train.swa_start` needs train.ema_decay = \"none\""), "{found}");
    assert_eq!(complaints(QUICKSTART, &["run.epochs=7", "train.swa_start=7"]), "");
}

#[test]
fn images_of_which_a_network_leaves_no_cell_are_refused() {
    let inception = "model.architecture=inception_v3";
    let found = complaints(QUICKSTART, &[inception, "input.size=[75, 74]"]);
    let expected = "`input.size` is 75x74; inception_v3 needs at least 75 pixels a side";
    assert!(found.contains(expected), "{found}");
    assert_eq!(complaints(QUICKSTART, &[inception, "input.size=[75, 75]"]), "");
    assert_eq!(complaints(QUICKSTART, &["input.size=[32, 32]"]), "");
}

/// A value for each key that stands for something else with a word, and for keys of options.
const CHANGED: [&str; 38] = [
    "run.checkpoint_every=7",
    "data.decoded_cache=\"decoded\"",
    "data.patients=\"patients.csv\"",
    "model.batch_norm_epsilon=0.01",
    "model.weights_prefix=\"teacher.\"",
    "augment.brightness=[0.5, 1.0]",
    "augment.translation=0.15",
    "augment.color_jitter.hue=0.1",
    "augment.rand_augment.magnitude=11",
    "train.last_batch=\"merge\"",
    "train.accumulation_steps=2",
    "train.sampling=\"balanced\"",
    "train.optimizer=\"sgd\"",
    "train.optimizer.momentum=0.8",
    "train.optimizer.nesterov=true",
    "train.optimizer.weight_decay=0.0001",
    "train.schedule=\"plateau\"",
    "train.schedule.patience=3",
    "train.schedule.factor=0.2",
    "train.decay_norms_and_biases=false",
    "train.layer_decay=0.75",
    "train.rate_factors={ \"head.*\" = 10.0 }",
    "train.decay_factors={ batch_norm = 0.0 }",
    "train.warmup_epochs=2",
    "train.clip_norm=1.5",
    "train.max_skipped_steps=2",
    "train.ema_decay=0.99",
    "train.class_weight_cap=10.5",
    "train.label_smoothing=0.1",
    "train.precision=\"bf16\"",
    "train.mixup_alpha=0.2",
    "train.cutmix_alpha=1.0",
    "train.monitor=\"macro_f1\"",
    "train.select=\"best\"",
    "early_stopping.min_delta=0.5",
    "explain.method={ name = \"occlusion\", patch_px = 9, stride_px = 8 }",
    "split.method=\"k_fold\"",
    "slurm.partition=\"gpu\"",
];

#[test]
fn every_key_is_read_and_written() {
    let config = parse(QUICKSTART, &CHANGED);
    let written = config.to_toml("A comment.").unwrap();
    assert!(!written.contains("base"), "{written}");
    assert_eq!(parse(&written, &[]), config);
    for changed in &CHANGED[..35] {
        let (path, value) = changed.split_once('=').unwrap();
        let key = match path {
            "train.optimizer" | "train.schedule" => "name",
            path => path.rsplit('.').next().unwrap(),
        };
        assert!(written.contains(&format!("{key} = {value}\n")), "{key} is not in: {written}");
    }
    assert_eq!(config.explain.method, ExplainMethod::Occlusion { patch_px: 9, stride_px: 8 });
    assert_eq!(config.split, Split::KFold { seed: 0, num_folds: 5, fold: 0 });
    // The order of assignments to a choice and to its keys makes no difference.
    let backwards: Vec<&str> = CHANGED.into_iter().rev().collect();
    assert_eq!(parse(QUICKSTART, &backwards), config);
}

#[test]
fn a_written_configuration_says_every_key_and_reads_back_equal() {
    for name in runs() {
        let config = Config::load(name, &[]).unwrap();
        let written = config.to_toml("A comment.").unwrap();
        assert_eq!(parse(&written, &[]), config, "{name}");
        let keys: toml::Table = written.parse().unwrap();
        for path in paths("", &Config::nodes()) {
            let Some((section, key)) = path.split_once('.') else { continue };
            // Keys of other options than the chosen are not there, nor those of sections that are not.
            let is_of_choice = key.contains('.') || section == "split";
            let table = keys[section].as_table();
            if !is_of_choice && let Some(table) = table {
                assert!(table.contains_key(key), "{name}: {path} is not in: {written}");
            }
            assert!(table.is_some() || keys[section].as_str() == Some(NONE), "{name}: {section}");
        }
    }
}

#[test]
fn keys_of_what_is_not_chosen_say_what_they_belong_to() {
    for (overrides, expected) in [
        (
            vec!["train.optimizer.momentum=0.9"],
            "--set train.optimizer.momentum: `train.optimizer.momentum` is for \
             `train.optimizer.name` = \"sgd\"; here it is \"adam\"",
        ),
        (
            vec!["train.optimizer=sgd", "train.optimizer.beta_1=0.9"],
            "is for `train.optimizer.name` = \"adam\" or \"adamw\"; here it is \"sgd\"",
        ),
        (
            vec!["train.schedule.epochs=3"],
            "is for `train.schedule.name` = \"cosine_restarts\" or \"step\"; here it is \"cosine\"",
        ),
        (
            vec!["explain.method.patch_px=3"],
            "is for `explain.method.name` = \"occlusion\"; here it is \"grad_cam\"",
        ),
        (
            vec!["split.method=k_fold", "split.fraction=0.2"],
            "is for `split.method` = \"fraction\"; here it is \"k_fold\"",
        ),
        (vec!["split.method=files"], "`split.folds` is missing"),
        (vec!["split.method=k_fold", "split.fold=5"], "`split.fold` is 5; the folds are 0 to 4"),
        (vec!["train.select=best"], "`train.monitor` is missing"),
        (
            vec!["train.optimizer={ name = \"sgd\", momentum = 0, nesterov = true }"],
            "needs a train.optimizer.momentum above 0",
        ),
        (vec!["train.ema_decay=1.0"], "`train.ema_decay` has to lie in [0, 1)"),
        (vec!["train.mixup_alpha=0"], "`train.mixup_alpha` has to be positive"),
        (vec!["train.accumulation_steps=0"], "`train.accumulation_steps` has to be at least 1"),
        (vec!["train.last_batch=join"], "`train.last_batch`: found `join`; expected"),
        (vec!["run.seeds=[1, 1]"], "`run.seeds` names 1 twice"),
        (vec!["run.seeds=[]"], "`run.seeds` has to name at least 1"),
        (vec!["augment.brightness=[2.0, 1.0]"], "has to be [low, high] with 0 <= low <= high"),
        (vec!["input.normalization=caffe"], "is `caffe`; there are: imagenet"),
        (vec!["study.class_exchange=[\"Acne\", \"Wart\"]"], "names `Wart`, which is not in"),
        (vec!["run.epochs.x=3"], "`run.epochs`: found a section; expected a whole number"),
        (vec!["run.epochs=3", "run.epochs.x=3"], "`run.epochs` is not a section"),
        (vec!["early_stopping=5"], "`early_stopping` has to be a section"),
        (vec!["train.optimizer=5"], "`train.optimizer` has to be a section, or one of \"adam\""),
    ] {
        let found = complaints(QUICKSTART, &overrides);
        assert!(found.contains(expected), "{overrides:?}: {found}");
    }
}

#[test]
fn every_key_that_moved_names_its_new_place() {
    let known = [paths("", &Config::nodes()), paths("", &search::root())].concat();
    for (before, now) in MOVED {
        assert!(known.iter().any(|path| path == now), "{now}");
        assert!(!known.iter().any(|path| path == before), "{before}");
        if before.starts_with("search.") {
            continue;
        }
        let (section, key) = before.split_once('.').unwrap();
        let expected = format!("`{before}` is now `{now}`");
        let text = format!("{QUICKSTART}\n");
        let text = match text.contains(&format!("\n[{section}]")) {
            true => {
                text.replacen(&format!("\n[{section}]"), &format!("\n[{section}]\n{key} = 1"), 1)
            }
            false => format!("{text}[{section}]\n{key} = 1\n"),
        };
        let line = 1 + text.lines().position(|line| line == format!("{key} = 1")).unwrap();
        let found = complaints(&text, &[]);
        assert_eq!(found, format!("test.toml:{line}: {expected}"));
        let found = complaints(QUICKSTART, &[&format!("{before}=1")]);
        assert_eq!(found, format!("--set {before}: {expected}"));
    }
}

#[test]
fn a_run_of_an_earlier_version_is_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), "[train]\nbeta_1 = 0.9\n").unwrap();
    let found = Config::load_run(folder.path()).unwrap_err().to_string();
    assert!(found.contains("`train.beta_1` is now `train.optimizer.beta_1`"), "{found}");
    assert!(found.contains("an earlier version of dermx made this run"), "{found}");
}

#[test]
fn learning_rates_that_are_no_floats_are_refused_whatever_makes_them() {
    let rates = ["inf", "nan", "-inf", "-0.1", "0", "0.0", "1e39", "1e300", "1e-60"];
    for rate in rates {
        let found = complaints(QUICKSTART, &[&format!("train.learning_rate={rate}")]);
        assert!(found.contains("--set train.learning_rate: `train.learning_rate` is "), "{found}");
        let text = QUICKSTART.replace("learning_rate = 0.0005", &format!("learning_rate = {rate}"));
        let found = complaints(&text, &[]);
        assert!(found.contains("`train.learning_rate` is "), "{rate}: {found}");
    }
    assert_eq!(complaints(QUICKSTART, &["train.learning_rate=1e38"]), "");
    // In 7 epochs (0 to 6) floor(6 / 2) = 3 changes: 1e-3 * 1e14^3 = 1e39.
    let step = |factor: &str| {
        let schedule =
            format!("train.schedule={{ name = \"step\", epochs = 2, factor = {factor} }}");
        complaints(QUICKSTART, &[&schedule, "train.learning_rate=1e-3"])
    };
    let found = step("1e14");
    assert!(found.contains("`train.schedule.factor` takes the learning rate to 1.0e39"), "{found}");
    assert_eq!(step("1e13"), "");
    assert_eq!(step("0.1"), "");
    assert!(step("inf").contains("`train.schedule.factor` has to be positive"));
    let plateau = ["train.schedule=plateau", "train.monitor=loss", "train.schedule.factor=1e10"];
    let found = complaints(QUICKSTART, &plateau);
    assert!(found.contains("`train.schedule.factor` takes the learning rate to 5.0e56"), "{found}");
}

#[test]
fn occlusion_with_gaps_between_its_squares_is_refused() {
    let squares = |patch: &str, stride: &str| {
        let keys = [
            format!("explain.method.patch_px={patch}"),
            format!("explain.method.stride_px={stride}"),
        ];
        complaints(QUICKSTART, &["explain.method=occlusion", &keys[0], &keys[1]])
    };
    let found = squares("8", "16");
    let expected = "--set explain.method.stride_px: `explain.method.stride_px` is 16";
    assert!(found.contains(expected), "{found}");
    assert!(found.contains("at most explain.method.patch_px, 8"), "{found}");
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
    let resnet = Config::load("as-published/resnet50.toml", &[]).unwrap();
    let b4 = Config::load("as-published/efficientnet-b4.toml", &[]).unwrap();
    let pair = Some(["Viral warts".to_string(), "Vitiligo".to_string()]);
    for config in [&resnet, &b4] {
        assert_eq!(config.study.class_exchange, pair);
        assert!(config.augment.minmax_stretch && config.evaluate.quantize);
    }
    assert_eq!(resnet.study.explain_input, ExplainInput::RawRgb);
    assert_eq!(resnet.input.normalization, "keras-caffe");
    assert_eq!((b4.run.epochs, b4.augment.rotation_degrees), (20, 15.0));
    assert_eq!(b4.input.normalization, "keras-tf23-efficientnet");
}

#[test]
fn an_override_wins() {
    let config = Config::load("quickstart.toml", &strings(&["run.epochs=3"])).unwrap();
    assert_eq!(config.run.epochs, 3);
    assert_eq!(parse(QUICKSTART, &["run.seeds=[7]"]).run.seeds, [7]);
    assert_eq!(parse(QUICKSTART, &["run.epochs=3", "run.epochs=4"]).run.epochs, 4);
}

#[test]
fn bytes_that_are_not_utf_8_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, b"[run]\nname = \"caf\xe9\"\n").unwrap();
    let own = Config::load(&path.display().to_string(), &[]).unwrap_err();
    let of_run = Config::load_run(folder.path()).unwrap_err();
    for (error, failure) in [(own, Failure::BadConfig), (of_run, Failure::BadData)] {
        assert_eq!(error.failure(), failure);
        let expected = "config.toml:2: byte 17 is not UTF-8; expected TOML in UTF-8";
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_wrong_configuration_of_a_run_is_bad_data() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["[run\n", "[run]\nepochs = \"ten\"\n", "[run]\nepocs = 3\n"] {
        fs::write(folder.path().join("config.toml"), text).unwrap();
        let error = Config::load_run(folder.path()).unwrap_err();
        assert_eq!(error.failure(), Failure::BadData, "{error}");
    }
    let error = Config::load_run(&folder.path().join("none")).unwrap_err();
    assert_eq!(error.failure(), Failure::MissingInput, "{error}");
}
