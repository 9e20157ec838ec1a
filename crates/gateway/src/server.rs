//! The server: binds, limits, health, reflection, and a drain that ends.
//!
//! The port is bound before anything is served, so that the caller knows the address and a bad configuration shows
//! before a client does. Readiness goes off as soon as the ledger has stopped or the drain begins. It must not know
//! what a call does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bedside_ledger::Ledger;
use bedside_policy::Library;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::connection;
use crate::desk::Desk;
use crate::notary::{self, Notary};
use crate::registers::{RegisterReadError, with_catalogues};
use crate::service::{Caps, Service};
use crate::v1::bedside_service_server::BedsideServiceServer;
use crate::wire::DESCRIPTORS;

/// The name under which health is asked, beside the empty one of the whole server.
pub const SERVICE_NAME: &str = "bedside.v1.BedsideService";

/// How often the ledger's state is looked at.
const HEALTH_INTERVAL: Duration = Duration::from_millis(200);

/// What the server takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message that comes in.
    pub message_bytes: usize,
    /// Bytes of an answer, and of the answer that a cancellation of it would have.
    pub answer_bytes: usize,
    /// Calls under way on one connection; more wait at the client.
    pub streams_per_connection: u32,
    /// Connections in all; more wait in the backlog.
    pub connections: usize,
    /// Bytes of a call's headers.
    pub header_list_bytes: u32,
    /// Resets that a client may leave unanswered before its connection is closed.
    pub pending_accept_resets: usize,
    /// Resets that a client's errors may cause before its connection is closed.
    pub local_error_resets: usize,
    /// Longest time for a call that settles or cancels.
    pub deadline_settle: Duration,
    /// Longest time for a call that only reads.
    pub deadline_check: Duration,
    /// Longest time for a call that reads a period.
    pub deadline_period: Duration,
    /// Rows that a hospital may send in one reconciliation, and bookings that the ledger may have for it in the period.
    pub statement_rows: usize,
    /// Silence after which a connection is pinged.
    pub keepalive_interval: Duration,
    /// Silence after a ping that closes the connection.
    pub keepalive_timeout: Duration,
    /// Age at which a connection is asked to go, so that clients spread over gateways again.
    pub connection_age: Duration,
    /// Time that an old connection has for its last calls.
    pub connection_age_grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_bytes: 4 << 20,
            // Of a record's 64 MiB: a settlement has its bill beside it, and a cancellation what it takes back.
            answer_bytes: 48 << 20,
            streams_per_connection: 100,
            connections: 1_024,
            header_list_bytes: 8 * 1024,
            pending_accept_resets: 20,
            local_error_resets: 1_024,
            deadline_settle: Duration::from_secs(10),
            deadline_check: Duration::from_secs(3),
            deadline_period: Duration::from_secs(60),
            statement_rows: 100_000,
            keepalive_interval: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(20),
            connection_age: Duration::from_secs(30 * 60),
            connection_age_grace: Duration::from_secs(30),
        }
    }
}

/// How the gateway is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whose ledger entries these are: part of every key.
    pub tenant: String,
    /// What it takes at most.
    pub limits: Limits,
    /// Whether gRPC reflection (v1 and v1alpha) answers.
    pub reflection: bool,
    /// How long calls under way may take once a shutdown began.
    pub drain: Duration,
    /// How far ahead a quote may bind.
    pub hold_max: Duration,
}

