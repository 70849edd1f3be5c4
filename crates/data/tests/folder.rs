//! Class folders and photo lists, and every way in which they can be wrong.

use dermx_data::{DataError, ErrorKind, LabelledFolder, list_photos, read_labelled_folder};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

/// A folder with these (empty) files: names and labels do not need pixels.
fn folder_of(files: &[&str]) -> TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for file in files {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("creates");
        std::fs::write(path, "").expect("writes");
    }
    root
}

fn classes() -> Vec<String> {
    ["Acne", "Actinic keratosis", "Viral warts"].map(String::from).to_vec()
}

fn read(root: &Path, class_names: &[(&str, &str)]) -> Result<LabelledFolder, DataError> {
    let class_names: BTreeMap<String, String> =
        class_names.iter().map(|(folder, class)| (folder.to_string(), class.to_string())).collect();
    read_labelled_folder(root, &classes(), &class_names)
}

/// The message of the failure to read these files with these class names.
fn failure(files: &[&str], class_names: &[(&str, &str)]) -> String {
    read(folder_of(files).path(), class_names).expect_err("refused").to_string()
}

const GOOD: [&str; 3] = ["Acne/1.jpg", "actinic_keratosis/2.jpg", "wart/3.jpg"];

#[test]
fn classes_are_bound_by_name_not_by_folder_order() {
    // In folder order, `wart` comes last of these; in the class list it is last but for its name.
    let root =
        folder_of(&["wart/b.JPG", "wart/a.png", "ACTINIC-keratosis/x.jpeg", "Acne/deep/er/y.jpg"]);
    let folder = read(root.path(), &[("wart", "Viral warts")]).expect("reads");
    let images: Vec<(&str, usize)> =
        folder.images.iter().map(|image| (image.id.as_str(), image.class_idx)).collect();
    let expected =
        [("ACTINIC-keratosis/x", 1), ("Acne/deep/er/y", 0), ("wart/a", 2), ("wart/b", 2)];
    assert_eq!(images, expected);
    assert_eq!(folder.classes, classes());
    assert_eq!(folder.num_per_class(), [1, 1, 2]);
    assert_eq!(folder.images[3].path, root.path().join("wart").join("b.JPG"));
}

/// All orders of `items`.
fn orders(items: &[&'static str]) -> Vec<Vec<&'static str>> {
    let Some((first, rest)) = items.split_first() else { return vec![Vec::new()] };
    let places = 0..items.len();
    let with_first = |order: Vec<&'static str>| {
        places.clone().map(move |place| [&order[..place], &[*first], &order[place..]].concat())
    };
    orders(rest).into_iter().flat_map(with_first).collect()
}

/// Each order of four classes, with folders of training and of test photos that sort differently: the
/// mistake of the study's code.
#[test]
fn in_whatever_order_classes_are_named_every_photo_keeps_its_own() {
    let train = folder_of(&["a-wart/1.jpg", "b-acne/2.jpg", "c-vitiligo/3.jpg", "d-eczema/4.jpg"]);
    let test = folder_of(&["Eczema/4.jpg", "Vitiligo/3.jpg", "Acne/2.jpg", "Wart/1.jpg"]);
    let names: BTreeMap<String, String> = [
        ("a-wart", "Wart"),
        ("b-acne", "Acne"),
        ("c-vitiligo", "Vitiligo"),
        ("d-eczema", "Eczema"),
    ]
    .map(|(folder, class)| (folder.to_string(), class.to_string()))
    .into();
    let expected = [("1", "Wart"), ("2", "Acne"), ("3", "Vitiligo"), ("4", "Eczema")];
    let orders = orders(&["Acne", "Eczema", "Vitiligo", "Wart"]);
    let mut num_expected = 0;
    for order in &orders {
        let classes: Vec<String> = order.iter().map(ToString::to_string).collect();
        let of = |root: &Path, names: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let folder = read_labelled_folder(root, &classes, names).expect("reads");
            let class = |idx: usize| folder.classes[idx].clone();
            let named = folder.images.iter().map(|image| {
                let name = image.path.file_stem().unwrap_or_default().to_string_lossy();
                (name.into_owned(), class(image.class_idx))
            });
            named.collect()
        };
        let found = [of(train.path(), &names), of(test.path(), &BTreeMap::new())];
        let is_expected = |found: &BTreeMap<String, String>| {
            found.iter().map(|(name, class)| (name.as_str(), class.as_str())).eq(expected)
        };
        num_expected += usize::from(found.iter().all(is_expected));
    }
    eprintln!("{num_expected} of {} as expected", orders.len());
    assert_eq!((num_expected, orders.len()), (24, 24));
}

