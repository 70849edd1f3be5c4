//! `dataset.toml` and the files that it names: what is refused, and in which words.

use dermx_data::{ErrorKind, ImageSize, Mask};
use dermx_formats::open;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const DATASET: &str = r#"name = "Birds"
images = "images"
classes = ["cat", "dog"]
discard = ["unusable"]

[labels]
file = "labels.csv"
image = "file"
class = "species"
patient = "owner"
attributes = ["light"]

[masks]
pattern = "masks/{rater}/{image}_{concept}.png"
readings = "readings.csv"

[concepts]
tail = "body"
ear = "head"

[spellings]
Ear = "ear"
"#;
const LABELS: &str = "file,species,owner,light\n1.jpg,cat,p 1,dim\nx/2.png,cat|dog,,\"a, b\"\n";
const READINGS: &str =
    "image,rater,labels,height,width\n1,ann,cat|Ear,5,7\nx/2,bob,,5,7\n1,bob,unusable,,\n";

/// A data set of masks with tables; the folder lies in a temporary one.
fn dataset() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b/birds");
    for name in ["masks/ann/x", "masks/bob", "images/x"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    let dense: Vec<u8> = (0..35).map(|pixel| u8::from(pixel % 3 == 0)).collect();
    let mask = Mask::from_dense(&dense, ImageSize::new(5, 7));
    for name in ["images/1.png", "images/x/2.png", "masks/ann/1_ear.png", "masks/ann/x/2_tail.png"]
    {
        mask.write_png(&root.join(name)).unwrap();
    }
    for (name, text) in
        [("dataset.toml", DATASET), ("labels.csv", LABELS), ("readings.csv", READINGS)]
    {
        fs::write(root.join(name), text).unwrap();
    }
    (folder, root)
}

