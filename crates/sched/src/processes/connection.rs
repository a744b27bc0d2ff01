//! Messages over a Unix socket: each is a frame of three numbers (the bytes of the message, the bytes that follow it, the
//! open files that come with it), a message in CBOR, and bytes that follow it as they are.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the three numbers.
const HEADER: usize = 24;

/// No frame is as long: whoever says so speaks another language.
const LONGEST: u64 = 1 << 44;

/// Files that come with one frame at most.
const MOST_FILES: usize = 2;

/// Bytes that are read at once, where a frame does not ask for more.
const READ_BYTES: usize = 64 << 10;

/// The end that sends. Several threads may send; frames do not mix.
#[derive(Debug)]
pub(super) struct Sender {
    stream: Mutex<UnixStream>,
}

/// The end that receives.
#[derive(Debug)]
pub(super) struct Receiver {
    stream: UnixStream,
    buffer: Vec<u8>,
    /// Bytes of the buffer before this have been used.
    used: usize,
    files: VecDeque<OwnedFd>,
}

/// What was received.
#[derive(Debug)]
pub(super) enum Received {
    Frame(Frame),
    /// Nothing came in time.
    Nothing,
    /// The other side is gone.
    Closed,
}

/// A frame, not yet read.
#[derive(Debug)]
pub(super) struct Frame {
    message: Vec<u8>,
    pub tail: Vec<u8>,
    pub files: Vec<OwnedFd>,
}

impl Frame {
    pub fn message<M: DeserializeOwned>(&self) -> Result<M, String> {
        ciborium::from_reader(self.message.as_slice()).map_err(|error| error.to_string())
    }
}

/// Both ends of a socket. Neither waits longer than this for the other side to take or to complete a frame.
pub(super) fn connection(stream: UnixStream, patience: Duration) -> io::Result<(Sender, Receiver)> {
    stream.set_write_timeout(Some(patience))?;
    stream.set_read_timeout(Some(patience))?;
    let other = stream.try_clone()?;
    let receiver = Receiver { stream: other, buffer: Vec::new(), used: 0, files: VecDeque::new() };
    Ok((Sender { stream: Mutex::new(stream) }, receiver))
}

/// A message as the beginning of a frame that so many bytes follow, and with which so many files come.
pub(super) fn encoded<M: Serialize>(message: &M, tail: usize, files: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER];
    ciborium::into_writer(message, &mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let len = (bytes.len() - HEADER) as u64;
    bytes[..8].copy_from_slice(&len.to_le_bytes());
    bytes[8..16].copy_from_slice(&(tail as u64).to_le_bytes());
    bytes[16..HEADER].copy_from_slice(&(files as u64).to_le_bytes());
    Ok(bytes)
}

impl Sender {
    pub fn send<M: Serialize>(&self, message: &M) -> io::Result<()> {
        self.send_with(message, &[])
    }

    /// A message and bytes that follow it.
    pub fn send_with<M: Serialize>(&self, message: &M, tail: &[u8]) -> io::Result<()> {
        let bytes = encoded(message, tail.len(), 0)?;
        let mut stream = self.stream.lock();
        stream.write_all(&bytes)?;
        stream.write_all(tail)
    }

    /// A message that has been encoded already, with open files.
    pub fn send_encoded(&self, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
            return Err(io::Error::other("too many files for one message"));
        }
        let mut stream = self.stream.lock();
        // They come with the first bytes.
        let sent = sendmsg(stream.as_fd(), &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
        stream.write_all(&bytes[sent..])
    }
}