#[test]
fn two_folders_may_hold_one_class_and_others_be_ignored() {
    let root = folder_of(&["Acne/1.jpg", "more/1.jpg", "Eczema/9.tif", GOOD[1], GOOD[2]]);
    let names = [("wart", "Viral warts"), ("more", "Acne"), ("Eczema", "")];
    assert_eq!(read(root.path(), &names).expect("reads").num_per_class(), [2, 1, 1]);
}

#[test]
fn rubbish_of_operating_systems_is_passed_over() {
    let mut files = GOOD.to_vec();
    files.extend(["Acne/.DS_Store", "Acne/Thumbs.db", ".git/config", "README.md", ".x.jpg"]);
    let root = folder_of(&files);
    let folder = read(root.path(), &[("wart", "Viral warts")]).expect("reads");
    assert_eq!(folder.images.len(), 3);
}

#[test]
fn folders_without_a_class_are_all_named() {
    let message = failure(&["Acme/1.jpg", "wart/2.jpg", GOOD[1]], &[]);
    assert!(message.contains("`Acme` (did you mean `Acne`?), `wart`"), "{message}");
    assert!(message.contains("the classes are Acne, Actinic keratosis, Viral warts"), "{message}");
    assert!(message.contains("to ignore it"), "{message}");
}

#[test]
fn classes_without_images_are_all_named() {
    let root = folder_of(&["Acne/1.jpg"]);
    std::fs::create_dir(root.path().join("Viral warts")).expect("creates");
    let error = read(root.path(), &[]).expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Missing);
    assert!(error.message.contains("no images of `Actinic keratosis`, `Viral warts`"), "{error}");
}

#[test]
fn class_names_of_no_class_or_no_folder_are_refused() {
    let message = failure(&GOOD, &[("wart", "Viral wart")]);
    assert!(
        message.contains("folder `wart`: `Viral wart` is no class (did you mean `Viral warts`?)")
    );
    let message = failure(&GOOD, &[("warts", "Viral warts")]);
    assert!(message.contains("folder `warts`: there is no such folder (did you mean `wart`?)"));
}

#[test]
fn foreign_files_are_named() {
    for foreign in ["Acne/x.tif", "Acne/deep/x.WEBP", "Acne/x.json", "wart/map.npy"] {
        let message = failure(&[&GOOD[..], &[foreign]].concat(), &[("wart", "Viral warts")]);
        assert!(message.contains(foreign) && message.contains("is no photo"), "{message}");
    }
    let message = failure(&[&GOOD[..], &["x.jpg"]].concat(), &[("wart", "Viral warts")]);
    assert!(message.contains("outside the class folders"), "{message}");
}

#[test]
fn two_photos_of_one_id_are_refused() {
    let message = failure(&["Acne/a.jpg", "Acne/a.png"], &[]);
    assert!(message.contains("the id `Acne/a`") && message.contains("a.jpg"), "{message}");
}

#[test]
fn a_name_like_two_classes_is_bound_to_neither() {
    let root = folder_of(&["a_b/1.jpg", "A B/2.jpg", "a b/3.jpg"]);
    let classes = ["a_b", "A B"].map(String::from);
    let error = read_labelled_folder(root.path(), &classes, &BTreeMap::new()).expect_err("unclear");
    assert!(error.message.contains("folders without a class: `a b`"), "{error}");
}

#[test]
fn a_missing_root_is_missing() {
    let error = read(Path::new("/nowhere"), &[]).expect_err("refused");
    assert_eq!((error.kind, error.path.as_path()), (ErrorKind::Missing, Path::new("/nowhere")));
}