/// The message about the file of this text in a folder with `a.json` and the empty folder `images`.
fn refused(text: impl AsRef<[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dataset.toml"), text).unwrap();
    fs::write(folder.path().join("a.json"), "").unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert_eq!(error.path, folder.path().join("dataset.toml"), "{error}");
    assert_eq!(error.kind, ErrorKind::Invalid);
    error.message.replace(&folder.path().display().to_string(), "ROOT")
}

#[test]
fn every_problem_is_named_with_its_line_in_plain_words() {
    let cases: &[(&[u8], &[&str])] = &[
        // All keys that do not exist, and values of another type, at once.
        (
            b"nam = \"x\"\n[coco]\nfile = 'a.json'\nfil = \"pil\"\nabsent = 3\n",
            &["line 1: there is no key `nam` (did you mean `name`?); there are name, format",
              "; line 4: there is no key `coco.fil` (did you mean `file`?); there are files, file",
              "; line 5: `coco.absent`: expected a text"],
        ),
        (b"[mask]\npattern = 'x'", &["line 1: there is no key `mask` (did you mean `masks`?)"]),
        (b"[coco]\nfiles.ann = 'a.json'\npattern = 'x'", &["line 3: there is no key `coco.pattern`"]),
        // Values.
        (b"name = 3", &["line 1: `name`: found the whole number `3`; expected a text"]),
        (b"\nclasses = 'cat'", &["line 2: `classes`: found the text \"cat\"; expected a list"]),
        (b"classes = ['cat', 1.5]", &["line 1: `classes`: found the number `1.5`; expected a text"]),
        (b"raters_name_classes = 'yes'", &["`raters_name_classes`: found the text \"yes\"; expected true or false"]),
        (b"masks = true", &["line 1: `masks`: found the value `true`; expected a section"]),
        (b"labels = 'x'", &["line 1: `labels`: found the text \"x\"; expected a section"]),
        (b"[concepts]\nbeak = ['head']", &["line 2: `concepts.beak`: found a list; expected a text"]),
        (b"concepts = ['beak']", &["line 1: `concepts`: found a list; expected a section"]),
        (b"[labels]\nattributes = 'x'", &["line 2: `labels.attributes`: found the text \"x\"; expected a list"]),
        (b"[coco]\nfiles = 'a.json'", &["line 2: `coco.files`: found the text \"a.json\"; expected a section"]),
        (b"[coco]\nfiles = { ann = 3 }", &["line 2: `coco.files.ann`: found the whole number `3`; expected a path"]),
        (b"format = 'cocoo'", &["line 1: `format`: found `cocoo`; expected one of `masks`", "(did you mean `coco`?)"]),
        (b"[coco]\nfile = 'a.json'\nfill = 'pill'", &["line 3: `coco.fill`: found `pill`; expected one of `coco`, `pil`, `darwin` (did you mean `pil`?)"]),
        // Files.
        (
            b"images = 'photos'\n[labels]\nfile = 'l.csv'\n[coco]\nfiles = { ann = 'ann.json', bob = 'a.json', eve = 'images' }\nreadings = 'r.csv'",
            &["line 1: `images`: there is no `ROOT/photos`; ", "line 3: `labels.file`: there is no `ROOT/l.csv`", "`coco.readings`: there is no `ROOT/r.csv`",
              "`coco.files.ann`: there is no `ROOT/ann.json`", "`coco.files.eve`: `ROOT/images` is a folder; expected a file"],
        ),
        (b"images = 'a.json'", &["`images`: `ROOT/a.json` is a file; expected a folder"]),
        (b"[coco]\nfile = '/no/such.json'", &["`coco.file`: there is no `/no/such.json`"]),
        (
            b"[masks]\npattern = 'masks/all/{image}.png'",
            &["`masks.pattern`: there is no `ROOT/masks/all`"],
        ),
        // What cannot be meant.
        (b"[coco]\nfile = 'a.json'\n[masks]\npattern = '{image}.png'", &["found [masks] and [coco]; expected the section of one format, [masks]"]),
        (b"format = 'cvat'\n[coco]\nfile = 'a.json'", &["found [coco]; expected the section of one format, [cvat]"]),
        (b"[masks]\nrater = 'ann'", &["[masks] has no `pattern`"]),
        (
            b"[masks]\npattern = 'images/{rater}/{image}.png'\nrater = 'ann'",
            &["`masks.rater` and `{rater}` in `masks.pattern` both say the rater; remove one"],
        ),
        // A wrong key hides no missing file.
        (
            b"imagse = 'x'\n\n[coco]\nfile = 'b.json'",
            &["line 1: there is no key `imagse`", "line 4: `coco.file`: there is no `ROOT/b.json`"],
        ),
        (b"[masks]\npattern = 'images/{rater}.png'", &["`masks.pattern` is `images/{rater}.png`; expected `{image}` in it"]),
        (b"[masks]\npattern = 'images/{image}{rater}.png'", &["found `{rater}` right after another"]),
        (b"[coco]", &["[coco] has neither `files` nor `file`"]),
        (b"[coco]\nfile = 'a.json'\nfiles.ann = 'a.json'", &["[coco] has both `files` and `file`"]),
        (b"[chexlocalize]", &["[chexlocalize] has no `files`"]),
        (b"[boxes]\nfile = 'a.json'\ncolumns = ['x', 'y']", &["`boxes.columns` names 2 columns; expected four"]),
        (b"[labels]\nclass = 'species'", &["[labels] has columns, but no `file`"]),
        (b"[spellings]\na = 'b'\nb = 'c'", &["`spellings.a` is `b`, which is another spelling itself"]),
        // No TOML.
        (b"name = \n", &["line 1: is no TOML"]),
        (b"name = 'a'\nname = 'b'", &["line 2: is no TOML: duplicate key"]),
        (b"name = '\xff'", &["found bytes that are not UTF-8"]),
    ];
    for (text, parts) in cases {
        let message = refused(text);
        for part in *parts {
            assert!(message.contains(part), "{part}\n{message}");
        }
        for raw in ["invalid type", "invalid value", "struct", "variant", "sequence", "a map"] {
            assert!(!message.contains(raw), "{message}");
        }
    }
}

#[test]
fn paths_may_lead_out_of_the_folder_and_concepts_keep_their_order() {
    let (_folder, root) = dataset();
    let other = root.join("../../other");
    fs::create_dir(&other).unwrap();
    let text = DATASET.replace("\"images\"", "\"../b/birds/images\"");
    let text = text
        .replace("\"labels.csv\"", &format!("{:?}", root.join("labels.csv").display().to_string()));
    let text = text.replace("\"readings.csv\"", "\"../b/birds/readings.csv\"");
    let text = text.replace("masks/{", "../b/birds/masks/{");
    fs::write(other.join("dataset.toml"), text).unwrap();
    let [here, there] = [&root, &other].map(|folder: &PathBuf| open(folder.as_path()).unwrap());
    assert_eq!(here.readings().len(), 4);
    assert_eq!((here.readings(), here.schema()), (there.readings(), there.schema()));
    assert_eq!(here.content_hash(), there.content_hash());
    let concepts: Vec<&str> = here.schema().concepts.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(concepts, ["tail", "ear"]);
    // Labels of the table of readings, in their usual spelling.
    assert_eq!(
        (&here.readings()[0].classes[..], &here.readings()[0].tags[..]),
        (&["cat".to_owned()][..], &["ear".to_owned()][..])
    );
    assert!(here.readings()[1].is_discarded());
    assert!(!Path::new(&other).join("labels.csv").exists());
}

/// A data set of five photos with this table and these keys of `[labels]`: for each image its classes, if they are known.
fn labels(keys: &str, table: &str) -> Result<Vec<Option<Vec<String>>>, String> {
    let (folder, root) = (tempfile::tempdir().unwrap(), PathBuf::from("set"));
    let root = folder.path().join(root);
    fs::create_dir_all(&root).unwrap();
    for idx in 1..=5 {
        let photo = root.join(format!("{idx}.png"));
        Mask::from_dense(&[0, 1], ImageSize::new(1, 2)).write_png(&photo).unwrap();
    }
    let text = format!("[labels]\nfile = \"labels.csv\"\nimage = \"file\"\n{keys}\n");
    fs::write(root.join("dataset.toml"), text).unwrap();
    fs::write(root.join("labels.csv"), table).unwrap();
    let dataset = open(&root).map_err(|error| error.to_string())?;
    let labelled = dataset.clone().labelled();
    let known = dataset.images().iter().filter(|image| image.known_classes().is_some()).count();
    assert_eq!((labelled.images().len(), labelled.num_untested()), (known, 5 - known));
    let classes =
        dataset.images().iter().map(|image| image.known_classes().map(<[String]>::to_vec));
    Ok(classes.collect())
}

#[test]
fn a_photo_may_have_several_classes_or_be_known_to_have_none() {
    let some = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    let table = "file,crust,scale\n1,1,0\n2,true,1.0\n3,0,FALSE\n4,0.0,1\n";
    let found = labels("columns = [\"scale\", \"crust\"]", table).unwrap();
    let expected = [some(&["crust"]), some(&["scale", "crust"]), some(&[]), some(&["scale"]), None];
    assert_eq!(found, expected);
    let table = "file,what\n1,crust\n2,scale; crust\n3,\n4,scale\n";
    let keys = "class = \"what\"\nseparator = \";\"";
    let none = labels(&format!("{keys}\nempty = \"no_class\""), table).unwrap();
    assert_eq!(none, expected);
    for keys in [keys.to_string(), format!("{keys}\nempty = \"unknown\"")] {
        let found = labels(&keys, table).unwrap();
        assert_eq!((&found[1], &found[2]), (&expected[1], &None), "{keys}");
    }
}

#[test]
fn what_columns_of_classes_cannot_say_is_refused() {
    let table = "file,crust,what\n1,1,crust\n2,,\n";
    let refused = |keys: &str| labels(keys, table).unwrap_err();
    let message = refused("columns = [\"crust\"]");
    assert!(message.contains("line 3, column `crust`: found ``; expected 1 or 0"), "{message}");
    let message = refused("columns = [\"crst\"]");
    assert!(message.contains("found no column `crst` (is it `crust`?)"), "{message}");
    for (keys, expected) in [
        ("columns = [\"crust\"]\nclass = \"what\"", "`labels.columns` says the classes"),
        ("columns = [\"crust\"]\nfrom = \"folders\"", "remove `class` and `from`"),
        ("separator = \";\"", "found no column `class`"),
        ("columns = [\"crust\"]\nempty = \"no_class\"", "are about one column of classes"),
        ("class = \"what\"\nseparator = \"\"", "`labels.separator` is empty"),
        ("empty = \"none\"", "unknown"),
    ] {
        let message = refused(keys);
        assert!(message.contains(expected), "{keys}: {message}");
    }
}
