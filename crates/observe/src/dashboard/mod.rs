//! A live page about runs, over HTTP.
//!
//! [`Dashboard`] serves what a [`Recorder`] knows, or all runs that a [`Runs`] keeps; [`Client`] is a scheduler with a
//! dashboard. The page comes from this process alone and asks no other host for anything. It is read-only; requests that name a foreign host are refused,
//! so that no page from elsewhere can read it by a name of its own.

mod answers;
mod body;
mod client;
mod host;
mod server;
mod shown;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::recorder::Recorder;
use crate::runs::Runs;
pub use client::Client;
use host::parse_address;
use shown::Shown;

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DashboardError {
    /// The address is none.
    #[error("{text:?} is no address: use HOST:PORT or a port, such as 127.0.0.1:8787 or 8787")]
    Address {
        /// What was given.
        text: String,
    },
    /// Nobody can listen there.
    #[error("cannot listen on {address}; use another port, or port 0 for one that is free")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The thread of the server cannot be started.
    #[error("cannot start the dashboard's thread")]
    Thread(#[source] io::Error),
}

/// A server of one page about what a recorder knows. It ends when it is dropped.
#[derive(Debug)]
pub struct Dashboard {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Dashboard {
    /// Serves a recorder's knowledge at an address: `HOST:PORT`, or a port on this machine alone. Port 0 stands for one
    /// that is free.
    ///
    /// # Errors
    /// If the text is no address, or nobody can listen there.
    pub fn start(address: &str, recorder: Arc<Recorder>) -> Result<Dashboard, DashboardError> {
        Dashboard::about(address, Shown::One(recorder))
    }

    /// Serves all runs that are kept, with a list to choose from; else as [`start`](Self::start).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn of_runs(address: &str, runs: Arc<Runs>) -> Result<Dashboard, DashboardError> {
        Dashboard::about(address, Shown::All(runs))
    }

    fn about(address: &str, shown: Shown) -> Result<Dashboard, DashboardError> {
        let wanted = parse_address(address)?;
        let failed = |source| DashboardError::Listen { address: wanted, source };
        let listener = std::net::TcpListener::bind(wanted).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || server::serve(listener, shown, stopped);
        let thread = std::thread::Builder::new().name("dashboard".into()).spawn(serve);
        let thread = thread.map_err(DashboardError::Thread)?;
        Ok(Dashboard { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the page is.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            // Whoever reads this sits at this machine, or knows its name.
            let loopback: std::net::IpAddr = match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            };
            address.set_ip(loopback);
        }
        format!("http://{address}/")
    }

    /// Whether other machines can reach it.
    pub fn is_public(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    /// Tells the last state to whoever looks, and ends the server.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It has ended already if nobody hears this.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.end();
    }
}
