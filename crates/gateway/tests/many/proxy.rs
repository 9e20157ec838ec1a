//! A wire that breaks after so many bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

/// Where a wire breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    Never,
    /// After so many bytes from the client.
    Sent(u64),
    /// After so many bytes from the gateway.
    Answered(u64),
}

/// One connection to a gateway, byte by byte in our hands.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    passing: JoinHandle<(u64, u64)>,
}

impl Wire {
    /// Passes on what one client and the gateway send, until the break: then `broken` runs and both ends are closed.
    pub(crate) fn to(gateway: SocketAddr, at: Break, broken: impl FnOnce() + Send + 'static) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let passing = thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            // Nobody connects a second time.
            drop(listener);
            let gateway = TcpStream::connect(gateway).unwrap();
            pass_both(&client, &gateway, at, broken)
        });
        Wire { address, passing }
    }

    /// How many bytes came from the client and from the gateway, once both ends are closed.
    pub(crate) fn passed(self) -> (u64, u64) {
        self.passing.join().unwrap()
    }
}

fn pass_both(client: &TcpStream, gateway: &TcpStream, at: Break, broken: impl FnOnce() + Send) -> (u64, u64) {
    let (sent_max, answered_max) = match at {
        Break::Never => (u64::MAX, u64::MAX),
        Break::Sent(bytes) => (bytes, u64::MAX),
        Break::Answered(bytes) => (u64::MAX, bytes),
    };
    let broken = Mutex::new(Some(broken));
    let pass_and_close = |from: &TcpStream, to: &TcpStream, bytes_max: u64| {
        let bytes = pass(from, to, bytes_max);
        if bytes == bytes_max
            && let Some(broken) = broken.lock().unwrap().take()
        {
            broken();
        }
        for end in [client, gateway] {
            // One that is closed already says so, which is all that is wanted.
            let _ = end.shutdown(Shutdown::Both);
        }
        bytes
    };
    thread::scope(|scope| {
        let answered = scope.spawn(|| pass_and_close(gateway, client, answered_max));
        let sent = pass_and_close(client, gateway, sent_max);
        (sent, answered.join().unwrap())
    })
}

/// How many bytes went through: the most that may, or fewer where an end closed before.
fn pass(mut from: &TcpStream, mut to: &TcpStream, bytes_max: u64) -> u64 {
    let (mut bytes, mut buffer) = (0, [0; 4096]);
    while bytes < bytes_max {
        let room = usize::try_from(bytes_max - bytes).unwrap_or(buffer.len()).min(buffer.len());
        let Ok(read @ 1..) = from.read(&mut buffer[..room]) else { break };
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
        bytes += read as u64;
    }
    bytes
}