#[test]
#[cfg(unix)]
fn what_is_no_file_is_named_and_never_opened() {
    use std::os::unix::{fs::symlink, net::UnixListener};
    type Make = fn(&Path);
    let make: [(&str, Make); 4] = [
        ("is a named pipe", |path| {
            let status = std::process::Command::new("mkfifo").arg(path).status();
            assert!(status.expect("mkfifo runs").success());
        }),
        ("is a socket", |path| drop(UnixListener::bind(path).expect("binds"))),
        ("is a link to what cannot be read", |path| symlink("nowhere", path).expect("links")),
        ("is a folder with the name of a photo", |path| std::fs::create_dir(path).expect("makes")),
    ];
    for (expected, make) in make {
        let root = folder_of(&GOOD);
        make(&root.path().join("Acne/x.jpg"));
        for error in [
            read(root.path(), &[("wart", "Viral warts")]).expect_err(expected),
            list_photos(root.path()).expect_err(expected),
            dermx_data::Manifest::of_folder(root.path(), None).expect_err(expected),
        ] {
            assert_eq!(
                (error.kind, error.path),
                (ErrorKind::Invalid, root.path().join("Acne/x.jpg"))
            );
            assert!(error.message.contains(expected), "{}", error.message);
        }
        // A check goes on.
        let set = dermx_data::PhotoSet::read("train", root.path()).expect("reads");
        assert_eq!((set.photos.len(), set.findings.len()), (3, 1));
        assert!(set.findings[0].kind.is_error() && set.findings[0].message.contains(expected));
    }
}

#[test]
fn names_are_compared_in_their_composed_form() {
    // é as one character, and as e with an accent.
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
    let root = folder_of(&[&format!("{decomposed}/{decomposed}.jpg")[..], GOOD[0], GOOD[1]]);
    let photos = list_photos(root.path()).expect("lists");
    let id = format!("{composed}/{composed}");
    assert_eq!(photos[&id], root.path().join(decomposed).join(format!("{decomposed}.jpg")));
    let folder = read(root.path(), &[(composed, "Viral warts")]).expect("reads");
    assert_eq!((folder.images[2].id.as_str(), folder.images[2].class_idx), (id.as_str(), 2));

    let root = folder_of(&[&format!("{decomposed}.jpg")[..], &format!("{composed}.jpg")]);
    if std::fs::read_dir(root.path()).expect("lists").count() == 2 {
        let message = list_photos(root.path()).expect_err("refused").to_string();
        for part in [composed, decomposed, "but for the composition of its letters"] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_link_to_its_own_parent_ends() {
    let root = folder_of(&GOOD);
    std::os::unix::fs::symlink(root.path().join("Acne"), root.path().join("Acne/loop"))
        .expect("links");
    let error = read(root.path(), &[("wart", "Viral warts")]).expect_err("refused");
    assert!(error.message.contains("does a link lead back?"), "{error}");
}

#[test]
fn photos_are_listed_by_their_path_without_extension() {
    let root = folder_of(&["b.jpg", "part 1/a.PNG", "c.d.jpeg", ".hidden"]);
    let photos = list_photos(root.path()).expect("lists");
    let ids: Vec<&str> = photos.keys().map(String::as_str).collect();
    assert_eq!(ids, ["b", "c.d", "part 1/a"]);
    assert_eq!(photos["part 1/a"], root.path().join("part 1").join("a.PNG"));

    let root = folder_of(&["1/a.jpg", "2/a.jpg"]);
    let ids: Vec<String> = list_photos(root.path()).expect("lists").into_keys().collect();
    assert_eq!(ids, ["1/a", "2/a"]);
    let root = folder_of(&["1/a.jpg", "1/a.PNG"]);
    let message = list_photos(root.path()).expect_err("refused").to_string();
    assert!(
        message.contains("a.jpg: has the id `1/a` of ") && message.contains("a.PNG"),
        "{message}"
    );
}

#[test]
fn notes_among_photos_are_left_out_but_images_under_other_names_are_not() {
    let notes = ["Acne/README.txt", "Acne/.DS_Store", "Acne/Thumbs.db", "wart/deep/notes"];
    let root = folder_of(&[&GOOD[..], &notes].concat());
    let folder = read(root.path(), &[("wart", "Viral warts")]).expect("reads");
    assert_eq!(folder.images.len(), GOOD.len());
    assert_eq!(list_photos(root.path()).expect("lists").len(), GOOD.len());
    // A photo without its extension was meant to be one.
    std::fs::write(root.path().join("Acne/photo"), b"\xFF\xD8\xFF\xE0\0\x10JFIF").expect("writes");
    let error = list_photos(root.path()).expect_err("refused");
    assert!(error.path.ends_with("Acne/photo") && error.message.contains("is no photo"), "{error}");
}
