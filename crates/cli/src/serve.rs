//! `bedside serve`: the gateway over a ledger on disk, until it is told to stop or the ledger stops.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bedside_gateway::notary::{KeyError, Notary, NotaryError, open_or_make_key};
use bedside_gateway::server::{Config, Gateway, Served};
use bedside_ledger::{Health, Ledger, LedgerConfig};
use clap::Args;
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::format::{PacksArgument, print};

/// How often the ledger is asked whether it still serves.
const HEALTH_INTERVAL: Duration = Duration::from_millis(200);
/// After a disk error nothing more can be answered; the process must be gone before a load balancer loses patience.
const STOPPED_GRACE: Duration = Duration::from_secs(4);

/// What `serve` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Identity and TLS are not built yet: listen on a loopback or a private address only.\n\nExamples:\n  bedside serve --data ./ledger\n  bedside serve --listen 127.0.0.1:7070 --data /var/lib/bedside --reflection\n  BEDSIDE_LISTEN=127.0.0.1:7070 BEDSIDE_DATA=./ledger bedside serve"
)]
pub(crate) struct ServeArguments {
    /// Where to listen; port 0 takes a free one and prints it.
    #[arg(long, env = "BEDSIDE_LISTEN", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// The folder of the ledger; made where it is missing.
    #[arg(long, env = "BEDSIDE_DATA", value_name = "FOLDER")]
    data: PathBuf,
    /// Whose ledger entries these are: 1 to 40 letters, digits, `-` or `_`.
    #[arg(long, env = "BEDSIDE_TENANT", default_value = "default")]
    tenant: String,
    /// Answer gRPC reflection; for development.
    #[arg(long, env = "BEDSIDE_REFLECTION")]
    reflection: bool,
    /// Seconds that calls under way have once a shutdown began.
    #[arg(long, env = "BEDSIDE_DRAIN_S", default_value_t = 15)]
    drain_s: u64,
    /// Seconds that the disk has for one write; past them the gateway stops as after a disk error.
    #[arg(long, env = "BEDSIDE_WRITE_DEADLINE_S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    write_deadline_s: u64,
    /// The key that signs receipts; made where it is missing, readable by its owner only [default: `signing-key` in the
    /// folder of the ledger].
    #[arg(long, env = "BEDSIDE_SIGNING_KEY", value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// Keep what was signed in this file, which only grows: a ledger that was rolled back is then refused. It belongs on
    /// another disk than the ledger.
    #[arg(long, env = "BEDSIDE_CHECKPOINT_LOG", value_name = "FILE")]
    checkpoint_log: Option<PathBuf>,
    /// Seconds that a quote may bind ahead (`PreSettle` with `hold_until`).
    #[arg(long, env = "BEDSIDE_HOLD_MAX_S", default_value_t = 86_400)]
    hold_max_s: u64,
    #[command(flatten)]
    packs: PacksArgument,
}

pub(crate) fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let filter = EnvFilter::try_from_env("BEDSIDE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let library = Arc::new(arguments.packs.library()?);
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::fault)?;
    runtime.block_on(serve(arguments, library))
}

async fn serve(arguments: &ServeArguments, library: Arc<bedside_policy::Library>) -> Result<(), Failure> {
    let mut config = Config::new(arguments.listen, arguments.tenant.clone());
    config.reflection = arguments.reflection;
    config.drain = Duration::from_secs(arguments.drain_s);
    config.hold_max = Duration::from_secs(arguments.hold_max_s);
    let gateway = Gateway::bind(config).await.map_err(Failure::wrong_input)?;
    let write_deadline = Duration::from_secs(arguments.write_deadline_s);
    let ledger = Ledger::open(LedgerConfig { write_deadline, ..LedgerConfig::at(&arguments.data) });
    let ledger = ledger.map_err(Failure::fault)?;
    let report = ledger.open_report();
    tracing::info!(records = report.records, replayed = report.replayed, ?report.tail_cut, ?report.tables_rebuilt, "ledger open");
    let notary = Arc::new(notary(arguments, &ledger)?);
    tracing::info!(public_key = %notary.public_key(), "receipts are signed");
    print(&format!("bedside listens on {}\n", gateway.local_addr()))?;

    let shutdown = shutdown(ledger.clone());
    let gateway = gateway.with_notary(Arc::clone(&notary));
    let served = gateway.serve(ledger.clone(), library, shutdown).await.map_err(Failure::fault)?;
    if let Err(error) = notary.close(&ledger) {
        tracing::warn!(%error, "the last checkpoint was not logged");
    }
    let health = ledger.health();
    ledger.shutdown();
    match health {
        Health::Stopped { reason } => Err(Failure::fault(format!("the ledger stopped: {reason}"))),
        Health::Serving => {
            tracing::info!(drained = served == Served::Drained, "stopped");
            Ok(())
        }
    }
}

fn notary(arguments: &ServeArguments, ledger: &Ledger) -> Result<Notary, Failure> {
    let beside = arguments.data.join("signing-key");
    let path = arguments.signing_key.as_ref().unwrap_or(&beside);
    let key =
        open_or_make_key(path, &format!("bedside/{}", arguments.tenant)).map_err(|error| match error {
            KeyError::Io { .. } => Failure::fault(error),
            KeyError::Key { .. } | KeyError::Exposed(_) => Failure::wrong_input(error),
        })?;
    Notary::open(key, arguments.checkpoint_log.clone(), ledger).map_err(|error| match error {
        NotaryError::Foreign { .. } => Failure::wrong_input(error),
        NotaryError::RolledBack { .. } | NotaryError::Replaced { .. } => Failure::refused(error),
        NotaryError::Ledger(_) | NotaryError::Log { .. } => Failure::fault(error),
    })
}

/// Returns at Ctrl-C, at SIGTERM, or when the ledger has stopped.
async fn shutdown(ledger: Ledger) {
    let stopped = async {
        while ledger.health() == Health::Serving {
            tokio::time::sleep(HEALTH_INTERVAL).await;
        }
        std::thread::spawn(|| {
            std::thread::sleep(STOPPED_GRACE);
            std::process::exit(1);
        });
    };
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            // Without the signal handler the default one still ends the process.
            Err(_) => std::future::pending().await,
        }
    };
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = stopped => {}
        () = terminated => {}
        () = interrupted => {}
    }
}
