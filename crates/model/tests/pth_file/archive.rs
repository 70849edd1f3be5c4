//! Archives and pickles as PyTorch writes them, and as nobody should.

/// A zip archive of stored entries.
pub fn zip(entries: &[(String, &[u8])]) -> Vec<u8> {
    zip_with(entries, |_| {})
}

/// [`zip`], with the table of contents changed by `alter` before it is appended.
pub fn zip_with(entries: &[(String, &[u8])], alter: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let size = (content.len() as u32).to_le_bytes();
        let name_size = (name.len() as u16).to_le_bytes();
        let position = (file.len() as u32).to_le_bytes();
        let common = [&[0; 12][..], &size, &size, &name_size, &[0; 2]].concat();
        file.extend([b"PK\x03\x04\0\0", &common[..], name.as_bytes(), content].concat());
        directory.extend([b"PK\x01\x02\0\0\0\0", &common[..], &[0; 10], &position].concat());
        directory.extend(name.as_bytes());
    }
    alter(&mut directory);
    let count = (entries.len() as u16).to_le_bytes();
    let (size, start) = (directory.len() as u32, file.len() as u32);
    let numbers = [size.to_le_bytes(), start.to_le_bytes()].concat();
    [&file[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &numbers, &[0; 2]].concat()
}

/// A file of PyTorch's with this pickle and this storage `0`.
pub fn pth(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    zip(&[("archive/data.pkl".to_string(), pickle), ("archive/data/0".to_string(), storage)])
}

/// The pickle of `{"w": tensor}`, of `num_values` 32-bit floats in storage `0`.
pub fn one_tensor(num_values: i32, offset: i32, shape: &[i32], strides: &[i32]) -> Vec<u8> {
    let tensor = tensor(num_values, offset, shape, strides);
    [b"\x80\x02}", &text("w")[..], &tensor, b"s."].concat()
}

/// The part of a pickle that makes a tensor.
pub fn tensor(num_values: i32, offset: i32, shape: &[i32], strides: &[i32]) -> Vec<u8> {
    let storage = [text("storage"), b"ctorch\nFloatStorage\n".to_vec(), text("0"), text("cpu")];
    let tuple = |numbers: &[i32]| {
        let items: Vec<u8> = numbers.iter().flat_map(|&number| int(number)).collect();
        [b"(", &items[..], b"t"].concat()
    };
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &storage.concat()[..],
        &int(num_values),
        b"tQ",
        &int(offset),
        &tuple(shape),
        &tuple(strides),
        b"\x89}tR",
    ]
    .concat()
}

pub fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn int(number: i32) -> Vec<u8> {
    [b"J", &number.to_le_bytes()[..]].concat()
}
