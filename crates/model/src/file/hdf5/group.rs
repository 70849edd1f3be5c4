//! Groups: names of objects and the addresses of their headers.

use super::bytes::{Bytes, text};
use super::object::kind;
use super::{Hdf5, NOWHERE, Object, damaged};
use crate::file::contents::MAX_NAME_BYTES;
use crate::file::input::Fault;

const TREE: &[u8] = b"TREE";
const NODE: &[u8] = b"SNOD";
const HEAP: &[u8] = b"HEAP";
/// Bytes of an entry of a symbol table.
const ENTRY_BYTES: u64 = 40;
/// Most names in one group.
const MAX_LINKS: usize = 20_000;

/// A name, and the address of what is called so.
pub(in crate::file) type Link = (String, u64);

/// The key before a child of a tree, and the child's address.
type Child = (Vec<u8>, u64);

impl Hdf5<'_> {
    /// What is in a group.
    ///
    /// # Errors
    /// Links to other places than this file, groups that keep their names as new versions of HDF5 can, and
    /// damage.
    pub fn links(&mut self, group: &Object) -> Result<Vec<Link>, Fault> {
        let mut links = Vec::new();
        if let Some(info) = group.find(kind::LINK_INFO)? {
            let mut bytes = Bytes::new(&info.body);
            bytes.skip(1)?;
            let has_order = bytes.number(1)? & 1 != 0;
            bytes.skip(if has_order { 8 } else { 0 })?;
            if bytes.number(8)? != NOWHERE {
                return Err(damaged(
                    "a group keeps its names in a heap; write it with h5py's libver=\"earliest\"",
                ));
            }
        }
        for message in group.messages.iter().filter(|message| message.kind == kind::LINK) {
            links.push(link(&message.body)?);
        }
        if let Some(table) = group.find(kind::SYMBOL_TABLE)? {
            let mut bytes = Bytes::new(&table.body);
            let (tree, heap) = (bytes.number(8)?, bytes.number(8)?);
            let names = self.names(heap)?;
            self.tree(tree, None, &names, &mut links)?;
        }
        Ok(links)
    }

    /// The texts of the heap at an address.
    fn names(&mut self, address: u64) -> Result<Vec<u8>, Fault> {
        let start = self.read(address, 32)?;
        let mut bytes = Bytes::new(&start);
        if bytes.take(HEAP.len())? != HEAP {
            return Err(damaged("the names of a group are not where they should be"));
        }
        bytes.skip(4)?;
        let num_bytes = bytes.number(8)?;
        bytes.skip(8)?;
        self.read(bytes.number(8)?, num_bytes)
    }

    /// Adds the links in the tree at an address, which is below a node of `level`.
    fn tree(
        &mut self,
        address: u64,
        level: Option<u64>,
        names: &[u8],
        links: &mut Vec<Link>,
    ) -> Result<(), Fault> {
        let (own_level, children) = self.children(address, level, 0, 8)?;
        for (_, child) in children {
            match own_level {
                0 => self.node(child, names, links)?,
                _ => self.tree(child, Some(own_level), names, links)?,
            }
            if links.len() > MAX_LINKS {
                return Err(damaged("a group has too many names"));
            }
        }
        Ok(())
    }

    /// The level of a node of a tree, and its children with the keys before them, which are of `key_bytes` bytes.
    pub(super) fn children(
        &mut self,
        address: u64,
        above: Option<u64>,
        kind: u64,
        key_bytes: u64,
    ) -> Result<(u64, Vec<Child>), Fault> {
        let start = self.read(address, 24)?;
        let mut bytes = Bytes::new(&start);
        let is_tree = bytes.take(TREE.len())? == TREE && bytes.number(1)? == kind;
        let (level, num_children) = (bytes.number(1)?, bytes.number(2)?);
        // Levels count down, so that no node is below itself.
        if !is_tree || above.is_some_and(|above| level >= above) {
            return Err(damaged("a tree is not where it should be"));
        }
        let body = self.read(address.saturating_add(24), num_children * (key_bytes + 8))?;
        let mut bytes = Bytes::new(&body);
        let mut children = Vec::new();
        for _ in 0..num_children {
            children.push((bytes.take(key_bytes as usize)?.to_vec(), bytes.number(8)?));
        }
        Ok((level, children))
    }

    /// Adds the links of the part of a symbol table at an address.
    fn node(&mut self, address: u64, names: &[u8], links: &mut Vec<Link>) -> Result<(), Fault> {
        let start = self.read(address, 8)?;
        let mut bytes = Bytes::new(&start);
        if bytes.take(NODE.len())? != NODE {
            return Err(damaged("the table of a group is not where it should be"));
        }
        bytes.skip(2)?;
        let num_entries = bytes.number(2)?;
        let entries = self.read(address.saturating_add(8), num_entries * ENTRY_BYTES)?;
        let mut bytes = Bytes::new(&entries);
        for _ in 0..num_entries {
            let (name, object) = (bytes.count()?, bytes.number(8)?);
            bytes.skip(24)?;
            let name = names.get(name..).ok_or_else(|| damaged("a name is missing"))?;
            links.push((checked_name(name)?, checked_address(object)?));
        }
        Ok(())
    }
}

/// The link of a message.
fn link(body: &[u8]) -> Result<Link, Fault> {
    let mut bytes = Bytes::new(body);
    bytes.skip(1)?;
    let flags = bytes.number(1)?;
    let sort = if flags & 0x08 == 0 { 0 } else { bytes.number(1)? };
    bytes.skip(if flags & 0x04 == 0 { 0 } else { 8 })?;
    bytes.skip(if flags & 0x10 == 0 { 0 } else { 1 })?;
    let num_bytes = bytes.number(1 << (flags & 3))?;
    let num_bytes = usize::try_from(num_bytes).map_err(|_| damaged("a name is too long"))?;
    let name = checked_name(bytes.take(num_bytes)?)?;
    let object = if sort == 0 { bytes.number(8)? } else { NOWHERE };
    Ok((name, checked_address(object)?))
}

fn checked_name(bytes: &[u8]) -> Result<String, Fault> {
    let bytes = &bytes[..bytes.len().min(MAX_NAME_BYTES + 1)];
    let name = text(bytes)?;
    match name.is_empty() || name.len() > MAX_NAME_BYTES {
        true => Err(damaged("a name is empty or too long")),
        false => Ok(name),
    }
}

fn checked_address(object: u64) -> Result<u64, Fault> {
    match object {
        NOWHERE => Err(damaged("a name leads to another place or file")),
        object => Ok(object),
    }
}
