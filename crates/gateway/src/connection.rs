//! Accepted connections: how many there may be, and how they end when a drain has taken too long.
//!
//! A server that waits for its clients to hang up can wait for an hour, so every connection also listens for the order
//! to break off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type BrokenOff = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// One client's connection; gives its place back when it ends.
pub(crate) struct Connection {
    stream: TcpStream,
    broken_off: BrokenOff,
    _place: OwnedSemaphorePermit,
}

/// Connections as they are accepted, never more than `connections_max` at once; more wait in the listener's backlog.
pub(crate) fn incoming(
    listener: TcpListener,
    connections_max: usize,
    break_off: watch::Receiver<bool>,
) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(connections_max));
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let accept = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let accepted = tokio::select! {
                accepted = accept => accepted,
                // The server takes no more: the port is given back at once.
                () = sender.closed() => break,
            };
            let connection = match accepted {
                (Ok(place), Ok((stream, _))) => connection(stream, place, break_off.clone()),
                (Err(_), _) => break,
                // Out of descriptors, mostly: some will be given back soon.
                (Ok(_), Err(error)) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if sender.send(connection).await.is_err() {
                break;
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}

fn connection(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    mut break_off: watch::Receiver<bool>,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let broken_off = Box::pin(async move {
        // A sender that is gone without the order leaves the connection alone.
        if break_off.wait_for(|ordered| *ordered).await.is_err() {
            std::future::pending::<()>().await;
        }
    });
    Ok(Connection { stream, broken_off, _place: place })
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.broken_off.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