impl Config {
    /// The given address and tenant with every default: limits of [`Limits::default`], no reflection, 15 s of drain, holds of
    /// 24 hours at most.
    pub fn new(listen: SocketAddr, tenant: impl Into<String>) -> Config {
        Config {
            listen,
            tenant: tenant.into(),
            limits: Limits::default(),
            reflection: false,
            drain: Duration::from_secs(15),
            hold_max: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Why the gateway could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The tenant is empty or has characters that keys do not take.
    #[error("tenant `{0}` is not 1 to 40 letters, digits, `-` or `_`")]
    Tenant(String),
    /// The address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// Why the gateway stopped serving before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transport failed.
    #[error("the server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Reflection does not accept the descriptors.
    #[error("reflection cannot be set up: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The ledger's registers of catalogues could not be read.
    #[error("the registers cannot be read: {0}")]
    Registers(#[from] RegisterReadError),
    /// The reading of them broke off.
    #[error("the reading of the registers broke off: {0}")]
    BrokeOff(#[from] tokio::task::JoinError),
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// Every call under way was answered.
    Drained,
    /// The drain took too long; connections were broken off. What they had submitted is booked or not booked as if
    /// they had waited: `QueryByMsgid` tells.
    BrokenOff,
}

/// A gateway that holds its port but does not serve yet.
#[derive(Debug)]
pub struct Gateway {
    config: Config,
    listener: TcpListener,
    local_addr: SocketAddr,
    notary: Option<Arc<Notary>>,
}

impl Gateway {
    /// Takes the port.
    ///
    /// # Errors
    /// [`BindError::Tenant`], or [`BindError::Listen`] when the address cannot be bound.
    pub async fn bind(config: Config) -> Result<Gateway, BindError> {
        let tenant = &config.tenant;
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if tenant.is_empty() || tenant.len() > 40 || !tenant.bytes().all(word) {
            return Err(BindError::Tenant(crate::invalid::escaped(tenant)));
        }
        let address = config.listen;
        let refused = |source| BindError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        Ok(Gateway { config, listener, local_addr, notary: None })
    }

    /// Gives every answer a receipt. The notary must be one of the ledger that is served.
    #[must_use]
    pub fn with_notary(self, notary: Arc<Notary>) -> Gateway {
        Gateway { notary: Some(notary), ..self }
    }

    /// The address that clients connect to, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`, then answers the calls under way, but no longer than the configured drain.
    ///
    /// # Errors
    /// [`ServeError::Transport`]; before anything is served [`ServeError::Reflection`] and [`ServeError::Registers`].
    pub async fn serve(
        self,
        ledger: Ledger,
        library: Arc<Library>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<Served, ServeError> {
        let Gateway { config, listener, notary, .. } = self;
        let Config { tenant, limits, reflection, drain, hold_max, .. } = config;
        let library = tokio::task::spawn_blocking({
            let (ledger, tenant) = (ledger.clone(), tenant.clone());
            move || with_catalogues(library, &ledger, &tenant)
        });
        let (limit, hold_max_s) = (limits.answer_bytes, hold_max.as_secs());
        let keeper = notary.clone();
        let (library, rows) = (library.await??, limits.statement_rows);
        let desk = Desk::new(tenant.into(), ledger, library, notary, limit, hold_max_s, rows);
        let (reporter, health) = tonic_health::server::health_reporter();
        set_health(&reporter, ServingStatus::Serving).await;
        let watching = tokio::spawn(watch_ledger(desk.clone(), reporter.clone()));
        let logging = keeper.map(|notary| tokio::spawn(keep_log(notary)));

        let door = desk.clone();
        let caps = Caps {
            settle: limits.deadline_settle,
            check: limits.deadline_check,
            period: limits.deadline_period,
        };
        let service = BedsideServiceServer::new(Service { desk, caps })
            .max_decoding_message_size(limits.message_bytes)
            .max_encoding_message_size(limits.answer_bytes);
        let descriptors = || {
            tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS)
        };
        // Older clients, Python's among them, ask v1alpha.
        let v1 = reflection.then(|| descriptors().build_v1()).transpose()?;
        let v1alpha = reflection.then(|| descriptors().build_v1alpha()).transpose()?;
        let (break_off, broken_off) = watch::channel(false);
        let (draining, drained) = tokio::sync::oneshot::channel();
        let serving = server(&limits)
            .add_service(health)
            .add_service(service)
            .add_optional_service(v1)
            .add_optional_service(v1alpha)
            .serve_with_incoming_shutdown(
                connection::incoming(listener, limits.connections, broken_off),
                async move {
                    let _ = drained.await;
                },
            );
        tokio::pin!(serving, shutdown);
        let served = tokio::select! {
            served = &mut serving => served.map(|()| Served::Drained),
            () = &mut shutdown => {
                watching.abort();
                if door.ledger_stopped().is_some() {
                    door.stop();
                }
                set_health(&reporter, ServingStatus::NotServing).await;
                tracing::info!("draining");
                let _ = draining.send(());
                match tokio::time::timeout(drain, &mut serving).await {
                    Ok(served) => served.map(|()| Served::Drained),
                    Err(_) => {
                        tracing::warn!("the drain took too long, connections are broken off");
                        break_off.send_replace(true);
                        serving.await.map(|()| Served::BrokenOff)
                    }
                }
            }
        };
        watching.abort();
        if let Some(logging) = logging {
            logging.abort();
        }
        Ok(served?)
    }
}

/// Keeps the log of checkpoints no further behind than an interval. Whoever began the notary closes it, and is told of
/// an error then, too.
async fn keep_log(notary: Arc<Notary>) {
    let mut interval = tokio::time::interval(notary::LOG_INTERVAL);
    loop {
        interval.tick().await;
        let notary = Arc::clone(&notary);
        match tokio::task::spawn_blocking(move || notary.write_log()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the checkpoint log could not be written"),
            Err(error) => tracing::error!(%error, "the task that writes the checkpoint log broke off"),
        }
    }
}

fn server(limits: &Limits) -> Server {
    // The transport's own timeout cuts a call without a word; it stands a little behind the deadlines of the service.
    let longest = limits.deadline_settle.max(limits.deadline_check).max(limits.deadline_period);
    let backstop = longest + Duration::from_secs(1);
    Server::builder()
        .timeout(backstop)
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_max_header_list_size(limits.header_list_bytes)
        .http2_max_pending_accept_reset_streams(Some(limits.pending_accept_resets))
        .http2_max_local_error_reset_streams(Some(limits.local_error_resets))
        .http2_keepalive_interval(Some(limits.keepalive_interval))
        .http2_keepalive_timeout(Some(limits.keepalive_timeout))
        .max_connection_age(limits.connection_age)
        .max_connection_age_grace(limits.connection_age_grace)
}

async fn set_health(reporter: &HealthReporter, status: ServingStatus) {
    reporter.set_service_status("", status).await;
    reporter.set_service_status(SERVICE_NAME, status).await;
}

/// Turns readiness off once the ledger has stopped; it never comes back without a restart.
async fn watch_ledger(desk: Desk, reporter: HealthReporter) {
    let mut stopped = desk.stopped();
    let reason = loop {
        if let Some(reason) = desk.ledger_stopped() {
            break reason;
        }
        if *stopped.borrow_and_update() {
            break "it no longer answers".to_owned();
        }
        // A call that finds the ledger stopped says so at once; the interval is for when there are no calls.
        let _ = tokio::time::timeout(HEALTH_INTERVAL, stopped.changed()).await;
    };
    tracing::error!(%reason, "the ledger has stopped, the gateway is not ready");
    desk.stop();
    set_health(&reporter, ServingStatus::NotServing).await;
}
