//! Object headers, versions 1 and 2: the list of messages that describe a group, dataset or named datatype.
use super::error::{Outcome, corrupt, unsupported};
use super::source::{Budget, Source};

const WHAT: &str = "object header";

/// Message types this reader knows.
pub(super) mod kind {
    pub const DATASPACE: u16 = 0x01;
    pub const LINK_INFO: u16 = 0x02;
    pub const DATATYPE: u16 = 0x03;
    pub const OLD_FILL_VALUE: u16 = 0x04;
    pub const FILL_VALUE: u16 = 0x05;
    pub const LINK: u16 = 0x06;
    pub const EXTERNAL_FILES: u16 = 0x07;
    pub const LAYOUT: u16 = 0x08;
    pub const GROUP_INFO: u16 = 0x0a;
    pub const FILTERS: u16 = 0x0b;
    pub const ATTRIBUTE: u16 = 0x0c;
    pub const CONTINUATION: u16 = 0x10;
    pub const SYMBOL_TABLE: u16 = 0x11;
    pub const ATTRIBUTE_INFO: u16 = 0x15;
}

/// One message, its body not yet parsed.
#[derive(Debug)]
pub(super) struct Message {
    pub kind: u16,
    flags: u8,
    body: Vec<u8>,
}

/// All messages of an object, continuations included.
#[derive(Debug)]
pub(super) struct ObjectHeader {
    pub messages: Vec<Message>,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectKind {
    /// A group of further objects.
    Group,
    /// An array.
    Dataset,
    /// A datatype with a name.
    NamedDatatype,
    /// A soft link whose target cannot be found.
    DanglingLink,
    /// A link into another file; never followed.
    ExternalLink,
    /// Something this reader does not know.
    Unknown,
}

impl ObjectKind {
    /// The kind in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Dataset => "dataset",
            Self::NamedDatatype => "named datatype",
            Self::DanglingLink => "soft link whose target is missing",
            Self::ExternalLink => "link into another file",
            Self::Unknown => "object of unknown kind",
        }
    }
}

impl Message {
    /// The bytes as they stand in the header; a reference to another object if [`Message::is_shared`].
    pub fn stored(&self) -> &[u8] {
        &self.body
    }

    /// Whether the message refers to one of another object.
    pub fn is_shared(&self) -> bool {
        self.flags & 0b10 != 0
    }

    /// The message's bytes; those of a named object's header where it refers to one.
    pub fn body(&self, source: &Source) -> Outcome<Vec<u8>> {
        if !self.is_shared() {
            Ok(self.body.clone())
        } else {
            read_shared(source, self.kind, &self.body, &mut source.budget())
        }
    }
}

impl ObjectHeader {
    /// Reads the header at an address.
    pub fn read(source: &Source, address: u64) -> Outcome<Self> {
        Self::read_within(source, address, &mut source.budget())
    }

    /// Reads one of several headers, which together cannot be longer than the file.
    pub fn read_within(source: &Source, address: u64, budget: &mut Budget) -> Outcome<Self> {
        let start = source.read(WHAT, address, 6)?;
        let messages = if start.starts_with(b"OHDR") {
            read_version_2(source, address, start[4], start[5], budget)?
        } else {
            read_version_1(source, address, budget)?
        };
        Ok(Self { messages })
    }

    /// The first message of a kind, if any.
    pub fn find(&self, kind: u16) -> Option<&Message> {
        self.messages.iter().find(|message| message.kind == kind)
    }

    /// The bytes of the first message of a kind, if there is one.
    pub fn body(&self, source: &Source, kind: u16) -> Outcome<Option<Vec<u8>>> {
        self.find(kind).map(|message| message.body(source)).transpose()
    }

    /// What the messages make of the object.
    pub fn object_kind(&self) -> ObjectKind {
        let has = |kind| self.find(kind).is_some();
        if has(kind::LAYOUT) || (has(kind::DATASPACE) && has(kind::DATATYPE)) {
            ObjectKind::Dataset
        } else if has(kind::SYMBOL_TABLE) || has(kind::LINK_INFO) || has(kind::LINK) || has(kind::GROUP_INFO)
        {
            ObjectKind::Group
        } else if has(kind::DATATYPE) {
            ObjectKind::NamedDatatype
        } else {
            ObjectKind::Unknown
        }
    }
}

/// Follows a shared message to the object whose header holds it.
pub(super) fn read_shared(source: &Source, kind: u16, body: &[u8], budget: &mut Budget) -> Outcome<Vec<u8>> {
    const WHAT: &str = "shared message";
    let mut cursor = source.cursor(WHAT, body);
    let version = cursor.u8()?;
    let place = cursor.u8()?;
    match version {
        1 => cursor.skip(6)?,
        2 => {}
        3 if place == 2 => {}
        3 => {
            return Err(unsupported(
                "a message in the file's shared message heap",
                "store it in each object",
            ));
        }
        _ => return Err(corrupt(WHAT, format!("version is {version}"))),
    }
    let header = ObjectHeader::read_within(source, cursor.defined_address()?, budget)?;
    let message = header
        .find(kind)
        .ok_or_else(|| corrupt(WHAT, format!("its target has no message of type {kind:#x}")))?;
    // A named object stores its message itself; a further step could only be a circle.
    if message.is_shared() {
        return Err(corrupt(WHAT, "its target is shared again"));
    }
    Ok(message.body.clone())
}

