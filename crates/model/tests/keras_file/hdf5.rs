//! Writes HDF5 files for tests, as Keras lays them out.

use std::collections::BTreeMap;

/// A group or values.
#[derive(Debug)]
pub enum Node {
    Group { texts: Vec<(String, String)>, members: BTreeMap<String, Node> },
    Values { shape: Vec<usize>, values: Vec<f32> },
}

impl Node {
    pub fn group() -> Self {
        Self::Group { texts: Vec::new(), members: BTreeMap::new() }
    }

    /// The group `path`, which is made where it is not there.
    pub fn at(&mut self, path: &[&str]) -> &mut Self {
        let Some((first, rest)) = path.split_first() else { return self };
        let Self::Group { members, .. } = self else { panic!("a group") };
        members.entry((*first).to_string()).or_insert_with(Self::group).at(rest)
    }

    /// Gives a group an attribute.
    pub fn say(&mut self, name: &str, text: &str) {
        let Self::Group { texts, .. } = self else { panic!("a group") };
        texts.push((name.to_string(), text.to_string()));
    }

    /// Puts values into a group.
    pub fn put(&mut self, name: &str, shape: Vec<usize>, values: Vec<f32>) {
        let Self::Group { members, .. } = self else { panic!("a group") };
        members.insert(name.to_string(), Self::Values { shape, values });
    }

    /// The bytes of a file with this group as its root.
    pub fn to_file(&self) -> Vec<u8> {
        let mut bytes = [b"\x89HDF\r\n\x1a\n", &[2, 8, 8, 0][..], &[0; 36]].concat();
        let root = self.write(&mut bytes);
        let end = bytes.len() as u64;
        bytes[20..28].fill(0xff);
        bytes[28..36].copy_from_slice(&end.to_le_bytes());
        bytes[36..44].copy_from_slice(&root.to_le_bytes());
        bytes
    }

    /// Adds the object; returns where its header is.
    fn write(&self, bytes: &mut Vec<u8>) -> u64 {
        let messages = match self {
            Self::Group { texts, members } => {
                let members = members.iter().map(|(name, node)| (name, node.write(bytes)));
                let links = members.map(|(name, address)| {
                    let link = [&[1, 0, name.len() as u8], name.as_bytes(), &address.to_le_bytes()];
                    message(0x06, &link.concat())
                });
                let links: Vec<u8> = links.flatten().collect();
                texts.iter().flat_map(|(name, text)| attribute(name, text)).chain(links).collect()
            }
            Self::Values { shape, values } => {
                let (start, size) = (bytes.len() as u64, 4 * values.len() as u64);
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                let sizes = shape.iter().flat_map(|&size| (size as u64).to_le_bytes());
                let sizes: Vec<u8> = sizes.collect();
                let float =
                    [0x11, 0x20, 0x1f, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];
                [
                    message(0x01, &[&[2, shape.len() as u8, 0, 1], &sizes[..]].concat()),
                    message(0x03, &float),
                    message(
                        0x08,
                        &[&[3, 1], &start.to_le_bytes()[..], &size.to_le_bytes()].concat(),
                    ),
                ]
                .concat()
            }
        };
        let address = bytes.len() as u64;
        bytes.extend([b"OHDR", &[2, 2][..], &(messages.len() as u32).to_le_bytes()].concat());
        bytes.extend(messages);
        bytes.extend([0; 4]);
        address
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &(body.len() as u16).to_le_bytes()[..], &[0], body].concat()
}

/// A text of fixed length.
fn attribute(name: &str, text: &str) -> Vec<u8> {
    let sizes = [name.len() as u16 + 1, 8, 4].map(u16::to_le_bytes).concat();
    let kind = [&[0x13, 0, 0, 0], &(text.len() as u32).to_le_bytes()[..]].concat();
    let parts = [&[3, 0], &sizes[..], &[1], name.as_bytes(), &[0], &kind, &[2, 0, 0, 0]];
    message(0x0c, &[&parts.concat(), text.as_bytes()].concat())
}
