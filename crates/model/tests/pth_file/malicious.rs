//! Files that are written to do harm: to run programs, to take all memory, never to end.

use super::archive::{one_tensor, pth, tensor, text, zip, zip_with};
use super::{golden, read_bytes, refusal};
use std::fs;
use tempfile::TempDir;

/// Pickles that call `function` of Python's with `argument`, each in another way.
fn calls(module: &str, function: &str, argument: &str) -> Vec<Vec<u8>> {
    let name = format!("{module}\n{function}\n");
    let argument = text(argument);
    vec![
        [b"\x80\x02c", name.as_bytes(), &argument, b"\x85R."].concat(),
        [b"\x80\x02(", &argument[..], b"i", name.as_bytes(), b"."].concat(),
        [b"\x80\x02(c", name.as_bytes(), &argument, b"o."].concat(),
        [b"\x80\x02c", name.as_bytes(), b")\x81}b."].concat(),
        // As the value beside a real tensor, and as its backward hook.
        [b"\x80\x02}", &text("w")[..], b"c", name.as_bytes(), &argument, b"\x85Rs."].concat(),
        [b"\x80\x02}", &text("w")[..], &tensor(2, 0, &[2], &[1])]
            .concat()
            .into_iter()
            .chain([b"c", name.as_bytes(), &argument, b"\x85Rbs."].concat())
            .collect(),
    ]
}

