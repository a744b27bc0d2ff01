//! Object stores and HTTP: S3, Google Cloud Storage, Azure, plain web servers, and memory for tests.
//!
//! Everything above sees blocking calls. Underneath, requests run on one runtime of a few threads that is started with
//! the first of them, at most [`MAX_REQUESTS`] at a time in the whole process. A request that is started goes on while
//! its caller computes; whoever wants the answer waits for it in its own thread.
//!
//! What a server cannot help at the moment (it is busy, the connection breaks) is tried again after a pause; what stays
//! wrong becomes an error that says what, where and what would be right.

mod memory;
mod object;
mod problem;
mod requests;
mod runtime;
#[cfg(test)]
mod server_tests;
mod stores;

pub use requests::MAX_REQUESTS;
pub use stores::{configure, names, register};

pub(crate) use object::RemoteObject;
pub(crate) use requests::{Fetch, Located, Place, Remote, Sent, Stored};
pub(crate) use stores::generation;