impl Receiver {
    /// The next frame, if it begins within this time; without one it is waited for.
    pub fn receive(&mut self, timeout: Option<Duration>) -> io::Result<Received> {
        if self.buffered() == 0 && !self.is_readable(timeout)? {
            return Ok(Received::Nothing);
        }
        let mut header = [0; HEADER];
        if !self.read(&mut header)? {
            return Ok(Received::Closed);
        }
        let length = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        if length(0).saturating_add(length(8)) > LONGEST || length(16) > MOST_FILES as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what came is no message"));
        }
        let (mut message, mut tail) = (vec![0; length(0) as usize], vec![0; length(8) as usize]);
        if !self.read(&mut message)? || !self.read(&mut tail)? {
            return Ok(Received::Closed);
        }
        // Those of the next frame may be here already.
        let count = self.files.len().min(length(16) as usize);
        Ok(Received::Frame(Frame { message, tail, files: self.files.drain(..count).collect() }))
    }

    fn buffered(&self) -> usize {
        self.buffer.len() - self.used
    }

    fn is_readable(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        loop {
            let mut polled = [PollFd::new(&self.stream, PollFlags::IN)];
            match poll(&mut polled, timeout.as_ref()) {
                Ok(count) => return Ok(count > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Fills all of it; false if the other side is gone.
    fn read(&mut self, mut into: &mut [u8]) -> io::Result<bool> {
        loop {
            let count = self.buffered().min(into.len());
            let (now, later) = into.split_at_mut(count);
            now.copy_from_slice(&self.buffer[self.used..self.used + count]);
            self.used += count;
            into = later;
            if into.is_empty() {
                return Ok(true);
            }
            // The buffer is empty. What is long goes where it belongs.
            let count = match into.len() >= READ_BYTES {
                true => {
                    let count = receive(&self.stream, into, &mut self.files)?;
                    into = &mut into[count..];
                    count
                }
                false => {
                    self.buffer.resize(READ_BYTES, 0);
                    let count = receive(&self.stream, &mut self.buffer, &mut self.files)?;
                    self.buffer.truncate(count);
                    self.used = 0;
                    count
                }
            };
            if count == 0 {
                return Ok(false);
            }
        }
    }
}

/// Reads some bytes, and the files that come with them. 0 at the end, also where the other side has been killed.
fn receive(stream: &UnixStream, into: &mut [u8], files: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    loop {
        let received = recvmsg(stream, &mut [IoSliceMut::new(into)], &mut ancillary, RecvFlags::CMSG_CLOEXEC);
        match received {
            Ok(received) => {
                for message in ancillary.drain() {
                    if let RecvAncillaryMessage::ScmRights(sent) = message {
                        files.extend(sent);
                    }
                }
                return Ok(received.bytes);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CONNRESET) => return Ok(0),
            Err(rustix::io::Errno::AGAIN) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "a message stopped half-way"));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Seek};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn pair() -> (Sender, Receiver) {
        let (one, other) = UnixStream::pair().unwrap();
        (connection(one, PATIENCE).unwrap().0, connection(other, PATIENCE).unwrap().1)
    }

    fn frame(receiver: &mut Receiver) -> Frame {
        match receiver.receive(Some(PATIENCE)).unwrap() {
            Received::Frame(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_come_in_order_with_what_follows_them() {
        let (sender, mut receiver) = pair();
        assert!(matches!(receiver.receive(Some(Duration::ZERO)).unwrap(), Received::Nothing));
        let long: Vec<u8> = (0..1_000_000).map(|i| (i % 251) as u8).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                sender.send(&"first").unwrap();
                sender.send_with(&"second", &long).unwrap();
                sender.send_with(&long, b"short").unwrap();
            });
            assert_eq!(frame(&mut receiver).message::<String>().unwrap(), "first");
            let second = frame(&mut receiver);
            assert_eq!((second.message::<String>().unwrap().as_str(), second.tail == long), ("second", true));
            let third = frame(&mut receiver);
            assert!(third.message::<Vec<u8>>().unwrap() == long && third.tail == b"short");
            assert!(third.message::<u8>().is_err());
        });
        drop(sender);
        assert!(matches!(receiver.receive(None).unwrap(), Received::Closed));
    }

    #[test]
    fn files_come_with_their_message() {
        let (sender, mut receiver) = pair();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"shared").unwrap();
        // The receiver may read both at once.
        sender.send(&1u8).unwrap();
        sender.send_encoded(&encoded(&2u8, 0, 2).unwrap(), &[file.as_fd(), file.as_fd()]).unwrap();
        sender.send(&3u8).unwrap();
        assert!(frame(&mut receiver).files.is_empty());
        let second = frame(&mut receiver);
        assert_eq!((second.message::<u8>().unwrap(), second.files.len()), (2, 2));
        assert!(frame(&mut receiver).files.is_empty());
        let mut theirs = File::from(second.files.into_iter().next().unwrap());
        theirs.rewind().unwrap();
        let mut text = String::new();
        theirs.read_to_string(&mut text).unwrap();
        assert_eq!(text, "shared");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let (mut one, other) = UnixStream::pair().unwrap();
        one.write_all(&[0xff; 64]).unwrap();
        let mut receiver = connection(other, PATIENCE).unwrap().1;
        assert!(receiver.receive(None).is_err());
    }
}