fn read_version_1(source: &Source, address: u64, budget: &mut Budget) -> Outcome<Vec<Message>> {
    let prefix = budget.read(source, WHAT, address, 16)?;
    let mut cursor = source.cursor(WHAT, &prefix);
    cursor.version(1)?;
    cursor.skip(1)?;
    let num_messages = usize::from(cursor.u16()?);
    cursor.skip(4)?;
    let nbytes = u64::from(cursor.u32()?);
    let first = address.checked_add(16).ok_or_else(|| corrupt(WHAT, "address is out of range"))?;

    let mut messages = Vec::new();
    let mut num_seen = 0;
    let mut blocks = vec![(first, nbytes)];
    while let Some((start, nbytes)) = blocks.pop() {
        let block = budget.read(source, WHAT, start, nbytes)?;
        let mut cursor = source.cursor(WHAT, &block);
        while cursor.remaining() >= 8 && num_seen < num_messages {
            let kind = cursor.u16()?;
            let nbytes = usize::from(cursor.u16()?);
            let flags = cursor.u8()?;
            cursor.skip(3)?;
            let body = cursor.take(nbytes)?;
            num_seen += 1;
            note_message(source, kind, flags, body, &mut messages, &mut blocks)?;
        }
    }
    Ok(messages)
}

fn read_version_2(
    source: &Source,
    address: u64,
    version: u8,
    flags: u8,
    budget: &mut Budget,
) -> Outcome<Vec<Message>> {
    if version != 2 {
        return Err(corrupt(WHAT, format!("version is {version}, not 2")));
    }
    let times = if flags & 0x20 != 0 { 16 } else { 0 };
    let phases = if flags & 0x10 != 0 { 4 } else { 0 };
    let size_width = 1_usize << (flags & 3);
    let prefix_nbytes = 6 + times + phases + size_width;
    let prefix = source.read(WHAT, address, prefix_nbytes as u64)?;
    let mut cursor = source.cursor(WHAT, &prefix);
    cursor.skip(6 + times + phases)?;
    let nbytes = cursor.uint(size_width)?;
    let whole = nbytes
        .checked_add(prefix_nbytes as u64 + 4)
        .ok_or_else(|| corrupt(WHAT, format!("messages of {nbytes} bytes")))?;

    let message_prefix = if flags & 0x04 != 0 { 6 } else { 4 };
    let mut messages = Vec::new();
    let mut blocks = Vec::new();
    let mut next = Some((address, whole, prefix_nbytes));
    while let Some((start, nbytes, skipped)) = next {
        let block = budget.read(source, WHAT, start, nbytes)?;
        let mut cursor = source.cursor(WHAT, source.checked(WHAT, &block)?);
        if start != address {
            cursor.signature(b"OCHK")?;
        } else {
            cursor.skip(skipped)?;
        }
        // What is shorter than a message's prefix is a gap.
        while cursor.remaining() >= message_prefix {
            let kind = u16::from(cursor.u8()?);
            let nbytes = usize::from(cursor.u16()?);
            let flags = cursor.u8()?;
            cursor.skip(message_prefix - 4)?;
            let body = cursor.take(nbytes)?;
            note_message(source, kind, flags, body, &mut messages, &mut blocks)?;
        }
        next = blocks.pop().map(|(start, nbytes)| (start, nbytes, 4));
    }
    Ok(messages)
}

fn note_message(
    source: &Source,
    kind: u16,
    flags: u8,
    body: &[u8],
    messages: &mut Vec<Message>,
    blocks: &mut Vec<(u64, u64)>,
) -> Outcome<()> {
    match kind {
        0 => {}
        kind::CONTINUATION => {
            let mut cursor = source.cursor("continuation message", body);
            blocks.push((cursor.defined_address()?, cursor.length()?));
        }
        _ => messages.push(Message { kind, flags, body: body.to_vec() }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::memory;
    use super::*;

    /// A version 1 header of two messages, the second a continuation to `target`.
    fn with_continuation(target: u64, num_messages: u16) -> Vec<u8> {
        let mut bytes = vec![1, 0];
        bytes.extend(num_messages.to_le_bytes());
        bytes.extend([1, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0x0a, 0, 8, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes.extend([0x10, 0, 16, 0, 0, 0, 0, 0]);
        bytes.extend(target.to_le_bytes());
        bytes.extend(16_u64.to_le_bytes());
        bytes
    }

    #[test]
    fn continuations_are_followed() {
        let mut bytes = with_continuation(56, 3);
        bytes.extend([0x03, 0, 8, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9]);
        let source = memory(bytes);
        let header = ObjectHeader::read(&source, 0).unwrap();
        assert_eq!(header.messages.len(), 2);
        assert_eq!(header.body(&source, kind::DATATYPE).unwrap().unwrap(), [9; 8]);
    }

    #[test]
    fn a_continuation_to_itself_ends_in_an_error() {
        let mut bytes = with_continuation(32, u16::MAX);
        bytes.truncate(56);
        let patched = bytes.len() - 8;
        bytes[patched] = 24;
        let error = ObjectHeader::read(&memory(bytes), 0).unwrap_err();
        assert!(error.to_string().contains("circle"), "{error}");
    }
}