#[test]
fn a_call_is_refused_by_name_and_not_executed() {
    let folder = TempDir::new().expect("a folder");
    let victim = folder.path().join("executed");
    let command = format!("touch {}", victim.display());
    for (module, function) in [
        ("posix", "system"),
        ("os", "system"),
        ("nt", "system"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("__builtin__", "eval"),
        ("subprocess", "Popen"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch._utils", "_rebuild_qtensor"),
        ("torch.serialization", "load"),
        ("pickle", "loads"),
        ("collections", "namedtuple"),
        ("collections", "OrderedDict.fromkeys"),
    ] {
        for pickle in calls(module, function, &command) {
            for bytes in [pth(&pickle, &[0; 8]), pickle] {
                let error = refusal(&bytes);
                assert!(error.contains(&format!("call {module}.{function};")), "{error}");
                assert!(error.contains("nothing was executed"), "{error}");
            }
        }
    }
    assert!(!victim.exists());
}

/// The pickle of `{"w": tensor, "beside": ...}`, where `beside` makes the value.
fn beside_a_tensor(beside: &[u8]) -> Vec<u8> {
    let weight = [text("w"), tensor(2, 0, &[2], &[1])].concat();
    [b"\x80\x02}(", &weight[..], &text("beside"), beside, b"u."].concat()
}

#[test]
fn what_starts_programs_is_refused_beside_weights_too() {
    for (module, function) in [
        ("posix", "system"),
        ("os", "popen"),
        ("os.path", "join"),
        ("builtins", "exec"),
        ("__builtin__", "open"),
        ("subprocess", "run"),
        ("importlib", "import_module"),
        ("runpy", "run_path"),
    ] {
        let name = format!("c{module}\n{function}\n");
        for beside in [
            [name.as_bytes(), &text("x"), b"\x85R"].concat(),
            name.clone().into_bytes(),
            // Deep in an object that would do no harm.
            [b"cargparse\nNamespace\n)\x81}", &text("a")[..], name.as_bytes(), b"sb"].concat(),
        ] {
            let error = refusal(&pth(&beside_a_tensor(&beside), &[0; 8]));
            assert!(error.contains(&format!("call {module}.{function};")), "{error}");
        }
    }
}

#[test]
fn objects_of_unknown_classes_are_passed_over_however_they_are_made() {
    let name = b"cmy.module\nThing\n";
    let arguments = text("x");
    for beside in [
        [&name[..], &arguments, b"\x85R"].concat(),
        [&name[..], b")\x81}b"].concat(),
        [&name[..], b")\x81(K\x01K\x02u"].concat(),
        [&name[..], b")R(K\x01K\x02e"].concat(),
        [b"(", &name[..], &arguments, b"o"].concat(),
        [b"(", &arguments[..], b"imy.module\nThing\n"].concat(),
        name.to_vec(),
        // A call of what a call gave.
        [&name[..], b")R)R"].concat(),
    ] {
        let weights = read_bytes(&pth(&beside_a_tensor(&beside), &[0; 8])).expect("reads");
        assert_eq!(weights.len(), 1, "{beside:?}");
        assert_eq!(weights["w"].values, [0.0, 0.0]);
    }
    // In place of the weight itself it is missing.
    let pickle = [b"\x80\x02}", &text("w")[..], name, b")R", b"s."].concat();
    assert!(refusal(&pth(&pickle, &[0; 8])).contains("my.module.Thing"));
    // An object cannot become a storage, or the sizes of a tensor.
    let weight = tensor(2, 0, &[2], &[1]);
    let sizes = weight.windows(7).position(|part| part == b"(J\x02\0\0\0t").expect("sizes");
    let with_object = [&weight[..sizes], name, b")R", &weight[sizes + 7..]].concat();
    let pickle = [b"\x80\x02}", &text("w")[..], &with_object, b"s."].concat();
    refusal(&pth(&pickle, &[0; 8]));
}

#[test]
fn dictionaries_that_hold_each_other_many_times_are_refused() {
    // Five levels of dictionaries with 100 keys each, that all hold the same: 10^10 items.
    let mut pickle = b"\x80\x02}q\0".to_vec();
    for level in 1..6_u8 {
        pickle.extend(b"}(");
        for key in 0..100 {
            pickle.extend([text(&key.to_string()), vec![b'h', level - 1]].concat());
        }
        pickle.extend([b'u', b'q', level]);
    }
    pickle.push(b'.');
    assert!(refusal(&pth(&pickle, &[])).contains("items"));
}

#[test]
fn a_call_in_place_of_a_storage_or_of_the_magic_number_is_refused() {
    let evil = b"cposix\nsystem\n";
    let whole = fs::read(golden("legacy.pth")).expect("reads");
    for at in [0, 15, 21, 137, whole.len() / 2] {
        let evil = [b"\x80\x02", &evil[..], &text("true"), b"\x85R."].concat();
        let bytes = [&whole[..at], &evil, &whole[at..]].concat();
        assert!(read_bytes(&bytes).is_err(), "at {at}");
    }
    // A persistent id that asks for a class in place of a type of storage.
    let pickle = [b"\x80\x02(", &text("storage")[..], evil, b"tQ."].concat();
    assert!(refusal(&pth(&pickle, &[])).contains("posix.system"));
}

#[test]
fn names_of_functions_cannot_garble_the_terminal() {
    let name = format!("c\x1b[2J{}\nx\n", "a".repeat(100_000));
    let error = refusal(&pth(&[b"\x80\x02", name.as_bytes(), b"."].concat(), &[]));
    assert!(error.len() < 1000 && !error.contains('\x1b'), "{} bytes", error.len());
    let pickle = [b"\x80\x02}", &text("\x1b[2J")[..], &tensor(2, 0, &[2], &[1]), b"s."].concat();
    assert!(!refusal(&pth(&pickle, &[0; 8])).contains('\x1b'));
}

#[test]
fn known_functions_with_wrong_arguments_are_refused() {
    for pickle in [
        &b"ccollections\nOrderedDict\nK\x01\x85R."[..],
        b"ccollections\nOrderedDict\n](K\x01K\x02e\x85R.",
        b"ctorch\nFloatStorage\nK\x01\x85R.",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
        b"ctorch._utils\n_rebuild_parameter\nK\x01\x85R.",
        b"K\x01)R.",
        b"NQ.",
        b"(tQ.",
        b"K\x01}b.",
    ] {
        refusal(&pth(&[b"\x80\x02", pickle].concat(), &[]));
    }
}

#[test]
fn lengths_beyond_the_file_are_refused_before_memory_is_taken() {
    let huge = |operation: u8| [&[0x80, 2, operation][..], &[0xff; 4], b"abc."].concat();
    for pickle in [
        huge(b'X'),
        huge(b'T'),
        b"\x80\x02\x8b\xff\xff\xff\x7fabc.".to_vec(),
        b"\x80\x02\x8a\xffabc.".to_vec(),
        b"\x80\x02U\xffabc.".to_vec(),
        b"\x80\x02r\xff\xff\xff\xff.".to_vec(),
        b"\x80\x02j\xff\xff\xff\xff.".to_vec(),
        b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.".to_vec(),
    ] {
        refusal(&pth(&pickle, &[]));
        refusal(&pickle);
    }
}

#[test]
fn deep_nesting_needs_no_stack() {
    for (open, num_levels) in [(&b"\x85"[..], 900_000), (b"]", 900_000), (b"(", 900_000)] {
        let pickle = [b"\x80\x02N", &open.repeat(num_levels)[..], b"."].concat();
        refusal(&pth(&pickle, &[]));
    }
    // A list in itself.
    refusal(&pth(b"\x80\x02]q\0h\0a.", &[]));
}

#[test]
fn a_pickle_that_never_seems_to_end_is_refused() {
    let pickle = [b"\x80\x02", &b"N0".repeat(1_000_000)[..], b"."].concat();
    assert!(refusal(&pth(&pickle, &[])).contains("steps"));
    assert!(refusal(&pth(&vec![b'N'; 17 << 20], &[])).contains("bytes"));
}

#[test]
fn memo_bombs_stay_small() {
    // Each list holds the one before twice: 2^1000 items, if they were ever counted.
    let doubling = b"q\0]h\0ah\0a".repeat(1000);
    refusal(&pth(&[b"\x80\x02]", &doubling[..], b"."].concat(), &[]));
    // A list of many pairs, made into a dictionary many times.
    let many = b"h\x01".repeat(100_000);
    let calls = b"h\0h\x02\x85R0".repeat(100_000);
    let pickle = [
        &b"\x80\x02ccollections\nOrderedDict\nq\0](K\x01K\x02eq\x01]("[..],
        &many,
        b"eq\x02",
        &calls,
        b"N.",
    ];
    assert!(refusal(&pth(&pickle.concat(), &[])).contains("steps"));
}

#[test]
fn tensors_beyond_their_storage_are_refused_by_name() {
    for (num_values, offset, shape, strides) in [
        (2, 0, &[3][..], &[1][..]),
        (2, 1, &[2], &[1]),
        (2, 0, &[2], &[2]),
        (2, 0, &[2, 2], &[1, 1]),
        (2, 0, &[i32::MAX, i32::MAX, i32::MAX], &[1, 1, 1]),
        (2, 0, &[2, 2], &[i32::MAX, i32::MAX]),
        (2, i32::MAX, &[2], &[1]),
    ] {
        let error = refusal(&pth(&one_tensor(num_values, offset, shape, strides), &[0; 8]));
        assert!(error.contains("`w`") && error.contains("storage of 8 bytes"), "{error}");
    }
    for (num_values, offset, shape, strides) in [
        (2, -1, &[2][..], &[1][..]),
        (2, 0, &[-2], &[1]),
        (2, 0, &[2], &[-1]),
        (-2, 0, &[2], &[1]),
        (2, 0, &[1; 9], &[1; 9]),
        (3, 0, &[2], &[1]),
        (1 << 30, 0, &[2], &[1]),
    ] {
        refusal(&pth(&one_tensor(num_values, offset, shape, strides), &[0; 8]));
    }
    let error = refusal(&pth(&one_tensor(2, 0, &[2, 1], &[1]), &[0; 8]));
    assert!(error.contains("`w`"), "{error}");
}

#[test]
fn a_stride_on_an_axis_of_one_may_be_anything() {
    let bytes = pth(&one_tensor(2, 0, &[1, 2, 1], &[i32::MAX, 1, 7]), &[0; 8]);
    assert_eq!(read_bytes(&bytes).expect("reads")["w"].shape, [1, 2, 1]);
}

#[test]
fn a_few_bytes_that_stand_for_many_are_refused() {
    let error = refusal(&pth(&one_tensor(1, 0, &[1 << 30], &[0]), &[0; 4]));
    assert!(error.contains("`w`") && error.contains("repeat"), "{error}");
    // One storage of 1 MB under 100 names.
    let one = tensor(1 << 18, 0, &[1 << 18], &[1]);
    let items = (0..100).flat_map(|idx| [text(&format!("w{idx}")), one.clone()].concat());
    let pickle = [b"\x80\x02}(", &items.collect::<Vec<u8>>()[..], b"u."].concat();
    assert!(refusal(&pth(&pickle, &vec![0; 1 << 20])).contains("repeat"));
    // The same of tensors that reach far and take little.
    let one = tensor(1 << 18, 0, &[2], &[(1 << 18) - 1]);
    let items = (0..100).flat_map(|idx| [text(&format!("w{idx}")), one.clone()].concat());
    let pickle = [b"\x80\x02}(", &items.collect::<Vec<u8>>()[..], b"u."].concat();
    assert!(refusal(&pth(&pickle, &vec![0; 1 << 20])).contains("repeat"));
}

#[test]
fn dictionaries_of_other_things_are_refused() {
    for pickle in [
        &b"N."[..],
        b"}.",
        b"]K\x01a.",
        b"}K\x01K\x02s.",
        b"}X\x01\0\0\0wK\x02s.",
        b"}X\x05\0\0\0modelK\x02s.",
    ] {
        let result = read_bytes(&pth(&[b"\x80\x02", pickle].concat(), &[]));
        assert_eq!(result.is_ok(), pickle.starts_with(b"}."), "{pickle:?}");
    }
    let twice = [text("w"), tensor(2, 0, &[2], &[1])].concat().repeat(2);
    let error = refusal(&pth(&[b"\x80\x02}(", &twice[..], b"u."].concat(), &[0; 8]));
    assert!(error.contains("two tensors"), "{error}");
}

#[test]
fn newer_pickle_protocols_are_refused() {
    for protocol in 3..=5 {
        assert!(refusal(&pth(&[0x80, protocol, b'N', b'.'], &[])).contains("protocol"));
    }
}

/// Changes the number of `num_bytes` at `at` in the table of contents.
fn with_number(at: usize, bytes: &[u8]) -> Vec<u8> {
    let pickle = one_tensor(2, 0, &[2], &[1]);
    let entries = [("a/data.pkl".to_string(), &pickle[..]), ("a/data/0".to_string(), &[0; 8])];
    zip_with(&entries, |directory| directory[at..at + bytes.len()].copy_from_slice(bytes))
}

#[test]
fn damaged_tables_of_contents_are_refused() {
    assert!(read_bytes(&with_number(0, b"PK")).is_ok());
    for (what, at, bytes) in [
        ("signature", 0, &b"KP"[..]),
        ("encrypted", 8, &[1]),
        ("deflated", 10, &[8]),
        ("packed size", 20, &[9]),
        ("both sizes beyond the file", 20, &[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]),
        ("64-bit sizes that are not there", 20, &[0xff; 8]),
        ("length of the name", 28, &[0xff, 0xff]),
        ("length of the extra field", 30, &[0xff, 0xff]),
        ("length of the comment", 32, &[0xff, 0xff]),
        ("position", 42, &[0xff, 0xff, 0xff, 0x7f]),
        ("position inside another entry", 42, &[9]),
        ("name", 46, b"../"),
    ] {
        assert!(read_bytes(&with_number(at, bytes)).is_err(), "{what}");
    }
}

#[test]
fn archives_of_other_things_are_refused() {
    let pickle = one_tensor(2, 0, &[2], &[1]);
    let entry = |name: &str, content: &'static [u8]| (name.to_string(), content);
    let good = [("a/data.pkl".to_string(), &pickle[..]), entry("a/data/0", &[0; 8])];
    assert!(read_bytes(&zip(&good)).is_ok());
    for (more, part) in [
        (entry("a/data/0", &[1; 8]), "two entries"),
        (entry("a/data.pkl", b"\x80\x02}."), "two entries"),
        (entry("b/data.pkl", b"\x80\x02}."), "several"),
        (entry("a/byteorder", b"big"), "little-endian"),
    ] {
        let error = refusal(&zip(&[&good[..], &[more]].concat()));
        assert!(error.contains(part), "{error}");
    }
    assert!(refusal(&zip(&good[..1])).contains("the storage 0 is missing"));
    assert!(refusal(&zip(&good[1..])).contains("no entry `data.pkl`"));
    let short = [good[0].clone(), entry("a/data/0", &[0; 7])];
    assert!(refusal(&zip(&short)).contains("not of its size"));
}

#[test]
fn legacy_files_with_wrong_storages_are_refused() {
    let whole = fs::read(golden("model_legacy.pth")).expect("reads");
    assert!(read_bytes(&whole).is_ok());
    refusal(&[&whole[..], &[0]].concat());
    // Numbers of values of the last storage: the file says 8 before each.
    let at = whole.windows(8).rposition(|bytes| bytes == 4_u64.to_le_bytes()).expect("a storage");
    for num_values in [0, 3, 5, u64::MAX, 1 << 62] {
        let mut bytes = whole.clone();
        bytes[at..at + 8].copy_from_slice(&u64::to_le_bytes(num_values));
        assert!(refusal(&bytes).contains("not of its size"), "{num_values}");
    }
}
